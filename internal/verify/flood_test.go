package verify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// currentRows is an SQL engine over the current versions of a bucket.
type currentRows struct{ *world }

func (e currentRows) Files(ctx context.Context, want func(key string) bool) iter.Seq2[SQLFile, error] {
	return func(yield func(SQLFile, error) bool) {
		for info, err := range e.store.Versions(ctx, prefix+"/events/") {
			if err != nil {
				yield(SQLFile{}, err)
				return
			}
			parts, ok := parquet.ParseKey(prefix, info.Key)
			if !ok || !info.IsLatest || info.DeleteMarker || !want(info.Key) {
				continue
			}
			f := SQLFile{Object: info, MinSeq: 1<<63 - 1, MaxSeq: -1}
			body := must(io.ReadAll(must(e.store.Get(ctx, info.Key, info.VersionID))))
			r, err := parquet.Open(bytes.NewReader(body), int64(len(body)), parts.Class)
			if f.Err = err; err == nil {
				for row, err := range r.Rows() {
					if err != nil {
						f.Err = err
						break
					}
					f.Rows, f.Digest = f.Rows+1, f.Digest.Add(event.LeafHash(&row))
					f.MinSeq, f.MaxSeq = min(f.MinSeq, row.Seq), max(f.MaxSeq, row.Seq)
				}
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// TestFlood: who floods the bucket with more than a run remembers changes neither what
// is found nor what is believed, and each foreign version is counted.
func TestFlood(t *testing.T) {
	const many = 30
	bound := func(o *Options) { o.most = 8 }
	w, a, _ := victim(t)
	// A true repair, whose note is then flooded itself.
	forged := w.mem.PutForged(a.path(0), []byte("x"))
	copied := w.relock(a.path(0), a.bodies[0], a.files[0].RetainUntil)
	note := w.attest(ledger.RepairBody{Objects: []ledger.RepairedObject{
		{Key: a.files[0].Key, VersionID: copied, SHA256: a.files[0].SHA256, Over: []string{forged}}}}, w.root)
	wants(t, w.verify(bound), OK, "repaired 2 "+a.path(0)+" "+forged)

	sql := func(o *Options) { o.SQL, o.Levels = currentRows{w}, []int{1, 2, 3, 4} }
	for i := range many {
		w.mem.PutForged(note[0], fmt.Appendf(nil, "evil %d", i))
		w.mem.PutForged(fmt.Sprintf("%s/attest/repair/%016d.note", prefix, i), []byte("evil"))
		w.mem.PutForged(prefix+"/"+ledger.DataName("standard", "2026-01-01", w.archive.ID, int64(i), int64(i)), a.bodies[0])
		w.mem.PutForged(a.path(1), a.bodies[0])
	}
	m, bodies := a.batch(6)
	a.send(&m, bodies)
	for range 2 {
		r := w.verify(bound, sql)
		count := make(map[string]int)
		for _, f := range r.Findings {
			count[fmt.Sprint(f.Kind, " ", f.Level)]++
		}
		notes := count["injected 2"] + count["replaced 2"] - many - many // without files, and without what covers a file
		if r.Result != Violation || len(r.Unchecked) > 0 || count["repaired 2"] != 1 || notes != many+many ||
			count["injected 4"] != many || count["replaced 4"] != 1 || count["hidden 4"] != 0 {
			t.Errorf("%s %v %+v", r.Result, count, r.Unchecked)
		}
	}
	o := w.options()
	bound(&o)
	r := must(newRun(o))
	defer func() { _, _ = r.memory.close(), r.cache.close() }()
	if _, err := r.readLedger(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.attestations(t.Context()); err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, versions := range r.repairs.doubt {
		held += len(versions)
	}
	if held > 8 {
		t.Errorf("%d doubtful versions are remembered", held)
	}
}

// TestCacheIsBounded: what a run has fetched is kept up to a bound.
func TestCacheIsBounded(t *testing.T) {
	w, a, _ := victim(t)
	c := must(openCache(w.store, t.TempDir(), false))
	defer func() { _ = c.close() }()
	c.size = maxFresh - int64(len(a.commits[0])) - 1
	for i := range 2 {
		body := must(c.Get(t.Context(), a.keys[i], a.ids[i]))
		if got := must(io.ReadAll(body)); !bytes.Equal(got, a.commits[i]) {
			t.Errorf("commit %d: other bytes", i)
		}
	}
	if len(c.added) != 1 {
		t.Errorf("%d objects are kept", len(c.added))
	}
}
