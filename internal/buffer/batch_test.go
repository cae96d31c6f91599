package buffer

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

func TestReleaseAndRecycle(t *testing.T) {
	fsys := crashfs.New()
	o := smallOptions(fsys)
	r := start(t, o)
	n := 0
	disk := func() (files int) {
		entries, err := fsys.ReadDir("/wal")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	for cycle := range 50 {
		r.mustAppend(t, testEvents(n, 60)...) // half a segment
		n += 60
		r.mustSeal(t)
		batch, err := r.Next(t.Context(), -1)
		if err != nil {
			t.Fatal(err)
		}
		if same, _ := r.Next(t.Context(), -1); same.Number != batch.Number || batch.Number != int64(cycle) || batch.Count != 60 {
			t.Fatalf("cycle %d: batch %+v, then %+v", cycle, batch, same)
		}
		if err := r.Release(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if err := r.Release(t.Context(), batch); !errors.Is(err, ErrReleased) {
			t.Fatalf("released twice: %v", err)
		}
		if _, err := batch.RowReader(); !errors.Is(err, ErrReleased) {
			t.Fatalf("read a released batch: %v", err)
		}
		r.settle()
	}
	if files := disk(); files > sparesMax+4 {
		t.Errorf("%d files after 50 cycles", files)
	}
	if s := r.Stats(); s.FirstSeq != int64(n) || s.NextSeq != int64(n) || s.UnreleasedBytes != 0 {
		t.Errorf("stats %+v", s)
	}
	r.mustHalt(t)
	r = start(t, o)
	if s := r.Stats(); s.FirstSeq != int64(n) || s.NextSeq != int64(n) || s.SealedBatches != 0 {
		t.Errorf("stats after restart %+v", s)
	}
	r.mustHalt(t)
}

func TestReleaseOnlyTheOldest(t *testing.T) {
	r := start(t, testOptions(crashfs.New(), "/wal"))
	for i := range 2 {
		r.mustAppend(t, testEvent(i))
		r.mustSeal(t)
	}
	if err := r.Release(t.Context(), sealed(t, r.Buffer)[1]); err == nil {
		t.Error("released the second batch before the first")
	}
	for after, want := range map[int64]int64{-1: 0, 0: 1} {
		if b, err := r.Next(t.Context(), after); err != nil || b.Number != want {
			t.Errorf("next after %d: %+v, %v", after, b, err)
		}
	}
	first, err := r.Next(t.Context(), -1)
	if err != nil || r.Release(t.Context(), first) != nil {
		t.Fatal("release")
	}
	for _, after := range []int64{-1, 0} { // what is released does not come again
		if b, err := r.Next(t.Context(), after); err != nil || b.Number != 1 {
			t.Errorf("next after %d: %+v, %v", after, b, err)
		}
	}
	if got := rows(t, r.Buffer); len(got) != 1 || got[0].Seq != 1 {
		t.Errorf("left: %+v", got)
	}
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, testOptions(crashfs.New(), "/wal"))
		got := make(chan error, 2)
		ask := func(ctx context.Context) {
			_, err := r.Next(ctx, -1)
			got <- err
		}
		ctx, cancel := context.WithCancel(t.Context())
		go ask(ctx)
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go ask(t.Context())
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("next does not wait")
		}
		r.mustAppend(t, testEvent(0))
		r.mustSeal(t)
		if err := <-got; err != nil {
			t.Error(err)
		}
		if batch, _ := r.Next(t.Context(), -1); r.Release(t.Context(), batch) != nil {
			t.Fatal("release")
		}
		go ask(t.Context())
		synctest.Wait()
		r.mustHalt(t)
		if err := <-got; !errors.Is(err, ErrStopped) {
			t.Errorf("stopped: %v", err)
		}
		if _, err := r.Append(t.Context(), testEvents(1, 1)); !errors.Is(err, ErrStopped) {
			t.Errorf("append after stop: %v", err)
		}
	})
}

