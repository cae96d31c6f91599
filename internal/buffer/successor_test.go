package buffer

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

var nextStream = uuid.MustParse("0199d2a4-0000-7000-8000-00000000000b")

// TestImport: the rows that are wanted are in the new log, in order, under new seqs,
// received when they were; sealed where they were sealed, as of now; and what is sent
// again is recognised.
func TestImport(t *testing.T) {
	fsys := crashfs.New()
	clock := newHands(time.UnixMilli(1_763_900_000_000))
	o := testOptions(fsys, "/old")
	o.Now, o.SealAge = clock.now, 24*time.Hour
	old := start(t, o)
	old.mustAppend(t, testEvents(0, 3)...)
	clock.advance(time.Second)
	old.mustAppend(t, testEvents(3, 3)...)
	old.mustSeal(t)
	clock.advance(time.Second)
	old.mustAppend(t, as(testEvent(6), 9), testEvent(7))
	old.mustSeal(t)
	clock.advance(time.Second)
	old.mustAppend(t, testEvents(8, 2)...)
	was := rows(t, old.Buffer)

	clock.advance(time.Hour)
	n := o
	n.Dir, n.Stream = "/new", nextStream
	snap, err := old.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	skipped := []int64{0, 1, 4}
	take := func(e Entry) (bool, error) { return !slices.Contains(skipped, e.Ref.Seq()), nil }
	if err := Import(t.Context(), n, snap, take); err != nil {
		t.Fatal(err)
	}
	b := start(t, n)
	var want []event.Row
	for _, row := range was {
		if !slices.Contains(skipped, row.Seq) {
			row.Stream, row.Seq = nextStream, int64(len(want))
			want = append(want, row)
		}
	}
	if got := rows(t, b.Buffer); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	first, err := b.Next(t.Context(), -1)
	if err != nil || first.First != 0 || first.Last != 2 || !first.SealedAt.Equal(clock.now().Truncate(time.Second)) ||
		!first.Through.Equal(snap.Batches[0].Through) || !first.RetainUntil["standard"].Equal(first.SealedAt.Add(24*time.Hour)) {
		t.Errorf("first batch %+v, %v", first, err)
	}
	if s := b.Stats(); s.SealedBatches != 2 || s.OpenRows != 2 {
		t.Errorf("%+v", s)
	}
	if seqs, err := b.Append(t.Context(), []event.Event{as(testEvent(6), 9), testEvent(10)}); err != nil || !slices.Equal(seqs, []int64{3, 7}) {
		t.Errorf("sent again: %v %v", seqs, err)
	}
	if err := Import(t.Context(), n, snap, take); err == nil {
		t.Error("imported over a log that is there")
	}
}

