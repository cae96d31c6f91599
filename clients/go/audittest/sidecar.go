package audittest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
)

// Limits of the real sidecar, as it comes.
const (
	maxEvents = 10_000
	maxBody   = 16 << 20
	maxDays   = 64
	maxErrors = 100
)

// Sidecar behaves as the real one does towards a client: it takes good events,
// refuses a request with a bad one, recognises ids, and keeps what it took in
// memory. It can be told to fail.
type Sidecar struct {
	// Token, if not empty, is the bearer token that requests need. Set it before
	// the first request.
	Token string
	// MaxEvents bounds one request; more is a 413. Set it before the first
	// request. Default: 10,000.
	MaxEvents int

	t      testing.TB
	listen sync.Once
	server *httptest.Server

	mu       sync.Mutex
	stored   []json.RawMessage
	ids      map[string]int // of stored
	faults   []Fault
	requests int
	grown    chan struct{} // closed, and made anew, at every request
}

// Fault is how one request goes wrong. The zero value is none: that request goes
// well.
type Fault struct {
	// Status is answered, with Header and Body.
	Status int
	Header http.Header
	Body   string

	// Cut ends the connection without an answer.
	Cut bool
	// Stall answers nothing until the client gives up.
	Stall bool
	// Store stores the events before that.
	Store bool
}

// NewSidecar returns a sidecar. It ends with the test; without one, t is nil and
// Close ends it.
func NewSidecar(t testing.TB) *Sidecar {
	return &Sidecar{t: t, MaxEvents: maxEvents, ids: make(map[string]int), grown: make(chan struct{})}
}

// URL returns its address, on a loopback port.
func (s *Sidecar) URL() string {
	s.listen.Do(func() {
		s.server = httptest.NewServer(s)
		if s.t != nil {
			s.t.Cleanup(s.Close)
		}
	})
	return s.server.URL
}

// Close stops serving. What is stored can still be read.
func (s *Sidecar) Close() {
	s.listen.Do(func() {}) // from now on nobody starts one
	if s.server != nil {
		s.server.CloseClientConnections() // ends what is stalled
		s.server.Close()
	}
}

// Transport returns a transport that brings requests here without a network. It
// is for tests with the clock of package testing/synctest, which stands still
// while a socket is waited for. The address does not matter then.
func (s *Sidecar) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Sidecar }

func (tr transport) RoundTrip(r *http.Request) (res *http.Response, err error) {
	defer func() { _ = r.Body.Close() }()
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			if res, err = nil, r.Context().Err(); err == nil {
				err = io.ErrUnexpectedEOF
			}
		}
	}()
	w := httptest.NewRecorder()
	tr.s.ServeHTTP(w, r)
	return w.Result(), nil
}

// Next says how the next requests go wrong, one fault each, after those that
// were said before.
func (s *Sidecar) Next(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Clear forgets the faults that have not happened yet.
func (s *Sidecar) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Raw returns the events that are stored, in order, as they were sent.
func (s *Sidecar) Raw() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]json.RawMessage(nil), s.stored...)
}

// Events returns the events that are stored, in order.
func (s *Sidecar) Events() []audit.Event {
	raw := s.Raw()
	events := make([]audit.Event, len(raw))
	for i, b := range raw {
		if err := json.Unmarshal(b, &events[i]); err != nil {
			panic("bug: stored what does not decode: " + err.Error())
		}
	}
	return events
}

// Requests returns how many requests came in.
func (s *Sidecar) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// AwaitEvents returns once at least n events are stored.
func (s *Sidecar) AwaitEvents(ctx context.Context, n int) error {
	return s.await(ctx, func() bool { return len(s.stored) >= n })
}

// AwaitRequests returns once at least n requests were answered, or made to fail.
func (s *Sidecar) AwaitRequests(ctx context.Context, n int) error {
	return s.await(ctx, func() bool { return s.requests >= n })
}

func (s *Sidecar) await(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, grown := done(), s.grown
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ServeHTTP answers POST /v1/events.
func (s *Sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	fault, status, answer := s.take(r, body)
	switch {
	case fault.Stall:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case fault.Cut:
		panic(http.ErrAbortHandler)
	case fault.Status != 0:
		for name, values := range fault.Header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body) // an error means that the client is gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if status != http.StatusOK {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // an error means that the client is gone
}

// take does everything that needs mu. Whoever awaits it sees all of it.
func (s *Sidecar) take(r *http.Request, body []byte) (fault Fault, status int, answer any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
		if wrong := fault.Status != 0 || fault.Cut || fault.Stall; wrong && !fault.Store {
			s.tell()
			return fault, 0, nil
		}
	}
	status, answer = s.judge(r, body)
	s.tell()
	return fault, status, answer
}

