package buffer

import (
	"errors"
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// sealedTimes is a log with so many sealed batches, which takes no more.
func sealedTimes(t *testing.T, batches int) *running {
	t.Helper()
	r := start(t, testOptions(crashfs.New(), "/wal"))
	for i := range batches {
		r.mustAppend(t, testEvent(i))
		r.mustSeal(t)
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	r.done <- nil
	return r
}

// TestSnapshotHoldsUpLittle: what keeps the log waiting for a Snapshot is as little for many sealed
// batches as for one.
func TestSnapshotHoldsUpLittle(t *testing.T) {
	allocs := func(batches int) float64 {
		r := sealedTimes(t, batches)
		return testing.AllocsPerRun(200, func() {
			s, sealed, err := r.snapshot()
			if err != nil || len(sealed) != batches {
				t.Fatalf("%d batches, %v", len(sealed), err)
			}
			s.Close()
		})
	}
	if one, many := allocs(1), allocs(100); many > one {
		t.Errorf("%g allocations for a batch, %g for 100", one, many)
	}
}

// TestSnapshotOutlivesReleases: what is released, and sealed, after a Snapshot was begun does
// not change it.
func TestSnapshotOutlivesReleases(t *testing.T) {
	r := start(t, testOptions(crashfs.New(), "/wal"))
	for i := range 5 {
		r.mustAppend(t, testEvent(i))
		r.mustSeal(t)
	}
	s, sealed, err := r.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := slices.Clone(sealed)
	for i := range 5 {
		batch, err := r.Next(t.Context(), -1)
		if err == nil {
			err = r.Release(t.Context(), batch)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.mustAppend(t, testEvent(5+i))
		r.mustSeal(t)
	}
	if !slices.Equal(sealed, want) {
		t.Errorf("batches were %+v, are %+v", want, sealed)
	}
	r.mustHalt(t)
}

// TestSnapshotThatFailsPinsNothing: a seal in memory that does not decode is told, and the
// log can be recycled as before.
func TestSnapshotThatFailsPinsNothing(t *testing.T) {
	r := sealedTimes(t, 3)
	r.sealed[1].payload = "no seal"
	if _, err := r.Snapshot(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
	if len(r.pins) != 0 {
		t.Errorf("%d pins", len(r.pins))
	}
}
