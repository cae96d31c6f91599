//go:build linux

package faults

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// promises is what clients sent and what they were answered.
type promises struct {
	mu    sync.Mutex
	seq   map[string]int64  // of what was acknowledged, by id
	sent  map[string]string // details by id, acknowledged or not
	limbo [][]byte          // bodies without an answer
}

func newPromises() *promises {
	return &promises{seq: make(map[string]int64), sent: make(map[string]string)}
}

func (p *promises) clone() *promises {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &promises{seq: maps.Clone(p.seq), sent: maps.Clone(p.sent), limbo: slices.Clone(p.limbo)}
}

// acked is how many events were acknowledged.
func (p *promises) acked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seq)
}

// eventTime is the timestamp of all events.
var eventTime = time.Date(2026, 11, 20, 10, 11, 12, 345678901, time.UTC)

// invent makes a body of n new events, with pad bytes more in each.
func (p *promises) invent(n, pad int) []byte {
	return p.make(n, func() string { return strings.Repeat("x", pad) })
}

// inventNoise makes bytes that do not compress well.
func (p *promises) inventNoise(n, pad int) []byte {
	return p.make(n, func() string {
		var noise strings.Builder
		for noise.Len() < pad {
			noise.WriteString(rand.Text())
		}
		return noise.String()
	})
}

func (p *promises) make(n int, pad func() string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := make([]map[string]any, n)
	for i := range events {
		id := uuid.NewString()
		details := fmt.Sprintf(`{"n":%d,"pad":"%s"}`, len(p.sent), pad())
		p.sent[id] = details
		events[i] = map[string]any{"id": id, "timestamp": eventTime, "action": "fault.test", "outcome": "success",
			"actor": map[string]string{"id": "client", "type": "system"}, "resource": map[string]string{"type": "thing"},
			"details": json.RawMessage(details)}
	}
	body, err := json.Marshal(events)
	if err != nil {
		panic(err)
	}
	return body
}

// take notes an answer: each event has one seq for ever, and no seq has two.
func (p *promises) take(t testing.TB, raw []byte) {
	var answer struct {
		Events []struct {
			ID  string `json:"id"`
			Seq int64  `json:"seq"`
		} `json:"events"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Errorf("answer %.200s: %v", raw, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range answer.Events {
		if seq, ok := p.seq[e.ID]; ok && seq != e.Seq {
			t.Errorf("event %s was acknowledged with seq %d, and now with %d", e.ID, seq, e.Seq)
		}
		p.seq[e.ID] = e.Seq
	}
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

// found is one row, wherever it was found.
type found struct {
	seq     int64
	id      string
	details string
}

// check is the oracle: rows holds every acknowledged event exactly once, under its
// seq, in order and unchanged, and nothing that nobody sent.
func (p *promises) check(t testing.TB, where string, rows []found) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := make(map[string]bool, len(rows))
	for i, row := range rows {
		details, known := p.sent[row.id]
		want, acked := p.seq[row.id]
		switch {
		case row.seq != int64(i):
			t.Fatalf("%s: row %d has seq %d: a gap or a repetition", where, i, row.seq)
		case seen[row.id]:
			t.Fatalf("%s: event %s is there twice", where, row.id)
		case !known:
			t.Fatalf("%s: nobody sent event %s (seq %d)", where, row.id, row.seq)
		case acked && want != row.seq:
			t.Fatalf("%s: event %s has seq %d, acknowledged was %d", where, row.id, row.seq, want)
		case details != row.details:
			t.Fatalf("%s: event %s has details %.100s, sent was %.100s", where, row.id, row.details, details)
		}
		seen[row.id] = true
	}
	for id, seq := range p.seq {
		if !seen[id] {
			t.Fatalf("%s: event %s, acknowledged as seq %d, is not among the %d there", where, id, seq, len(rows))
		}
	}
}

// verify reads the bucket as an auditor would and compares it with the promises.
// It returns how many rows there are.
func (s *site) verify(t testing.TB) int {
	t.Helper()
	rows := s.committed(t)
	s.promise.check(t, "in the bucket", rows)
	return len(rows)
}

// committed returns the rows of all committed files, in order of seq.
func (s *site) committed(t testing.TB) (rows []found) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	view, store := s.streams(t)
	if len(view.Streams) > 1 {
		t.Fatalf("%d streams", len(view.Streams))
	}
	for f := range view.Files() {
		for _, row := range fileRows(ctx, t, store, f) {
			if row.Action != "fault.test" || row.ActorID != "client" || row.TimestampNS != eventTime.UnixNano() || row.Producer != "local" {
				t.Fatalf("seq %d is changed: %+v", row.Seq, row)
			}
			rows = append(rows, found{row.Seq, row.ID, row.Details.S})
		}
	}
	slices.SortFunc(rows, func(a, b found) int { return int(a.seq - b.seq) })
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
	const page = 50_000
	var rows []found
	for from := 0; ; from += page {
		sql, err := json.Marshal(map[string]string{"sql": fmt.Sprintf(
			"SELECT seq, id, details FROM audit_logs WHERE seq >= %d AND seq < %d ORDER BY seq", from, from+page)})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := v.call(context.Background(), "POST", "/v1/query", sql)
		if err != nil {
			t.Fatalf("%v\n%s", err, v.log)
		}
		var table struct{ Rows [][]any }
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&table); err != nil {
			t.Fatal(err)
		}
		for _, row := range table.Rows {
			seq, err := row[0].(json.Number).Int64()
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, found{seq, row[1].(string), row[2].(string)})
		}
		if len(table.Rows) < page {
			break
		}
	}
	v.site.promise.check(t, "served", rows)
}

// settle is the end of every test: a healthy server sends again what was not
// answered, serves everything, and archives it.
func (s *site) settle(t testing.TB) {
	t.Helper()
	v := s.start(t, how{})
	v.again(t)
	v.served(t)
	v.stop(t)
	stored := s.verify(t)
	if acked := s.promise.acked(); acked != stored || acked == 0 {
		t.Errorf("%d events acknowledged, %d stored", acked, stored)
	}
	t.Logf("%d events acknowledged, stored and distinct", stored)
}
