package buffer

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// archiveAll has what is open sealed, and released.
func (r *running) archiveAll(t *testing.T) {
	t.Helper()
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), -1)
	if err == nil {
		err = r.Release(t.Context(), batch)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestOlderCopyHidesNone: an event that came again when its id was too old is stored a
// second time. After a restart, which reads both copies back and then forgets the first
// one, a retry is known by the second, whether the first was released or not.
func TestOlderCopyHidesNone(t *testing.T) {
	for _, released := range []bool{true, false} {
		r, clock := slow(t, 48*time.Hour, 1)
		if released {
			r.archiveAll(t)
		}
		clock.advance(25 * time.Hour)
		for range 2 {
			if seq := r.mustAppend(t, testEvent(0)); seq != 1 {
				t.Fatalf("got seq %d, want 1", seq)
			}
		}
		r.mustHalt(t)
		clock.advance(time.Minute)
		r = start(t, r.o)
		if seq := r.mustAppend(t, testEvent(0)); seq != 1 {
			t.Errorf("released %v: a retry of seq 1 was stored again, as seq %d", released, seq)
		}
		if _, err := r.Append(t.Context(), []event.Event{as(testEvent(0), 7)}); !errors.Is(err, ErrConflict) {
			t.Errorf("released %v: another event took its id: %v", released, err)
		}
		r.mustHalt(t)
	}
}

// TestMovedRowsCountOnce: rows that were moved to the log that goes on are known by it, and
// by the ids of the log before. They take one place in the window, so the others keep theirs,
// each under its own seq, also when the moved rows lie between them.
func TestMovedRowsCountOnce(t *testing.T) {
	const archived, all = 200, 300
	moved := func(i int) bool { return i >= archived && i%3 > 0 }
	o := testOptions(crashfs.New(), "/a")
	o.RetryIDs = all
	a := start(t, o)
	a.mustAppend(t, testEvents(0, archived)...)
	a.archiveAll(t)
	a.mustAppend(t, testEvents(archived, all-archived)...)
	snap, err := a.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.Dir, o.Stream = "/b", nextStream
	err = Import(t.Context(), o, snap, func(e Entry) (bool, error) { return moved(int(e.Ref.Seq())), nil })
	snap.Close()
	if err != nil {
		t.Fatal(err)
	}
	check := func(r *running) {
		t.Helper()
		if n := r.Stats().RecentIDs; n != all {
			t.Errorf("%d ids, want %d", n, all)
		}
		next := int64(0)
		for i := range all {
			stream, seq := testStream, int64(i)
			if moved(i) {
				stream, seq, next = nextStream, next, next+1
			}
			seqs, err := r.Append(t.Context(), testEvents(i, 1))
			if err != nil {
				t.Fatal(err)
			}
			if gotStream, got := r.Origin(seqs[0]); gotStream != stream || got != seq {
				t.Fatalf("event %d is %s %d, want %s %d", i, gotStream, got, stream, seq)
			}
		}
	}
	b := succeed(t, a, "/b", nextStream)
	check(b)
	c := succeed(t, b, "/c", uuid.New())
	check(c)
	c.mustHalt(t)
}