func (s *Sidecar) tell() {
	close(s.grown)
	s.grown = make(chan struct{})
}

// problem is the sidecar's answer when nothing was stored (RFC 9457).
type problem struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Errors []itemError `json:"errors,omitempty"`
}

type itemError struct {
	Index  int    `json:"index"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func refuse(status int, kind, title string, wrong ...itemError) (int, any) {
	return status, problem{"urn:archiver:problem:" + kind, title, status, wrong[:min(len(wrong), maxErrors)]}
}

// judge stores the events of a request, all or none.
func (s *Sidecar) judge(r *http.Request, body []byte) (int, any) {
	switch {
	case r.URL.Path != "/v1/events":
		return refuse(http.StatusNotFound, "not-found", "There is nothing here")
	case r.Method != http.MethodPost:
		return refuse(http.StatusMethodNotAllowed, "method-not-allowed", "Use POST")
	case s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token:
		return refuse(http.StatusUnauthorized, "unauthorized", "A token is needed")
	case r.Header.Get("Content-Type") != "application/x-ndjson":
		return refuse(http.StatusUnsupportedMediaType, "unsupported-media-type", "Send application/x-ndjson")
	case len(body) > maxBody:
		return refuse(http.StatusRequestEntityTooLarge, "too-large", "The body is too large")
	}
	var batch []item
	var wrong []itemError
	for line := range bytes.Lines(body) {
		it, faults := decode(bytes.TrimSuffix(line, []byte{'\n'}))
		for _, f := range faults {
			wrong = append(wrong, itemError{len(batch), f.Field, f.Reason})
		}
		batch = append(batch, it)
	}
	switch {
	case len(batch) == 0:
		return refuse(http.StatusBadRequest, "invalid-request", "The request has no events")
	case len(batch) > s.MaxEvents:
		return refuse(http.StatusRequestEntityTooLarge, "too-large", "The request has too many events")
	case len(wrong) == 0:
		wrong = company(batch)
	}
	if len(wrong) > 0 {
		return refuse(http.StatusBadRequest, "invalid-event", "There are invalid events", wrong...)
	}
	for i, it := range batch {
		if at, ok := s.ids[it.id]; ok && !bytes.Equal(s.stored[at], it.raw) {
			wrong = append(wrong, itemError{i, "id", "another event with this id is stored"})
		}
	}
	if len(wrong) > 0 {
		return refuse(http.StatusConflict, "conflict", "An id is taken", wrong...)
	}
	return http.StatusOK, s.store(batch)
}

type item struct {
	id  string // lower case, as it is stored
	day string // UTC
	raw json.RawMessage
}

func decode(line []byte) (item, []audit.FieldError) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	var e audit.Event
	if err := dec.Decode(&e); err != nil {
		return item{}, []audit.FieldError{{Reason: err.Error()}}
	}
	it := item{id: strings.ToLower(e.ID), raw: bytes.Clone(line)}
	if e.ID == "" || e.Timestamp == "" {
		return it, []audit.FieldError{{Field: "id", Reason: "a client gives every event an id and a timestamp"}}
	}
	faults := e.Validate()
	if len(faults) == 0 {
		it.day = utcDay(e.Timestamp)
	}
	return it, faults
}

// company says which good events cannot be in one request.
func company(batch []item) []itemError {
	var wrong []itemError
	ids, days := make(map[string]int), make(map[string]bool)
	for i, it := range batch {
		if j, ok := ids[it.id]; ok {
			wrong = append(wrong, itemError{i, "id", fmt.Sprintf("is also the id of event %d", j)})
			continue
		}
		ids[it.id] = i
		if !days[it.day] && len(days) == maxDays {
			wrong = append(wrong, itemError{i, "timestamp", "is of one UTC day too many"})
			continue
		}
		days[it.day] = true
	}
	return wrong
}

// store keeps what is new and answers with the place of each event.
func (s *Sidecar) store(batch []item) any {
	type place struct {
		ID  string `json:"id"`
		Seq int    `json:"seq"`
	}
	var answer struct {
		Stream string  `json:"stream"`
		Events []place `json:"events"`
	}
	answer.Stream = "00000000-0000-7000-8000-000000000000"
	for _, it := range batch {
		at, ok := s.ids[it.id]
		if !ok {
			at = len(s.stored)
			s.stored = append(s.stored, it.raw)
			s.ids[it.id] = at
		}
		answer.Events = append(answer.Events, place{it.id, at})
	}
	return answer
}

// utcDay returns the date of a valid RFC 3339 time.
func utcDay(timestamp string) string {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(timestamp))
	if err != nil {
		return timestamp
	}
	return t.UTC().Format(time.DateOnly)
}
