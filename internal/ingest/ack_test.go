package ingest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestAckArchived: 200 comes after the bucket's word, and the wait is about the last
// event of the request.
func TestAckArchived(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	ask := func(path string, header http.Header, body string) chan *answer {
		header.Set("Content-Type", "application/x-ndjson")
		done := make(chan *answer, 1)
		go func() { done <- w.do("POST", path, header, []byte(body)) }()
		return done
	}
	for _, how := range []struct {
		path   string
		header http.Header
	}{
		{"/v1/events?ack=archived", http.Header{}},
		{"/v1/events", http.Header{"Archiver-Ack": {"archived"}}},
		{"/v1/events?ack=archived", http.Header{"Archiver-Ack": {"archived"}}},
	} {
		before := int64(w.appender.len())
		done := ask(how.path, how.header, minimal+"\n"+minimal)
		if seq := <-w.appender.asked; seq != before+1 {
			t.Errorf("waits for seq %d, want %d", seq, before+1)
		}
		select {
		case a := <-done:
			t.Fatalf("answered before the bucket: %d %s", a.StatusCode, a.body)
		default:
		}
		w.appender.archived <- nil
		if got := (<-done).accepted(t); len(got.Events) != 2 || got.Events[1].Seq != before+1 {
			t.Errorf("answer %+v", got)
		}
	}
	// Who does not ask for it does not wait for it.
	for _, path := range []string{"/v1/events", "/v1/events?ack=synced", "/v1/events?other=archived"} {
		if a := <-ask(path, http.Header{}, minimal); a.StatusCode != 200 || len(w.appender.asked) > 0 {
			t.Errorf("%s: status %d, %d waited", path, a.StatusCode, len(w.appender.asked))
		}
	}
}

func TestUnknownAck(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	for _, how := range []struct{ query, header string }{
		{"?ack=", ""}, {"?ack=ARCHIVED", ""}, {"?ack=archived,synced", ""}, {"", "durable"},
		{"?ack=archived", "synced"}, {"?ack=synced&ack=archived", ""}, {"?ack=" + strings.Repeat("x", 5000), ""},
	} {
		header := http.Header{"Content-Type": {"application/json"}}
		if how.header != "" {
			header.Set("Archiver-Ack", how.header)
		}
		a := w.do("POST", "/v1/events"+how.query, header, []byte(minimal))
		p := a.problem(t)
		if a.StatusCode != 400 || p.kind != kindInvalidRequest || len(p.Detail) > 300 ||
			!strings.Contains(p.Detail, "synced") || !strings.Contains(p.Detail, "archived") {
			t.Errorf("%+v: %d %+v", how, a.StatusCode, p)
		}
	}
	w.healthy(0)
}

// TestQueryThatCannotBeUnderstood: what is lost of it may be what 200 was to mean.
func TestQueryThatCannotBeUnderstood(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	for _, query := range []string{"?ack=archived;receipt=1", "?receipt=1;ack=archived", "?ack=%zz", "?ack=archived%"} {
		a := w.do("POST", "/v1/events"+query, http.Header{"Content-Type": {"application/json"}}, []byte(minimal))
		if p := a.problem(t); a.StatusCode != 400 || p.kind != kindInvalidRequest || !strings.Contains(p.Detail, "nothing was stored") {
			t.Errorf("%s: %d %+v", query, a.StatusCode, p)
		}
	}
	w.healthy(0)
}

// TestNotArchivedYet says that the events are stored, and which.
func TestNotArchivedYet(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), func(o *Options) { o.Limits.ArchiveWait = time.Millisecond })
	check := func() {
		t.Helper()
		a := w.do("POST", "/v1/events?ack=archived", http.Header{"Content-Type": {"application/json"}}, []byte(minimal))
		p := a.problem(t)
		if a.StatusCode != 504 || p.kind != kindNotArchivedYet || a.Header.Get("Retry-After") != "5" ||
			!strings.Contains(p.Detail, "on this server's disk") || !strings.Contains(p.Detail, "same ids") {
			t.Errorf("%d %+v", a.StatusCode, p)
		}
		stored := answer{&http.Response{StatusCode: 200}, p.Stored}
		if got := stored.accepted(t); got.Stream != testStream || len(got.Events) != 1 || got.Events[0].Seq != int64(w.appender.len()-1) {
			t.Errorf("stored %s", p.Stored)
		}
	}
	check() // past the deadline
	w.appender.archived <- errors.New("stopped")
	check()
	if n := w.appender.len(); n != 2 {
		t.Errorf("%d events stored, want 2", n)
	}
}

// TestAckGivesUp: a client that leaves does not leave its wait behind.
func TestAckGivesUp(t *testing.T) {
	left := make(chan error, 1)
	asked := make(chan struct{})
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Archived = func(ctx context.Context, _ uuid.UUID, _ int64) error {
			close(asked)
			<-ctx.Done()
			left <- context.Cause(ctx)
			return ctx.Err()
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.addr+"/v1/events?ack=archived", strings.NewReader(minimal))
		if err != nil {
			gone <- err
			return
		}
		req.Header.Set("Content-Type", "application/json")
		_, err = w.client.Do(req)
		gone <- err
	}()
	<-asked
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the client got %v", err)
	}
	if err := <-left; errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited until the deadline: %v", err)
	}
}

// TestAckMemoryIsBounded: answers that wait count as bodies in flight.
func TestAckMemoryIsBounded(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	header := http.Header{"Content-Type": {"application/json"}, "Archiver-Ack": {"archived"}}
	e := newEvents(&w.options, nil)
	e.bodies.free.Store(10)
	if p := e.await(t.Context(), make([]byte, 11), testStream, 0); p == nil || p.kind != kindNotArchivedYet || len(w.appender.asked) > 0 {
		t.Errorf("got %+v, %d waited", p, len(w.appender.asked))
	}
	if n := e.bodies.free.Load(); n != 10 {
		t.Errorf("%d bytes free afterwards, want 10", n)
	}
	w.appender.archived <- nil
	if a := w.do("POST", "/v1/events", header, []byte(minimal)); a.StatusCode != 200 {
		t.Errorf("status %d", a.StatusCode)
	}
}
