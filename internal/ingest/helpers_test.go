package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/event"
)

var (
	testNow    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	testStream = uuid.MustParse("01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e")
)

const minimal = `{"action":"a","actor":{"id":"u","type":"user"},"resource":{"type":"r"},"outcome":"success"}`

// with returns the minimal event with one more member in front.
func with(member string) string { return "{" + member + "," + minimal[1:] }

func withID(n int) string {
	return with(fmt.Sprintf(`"id":"01980c9e-0000-7000-8000-%012d"`, n))
}

// memory is an Appender. It fails the test when it is given what the buffer
// could not take.
type memory struct {
	t testing.TB

	mu      sync.Mutex
	events  []event.Event
	fail    error             // what Append returns, storing nothing
	earlier map[int]uuid.UUID // what Append returns
	hang    chan struct{}     // Append reads it, then waits for its context

	asked    chan int64 // Archived tells it the seq, and then
	archived chan error // … waits for what to return
}

func (m *memory) Archived(ctx context.Context, _ uuid.UUID, seq int64) error {
	m.asked <- seq
	select {
	case err := <-m.archived:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *memory) Append(ctx context.Context, events []event.Event) (Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hang != nil {
		m.hang <- struct{}{}
		<-ctx.Done()
		return Stored{}, fmt.Errorf("append: outcome unknown: %w", context.Cause(ctx))
	}
	if m.fail != nil {
		return Stored{}, m.fail
	}
	if len(events) == 0 {
		m.t.Error("append of no events")
	}
	for _, e := range events {
		if _, err := uuid.Parse(e.ID); err != nil || e.Producer == "" || !event.ValidClass(e.Retention) || e.ReceivedAtMS != 0 {
			m.t.Errorf("append of an event that is not ready: %+v", e)
		}
	}
	seqs := make([]int64, len(events))
	for i := range seqs {
		seqs[i] = int64(len(m.events) + i)
	}
	for i := range events {
		m.events = append(m.events, owned(m.t, &events[i]))
	}
	return Stored{Stream: testStream, Seqs: seqs, Earlier: m.earlier}, nil
}

// owned is e with text of its own, as the log has it.
func owned(t testing.TB, e *event.Event) event.Event {
	t.Helper()
	own, err := event.DecodeBinary(event.AppendBinary(nil, e))
	if err != nil {
		t.Error(err)
	}
	return own
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

var (
	errTestFull    = errors.New("no room")
	errTestEarly   = errors.New("not yet")
	errTestDamaged = errors.New("disk broken")
	errTestLarge   = errors.New("too much at once")
)

// world is a server on a real TCP port and what is behind it.
type world struct {
	t        testing.TB
	appender *memory
	options  Options
	addr     string
	client   *http.Client
}

func options(appender Appender) Options {
	return Options{
		Appender: appender,
		Archived: func(context.Context, uuid.UUID, int64) error { return nil },
		Room:     func(int64) error { return nil },
		Refusal: func(err error) Refusal {
			switch {
			case errors.Is(err, errTestFull):
				return Full
			case errors.Is(err, errTestEarly):
				return NotReady
			case errors.Is(err, errTestDamaged):
				return NotWritable
			case errors.Is(err, errTestLarge):
				return TooLarge
			}
			return Unknown
		},
		DefaultClass: "standard", Registry: prometheus.NewRegistry(),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return testNow },
		Limits: DefaultLimits(),
	}
}

func newWorld(t testing.TB, timeouts Timeouts, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t, appender: &memory{t: t, asked: make(chan int64, 16), archived: make(chan error, 1)}}
	w.options = options(w.appender)
	w.options.Archived = w.appender.Archived
	if change != nil {
		change(&w.options)
	}
	h, err := NewHandler(w.options)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	srv := NewServer(h, timeouts, w.options.Log)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(LimitListener(l, 16)) }()
	w.client = &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		if err := errors.Join(srv.Close(), <-done); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return w
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

func (a *answer) problem(t testing.TB) problem {
	t.Helper()
	var p problem
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("status %d: %v: %s", a.StatusCode, err, a.body)
	}
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json" || p.Status != a.StatusCode {
		t.Errorf("content type %q, status %d with a problem of %d", ct, a.StatusCode, p.Status)
	}
	p.kind = strings.TrimPrefix(p.Type, problemType)
	return p
}

func (w *world) do(method, path string, header http.Header, body []byte) *answer {
	w.t.Helper()
	req, err := http.NewRequest(method, "http://"+w.addr+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return &answer{resp, got}
}

func (w *world) post(contentType, body string) *answer {
	w.t.Helper()
	return w.do("POST", "/v1/events", http.Header{"Content-Type": {contentType}}, []byte(body))
}

// accepted is the body of a 200.
type accepted struct {
	Stream uuid.UUID
	Events []struct {
		ID     uuid.UUID
		Seq    int64
		Stream *uuid.UUID
	}
}

func (a *answer) accepted(t testing.TB) accepted {
	t.Helper()
	if a.StatusCode != 200 {
		t.Fatalf("status %d: %s", a.StatusCode, a.body)
	}
	var got accepted
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return got
}

// healthy posts a good event and demands that it is the only new one.
func (w *world) healthy(before int) {
	w.t.Helper()
	if n := w.appender.len(); n != before {
		w.t.Errorf("%d events stored, want %d: something of the bad request is there", n, before)
	}
	got := w.post("application/json", minimal).accepted(w.t)
	if len(got.Events) != 1 || w.appender.len() != before+1 {
		w.t.Errorf("after the bad request: %+v, %d stored", got, w.appender.len())
	}
}

func gz(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

func zst(t testing.TB, s string, options ...zstd.EOption) string {
	t.Helper()
	z, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return string(z.EncodeAll([]byte(s), nil))
}

// zeros reads as endless zero bytes.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