// TestSnapshotPins: what is released while a snapshot is open stays readable.
func TestSnapshotPins(t *testing.T) {
	fsys := crashfs.New()
	r := start(t, smallOptions(fsys))
	n := 0
	for range 10 {
		r.mustAppend(t, testEvents(n, 60)...)
		n += 60
		r.mustSeal(t)
	}
	r.mustAppend(t, testEvents(n, 5)...)
	snap, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		batch, err := r.Next(t.Context(), -1)
		if err != nil || r.Release(t.Context(), batch) != nil {
			t.Fatal("release")
		}
	}
	for i := range 20 { // would reuse the segments if it could
		r.mustAppend(t, testEvents(n+5+i*60, 60)...)
	}
	r.settle()
	seq := int64(0)
	for _, b := range snap.Batches {
		for e, err := range b.Scan(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Row.Seq != seq || e.Row.ID != testEvent(int(seq)).ID {
				t.Fatalf("row %d is %+v", seq, e.Row)
			}
			seq++
		}
	}
	for e, err := range snap.Open.Scan(t.Context()) {
		if err != nil || e.Row.Seq != seq {
			t.Fatalf("tail: %+v, %v", e, err)
		}
		seq++
	}
	if seq != int64(n+5) || snap.NextSeq != seq || snap.FirstSeq != 0 {
		t.Errorf("%d rows of %d; snapshot from %d to %d", seq, n+5, snap.FirstSeq, snap.NextSeq)
	}
	before := r.Stats().Segments
	snap.Close()
	snap.Close()
	if _, err := snap.Open.RowReader(); !errors.Is(err, ErrReleased) {
		t.Errorf("read after close: %v", err)
	}
	r.settle()
	if after := r.Stats().Segments; after >= before {
		t.Errorf("%d segments before close, %d after", before, after)
	}
	r.mustHalt(t)
}

// noSync is for tests that need many operations and no durability.
type noSync struct{ durable.FS }

func (n noSync) SyncDir(string) error { return nil }

func (n noSync) OpenDir(name string) (durable.Dir, error) {
	d, err := n.FS.OpenDir(name)
	return noSyncDir{d}, err
}

type noSyncDir struct{ durable.Dir }

func (noSyncDir) Sync() error { return nil }

func (n noSync) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := n.FS.OpenFile(name, flag, perm)
	return noSyncFile{f}, err
}

type noSyncFile struct{ durable.File }

func (noSyncFile) Sync() error { return nil }

// TestManySealedBatches: with S3 away for long, batches cost little memory and no
// open files, and come back oldest first.
func TestManySealedBatches(t *testing.T) {
	const batches = 100_000 / stride
	o := testOptions(noSync{durable.OS()}, t.TempDir())
	o.SegmentBytes = 1 << 20
	r := start(t, o)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range batches {
		r.mustAppend(t, testEvent(i))
		r.mustSeal(t)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > batches*400 {
		t.Errorf("%d bytes per sealed batch", used/batches)
	}
	r.mustHalt(t)
	r = start(t, o)
	if n := r.Stats().SealedBatches; n != batches {
		t.Fatalf("%d batches after restart", n)
	}
	for i := range 1000 {
		batch, err := r.Next(t.Context(), -1)
		if err != nil || batch.Number != int64(i) {
			t.Fatalf("batch %d: %+v, %v", i, batch, err)
		}
		for e, err := range batch.Scan(t.Context()) {
			if err != nil || e.Row.ID != testEvent(i).ID {
				t.Fatalf("batch %d: %+v, %v", i, e, err)
			}
		}
		if err := r.Release(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil && len(fds) > 40 {
		t.Errorf("%d open files", len(fds))
	}
	r.mustHalt(t)
}

// TestSnapshotsThatOverlap: a snapshot keeps what it needs itself, and not what an
// older one keeps. Otherwise readers in turns would never let anything go.
func TestSnapshotsThatOverlap(t *testing.T) {
	r := start(t, smallOptions(crashfs.New()))
	var before *Snapshot
	for i := range 40 {
		r.mustAppend(t, testEvents(60*i, 60)...) // half a segment
		r.mustSeal(t)
		snap, err := r.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if before != nil {
			before.Close()
		}
		before = snap
		batch, err := r.Next(t.Context(), -1)
		if err != nil || r.Release(t.Context(), batch) != nil {
			t.Fatal("release", err)
		}
		r.settle()
	}
	if s := r.Stats(); s.Segments > 4 {
		t.Errorf("%d segments are kept", s.Segments)
	}
	before.Close()
	r.mustHalt(t)
}
