package buffer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

var errDead = errors.New("the machine is off")

// dieAt changes nothing on disk from the n-th operation on. Reads go on, because
// the oracle reads too. It returns a function that says whether that moment came.
func dieAt(fsys *crashfs.FS, n int) (dead func() bool) {
	fsys.Inject(func(op crashfs.Op) error {
		switch op.Kind {
		case crashfs.Read, crashfs.Open, crashfs.Size, crashfs.Close:
			return nil
		}
		if op.N >= n {
			return errDead
		}
		return nil
	})
	return func() bool { return fsys.Ops() >= n }
}

// story is the life of one log over several crashes, and what was promised in it.
// The i-th event of the story is testEvent(i), so that seq and content belong
// together.
type story struct {
	t        *testing.T
	fsys     *crashfs.FS
	acked    int64 // events acknowledged
	asked    int64 // acked + size of the Append whose outcome is unknown
	released int64 // highest seq + 1 whose Release returned nil
	maybe    int64 // the same, outcome unknown included
	batches  map[int64]Batch
	checking *atomic.Bool // the oracle reads: no faults now
}

func newStory(t *testing.T) *story {
	return &story{t: t, fsys: crashfs.New(), batches: make(map[int64]Batch), checking: new(atomic.Bool)}
}

func (s *story) options() Options {
	o := testOptions(s.fsys, "/wal")
	o.SegmentBytes = segmentMin
	return o
}

// live opens the log and works until something fails or the script is over. It
// returns the error that ended it.
func (s *story) live(steps int) error {
	b, err := Open(s.options())
	if err != nil {
		return err
	}
	s.check(b)
	r := launch(b)
	defer r.halt()
	if err := s.retry(r); err != nil {
		return err
	}
	for i := range steps {
		if err := s.step(r, i); err != nil {
			return err
		}
	}
	return r.halt()
}

// retry sends again what was acknowledged, released or not: nothing of it may be
// stored twice.
func (s *story) retry(r *running) error {
	if s.acked == 0 {
		return nil
	}
	for from := int64(0); from < s.acked; from += 50 {
		seqs, err := r.Append(context.Background(), testEvents(int(from), int(min(50, s.acked-from))))
		if err != nil {
			return err
		}
		for i, seq := range seqs {
			if seq != from+int64(i) {
				s.t.Fatalf("a retry of seq %d got seq %d; %d were acknowledged, %d released", from+int64(i), seq, s.acked, s.released)
			}
		}
	}
	return nil
}

func (s *story) step(r *running, i int) error {
	ctx := context.Background()
	n := 1 + i*17%60
	s.asked = s.acked + int64(n)
	seqs, err := r.Append(ctx, testEvents(int(s.acked), n))
	if err != nil {
		return err
	}
	if seqs[0] != s.acked || seqs[n-1] != s.acked+int64(n)-1 {
		s.t.Fatalf("append got seqs %d to %d, want %d on", seqs[0], seqs[n-1], s.acked)
	}
	s.acked = s.asked
	switch {
	case i%4 == 3:
		if err := r.Seal(ctx); err != nil {
			return err
		}
	case i%9 == 8:
		if err := r.Heartbeat(ctx); err != nil {
			return err
		}
	}
	if i%4 != 3 {
		return nil
	}
	batch, err := r.Next(ctx, -1)
	if err != nil {
		return err
	}
	s.maybe = batch.Last + 1
	if err := r.Release(ctx, batch); err != nil {
		return err
	}
	s.released = s.maybe
	r.settle()
	return nil
}

