//go:build linux

package faults

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/promise"
)

// promises is what clients sent and what they were answered, and the bodies that
// nobody answered.
type promises struct {
	*promise.Book

	mu     sync.Mutex
	limbo  [][]byte
	stream uuid.UUID            // that the first answer named
	others map[string]uuid.UUID // by the id of its first event: the stream of a request that is in another one
}

// eventTime is the timestamp of all events.
var eventTime = time.Date(2026, 11, 20, 10, 11, 12, 345678901, time.UTC)

func newPromises() *promises {
	return &promises{Book: promise.New(eventTime), others: make(map[string]uuid.UUID)}
}

func (p *promises) clone() *promises {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &promises{Book: p.Clone(), limbo: slices.Clone(p.limbo), stream: p.stream, others: maps.Clone(p.others)}
}

// reply is what POST /v1/events answers.
type reply struct {
	Stream uuid.UUID
	Events []struct {
		promise.Stored
		Stream uuid.UUID // of an event that an earlier stream has
	}
}

// take notes an answer.
func (p *promises) take(t testing.TB, raw []byte) (a reply) {
	err := json.Unmarshal(raw, &a)
	events := make([]promise.Stored, len(a.Events))
	for i, e := range a.Events {
		events[i] = e.Stored
		if e.Stream != a.Events[0].Stream && err == nil {
			err = errors.New("a request in two streams")
		}
	}
	if err == nil {
		err = p.Take(events)
	}
	if err != nil {
		t.Errorf("answer %.200s: %v", raw, err)
		return a
	}
	stream := cmp.Or(a.Events[0].Stream, a.Stream)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream == uuid.Nil {
		p.stream = stream
	}
	if stream != p.stream {
		p.others[events[0].ID] = stream
	}
	return a
}

// where is the stream that a request was acknowledged in.
func (p *promises) where(request string) uuid.UUID {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stream, ok := p.others[request]; ok {
		return stream
	}
	return p.stream
}

func (p *promises) unanswered(body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limbo = append(p.limbo, body)
}

func (p *promises) takeUnanswered() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	bodies := p.limbo
	p.limbo = nil
	return bodies
}

// check is the oracle.
func (p *promises) check(t testing.TB, where string, rows iter.Seq2[promise.Row, error]) int64 {
	t.Helper()
	stored, err := p.Check(rows)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return stored
}

// verify reads the bucket as an auditor would and compares it with the promises.
// It returns how many rows there are.
func (s *site) verify(t testing.TB) int64 {
	t.Helper()
	view, store := s.streams(t)
	if len(view.Streams) != 1 {
		t.Fatalf("%d streams", len(view.Streams))
	}
	return s.promise.check(t, "in the bucket", func(yield func(promise.Row, error) bool) {
		for _, m := range view.Streams[0].Manifests {
			for _, row := range s.committed(t, store, view.Streams[0].Open.Stream, m.Files) {
				if !yield(row, nil) {
					return
				}
			}
		}
	})
}

// committed returns the rows of one batch of a stream, in order of seq.
func (s *site) committed(t testing.TB, store *s3store.Store, stream uuid.UUID, files []ledger.File) (rows []promise.Row) {
	t.Helper()
	for i := range files {
		for _, row := range fileRows(context.WithoutCancel(t.Context()), t, store, &files[i]) {
			if row.Action != promise.Action || row.ActorID != promise.Actor || row.TimestampNS != eventTime.UnixNano() || row.Producer != "local" || row.Stream != stream {
				t.Fatalf("seq %d is changed: %+v", row.Seq, row)
			}
			rows = append(rows, promise.Row{Seq: row.Seq, ID: row.ID, Details: row.Details.S})
		}
	}
	slices.SortFunc(rows, func(a, b promise.Row) int { return cmp.Compare(a.Seq, b.Seq) })
	return rows
}

// fileRows reads the very version that the commit names, and compares its hash.
func fileRows(ctx context.Context, t testing.TB, store *s3store.Store, f *ledger.File) (rows []event.Row) {
	t.Helper()
	body, err := store.Get(ctx, ledger.Join(prefix, f.Key), f.VersionID)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(raw) != f.SHA256 {
		t.Fatalf("%s: content is not what the commit says", f.Key)
	}
	r, err := parquet.Open(bytes.NewReader(raw), int64(len(raw)), f.Class)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range r.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// served asks the server for everything and compares it with the promises.
func (v *server) served(t testing.TB) {
	t.Helper()
	v.site.promise.check(t, "served", func(yield func(promise.Row, error) bool) {
		const page = 50_000
		for from, n := 0, page; n == page; from += page {
			rows := v.page(t, from, from+page)
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			n = len(rows)
		}
	})
}

// page asks for the rows from one seq to before another.
func (v *server) page(t testing.TB, from, until int) (rows []promise.Row) {
	t.Helper()
	for _, row := range v.query(t, fmt.Sprintf("SELECT seq, id, details FROM audit_logs WHERE seq >= %d AND seq < %d ORDER BY seq", from, until)) {
		seq, err := row[0].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, promise.Row{Seq: seq, ID: row[1].(string), Details: row[2].(string)})
	}
	return rows
}

// query answers SQL. Numbers stay text.
func (v *server) query(t testing.TB, sql string) [][]any {
	t.Helper()
	body, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := v.call(context.Background(), "POST", "/v1/query", body)
	if err != nil {
		t.Fatalf("%v\n%s", err, v.log)
	}
	var table struct{ Rows [][]any }
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&table); err != nil {
		t.Fatal(err)
	}
	return table.Rows
}

// settle is the end of every test with one stream: a healthy server takes again what
// was not answered, serves everything, and archives it; an auditor has nothing to say.
func (s *site) settle(t testing.TB) {
	t.Helper()
	v := s.start(t, how{})
	v.again(t)
	v.served(t)
	v.stop(t)
	stored := s.verify(t)
	if acked := s.promise.Acked(); acked != stored || acked == 0 {
		t.Errorf("%d events acknowledged, %d stored", acked, stored)
	}
	s.audited(t, 0)
	t.Logf("%d events acknowledged, stored and distinct", stored)
}
