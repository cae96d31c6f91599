package archive

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestLostAnswers crosses "which write" with "was it done anyway".
func TestLostAnswers(t *testing.T) {
	w := newECDSAWorld(t)
	w.life(nil)
	w.check()
	puts := w.store.Calls("put")
	if puts < 9 { // archive, open, start, 2 x (files + commit)
		t.Fatalf("only %d puts: the test does not test what it should", puts)
	}
	for n := 2; n <= puts; n++ {
		for _, persist := range []bool{false, true} {
			t.Run(fmt.Sprintf("put %d persist %v", n, persist), func(t *testing.T) {
				w := newECDSAWorld(t)
				w.store.FailPut(n, memstore.Fault{Err: memstore.ErrLost, Persist: persist})
				w.life(nil)
				w.check()
			})
		}
	}
}

// life is one process that archives two batches, or ends when broken is closed.
func (w *world) life(broken <-chan struct{}) {
	w.t.Helper()
	p, err := w.start()
	if err != nil {
		if broken == nil {
			w.t.Fatal(err)
		}
		return
	}
	done := make(chan error, 1)
	go func() {
		for range 2 {
			if err := p.send(w.events(7)...); err != nil {
				done <- err
				return
			}
		}
		done <- p.drain()
	}()
	select {
	case err := <-done:
		if err != nil && broken == nil {
			w.t.Error(err)
		}
		_ = p.end()
	case <-broken:
		_ = p.end()
		<-done
	}
}

// TestCrashAtEveryStoreCall ends the process at the n-th call to the bucket, done
// or not, for every n of a run, and lets another one finish.
func TestCrashAtEveryStoreCall(t *testing.T) {
	for _, persist := range []bool{false, true} {
		for n := 1; ; n++ {
			reached := false
			w := newECDSAWorld(t)
			broken := make(chan struct{})
			calls := 0
			w.store.Intercept(func(memstore.Call) *memstore.Fault {
				calls++
				switch {
				case calls < n:
					return nil
				case calls == n:
					reached = true
					close(broken)
					return &memstore.Fault{Err: memstore.ErrLost, Persist: persist}
				default:
					return &memstore.Fault{Err: memstore.ErrLost}
				}
			})
			w.life(broken)
			w.store.Intercept(nil)
			w.finish()
			w.check()
			if t.Failed() {
				t.Fatalf("at call %d, persist %v", n, persist)
			}
			if !reached {
				if n < 20 {
					t.Fatalf("a life has only %d calls: the test does not test what it should", n-1)
				}
				break
			}
		}
	}
}

// TestPowerLossAtEveryDiskOperation lets the machine lose power before its n-th
// change of the disk, for every n of a run: nothing, half or all of what was not
// synced survives. Then another process finishes.
func TestPowerLossAtEveryDiskOperation(t *testing.T) {
	for _, keep := range []int{0, 50, 100} {
		for n := 1; ; n++ {
			w := newECDSAWorld(t)
			disk := crashfs.New()
			w.fs, w.dir = disk, "/data"
			dead, once := make(chan struct{}), sync.Once{}
			disk.Inject(func(op crashfs.Op) error {
				switch op.Kind {
				case crashfs.Read, crashfs.Open, crashfs.Size, crashfs.Close:
					return nil
				}
				if op.N < n {
					return nil
				}
				once.Do(func() { close(dead) })
				return errors.New("the machine is off")
			})
			w.life(dead)
			select {
			case <-dead:
			default:
				if n < 50 {
					t.Fatalf("a life has only %d disk operations: the test does not test what it should", n)
				}
			}
			w.fs = disk.Crash(rand.New(rand.NewPCG(uint64(n), 1)), keep)
			w.finish()
			w.check()
			if t.Failed() {
				t.Fatalf("at disk operation %d, keeping %d %%", n, keep)
			}
			select {
			case <-dead:
				continue
			default:
			}
			break
		}
	}
}
