package buffer

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
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

// TestRefusedRequestsForgetNothing: of a request that is refused, for an id that is taken or
// for want of room, nothing is stored. So no other event is forgotten for it, and none of it
// counts as repeated.
func TestRefusedRequestsForgetNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 100
		fsys := crashfs.New()
		o := smallOptions(fsys)
		o.RetryIDs = most
		r := start(t, o)
		r.mustAppend(t, testEvents(0, most)...)
		known := func(n int) {
			t.Helper()
			before := r.Stats()
			for i := range most { // the newest first: a miss is not the cause of the next one
				r.mustAppend(t, testEvent(n-1-i))
			}
			if s := r.Stats(); s.NextSeq != before.NextSeq || s.Repeated != before.Repeated+most || s.RecentIDs != most {
				t.Errorf("%d of the last %d events were stored again, %d count as repeated; %d ids",
					s.NextSeq-before.NextSeq, most, s.Repeated-before.Repeated, s.RecentIDs)
			}
		}
		taken := append(testEvents(10_000, most-1), as(testEvent(most-1), 7))
		if _, err := r.Append(t.Context(), taken); !errors.Is(err, ErrConflict) {
			t.Fatal(err)
		}
		known(most)

		synctest.Wait()
		fsys.Inject(func(op crashfs.Op) error {
			if op.Kind == crashfs.Open {
				return syscall.ENOSPC
			}
			return nil
		})
		n, repeated := most, r.Stats().Repeated
		for {
			_, err := r.Append(t.Context(), append(testEvents(n-10, 10), testEvents(n, 50)...))
			if errors.Is(err, ErrFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n, repeated = n+50, repeated+10
		}
		if got := r.Stats().Repeated; got != repeated {
			t.Errorf("%d events of a request that was refused count as repeated", got-repeated)
		}
		fsys.Inject(nil)
		time.Sleep(2 * keepPeriod)
		synctest.Wait()
		known(n)
		r.mustHalt(t)
	})
}

// TestShortestAge: an event is recognised for as long as was asked for, also when that is as
// short as times are kept finely.
func TestShortestAge(t *testing.T) {
	clock := newHands(time.UnixMilli(1_763_900_000_000))
	o := testOptions(crashfs.New(), "/wal")
	o.Now, o.RetryAge = clock.now, time.Minute
	r := start(t, o)
	r.mustAppend(t, testEvent(0))
	clock.advance(o.RetryAge - time.Millisecond)
	r.mustAppend(t, testEvent(1))
	for range 2 {
		clock.advance(o.RetryAge / 2)
		if seq := r.mustAppend(t, testEvent(1)); seq != 1 {
			t.Errorf("half of the time later, or all of it, it is stored again, as seq %d", seq)
		}
	}
	clock.advance(time.Minute)
	if seq := r.mustAppend(t, testEvent(1)); seq != 2 {
		t.Errorf("after twice as long it is known as seq %d", seq)
	}
	r.mustHalt(t)
}
