package audithttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audithttp"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

func newMiddleware(t *testing.T, o audithttp.Options) func(http.Handler) http.Handler {
	t.Helper()
	mw, err := audithttp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return mw
}

func TestTrustedProxyIsNoAddress(t *testing.T) {
	for _, bad := range []string{"", "proxy", "10.0.0.0/33", "fe80::1%eth0"} {
		if _, err := audithttp.New(audithttp.Options{TrustedProxies: []string{bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestContextsDoNotMix has thousands of requests in flight at once. Each stops in
// its handler until many others are there too, and its events must be its own.
func TestContextsDoNotMix(t *testing.T) {
	const requests, together = 4000, 200
	rec := new(audittest.Recorder)
	type userKey struct{}
	mw := newMiddleware(t, audithttp.Options{
		TrustedProxies: []string{"127.0.0.1"},
		Auditor:        rec,
		Actor: func(ctx context.Context, _ *http.Request) (audit.Actor, bool) {
			name, ok := ctx.Value(userKey{}).(string)
			return audit.Actor{ID: name, Type: audit.TypeUser}, ok
		},
	})
	var (
		mu      sync.Mutex
		waiting int
		open    = make(chan struct{})
	)
	gate := func() { // opens each time that many wait in it
		mu.Lock()
		mine := open
		if waiting++; waiting == together {
			waiting = 0
			close(open)
			open = make(chan struct{})
		}
		mu.Unlock()
		<-mine
	}
	srv := httptest.NewServer(mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := strings.TrimPrefix(r.URL.Path, "/")
		gate()
		ctx := context.WithValue(r.Context(), userKey{}, "user-"+n) // as authentication does
		done := make(chan error)
		go func() { // context goes with the call, into goroutines too
			done <- rec.LogDataAccess(ctx, "user-"+n, "order", n)
		}()
		err := <-done
		err = errors.Join(err, rec.Enqueue(ctx, audit.Event{
			Action: "order.print", Resource: audit.Resource{Type: "order", ID: n}, Outcome: audit.OutcomeSuccess,
		}))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
		if len(n)%2 == 0 {
			audit.SetActor(r.Context(), audit.Actor{ID: "late-" + n, Type: audit.TypeUser})
		}
	})))
	defer srv.Close()
	srv.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = together

	var wg sync.WaitGroup
	numbers := make(chan int)
	for range together {
		wg.Go(func() {
			for n := range numbers {
				if err := call(srv, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range requests {
		numbers <- n
	}
	close(numbers)
	wg.Wait()

	seen := make(map[string]int)
	for _, e := range rec.Events() {
		n := strings.TrimPrefix(e.Resource.ID, "/")
		seen[n]++
		actor := "user-" + n
		if strings.HasPrefix(e.Action, "http.") {
			if actor = "anonymous"; len(n)%2 == 0 {
				actor = "late-" + n
			}
		}
		i, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		if e.Actor.ID != actor || e.RequestID != "req-"+n || e.UserAgent != "agent-"+n || e.IP != address(i) {
			t.Errorf("request %s has %+v", n, e)
		}
	}
	for n := range requests {
		if seen[strconv.Itoa(n)] != 3 {
			t.Errorf("request %d has %d events, want 3", n, seen[strconv.Itoa(n)])
		}
	}
}

func address(n int) string { return fmt.Sprintf("203.0.%d.%d", n/250, n%250) }

func call(srv *httptest.Server, n int) error {
	req, err := http.NewRequest(http.MethodGet, srv.URL+"/"+strconv.Itoa(n), nil)
	if err != nil {
		return err
	}
	id := strconv.Itoa(n)
	req.Header.Set("X-Request-Id", "req-"+id)
	req.Header.Set("User-Agent", "agent-"+id)
	req.Header.Set("X-Forwarded-For", address(n))
	res, err := srv.Client().Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Request-Id") != "req-"+id {
		return fmt.Errorf("request %d: %s %s %s", n, res.Status, res.Header.Get("X-Request-Id"), body)
	}
	return nil
}

func TestAutomaticEvent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		outcome string
		status  float64
		panics  any
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, audit.OutcomeSuccess, 200, nil},
		{"body only", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, audit.OutcomeSuccess, 200, nil},
		{"399", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(399) }, audit.OutcomeSuccess, 399, nil},
		{"400", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, audit.OutcomeFailure, 400, nil},
		{"the first status counts", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(201)
			w.WriteHeader(500)
		}, audit.OutcomeSuccess, 201, nil},
		{"panic", func(http.ResponseWriter, *http.Request) { panic("boom") }, audit.OutcomeFailure, 500, "boom"},
		{"panic after an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		}, audit.OutcomeFailure, 200, http.ErrAbortHandler},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := new(audittest.Recorder)
			h := newMiddleware(t, audithttp.Options{Auditor: rec})(tt.handler)
			func() {
				defer func() {
					if p := recover(); p != tt.panics {
						t.Errorf("panic %v, want %v", p, tt.panics)
					}
				}()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/orders/7", nil))
			}()
			e := rec.Expect(t, audit.Event{
				Action:   "http.put",
				Actor:    audit.Actor{ID: "anonymous", Type: audit.TypeUser},
				Resource: audit.Resource{Type: "http", ID: "/orders/7"},
				Outcome:  tt.outcome,
				Details:  map[string]any{"status": tt.status},
				IP:       "192.0.2.1",
			})
			if e.RequestID == "" || len(rec.Events()) != 1 {
				t.Errorf("%+v", rec.Events())
			}
		})
	}
}

