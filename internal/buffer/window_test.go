package buffer

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// sendAgain sends the events [from, to) again, which must be known as those of stream.
func (r *running) sendAgain(t *testing.T, from, to int, stream uuid.UUID) {
	t.Helper()
	next := r.Stats().NextSeq
	for ; from < to; from += 50 {
		seqs, err := r.Append(t.Context(), testEvents(from, min(50, to-from)))
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range seqs {
			if got, seq := r.Origin(at); got != stream || seq != int64(from+i) {
				t.Fatalf("event %d is %s %d", from+i, got, seq)
			}
		}
	}
	if got := r.Stats().NextSeq; got != next {
		t.Fatalf("%d events were stored again", got-next)
	}
}

// slow is a log that takes an event every two minutes, the n-th of which is testEvent(n).
func slow(t *testing.T, sealAge time.Duration, events int) (*running, *hands) {
	t.Helper()
	clock := newHands(time.UnixMilli(1_763_900_000_000))
	o := testOptions(crashfs.New(), "/a")
	o.Now, o.SealAge = clock.now, sealAge
	r := start(t, o)
	for i := range events {
		clock.advance(2 * time.Minute)
		r.mustAppend(t, testEvent(i))
	}
	return r, clock
}

// TestSlowStreamIsRotated: the events of a day that brought few are forgotten one by one,
// each when it is a day old, also by the log that continues.
func TestSlowStreamIsRotated(t *testing.T) {
	const day, older = 24 * 30, 90
	a, clock := slow(t, time.Hour, day+older)
	b := succeed(t, a, "/b", nextStream)
	clock.advance(time.Minute)
	b.mustAppend(t, testEvent(10_000))
	clock.advance(2 * time.Minute)
	b.sendAgain(t, older+2, day+older, testStream) // those before are older than 24 h, or nearly
	if seq := b.mustAppend(t, testEvent(older)); seq != 1 {
		t.Errorf("an event that was received more than 24 h ago is known as %d", seq)
	}
	clock.advance(12 * time.Hour)
	c := succeed(t, b, "/c", uuid.New())
	clock.advance(3 * time.Minute)
	c.mustAppend(t, testEvent(10_001))
	c.sendAgain(t, older+12*30+5, day+older, testStream)
	c.mustHalt(t)
}

// TestSlowBatchIsReleased: the same after a restart, when all events are of one batch that
// is no longer in the log.
func TestSlowBatchIsReleased(t *testing.T) {
	const events = 24*30 - 1
	r, clock := slow(t, 24*time.Hour, events)
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), -1)
	if err == nil {
		err = r.Release(t.Context(), batch)
	}
	if err != nil || batch.Count != events {
		t.Fatalf("%+v, %v", batch, err)
	}
	r.mustHalt(t)
	r = start(t, r.o)
	clock.advance(time.Hour)
	r.mustAppend(t, testEvent(10_000))
	r.sendAgain(t, 30, events, testStream)
	if s := r.Stats(); s.RecentIDs > events-28+1 {
		t.Errorf("%d ids: some are more than 24 h old", s.RecentIDs)
	}
	r.mustHalt(t)
}

// times is a run of a clock and of events that are received by it, a window of an hour
// beside them, and when each was received.
type times struct {
	rnd      *rand.Rand
	now      int64
	received []int64
}

func newTimes(seed uint64) *times {
	return &times{rnd: rand.New(rand.NewPCG(seed, 2)), now: 1_700_000_000_000}
}

// pass lets up to so many events come to r.
func (e *times) pass(r *recent, most int) {
	for range e.rnd.IntN(most) {
		e.now += e.rnd.Int64N(40_000)
		r.expire(e.now)
		r.add(drawn(e.rnd), e.now)
		e.received = append(e.received, e.now)
	}
}

// check lets time pass, and demands that each event is forgotten when it is old.
func (e *times) check(t *testing.T, seed uint64, r *recent) {
	t.Helper()
	e.now += e.rnd.Int64N(r.age.Milliseconds())
	r.expire(e.now)
	known, _ := r.reach(0)
	for i, at := range e.received {
		checkAge(t, seed, i, e.now-at, r.age, i < len(e.received)-int(known))
	}
}

