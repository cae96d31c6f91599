package streams

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/testenv/every"
)

// TestMoveDiesAtEveryDiskOperation: the machine loses power at each operation of a move.
func TestMoveDiesAtEveryDiskOperation(t *testing.T) {
	choice := every.New(len(kept))
	for n := 1; ; n += choice.Step(atMost(3, 23)) {
		for round := range choice.Rounds() {
			disk := crashfs.New()
			x := newTwins(t, disk, true)
			next := x.successor(x.first)
			hit := x.dieAt(disk, n)
			x.moves()
			disk.Inject(nil)
			if hit.Load() == nil {
				if n < 100 {
					t.Fatalf("a move has only %d disk operations", n)
				}
				return
			}
			keep := kept[choice.Pick(round, *hit.Load())]
			x.fs = disk.Crash(rand.New(rand.NewPCG(uint64(n), 3)), keep)
			x.movesAndCheck(next)
			if t.Failed() {
				t.Fatalf("at disk operation %d, %s %s, keeping %d %%", n, hit.Load().Kind, hit.Load().Name, keep)
			}
		}
	}
}

// TestMoveAtEveryCall loses each request or answer of a move.
func TestMoveAtEveryCall(t *testing.T) {
	for _, persist := range []bool{false, true} {
		for n := 1; ; n += atMost(1, 5) {
			x := newTwins(t, crashfs.New(), true)
			next := x.successor(x.first)
			calls := 0
			x.store.Intercept(func(memstore.Call) *memstore.Fault {
				if calls++; calls == n {
					return &memstore.Fault{Err: memstore.ErrLost, Persist: persist}
				}
				return nil
			})
			x.moves()
			x.store.Intercept(nil)
			x.movesAndCheck(next)
			if t.Failed() {
				t.Fatalf("at call %d, persist %v", n, persist)
			}
			if calls < n {
				if n < 20 {
					t.Fatalf("a move has only %d calls", n)
				}
				break
			}
		}
	}
}

// moves is the life of a process that moves; it may end early.
func (x *twins) moves() {
	p, err := x.start()
	if err != nil {
		return
	}
	if p.ready(uuid.Nil) == nil && p.send(x.events(2)...) == nil {
		_ = p.drain()
	}
	_ = p.end()
}

func (x *twins) movesAndCheck(next uuid.UUID) {
	x.t.Helper()
	p, err := x.start()
	if err != nil {
		x.t.Error(err)
		return
	}
	if err := errors.Join(p.ready(next), p.send(x.events(1)...), p.drain(), p.end()); err != nil {
		x.t.Error(err)
		return
	}
	x.checkBoth()
}