// TestEventHook sees the route that the mux has matched, and may say no.
func TestEventHook(t *testing.T) {
	rec := new(audittest.Recorder)
	mw := newMiddleware(t, audithttp.Options{
		Auditor: rec,
		Event: func(r *http.Request, status int, e audit.Event) (audit.Event, bool) {
			e.Action = "route.hit"
			e.Resource.ID = r.Pattern
			return e, status != http.StatusNotFound
		},
		Actor: func(_ context.Context, r *http.Request) (audit.Actor, bool) {
			return audit.Actor{ID: r.Header.Get("X-User"), Type: audit.TypeUser}, true
		},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	for _, path := range []string{"/orders/1", "/nothing"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-User", "alice")
		mw(mux).ServeHTTP(httptest.NewRecorder(), r)
	}
	rec.Expect(t, audit.Event{Action: "route.hit", Resource: audit.Resource{ID: "GET /orders/{id}"}, Actor: audit.Actor{ID: "alice"}})
	if n := len(rec.Events()); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// TestHostileRequest: no header or path makes the event of a request unfit.
func TestHostileRequest(t *testing.T) {
	rec := new(audittest.Recorder)
	mw := newMiddleware(t, audithttp.Options{Auditor: rec, OnError: func(_ *http.Request, err error) { t.Error(err) }})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Method = strings.Repeat("M", 300)
	r.URL.Path = "/" + strings.Repeat("\xff\x00é", 300)
	r.RemoteAddr = "[fe80::1%eth0]:1"
	r.Header.Set("User-Agent", strings.Repeat("x", 4095)+"é\xff")
	trace := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r.Header["Traceparent"] = []string{trace, trace} // which of them?
	mw(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	e := rec.Expect(t, audit.Event{IP: "fe80::1", UserAgent: strings.Repeat("x", 4095)})
	if details, _ := e.Details.(map[string]any); e.Outcome != audit.OutcomeFailure || len(details) != 1 {
		t.Errorf("%+v", e)
	}
}

// living fails when it is called with a context that has ended.
type living struct{ *audittest.Recorder }

func (l living) Enqueue(ctx context.Context, e audit.Event) error {
	return errors.Join(ctx.Err(), l.Recorder.Enqueue(ctx, e))
}

// TestClientGoesAway: what was done for it has its event.
func TestClientGoesAway(t *testing.T) {
	rec := new(audittest.Recorder)
	mw := newMiddleware(t, audithttp.Options{Auditor: living{rec}, OnError: func(_ *http.Request, err error) { t.Error(err) }})
	ctx, cancel := context.WithCancel(t.Context())
	mw(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() })).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	rec.Expect(t, audit.Event{Action: "http.get"})
}

func TestEventNotTaken(t *testing.T) {
	rec := new(audittest.Recorder)
	boom := errors.New("boom")
	rec.FailWith(boom)
	var got error
	mw := newMiddleware(t, audithttp.Options{Auditor: rec, OnError: func(_ *http.Request, err error) { got = err }})
	w := httptest.NewRecorder()
	mw(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if !errors.Is(got, boom) || w.Code != 204 {
		t.Errorf("error %v, status %d", got, w.Code)
	}
}

// TestResponseKeepsItsPowers goes through a real server, whose writer has them.
func TestResponseKeepsItsPowers(t *testing.T) {
	rec := new(audittest.Recorder)
	mw := newMiddleware(t, audithttp.Options{Auditor: rec})
	flushed := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/controller", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-flushed // the client has read it before we end
	})
	mux.HandleFunc("/flusher", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		<-flushed
	})
	mux.HandleFunc("/copy", func(w http.ResponseWriter, _ *http.Request) {
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("a")); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\na")
		_ = errors.Join(rw.Flush(), conn.Close())
	})
	srv := httptest.NewServer(mw(mux))
	defer srv.Close()
	for _, path := range []string{"/controller", "/flusher", "/copy"} {
		res, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := bufio.NewReader(res.Body).ReadByte(); b != 'a' || err != nil {
			t.Errorf("%s: %q, %v", path, b, err)
		}
		if path != "/copy" {
			flushed <- struct{}{}
		}
		_ = res.Body.Close()
	}
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /hijack HTTP/1.1\r\nHost: x\r\n\r\n")
	if all, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(all), "a") {
		t.Errorf("hijacked: %q, %v", all, err)
	}
	_ = conn.Close()
	srv.Close() // waits for the handlers, except the hijacked one
}
