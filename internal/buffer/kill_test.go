package buffer

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestKillThenPowerLoss kills the process before each operation, so that the next
// one finds what the kernel still holds in memory. What Open shows of it may be
// archived at once: it must survive a loss of power right after.
func TestKillThenPowerLoss(t *testing.T) {
	t.Parallel()
	for n := 1; ; n += stride {
		s := newStory(t)
		dead := dieAt(s.fsys, n)
		err := s.live(storySteps)
		if err == nil && !dead() {
			return
		}
		s.fsys.Inject(nil)
		mustLast(s, n)
	}
}

// TestLostPages: a failed sync leaves pages that look good and are not on disk.
// The process exits. The next one must not believe what it reads.
func TestLostPages(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		s := newStory(t)
		syncs, hit := 0, false
		s.fsys.Inject(func(op crashfs.Op) error {
			if op.Kind != crashfs.Sync || strings.Contains(op.Name, sparePrefix) {
				return nil
			}
			if syncs++; syncs == n {
				hit = true
				return &crashfs.Fault{Err: errors.New("EIO"), Lost: true}
			}
			return nil
		})
		err := s.live(storySteps)
		if !hit {
			return
		}
		if err == nil {
			t.Fatalf("sync %d: nobody noticed", n)
		}
		s.fsys.Inject(nil)
		mustLast(s, n)
	}
}

// mustLast opens the log, loses power at once, and wants to find the same again.
func mustLast(s *story, n int) {
	s.t.Helper()
	b, err := Open(s.options())
	if err != nil {
		s.t.Fatalf("%d: open after kill: %v", n, err)
	}
	s.check(b) // also fixes what must be there from now on
	if err := b.Close(); err != nil {
		s.t.Fatal(err)
	}
	for _, keep := range []int{0, 50} {
		after := s.branch(uint64(n), keep)
		after.fsys = s.fsys.Crash(rand.New(rand.NewPCG(uint64(n), 9)), keep)
		if err := after.live(2); err != nil {
			s.t.Fatalf("%d, keep %d: open after power loss: %v", n, keep, err)
		}
	}
}