// check is the oracle: what is in b is what was promised, and nothing else than
// what was asked for.
func (s *story) check(b *Buffer) {
	s.t.Helper()
	s.checking.Store(true)
	defer s.checking.Store(false)
	got := rows(s.t, b)
	snap, err := b.Snapshot(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	defer snap.Close()
	if snap.FirstSeq != s.released && snap.FirstSeq != s.maybe {
		s.t.Fatalf("log begins with seq %d, released %d or %d", snap.FirstSeq, s.released, s.maybe)
	}
	if snap.NextSeq != s.acked && snap.NextSeq != s.asked {
		s.t.Fatalf("log ends before seq %d, acknowledged %d, asked %d", snap.NextSeq, s.acked, s.asked)
	}
	for i, row := range got {
		want := event.Row{Event: testEvent(int(snap.FirstSeq) + i), Stream: testStream, Seq: snap.FirstSeq + int64(i)}
		want.ReceivedAtMS = row.ReceivedAtMS
		if row != want {
			s.t.Fatalf("row %+v, want %+v", row, want)
		}
	}
	for _, batch := range snap.Batches {
		seen, ok := s.batches[batch.Number]
		now := *batch
		now.Rows = nil
		if ok && fmt.Sprint(seen) != fmt.Sprint(now) {
			s.t.Fatalf("batch %d was %+v, is %+v", batch.Number, seen, now)
		}
		s.batches[batch.Number] = now
	}
	s.acked, s.asked = snap.NextSeq, snap.NextSeq
	s.released, s.maybe = snap.FirstSeq, snap.FirstSeq
}

// branch is the story after a crash.
func (s *story) branch(seed uint64, keep int) *story {
	next := *s
	next.batches = make(map[int64]Batch, len(s.batches))
	for n, b := range s.batches {
		next.batches[n] = b
	}
	next.fsys = s.fsys.Crash(rand.New(rand.NewPCG(seed, uint64(keep))), keep)
	return &next
}

const storySteps = 32

// TestFaultA03A04CrashAtEveryOperation loses power before each operation of a run with
// rotation, seals, heartbeats and releases, in several states of luck. The log
// must open with all that was promised, go on, lose power again, and open again.
func TestFaultA03A04CrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	keeps := []int{0, 20, 50, 80, 100}
	for n := 1; ; n += stride {
		first := newStory(t)
		dieAt(first.fsys, n)
		err := first.live(storySteps)
		if err == nil {
			if n < 100 {
				t.Fatalf("only %d operations: the script does nothing", n)
			}
			t.Logf("%d operations", n)
			return
		}
		for i, keep := range keeps {
			second := first.branch(uint64(n), keep)
			dead := dieAt(second.fsys, 1+(n*31+i*17)%300)
			if err := second.live(storySteps); err != nil && !dead() {
				t.Fatalf("op %d, keep %d: open after crash: %v", n, keep, err)
			}
			third := second.branch(uint64(n)+1e6, keeps[(i+n)%len(keeps)])
			if err := third.live(3); err != nil {
				t.Fatalf("op %d, keep %d: open after second crash: %v", n, keep, err)
			}
		}
	}
}