// TestTimesOverManyStarts: however often the marks are written and read back, in whatever
// pieces, their times are kept.
func TestTimesOverManyStarts(t *testing.T) {
	for seed := range uint64(100) {
		e, r := newTimes(seed), newRecent(1<<20, 100, time.Hour)
		for range 1 + e.rnd.IntN(6) {
			e.pass(r, 60)
			r = reloaded(t, e.rnd, r)
		}
		e.check(t, seed, r)
	}
}

// TestTimesOverManyRotations: the same when a log continues a log that continues a log,
// some of them for moments.
func TestTimesOverManyRotations(t *testing.T) {
	for seed := range uint64(100) {
		e, fsys := newTimes(seed), crashfs.New()
		begin := func() *Buffer {
			o := testOptions(fsys, "/wal")
			o.Log, o.RetryIDs, o.RetryAge, o.Stream = slog.New(slog.DiscardHandler), 1<<20, time.Hour, uuid.New()
			o.Now = func() time.Time { return time.UnixMilli(e.now) }
			return &Buffer{o: o, recent: newRecent(o.RetryIDs, 100, o.RetryAge)}
		}
		b := begin()
		for range 1 + e.rnd.IntN(12) {
			e.pass(b.recent, []int{4, 60}[e.rnd.IntN(2)])
			if err := b.SaveIDs("/ids"); err != nil {
				t.Fatal(err)
			}
			b = begin()
			b.LoadIDs("/ids")
		}
		e.check(t, seed, b.recent)
	}
}

// drawn is a mark that no other is like.
func drawn(rnd *rand.Rand) (m mark) {
	le.PutUint64(m.key[:], rnd.Uint64())
	le.PutUint32(m.key[8:], rnd.Uint32())
	return m
}

