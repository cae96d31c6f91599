package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/event"
)

// post sends body straight to h.
func post(t *testing.T, h http.Handler, body, prefer string) {
	t.Helper()
	r := httptest.NewRequest("POST", "http://localhost/v1/events", strings.NewReader(body))
	r.Header.Set("Content-Type", typeNDJSON)
	if prefer != "" {
		r.Header.Set(preferHeader, prefer)
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// body is n events whose every text says whose they are.
func bodyOf(name string, n int) string {
	line := fmt.Sprintf(`{"action":%[1]q,"actor":{"id":%[1]q,"type":"user"},"resource":{"type":%[1]q},"outcome":"success","details":{"who":%[1]q}}`, name)
	return strings.Repeat(line+"\n", n)
}

// ofOne complains unless every text of the events says that they are of name.
func ofOne(t *testing.T, events []event.Event, name string) {
	t.Helper()
	for i := range events {
		e := &events[i]
		for _, text := range []string{e.Action, e.ActorID, e.ResourceType, strings.TrimSuffix(strings.TrimPrefix(e.Details.S, `{"who":"`), `"}`)} {
			if text != name {
				t.Errorf("event %d of %s: %q", i, name, text)
			}
		}
	}
}

// between is an Appender beside which others send.
type between struct {
	sink
	t      *testing.T
	name   string
	others func()
	kept   []event.Event
}

func (b *between) Append(ctx context.Context, events []event.Event) (Stored, error) {
	if others := b.others; others != nil {
		b.others = nil
		others()
		ofOne(b.t, events, b.name)
	}
	return b.sink.Append(ctx, events)
}

func (b *between) AppendReceipt(ctx context.Context, events []event.Event) (Stored, func(context.Context) Receipts, error) {
	b.kept = events
	stored, err := b.sink.Append(ctx, events)
	return stored, func(context.Context) Receipts { return Receipts{} }, err
}

// TestBodiesAreUsedAgain: the memory of a body is that of the next one, but not while an
// event of it may be looked at. The events of a request that wants receipts are looked at
// later than its answer.
func TestBodiesAreUsedAgain(t *testing.T) {
	const n = 50
	b := &between{t: t, name: "first"}
	o := options(b)
	o.Receipts = b
	h, err := NewHandler(o)
	if err != nil {
		t.Fatal(err)
	}
	post(t, h, bodyOf("older", n), "")
	b.others = func() {
		for range 5 {
			post(t, h, bodyOf("other", n), "")
		}
	}
	post(t, h, bodyOf("first", n), "")
	post(t, h, bodyOf("signs", n), preferReceipt)
	for range 5 {
		post(t, h, bodyOf("later", n), "")
	}
	if len(b.kept) != n {
		t.Fatalf("%d events of the request with receipts, want %d", len(b.kept), n)
	}
	ofOne(t, b.kept, "signs")
}

// TestProblemsHaveTheirOwnText: what was wrong is told after the body was given back.
func TestProblemsHaveTheirOwnText(t *testing.T) {
	o := options(&sink{})
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	s := newEvents(&o, m)
	for _, wrong := range []string{with(`"unknown":1`), with(`"details":{"twice":1,"twice":2}`), with(`"unknown":{"twice":1,"twice":2}`), with(`"reason":7`)} {
		r := httptest.NewRequest("POST", "http://localhost/v1/events", strings.NewReader(wrong))
		r.Header.Set("Content-Type", typeJSON)
		_, _, _, p := s.store(r, Client{}, false)
		if p == nil || len(p.Errors) == 0 || p.Errors[0].Field == "" {
			t.Fatalf("%s: no field is named: %+v", wrong, p)
		}
		want := slices.Clone(p.Errors)
		for i := range want {
			want[i].Field, want[i].Reason = strings.Clone(want[i].Field), strings.Clone(want[i].Reason)
		}
		for range 20 { // the pool gives what it likes
			b := s.bodies.take(1 << 10)
			all := b.bytes[:cap(b.bytes)]
			for i := range all {
				all[i] = '#'
			}
			defer b.release()
		}
		if !slices.Equal(p.Errors, want) {
			t.Errorf("%s: the problem has become %+v", wrong, p.Errors)
		}
	}
}

// TestAnswersSayTheirLength: short ones, of which net/http counts the bytes, and long ones.
func TestAnswersSayTheirLength(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	for _, n := range []int{1, 20, 30, 500} {
		r, err := w.client.Post("http://"+w.addr+"/v1/events", typeNDJSON, strings.NewReader(bodyOf("a", n)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != http.StatusOK || r.ContentLength != int64(len(body)) || r.Header.Get("Content-Type") != typeJSON {
			t.Errorf("%d events: status %d, Content-Length %d of %d bytes, %v", n, r.StatusCode, r.ContentLength, len(body), r.Header)
		}
	}
}