// TestFaultA06NameOfANewSegment loses power when a segment was begun. Its name is on the
// disk before anything is acknowledged in it, and if its sync fails nothing is.
func TestFaultA06NameOfANewSegment(t *testing.T) {
	fsys, n := crashfs.New(), 0
	r := start(t, smallOptions(fsys))
	crash := func(what string) {
		t.Helper()
		for _, keep := range []int{0, 50, 100} {
			b, err := Open(smallOptions(fsys.Crash(rand.New(rand.NewPCG(1, 1)), keep)))
			if err != nil {
				t.Fatalf("%s, keep %d: %v", what, keep, err)
			}
			mustHold(t, b, n)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for r.Stats().Segments < 3 {
		r.mustAppend(t, testEvents(n, 25)...)
		n += 25
	}
	crash("acknowledged in a new segment")
	fsys.Inject(func(op crashfs.Op) error {
		if op.Kind == crashfs.SyncDir {
			return errDead
		}
		return nil
	})
	var err error
	for err == nil {
		if _, err = r.Append(t.Context(), testEvents(n, 25)); err == nil {
			n += 25
		}
	}
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("a segment whose name may be lost: %v", err)
	}
	_ = r.halt() // it says why
	fsys.Inject(nil)
	crash("a sync of the name failed")
}

// TestFaultA04CrashWithManyClients has no order of its own: acknowledged is a subset of
// recovered, each Append is whole, and no seq was given twice.
func TestFaultA04CrashWithManyClients(t *testing.T) {
	for n := 40; n < 240; n += 3 * stride {
		s := newStory(t)
		dieAt(s.fsys, n)
		acked, asked := s.crowd()
		for i, keep := range []int{0, 50, 100} {
			after := s.branch(uint64(n+i), keep)
			b, err := Open(after.options())
			if err != nil {
				t.Fatalf("op %d, keep %d: %v", n, keep, err)
			}
			bySeq := make(map[int64]string)
			parts := make(map[string]int)
			for _, row := range rows(t, b) {
				bySeq[row.Seq] = row.ID
				parts[row.RequestID.S]++
			}
			for seq, id := range acked {
				if bySeq[seq] != id {
					t.Fatalf("op %d, keep %d: seq %d is %q, acknowledged %q", n, keep, seq, bySeq[seq], id)
				}
			}
			for request, rows := range parts {
				if asked[request] != rows {
					t.Fatalf("op %d, keep %d: %d rows of request %s, want %d", n, keep, rows, request, asked[request])
				}
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// crowd appends from several clients until the machine dies. It returns the
// acknowledged ids by seq and the size of every request.
func (s *story) crowd() (acked map[int64]string, asked map[string]int) {
	acked, asked = make(map[int64]string), make(map[string]int)
	b, err := Open(s.options())
	if err != nil {
		return acked, asked
	}
	r := launch(b)
	defer r.halt()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for c := range 6 {
		wg.Go(func() {
			for i := range 40 {
				events := testEvents(c*10_000+i*10, 1+(c+i)%9)
				request := fmt.Sprintf("%d-%d", c, i)
				for k := range events {
					events[k].RequestID = event.Str(request)
				}
				mu.Lock()
				asked[request] = len(events)
				mu.Unlock()
				seqs, err := r.Append(context.Background(), events)
				if err != nil {
					return
				}
				mu.Lock()
				for k, e := range events {
					acked[seqs[k]] = e.ID
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return acked, asked
}

// TestFaultAtEveryOperation makes each operation fail once, done or not, writes
// also in part, and everything work again after it. Whatever the process
// believed by then, what it acknowledged is there on the next start.
func TestFaultAtEveryOperation(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, fault := range []*crashfs.Fault{{Err: boom}, {Err: boom, Done: true}, {Err: boom, Part: 700}} {
		for n := 1; ; n += stride {
			s := newStory(t)
			var hit crashfs.Op
			var synced, over bool
			s.fsys.Inject(func(op crashfs.Op) error {
				if over = op.N >= n; op.N == n && !s.checking.Load() {
					hit = op
					return fault
				}
				// A second sync of what a sync failed on would prove nothing.
				synced = synced || op.N > n && op.Kind == hit.Kind && op.Name == hit.Name
				return nil
			})
			err := s.live(storySteps)
			if !over {
				break
			}
			if hit.Kind == crashfs.Sync && synced {
				t.Fatalf("op %d: %s was synced again after a failed sync", n, hit.Name)
			}
			if (hit.Kind == crashfs.Sync || hit.Kind == crashfs.SyncDir) && err == nil {
				t.Fatalf("op %d: nobody noticed the failed %s of %s", n, hit.Kind, hit.Name)
			}
			for _, keep := range []int{0, 50, 100} {
				after := s.branch(uint64(n), keep)
				if err := after.live(5); err != nil {
					t.Fatalf("op %d %s %s (done %v), keep %d: %v", n, hit.Kind, hit.Name, fault.Done, keep, err)
				}
			}
		}
	}
}
