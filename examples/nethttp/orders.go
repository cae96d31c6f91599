package main

import (
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	audit "github.com/audit-archiver/archiver/clients/go"
)

// order is all that there is to know of one.
type order struct {
	ID    string  `json:"id"`
	Total float64 `json:"total"`
}

// orders is the service. Its events leave out the actor where the request's
// context knows it.
type orders struct {
	audit audit.Auditor
	http.Handler

	mu  sync.Mutex
	all map[string]order
}

func newOrders(a audit.Auditor) *orders {
	s := &orders{audit: a, all: map[string]order{
		"order-456": {"order-456", 120},
		"order-457": {"order-457", 80.5},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET /orders/{id}", loggedIn(s.read))
	mux.HandleFunc("PUT /orders/{id}", loggedIn(s.change))
	mux.HandleFunc("GET /orders/export", loggedIn(s.export))
	s.Handler = mux
	return s
}

func loggedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-User") == "" {
			answer(w, http.StatusUnauthorized, problem{"log in first"})
			return
		}
		next(w, r)
	}
}

// login lets nobody in, and turns nobody away, without a record of it.
func (s *orders) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ User, Password string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in); err != nil || in.User == "" {
		answer(w, http.StatusBadRequest, problem{"send user and password"})
		return
	}
	ok := in.Password == "correct"
	e := audit.LoginEvent(in.User, ok, nil)
	if !ok {
		e.Reason = "wrong password"
	}
	if err := s.audit.Record(r.Context(), e); err != nil {
		notAudited(w, r, err)
		return
	}
	if !ok {
		answer(w, http.StatusUnauthorized, problem{"wrong password"})
		return
	}
	answer(w, http.StatusOK, map[string]string{"user": in.User})
}

// read enqueues: the event is safe in the spool when the order is shown, and
// need not be with the sidecar yet.
func (s *orders) read(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	o, ok := s.all[r.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		answer(w, http.StatusNotFound, problem{"no such order"})
		return
	}
	if err := s.audit.Enqueue(r.Context(), audit.DataAccessEvent(r.Header.Get("X-User"), "order", o.ID)); err != nil {
		notAudited(w, r, err)
		return
	}
	answer(w, http.StatusOK, o)
}

// change records before it changes: an order that is changed has its event.
func (s *orders) change(w http.ResponseWriter, r *http.Request) {
	var in struct{ Total *float64 }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in); err != nil || in.Total == nil {
		answer(w, http.StatusBadRequest, problem{"send total, a number"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock() // across the record, so that before is what the change replaces
	o, ok := s.all[r.PathValue("id")]
	if !ok {
		answer(w, http.StatusNotFound, problem{"no such order"})
		return
	}
	type values struct {
		Total float64 `json:"total"`
	}
	e := audit.DataChangeEvent(r.Header.Get("X-User"), "order", o.ID, audit.Update, values{o.Total}, values{*in.Total})
	if err := s.audit.Record(r.Context(), e); err != nil {
		notAudited(w, r, err)
		return
	}
	o.Total = *in.Total
	s.all[o.ID] = o
	answer(w, http.StatusOK, o)
}

// export records first: what has left the house cannot be called back.
func (s *orders) export(w http.ResponseWriter, r *http.Request) {
	err := s.audit.Record(r.Context(), audit.Event{ // the actor is the context's
		Action:   "order.export",
		Resource: audit.Resource{Type: "order"},
		Outcome:  audit.OutcomeSuccess,
	})
	if err != nil {
		notAudited(w, r, err)
		return
	}
	s.mu.Lock()
	all := maps.Clone(s.all)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/csv")
	out := csv.NewWriter(w)
	_ = out.Write([]string{"id", "total"}) // errors are told by Error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		_ = out.Write([]string{id, strconv.FormatFloat(all[id].Total, 'f', 2, 64)})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		slog.InfoContext(r.Context(), "export not read to its end", "error", err)
	}
}

// notAudited refuses what cannot be done without its event.
func notAudited(w http.ResponseWriter, r *http.Request, err error) {
	slog.ErrorContext(r.Context(), "action refused: it cannot be audited", "error", err)
	answer(w, http.StatusServiceUnavailable, problem{"try again later"})
}

type problem struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error means that the client is gone
}
