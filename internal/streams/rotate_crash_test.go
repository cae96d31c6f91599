package streams

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/testenv/every"
)

// life is a rotation, from the first event to the last. It may end early.
func (w *world) life() {
	p, err := w.start()
	if err != nil {
		return
	}
	if err = errors.Join(p.ready(uuid.Nil), p.send(w.events(3)...)); err == nil {
		p.line.Rotate()
		deadline, cancel := context.WithTimeout(p.ctx, time.Minute)
		if s := p.line.Current(); s.Open.Stream == w.first {
			select {
			case <-s.Ended:
			case <-deadline.Done():
			}
		}
		cancel()
		if p.ready(uuid.Nil) == nil && p.send(w.events(2)...) == nil {
			_ = p.drain()
		}
	}
	_ = p.end()
}

// kept are shares, in percent, of what was not synced that survive a loss of power.
var kept = []int{0, 50, 100}

// atMost is how far apart the operations are that a test tries.
func atMost(most, short int) int {
	if testing.Short() {
		return short
	}
	return most
}

// TestRotateDiesAtEveryDiskOperation: the machine loses power at each operation of a
// rotation. The next process ends with the successor, and nothing is lost or doubled.
func TestRotateDiesAtEveryDiskOperation(t *testing.T) {
	choice := every.New(len(kept))
	for n := 1; ; n += choice.Step(atMost(3, 17)) {
		for round := range choice.Rounds() {
			disk := crashfs.New()
			w := newWorld(t, disk, "/data")
			w.clock.advance(time.Minute)
			next := w.successor(w.first)
			hit := w.dieAt(disk, n)
			w.life()
			disk.Inject(nil)
			if hit.Load() == nil {
				if n < 100 {
					t.Fatalf("a rotation has only %d disk operations", n)
				}
				return
			}
			keep := kept[choice.Pick(round, *hit.Load())]
			w.fs = disk.Crash(rand.New(rand.NewPCG(uint64(n), 3)), keep)
			w.rotateAndCheck(next)
			if t.Failed() {
				t.Fatalf("at disk operation %d, %s %s, keeping %d %%", n, hit.Load().Kind, hit.Load().Name, keep)
			}
		}
	}
}

// TestRotateKilledThenPowerLoss: the process dies before a name in the data folder is
// durable, the next one goes on with what it can read, and then the machine loses power:
// whatever that one has relied on has to be on the disk.
func TestRotateKilledThenPowerLoss(t *testing.T) {
	for n := 1; ; n++ {
		disk := crashfs.New()
		w := newWorld(t, disk, "/data")
		w.clock.advance(time.Minute)
		next := w.successor(w.first)
		syncs := 0
		hit := w.dieWhen(disk, func(op crashfs.Op) bool {
			if op.Kind == crashfs.SyncDir && op.Name == w.dir {
				syncs++
			}
			return syncs == n
		})
		w.life()
		disk.Inject(nil)
		if hit.Load() == nil {
			if n < 3 {
				t.Fatalf("the data folder is synced %d times only", n-1)
			}
			return
		}
		p := must(w.start())
		if err := errors.Join(p.ready(uuid.Nil), p.send(w.events(2)...), p.end()); err != nil && !errors.Is(err, ErrNotReady) { // while it rotates
			t.Fatal(err)
		}
		w.fs = disk.Crash(rand.New(rand.NewPCG(uint64(n), 5)), 0)
		w.rotateAndCheck(next)
		if t.Failed() {
			t.Fatalf("at sync %d", n)
		}
	}
}

// TestRotateFailsAtEveryDiskOperation makes one operation fail, and everything work
// again after it.
func TestRotateFailsAtEveryDiskOperation(t *testing.T) {
	faults := []*crashfs.Fault{
		{Err: syscall.EIO}, {Err: syscall.EIO, Done: true}, {Err: syscall.ENOSPC, Part: 700}, {Err: syscall.EMFILE}, {Err: syscall.EIO, Lost: true},
	}
	choice := every.New(len(faults))
	for n := 1; ; n += choice.Step(atMost(3, 17)) {
		for round := range choice.Rounds() {
			disk := crashfs.New()
			w := newWorld(t, disk, "/data")
			w.clock.advance(time.Minute)
			next := w.successor(w.first)
			at, hit, fault := disk.Ops()+n, crashfs.Op{}, -1
			disk.Inject(func(op crashfs.Op) error {
				if op.N != at {
					return nil
				}
				hit, fault = op, choice.Pick(round, op)
				return faults[fault]
			})
			w.life()
			disk.Inject(nil)
			if fault < 0 {
				if n < 100 {
					t.Fatalf("a rotation has only %d disk operations", n)
				}
				return
			}
			w.rotateAndCheck(next)
			if t.Failed() {
				t.Fatalf("at disk operation %d, %s %s, fault %+v", n, hit.Kind, hit.Name, faults[fault])
			}
		}
	}
}

// TestRotateAtEveryCall loses each request or answer of a rotation.
func TestRotateAtEveryCall(t *testing.T) {
	for _, persist := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t, crashfs.New(), "/data")
			w.clock.advance(time.Minute)
			next := w.successor(w.first)
			calls := 0
			w.store.Intercept(func(memstore.Call) *memstore.Fault {
				if calls++; calls == n {
					return &memstore.Fault{Err: memstore.ErrLost, Persist: persist}
				}
				return nil
			})
			w.life()
			w.store.Intercept(nil)
			w.rotateAndCheck(next)
			if t.Failed() {
				t.Fatalf("at call %d, persist %v", n, persist)
			}
			if calls < n {
				if n < 20 {
					t.Fatalf("a rotation has only %d calls", n)
				}
				break
			}
		}
	}
}

// rotateAndCheck runs a process that ends in the successor, whatever was before.
func (w *world) rotateAndCheck(next uuid.UUID) {
	w.t.Helper()
	p, err := w.start()
	if err != nil {
		w.t.Error(err)
		return
	}
	if err := p.ready(uuid.Nil); err != nil {
		w.t.Error(err)
		return
	}
	if p.line.Current().Open.Stream == w.first {
		p.line.Rotate()
	}
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		w.t.Error(err)
		return
	}
	w.check()
}
