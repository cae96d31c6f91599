package streams

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// served is a node with its HTTP interface.
type served struct {
	*process
	http    http.Handler
	metrics *prometheus.Registry
}

func (w *world) serve() *served {
	p := must(w.start())
	must(0, p.ready(uuid.Nil))
	s := &served{process: p, metrics: prometheus.NewRegistry()}
	s.metrics.MustRegister(p.line)
	s.http = must(ingest.NewHandler(ingest.Options{Appender: s, Archived: p.line.Archived, DefaultClass: "standard",
		Registry: s.metrics, Log: w.log, Now: w.clock.now}))
	return s
}

// Append says in the words of ingest what the streams say, as the server does.
func (s *served) Append(ctx context.Context, events []event.Event) (ingest.Stored, error) {
	stored, err := s.line.Append(ctx, events)
	var taken *ConflictError
	if errors.As(err, &taken) {
		err = &ingest.ConflictError{Index: taken.Index, Seq: taken.Seq, Earlier: taken.Earlier}
	}
	return ingest.Stored(stored), err
}

// post sends events with these ids in one request, and demands that status.
func (s *served) post(status int, action string, ids ...string) {
	s.w.t.Helper()
	var body strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&body, `{"id":%q,"action":%q,"actor":{"id":"u","type":"user"},"resource":{"type":"r"},"outcome":"success"}`+"\n", id, action)
	}
	r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/events", strings.NewReader(body.String()))
	r.Header.Set("Content-Type", "application/x-ndjson")
	answer := httptest.NewRecorder()
	if s.http.ServeHTTP(answer, r); answer.Code != status {
		s.w.t.Errorf("status %d, want %d: %s", answer.Code, status, answer.Body)
	}
}

// tally is what a server tells about events, under /metrics.
type tally struct{ accepted, repeated, archived int64 }

func (s *served) tally() tally {
	s.w.t.Helper()
	values := make(map[string]int64)
	for _, f := range must(s.metrics.Gather()) {
		if m := f.GetMetric(); m[0].GetCounter() != nil {
			values[f.GetName()] = int64(m[0].GetCounter().GetValue())
		}
	}
	return tally{values["archiver_ingest_events_total"], s.line.Current().Buffer.Stats().Repeated, values["archiver_archive_rows_total"]}
}

func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = uuid.NewString()
	}
	return all
}

// TestCountersAgree: what servers count as accepted, less what was sent again, is what they
// count as archived and what is in the committed files, once everything is released. Until
// then it is never less. Answers that were lost on the way to or from the bucket, refused
// requests and restarts with a backlog make no difference.
func TestCountersAgree(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	var away, calls atomic.Int64 // 1: the bucket is away; 2: it loses every other answer
	w.store.Intercept(func(memstore.Call) *memstore.Fault {
		switch n := calls.Add(1); {
		case away.Load() == 1:
			return &memstore.Fault{Err: memstore.ErrLost}
		case away.Load() == 2 && n%2 == 0:
			return &memstore.Fault{Err: memstore.ErrLost, Persist: true}
		}
		return nil
	})
	var past tally // of the servers that have ended
	sum := func(s *served) tally {
		now := s.tally()
		return tally{past.accepted + now.accepted, past.repeated + now.repeated, past.archived + now.archived}
	}
	acked := int64(0)
	for life := range 3 {
		s := w.serve()
		for _, mode := range []int64{0, 1, 2, 0} {
			away.Store(mode)
			first := ids(5)
			s.post(http.StatusOK, "a", first...)
			s.post(http.StatusOK, "a", append(ids(2), first[:3]...)...) // three are repeated
			s.post(http.StatusConflict, "other", append(ids(2), first[0])...)
			s.post(http.StatusBadRequest, "", ids(2)...)
			acked += 7
			if err := s.line.Current().Buffer.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c := sum(s); c.accepted-c.repeated != acked || c.archived > acked {
				t.Errorf("life %d: %+v, acknowledged were %d", life, c, acked)
			}
			if mode != 1 {
				continue
			}
			await(t, func() bool { return s.line.Current().Archiver.Status().Err != nil })
		}
		if life == 1 { // it ends with all that it has just taken
			away.Store(1)
			s.post(http.StatusOK, "a", ids(4)...)
			acked += 4
		} else if err := s.drain(); err != nil {
			t.Fatal(err)
		}
		if c := sum(s); life != 1 && c.archived != acked {
			t.Errorf("life %d, all is archived: %+v, acknowledged were %d", life, c, acked)
		}
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		past = sum(s)
		away.Store(0)
	}
	rows := w.rows(w.view())
	distinct := make(map[string]bool)
	for _, row := range rows {
		distinct[row.ID] = true
	}
	if c := past; int64(len(rows)) != c.archived || int64(len(distinct)) != c.archived || c.accepted-c.repeated != c.archived {
		t.Errorf("%d rows, %d ids, counted %+v", len(rows), len(distinct), c)
	}
}
