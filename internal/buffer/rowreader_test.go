package buffer

import (
	"io/fs"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// TestRowReader reads rows of all sizes in any order, over more segments than it
// holds open, and refuses the Ref of another batch.
func TestRowReader(t *testing.T) {
	o := testOptions(durable.OS(), t.TempDir())
	o.SegmentBytes = 1 << 20
	r := start(t, o)
	n := 0
	for n < 400 {
		for range 10 {
			e := testEvent(n)
			e.Details = event.Str(`"` + strings.Repeat("x", rand.IntN(40_000)) + `"`)
			r.mustAppend(t, e)
			n++
		}
	}
	r.mustSeal(t)
	r.mustAppend(t, testEvent(n))
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	var all []Entry
	for e, err := range batch.Scan(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	reader, err := batch.RowReader()
	if err != nil {
		t.Fatal(err)
	}
	var got event.Row // of the row before: whatever it had must be gone
	for range 2000 {
		want := all[rand.IntN(len(all))]
		if err := reader.Read(want.Ref, &got); err != nil || got != want.Row {
			t.Fatalf("seq %d: %v", want.Ref.Seq(), err)
		}
		if len(reader.(*logReader).files) > readFiles {
			t.Fatalf("%d files open", len(reader.(*logReader).files))
		}
	}
	other, err := r.Next(t.Context(), batch.Number)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range other.Scan(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Read(e.Ref, &got); err == nil {
			t.Error("read a row of another batch")
		}
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	r.mustHalt(t)
}

// countedFS counts the bytes that are read of its files.
type countedFS struct {
	durable.FS
	read atomic.Int64
}

type countedFile struct {
	durable.File
	fs *countedFS
}

func (f *countedFS) OpenFile(name string, flag int, mode fs.FileMode) (durable.File, error) {
	file, err := f.FS.OpenFile(name, flag, mode)
	return countedFile{file, f}, err
}

func (f countedFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.read.Add(int64(len(p)))
	return f.File.ReadAt(p, off)
}

// sealedRows seals so many events with details of each bytes, and says where they lie.
func sealedRows(t *testing.T, r *running, rows, each int) (*Batch, []Ref) {
	t.Helper()
	for n := 0; n < rows; n += 50 {
		events := testEvents(n, 50)
		for i := range events {
			events[i].Details = event.Str(`"` + strings.Repeat("x", each) + `"`)
		}
		r.mustAppend(t, events...)
	}
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	var refs []Ref
	for e, err := range batch.Outlines(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, e.Ref)
	}
	return batch, refs
}

// TestRowsFarApart: rows that lie near each other are read together, and one that is
// alone does not cost its neighbours. Whoever collects rows keeps what their strings are
// parts of.
func TestRowsFarApart(t *testing.T) {
	counted := &countedFS{FS: durable.OS()}
	o := testOptions(counted, t.TempDir())
	o.SegmentBytes = 1 << 20
	r := start(t, o)
	const rows, each = 2_000, 4 << 10
	batch, refs := sealedRows(t, r, rows, each)
	for name, tt := range map[string]struct {
		step int
		most int64 // bytes of one row
	}{
		"one after the other": {1, each * 3 / 2},
		"far apart":           {101, each * 2}, // 400 KiB from one to the next
	} {
		reader, err := batch.RowReader()
		if err != nil {
			t.Fatal(err)
		}
		var row event.Row
		before := counted.read.Load()
		for i := range rows {
			ref := refs[i*tt.step%rows]
			if err := reader.Read(ref, &row); err != nil || row.Seq != ref.Seq() {
				t.Fatalf("%s: seq %d: got %d, %v", name, ref.Seq(), row.Seq, err)
			}
		}
		if got := (counted.read.Load() - before) / rows; got > tt.most {
			t.Errorf("%s: %d bytes read for each row, want at most %d", name, got, tt.most)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
	r.mustHalt(t)
}

// TestRowsKeepTheirOwnBytes: who collects rows keeps those, and not what was read around
// them: two rows that lie together, and the next two far away, had each kept a block.
func TestRowsKeepTheirOwnBytes(t *testing.T) {
	o := testOptions(durable.OS(), t.TempDir())
	o.SegmentBytes = 1 << 20
	r := start(t, o)
	const rows, each, collected = 2_000, 4 << 10, 500
	batch, refs := sealedRows(t, r, rows, each)
	reader, err := batch.RowReader()
	if err != nil {
		t.Fatal(err)
	}
	kept := make([]event.Row, collected)
	before := heapBytes()
	for i := range kept {
		ref := refs[(i/2*202+i%2)%rows]
		if err := reader.Read(ref, &kept[i]); err != nil || kept[i].Seq != ref.Seq() {
			t.Fatalf("seq %d: got %d, %v", ref.Seq(), kept[i].Seq, err)
		}
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	const most = collected*each*3/2 + readBlocks*readBlockBytes + 1<<20
	if got := heapBytes() - before; got > most {
		t.Errorf("%d rows of %d bytes keep %d bytes, want at most %d", collected, each, got, most)
	}
	runtime.KeepAlive(kept)
	runtime.KeepAlive(reader)
	r.mustHalt(t)
}

// heapBytes is what is in use.
func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
