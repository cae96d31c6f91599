package streams

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/testenv/every"
)

// stopAt tells the process that runs then to stop at the n-th operation of the disk from now on.
func (w *world) stopAt(disk *crashfs.FS, n int) (told *atomic.Bool) {
	at := disk.Ops() + n
	told = new(atomic.Bool)
	disk.Inject(func(op crashfs.Op) error {
		if op.N >= at && told.CompareAndSwap(false, true) {
			(*w.power.Load())()
		}
		return nil
	})
	return told
}

// TestRotateToldToStopAtEveryOperation: SIGTERM at each disk operation of a rotation. The
// process ends without an error, the next one ends with the successor, and what was
// acknowledged before is recognised.
func TestRotateToldToStopAtEveryOperation(t *testing.T) {
	for n := 1; ; n += every.New(1).Step(atMost(11, 41)) {
		disk := crashfs.New()
		w := newWorld(t, disk, "/data")
		w.clock.advance(time.Minute)
		next := w.successor(w.first)
		p := must(w.start())
		before := w.events(3)
		if err := errors.Join(p.ready(uuid.Nil), p.send(before...)); err != nil {
			t.Fatal(err)
		}
		told := w.stopAt(disk, n)
		p.line.Rotate()
		_ = p.ready(next)
		disk.Inject(nil)
		if err := p.end(); err != nil {
			t.Fatalf("at disk operation %d it ends with %v", n, err)
		}
		p = must(w.start())
		if p.line.Current().Open.Stream == w.first {
			p.line.Rotate()
		}
		if err := errors.Join(p.ready(next), p.sendAgain(before), p.drain(), p.end()); err != nil {
			t.Fatalf("told to stop at disk operation %d: %v", n, err)
		}
		w.check()
		if t.Failed() {
			t.Fatalf("told to stop at disk operation %d", n)
		}
		if !told.Load() {
			if n < 100 {
				t.Fatalf("a rotation has only %d disk operations", n)
			}
			return
		}
	}
}

// TestMoveToldToStopAtEveryOperation: the same when another writer has taken the stream.
func TestMoveToldToStopAtEveryOperation(t *testing.T) {
	for n := 1; ; n += every.New(1).Step(atMost(11, 41)) {
		disk := crashfs.New()
		x := newTwins(t, disk, true)
		next := x.successor(x.first)
		var all []event.Event
		for _, s := range x.world.sent {
			s.event.ReceivedAtMS = 0
			all = append(all, s.event)
		}
		told := x.stopAt(disk, n)
		p := must(x.start())
		_ = p.ready(next)
		disk.Inject(nil)
		if err := p.end(); err != nil && !errors.Is(err, archive.ErrConflict) && !errors.Is(err, archive.ErrClosed) {
			t.Fatalf("at disk operation %d it ends with %v", n, err)
		}
		p = must(x.start())
		if err := p.ready(next); err != nil {
			t.Fatalf("told to stop at disk operation %d: %v", n, err)
		}
		must(p.line.Append(t.Context(), all))
		if err := errors.Join(p.drain(), p.end()); err != nil {
			t.Fatal(err)
		}
		x.checkBoth()
		if t.Failed() {
			t.Fatalf("told to stop at disk operation %d", n)
		}
		if !told.Load() {
			if n < 100 {
				t.Fatalf("a move has only %d disk operations", n)
			}
			return
		}
	}
}

// TestToldToStopInTheMomentOfASwitch: the old log is over, and the new one is not current
// yet. Everything is archived, and nobody says otherwise.
func TestToldToStopInTheMomentOfASwitch(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	drained := errors.New("there was no switch")
	w.opened = func(line *Line) {
		line.OnSwitch(func(_, _ *Stream) { drained = line.Drain(context.Background()) })
	}
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...)); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	if err := errors.Join(p.ready(next), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if drained != nil {
		t.Errorf("what the old log has is archived: %v", drained)
	}
	w.check()
}

// TestOfflineBehindTheClose: the closing commit is signed, and is in the bucket or not, when
// the process ends. The next one takes events before it reaches the bucket: they are in the
// successor, and those from before are recognised.
func TestOfflineBehindTheClose(t *testing.T) {
	for _, persist := range []bool{false, true} {
		w := newWorld(t, crashfs.New(), "/data")
		w.offline = true
		w.clock.advance(time.Minute)
		next := w.successor(w.first)
		p := must(w.start())
		before := w.events(3)
		if err := errors.Join(p.ready(uuid.Nil), p.send(before...), p.drain()); err != nil {
			t.Fatal(err)
		}
		away := false
		w.store.Intercept(func(c memstore.Call) *memstore.Fault {
			switch {
			case away:
				return &memstore.Fault{Err: memstore.ErrLost}
			case c.Op == "put" && strings.HasSuffix(c.Key, ".commit"):
				away = true
				p.stop()
				return &memstore.Fault{Err: memstore.ErrLost, Persist: persist}
			}
			return nil
		})
		p.line.Rotate()
		_ = p.ready(next)
		if err := p.end(); err != nil {
			t.Fatal(err)
		}
		p = must(w.start())
		fresh := w.events(4)
		if err := errors.Join(p.send(fresh...), p.send(before...)); err != nil {
			t.Fatal(err)
		}
		w.store.Intercept(nil)
		err := errors.Join(p.ready(next), p.send(slices.Concat(before, fresh)...), p.send(w.events(1)...), p.drain(), p.end())
		if err != nil {
			t.Fatal(err)
		}
		w.check()
	}
}
