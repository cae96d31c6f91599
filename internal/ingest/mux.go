package ingest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Route is one more endpoint: a path and a method.
type Route struct {
	Method  string // GET includes HEAD
	Path    string // exact; one segment may be {id}, which is then Request.PathValue("id")
	Scope   string // that the client must have; empty: everybody may
	Handler http.Handler
}

// Check is one condition of readiness. Its Name and the text of its error are
// shown to everybody who can connect.
type Check struct {
	Name  string
	Ready func(context.Context) error // nil: ready. It must return at once.
}

// Degraded is the error of a [Check] that passes and has something to say: events
// are taken, but somebody should look.
type Degraded struct{ Reason string }

func (d Degraded) Error() string { return d.Reason }

//go:embed openapi.json
var openAPI []byte

// mux serves exact paths, some with one segment that may be anything. It cleans no
// paths and redirects nobody, so what is not one of its routes is not found.
type mux struct {
	routes map[string]Route
	open   []openRoute
	log    *slog.Logger
}

// openRoute is a route with a segment {id}.
type openRoute struct{ before, after string }

const (
	idSegment  = "{id}"
	eventsPath = "/v1/events"
)

func newMux(o *Options, a *auth, m *metrics) (*mux, error) {
	x := &mux{routes: make(map[string]Route), log: o.Log}
	own := []Route{
		{http.MethodPost, eventsPath, "", count(m, a.require(ScopeIngest, newEvents(o, m).serveHTTP))},
		{http.MethodGet, "/livez", "", http.HandlerFunc(livez)},
		{http.MethodGet, "/readyz", "", readyz(o.Checks)},
		{http.MethodGet, "/metrics", "", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{Registry: o.Registry})},
		{http.MethodGet, "/openapi.json", "", http.HandlerFunc(describeAPI)},
	}
	if o.Prove != nil {
		own = append(own, Route{http.MethodGet, proofPath, ScopeQuery, newProofs(o.Prove, o.Log)})
	}
	for _, r := range slices.Concat(own, o.Routes) {
		if _, ok := x.routes[r.Path]; ok || r.Handler == nil || !strings.HasPrefix(r.Path, "/") {
			return nil, fmt.Errorf("http: route %q is there already, or has no handler", r.Path)
		}
		if r.Scope != "" {
			next := r.Handler
			r.Handler = a.require(r.Scope, func(w http.ResponseWriter, r *http.Request, _ Client) { next.ServeHTTP(w, r) })
		}
		x.routes[r.Path] = r
		if before, after, ok := strings.Cut(r.Path, idSegment); ok {
			x.open = append(x.open, openRoute{before, after})
		}
	}
	return x, nil
}

// find returns the route of a request.
func (x *mux) find(r *http.Request) (Route, bool) {
	path := r.URL.Path
	for _, o := range x.open {
		rest, ok := strings.CutPrefix(path, o.before)
		id, ends := strings.CutSuffix(rest, o.after)
		if ok && ends && id != "" && !strings.Contains(id, "/") {
			r.SetPathValue("id", id)
			return x.routes[o.before+idSegment+o.after], true
		}
	}
	route, ok := x.routes[path]
	return route, ok && !strings.Contains(path, idSegment)
}

func (x *mux) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &statusWriter{ResponseWriter: rw}
	defer x.recover(w, r)
	route, ok := x.find(r)
	switch {
	case !ok:
		newProblem(http.StatusNotFound, kindNotFound, "There is nothing here", "see /openapi.json for what there is").write(w)
	case r.Method != route.Method && (r.Method != http.MethodHead || route.Method != http.MethodGet):
		allow := route.Method
		if allow == http.MethodGet {
			allow = "GET, HEAD"
		}
		w.Header().Set("Allow", allow)
		newProblem(http.StatusMethodNotAllowed, kindMethod, "The method is not supported", "use "+allow).write(w)
	default:
		route.Handler.ServeHTTP(w, r)
	}
}

// recover turns a panic of a handler into 500, and one line in the log: one
// request must not take the events of all others with it.
func (x *mux) recover(w *statusWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause) // net/http knows what to do
	}
	x.log.ErrorContext(r.Context(), "handler panicked", "path", r.URL.Path, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	kind, detail := kindInternal, "the server's log says why"
	if r.URL.Path == eventsPath { // nobody knows how far it came
		kind, detail = kindOutcomeUnknown, "whether anything was stored is unknown; send the same events again with the same ids"
	}
	newProblem(http.StatusInternalServerError, kind, "Internal error", detail).write(w)
}

// count counts answers by class of status. It is for handlers of a mux.
func count(m *metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w, ok := rw.(*statusWriter)
		if !ok {
			panic("bug: a request got past the mux")
		}
		class := 5 // if next panics
		defer func() { m.answers[class].Inc() }()
		next.ServeHTTP(w, r)
		class = max(w.status, http.StatusOK) / 100
	})
}

// statusWriter remembers the status that was sent, 0 until then.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through: a route may extend its deadline.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func livez(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, "application/json", struct {
		Alive bool `json:"alive"`
	}{true})
}

// checkState is the answer of one [Check].
type checkState struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

func readyz(checks []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := struct {
			Ready  bool         `json:"ready"`
			Checks []checkState `json:"checks"`
		}{Ready: true, Checks: []checkState{}}
		for _, c := range checks {
			state := checkState{Name: c.Name, OK: true}
			if err := c.Ready(r.Context()); err != nil {
				state.Reason = err.Error()
				state.OK = errors.As(err, new(Degraded))
				answer.Ready = answer.Ready && state.OK
			}
			answer.Checks = append(answer.Checks, state)
		}
		status := http.StatusOK
		if !answer.Ready {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, "application/json", answer)
	})
}

func describeAPI(w http.ResponseWriter, _ *http.Request) {
	writeBody(w, http.StatusOK, "application/json", openAPI)
}