// reloaded is what a start finds of r, which was written batch by batch.
func reloaded(t *testing.T, rnd *rand.Rand, r *recent) *recent {
	t.Helper()
	fsys := crashfs.New()
	f, err := fsys.OpenFile("/ids", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w := idsWriter{file: f}
	for from := r.first; from < r.next; {
		to := min(from+1+rnd.Int64N(50), r.next)
		if err := w.write(r, testStream, 0, from, to); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	again := newRecent(r.most, 0, r.age)
	again.restart(r.first)
	if err := eachMarks(fsys, "/ids", func(m *marksRecord) error { return again.load(testStream, m, r.next) }); err != nil {
		t.Fatal(err)
	}
	if again.first != r.first || again.next != r.next {
		t.Fatalf("[%d, %d) became [%d, %d)", r.first, r.next, again.first, again.next)
	}
	return again
}

// TestOneWindowForAllLogs: what an earlier log took counts to the window, and goes first
// when that is full; also after a restart, which reads all of it again.
func TestOneWindowForAllLogs(t *testing.T) {
	o := testOptions(crashfs.New(), "/a")
	o.RetryIDs = 300
	a := start(t, o)
	a.mustAppend(t, testEvents(0, 200)...)
	b := succeed(t, a, "/b", nextStream)
	for i := 1000; i < 1250; i += 25 {
		b.mustAppend(t, testEvents(i, 25)...)
		if n := b.Stats().RecentIDs; n > o.RetryIDs {
			t.Fatalf("%d ids", n)
		}
	}
	check := func() {
		t.Helper()
		if n := b.Stats().RecentIDs; n != o.RetryIDs {
			t.Fatalf("%d ids, want %d", n, o.RetryIDs)
		}
		b.sendAgain(t, 150, 200, testStream)
	}
	check()
	b.mustHalt(t)
	again, err := Open(b.o)
	if err != nil {
		t.Fatal(err)
	}
	again.LoadIDs("/b/before.ids")
	b = run(t, again)
	check()
	if seq := b.mustAppend(t, testEvent(149)); seq != 250 {
		t.Errorf("an event beyond the window got seq %d, want 250", seq)
	}
	b.sendAgain(t, 151, 200, testStream)
	for i := 2000; i < 2300; i += 25 {
		b.mustAppend(t, testEvents(i, 25)...)
	}
	if n := b.Stats().RecentIDs; n != o.RetryIDs || b.recent.earlier.ids.held() != 0 {
		t.Errorf("%d ids, %d of them of the log before", n, b.recent.earlier.ids.held())
	}
	b.mustHalt(t)
}

// bytes is how much memory a window takes.
func (t *recent) bytes() (n int64) {
	for _, piece := range t.ring {
		n += markBytes * int64(len(piece))
	}
	for i := range t.index {
		n += 4 * (bucketSlots + 1) * int64(len(t.index[i].buckets))
	}
	return n
}

// TestWindowsShareTheirMemory: while the ids of a log take the place of those of the log
// before, both together need what one window does.
func TestWindowsShareTheirMemory(t *testing.T) {
	const most, step = 4*ringPiece + 1000, 1000
	const bound = (markBytes+8)*most + 2*markBytes*ringPiece + 256*128
	rnd := rand.New(rand.NewPCG(4, 4))
	r := newRecent(most, step, time.Hour)
	r.earlier = &earlier{ids: newRecent(most, 0, time.Hour)}
	r.earlier.ids.wanes = true
	for range most {
		r.earlier.ids.restore(drawn(rnd), 1)
	}
	marks := make([]mark, step)
	for n := int64(step); n <= most+step; n += step {
		for i := range marks {
			marks[i] = drawn(rnd)
		}
		r.touch(marks)
		for _, m := range marks {
			r.add(m, 2)
		}
		r.makeRoom(0)
		old := r.earlier.ids
		if old.held() != max(0, most-n) || r.held() != min(n, most) {
			t.Fatalf("after %d: %d of the log before, %d of ours", n, old.held(), r.held())
		}
		if got := r.bytes() + old.bytes(); got > bound {
			t.Fatalf("after %d: %d bytes, at most %d", n, got, bound)
		}
	}
	if n := r.earlier.ids.bytes(); n > 256*4*(bucketSlots+1) {
		t.Errorf("%d bytes for nothing", n)
	}
}

// TestAgeGivesMemoryBack: the same when it is age that takes the old ones.
func TestAgeGivesMemoryBack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	r := newRecent(2*ringPiece, 0, time.Hour)
	r.wanes = true
	hour := time.Hour.Milliseconds()
	for i := range int64(2) {
		for range ringPiece {
			r.restore(drawn(rnd), i*hour)
		}
	}
	r.expire(hour + instantGap)
	if got := r.bytes(); r.held() != ringPiece || got > (markBytes+8)*ringPiece+256*128 {
		t.Errorf("%d bytes for %d marks", got, r.held())
	}
}

// TestIDsThatCannotBeReadAreKept: no descriptor is left, or a read fails, when the ids of
// the log before are asked for. The next start has them.
func TestIDsThatCannotBeReadAreKept(t *testing.T) {
	for kind, why := range map[crashfs.Kind]error{crashfs.Open: syscall.EMFILE, crashfs.Read: syscall.EIO} {
		fsys := crashfs.New()
		a := start(t, testOptions(fsys, "/a"))
		a.mustAppend(t, testEvents(0, 5)...)
		b := succeed(t, a, "/b", nextStream)
		b.mustHalt(t)
		again, err := Open(b.o)
		if err != nil {
			t.Fatal(err)
		}
		fsys.Inject(func(op crashfs.Op) error {
			if op.Kind == kind && op.Name == "/b/before.ids" {
				return why
			}
			return nil
		})
		if err := again.LoadIDs("/b/before.ids"); errors.Is(why, syscall.EMFILE) != errors.Is(err, why) {
			t.Errorf("%s: %v", kind, err) // who has no descriptor asks again
		}
		fsys.Inject(nil)
		if n := again.Stats().RecentIDs; n != 0 {
			t.Errorf("%s: %d ids of a file that was not read", kind, n)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := durable.ReadFile(fsys, "/b/before.ids"); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if again, err = Open(b.o); err != nil {
			t.Fatal(err)
		}
		again.LoadIDs("/b/before.ids")
		b = run(t, again)
		b.sendAgain(t, 0, 5, testStream)
		b.mustHalt(t)
		if err := fsys.Remove("/b/before.ids"); errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: ids that are in use are deleted", kind)
		}
	}
}