// TestImportOverSegments: more than a segment, more than a frame, and nothing.
func TestImportOverSegments(t *testing.T) {
	fsys := crashfs.New()
	o := testOptions(fsys, "/old")
	old := start(t, o)
	for i := range 40 {
		old.mustAppend(t, testEvents(50*i, 50)...)
	}
	snap, err := old.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	n := o
	n.Dir, n.Stream = "/new", nextStream
	if err := Import(t.Context(), n, snap, func(Entry) (bool, error) { return true, nil }); err != nil {
		t.Fatal(err)
	}
	b := start(t, n)
	if got := rows(t, b.Buffer); len(got) != 2000 || got[1999].Event != rows(t, old.Buffer)[1999].Event {
		t.Errorf("%d rows", len(got))
	}
	n.Dir = "/none"
	if err := Import(t.Context(), n, snap, func(Entry) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	if s := start(t, n).Stats(); s.NextSeq != 0 || s.SealedBatches != 0 {
		t.Errorf("%+v", s)
	}
}

// TestImportOfALargeEvent: an event of which no segment of the new log has room is an error;
// one that fits is there.
func TestImportOfALargeEvent(t *testing.T) {
	refused := 0
	for size := 22 << 10; size < 34<<10; size += 512 {
		o := testOptions(crashfs.New(), "/a")
		a := start(t, o)
		e := testEvent(0)
		e.Details = event.Str(strings.Repeat("x", size))
		a.mustAppend(t, e)
		snap, err := a.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o.Dir, o.Stream, o.SegmentBytes = "/b", nextStream, segmentMin
		err = Import(t.Context(), o, snap, func(Entry) (bool, error) { return true, nil })
		snap.Close()
		a.mustHalt(t)
		if err != nil {
			if refused++; !strings.Contains(err.Error(), "event of seq 0") {
				t.Errorf("%d bytes: %v", size, err)
			}
			continue
		}
		b := start(t, o)
		if got := rows(t, b.Buffer); len(got) != 1 || refused > 0 {
			t.Errorf("%d bytes: %d rows, %d smaller events refused", size, len(got), refused)
		}
		b.mustHalt(t)
	}
	if refused == 0 {
		t.Error("nothing was too large")
	}
}

// succeed saves the ids of a log and returns the log that continues it.
func succeed(t *testing.T, r *running, dir string, stream uuid.UUID) *running {
	t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	r.done <- nil
	if err := durable.MkdirAll(r.o.FS, dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveIDs(dir + "/before.ids"); err != nil {
		t.Fatal(err)
	}
	o := r.o
	o.Dir, o.Stream = dir, stream
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.LoadIDs(dir + "/before.ids"); err != nil {
		t.Fatal(err)
	}
	return run(t, b)
}

// TestRetryOverSuccessors: what an earlier log took is recognised by those that
// continue it, until it is too old, and after restarts.
func TestRetryOverSuccessors(t *testing.T) {
	fsys := crashfs.New()
	clock := newHands(time.UnixMilli(1_763_900_000_000))
	o := testOptions(fsys, "/a")
	o.Now = clock.now
	a := start(t, o)
	a.mustAppend(t, testEvents(0, 5)...)
	b := succeed(t, a, "/b", nextStream)
	clock.advance(time.Hour)
	b.mustAppend(t, testEvents(10, 5)...)
	third := uuid.New()
	c := succeed(t, b, "/c", third)

	check := func(r *running, i int, stream uuid.UUID, seq int64) {
		t.Helper()
		seqs, err := r.Append(t.Context(), []event.Event{testEvent(i)})
		if err != nil {
			t.Fatal(err)
		}
		if gotStream, got := r.Origin(seqs[0]); gotStream != stream || got != seq {
			t.Errorf("event %d is %s %d, want %s %d", i, gotStream, got, stream, seq)
		}
	}
	check(c, 3, testStream, 3)
	check(c, 14, nextStream, 4)
	check(c, 20, third, 0)
	check(c, 20, third, 0)
	if s := c.Stats(); s.RecentIDs != 11 || s.NextSeq != 1 || !s.RecentSince.Equal(clock.now().Add(-time.Hour)) {
		t.Errorf("%+v", s)
	}
	_, err := c.Append(t.Context(), []event.Event{testEvent(21), as(testEvent(2), 5)})
	var taken *ConflictError
	if !errors.As(err, &taken) || !slices.Equal(taken.Index, []int{1}) {
		t.Fatalf("%v", err)
	}
	if stream, seq := c.Origin(taken.Seq[0]); stream != testStream || seq != 2 {
		t.Errorf("conflict with %s %d", stream, seq)
	}

	clock.advance(23*time.Hour + 2*time.Minute) // the first log's are too old
	check(c, 3, third, 1)
	check(c, 13, nextStream, 3)
	c.mustHalt(t)
	o = c.o
	again, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.LoadIDs("/c/before.ids"); err != nil {
		t.Fatal(err)
	}
	c = run(t, again)
	check(c, 12, nextStream, 2)
	check(c, 4, third, 2)
	clock.advance(24*time.Hour + time.Minute)
	check(c, 12, third, 3)
	c.mustHalt(t)
	if again, err = Open(o); err != nil {
		t.Fatal(err)
	}
	if err := again.LoadIDs("/c/before.ids"); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.ReadFile(fsys, "/c/before.ids"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ids that are all too old are kept: %v", err)
	}
	check(run(t, again), 12, third, 3)
}

// TestStartWhileTheClockIsAhead: a process that starts then, and takes nothing, costs no ids,
// neither those of the log nor those of the one before.
func TestStartWhileTheClockIsAhead(t *testing.T) {
	clock := newHands(time.UnixMilli(1_763_900_000_000))
	o := testOptions(crashfs.New(), "/a")
	o.Now = clock.now
	a := start(t, o)
	a.mustAppend(t, testEvents(0, 5)...)
	b := succeed(t, a, "/b", nextStream)
	b.mustAppend(t, testEvents(5, 5)...)
	reopen := func() *running {
		b.mustHalt(t)
		next, err := Open(b.o)
		if err == nil {
			err = next.LoadIDs("/b/before.ids")
		}
		if err != nil {
			t.Fatal(err)
		}
		return run(t, next)
	}
	clock.advance(48 * time.Hour)
	b = reopen()
	clock.advance(-48*time.Hour + time.Minute)
	for range 2 { // what that process knows, and what it has left to the next one
		b.mustAppend(t, testEvents(0, 10)...)
		if n := b.Stats().NextSeq; n != 5 {
			t.Fatalf("%d of 10 were stored again a minute after they had been acknowledged", n-5)
		}
		b = reopen()
	}
	b.mustHalt(t)
}

// TestSavedIDsAreNoEvidence: ids that cannot be read to the end shorten the window,
// and stop nothing; no more are carried on than the window holds.
func TestSavedIDsAreNoEvidence(t *testing.T) {
	fsys := crashfs.New()
	o := testOptions(fsys, "/a")
	o.RetryIDs = 6
	a := start(t, o)
	a.mustAppend(t, testEvents(0, 5)...)
	b := succeed(t, a, "/b", nextStream)
	b.mustAppend(t, testEvents(10, 4)...)
	c := succeed(t, b, "/c", uuid.New())
	if n := c.Stats().RecentIDs; n != 6 {
		t.Errorf("%d ids", n)
	}
	c.mustHalt(t)
	raw, err := durable.ReadFile(fsys, "/c/before.ids")
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	if err := durable.WriteFile(fsys, "/c/before.ids", raw, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(c.o)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.LoadIDs("/c/before.ids"); err != nil {
		t.Fatal(err)
	}
	again.LoadIDs("/c/none")
	if n := again.Stats().RecentIDs; n != 2 { // the first record: those of /a that had room
		t.Errorf("%d ids", n)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSaveIDsAtEveryDiskOperation: whatever fails, nothing of it stays but a whole file, so
// it takes no room from what is more important. What passes is an error and can be
// repeated; what stays is none.
func TestSaveIDsAtEveryDiskOperation(t *testing.T) {
	for _, why := range []error{syscall.EMFILE, syscall.EIO, syscall.ENOSPC} {
		for n, over := 1, false; !over; n++ {
			fsys := crashfs.New()
			a := start(t, testOptions(fsys, "/a"))
			a.mustAppend(t, testEvents(0, 5)...)
			a.mustHalt(t)
			at, hit := fsys.Ops()+n, crashfs.Op{}
			fsys.Inject(func(op crashfs.Op) error {
				if op.N != at {
					return nil
				}
				hit = op
				return why
			})
			err := a.SaveIDs("/before.ids")
			fsys.Inject(nil)
			over = hit.N == 0
			if _, left := durable.ReadFile(fsys, "/before.ids.new"); !errors.Is(left, os.ErrNotExist) {
				t.Errorf("%s %s fails with %v, and the file that was begun is there: %v", hit.Kind, hit.Name, why, left)
			}
			final := hit.Kind == crashfs.Sync || hit.Kind == crashfs.SyncDir
			if stays := errors.Is(why, syscall.ENOSPC) && !final; over || stays {
				if err != nil {
					t.Errorf("%s %s fails with %v: %v", hit.Kind, hit.Name, why, err)
				}
			} else if !errors.Is(err, why) || errors.Is(err, durable.ErrSync) != final {
				t.Errorf("%s %s fails with %v: %v", hit.Kind, hit.Name, why, err)
			}
			if again := a.SaveIDs("/before.ids"); again != nil {
				t.Errorf("again after %v: %v", err, again)
			}
			if over && n < 8 {
				t.Fatalf("only %d operations", n-1)
			}
		}
	}
}

// TestImportAtEveryDiskOperation: whatever fails, a second try into an empty folder
// has all rows, and a log that Import returned from without an error has them.
func TestImportAtEveryDiskOperation(t *testing.T) {
	for n := 1; ; n++ {
		fsys := crashfs.New()
		o := testOptions(fsys, "/old")
		old := start(t, o)
		old.mustAppend(t, testEvents(0, 5)...)
		old.mustSeal(t)
		old.mustAppend(t, testEvents(5, 5)...)
		snap, err := old.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next := o
		next.Dir, next.Stream = "/new", nextStream
		at, reached := fsys.Ops()+n, false
		fsys.Inject(func(op crashfs.Op) error {
			if op.N != at {
				return nil
			}
			reached = true
			return &crashfs.Fault{Err: errors.New("no")}
		})
		err = Import(context.Background(), next, snap, func(Entry) (bool, error) { return true, nil })
		fsys.Inject(nil)
		snap.Close()
		if !reached {
			if n < 10 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
		if err != nil {
			continue
		}
		if got := rows(t, start(t, next).Buffer); len(got) != 10 {
			t.Fatalf("operation %d failed, Import did not: %d rows", n, len(got))
		}
	}
}

// hands are those of a clock, which the log's goroutines read while a test moves them.
type hands struct{ ms atomic.Int64 }

func newHands(at time.Time) *hands {
	h := new(hands)
	h.ms.Store(at.UnixMilli())
	return h
}

func (h *hands) now() time.Time { return time.UnixMilli(h.ms.Load()) }

func (h *hands) advance(d time.Duration) { h.ms.Add(d.Milliseconds()) }
