package buffer

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestDamageIsSticky: after a failed sync nothing is acknowledged, Run returns,
// and the next start has what was acknowledged before.
func TestDamageIsSticky(t *testing.T) {
	synctest.Test(t, testDamageIsSticky)
}

func testDamageIsSticky(t *testing.T) {
	fsys := crashfs.New()
	r := start(t, testOptions(fsys, "/wal"))
	r.mustAppend(t, testEvents(0, 3)...)
	synctest.Wait() // the keeper has made its spare, so the next sync is that of the log
	syncs := 0
	fsys.Inject(func(op crashfs.Op) error {
		if op.Kind == crashfs.Sync {
			if syncs++; syncs == 1 {
				return errors.New("EIO")
			}
		}
		return nil
	})
	if _, err := r.Append(t.Context(), testEvents(3, 1)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("append over a failed sync: %v", err)
	}
	if _, err := r.Append(t.Context(), testEvents(3, 1)); !errors.Is(err, ErrDamaged) {
		t.Errorf("append after a failed sync: %v", err)
	}
	if err := r.Seal(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("seal: %v", err)
	}
	if _, err := r.Next(t.Context(), -1); !errors.Is(err, ErrDamaged) {
		t.Errorf("next: %v", err)
	}
	if err := <-r.done; !errors.Is(err, ErrDamaged) {
		t.Errorf("run: %v", err)
	}
	close(r.done)
	if r.Stats().Damaged == nil {
		t.Error("stats do not tell")
	}
	if syncs != 1 {
		t.Errorf("%d syncs: a failed one was tried again", syncs)
	}
	again := start(t, testOptions(fsys.Crash(rand.New(rand.NewPCG(1, 1)), 0), "/wal"))
	mustHold(t, again.Buffer, 3)
	again.mustHalt(t)
}

// TestReadOnlyDisk: a file system that has become read-only takes no new segment. The
// server ends, rather than refuse events until somebody wonders.
func TestReadOnlyDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		b, err := Open(testOptions(fsys, "/wal"))
		if err != nil {
			t.Fatal(err)
		}
		fsys.Inject(func(op crashfs.Op) error {
			if op.Kind == crashfs.Open && strings.Contains(op.Name, sparePrefix) {
				return syscall.EROFS
			}
			return nil
		})
		r := run(t, b)
		if err := <-r.done; !errors.Is(err, ErrDamaged) || !errors.Is(err, syscall.EROFS) {
			t.Errorf("run: %v", err)
		}
		close(r.done)
	})
}

// TestNoAnswerBeforeSync holds the sync back and sees that nobody is answered,
// and that what comes meanwhile shares the next sync.
func TestNoAnswerBeforeSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, testOptions(crashfs.New(), "/wal"))
		r.mustAppend(t, testEvent(0))
		syncs, leave := 0, make(chan struct{})
		open := sync.OnceFunc(func() { close(leave) })
		defer open() // a Run that waits there could not be halted
		r.w.file = &gatedFile{File: r.w.file, before: func() {
			syncs++
			<-leave
		}}
		answered := make(chan error, 10)
		ask := func(i int) {
			_, err := r.Append(context.Background(), testEvents(i, 1))
			answered <- err
		}
		go ask(1)
		synctest.Wait()
		for i := range 9 {
			go ask(2 + i/2) // some are sent twice: copies wait as well
		}
		synctest.Wait()
		if len(answered) != 0 {
			t.Fatal("answered before the sync")
		}
		open()
		synctest.Wait()
		if len(answered) != 10 || syncs != 2 {
			t.Errorf("%d answers after %d syncs, want 10 after 2", len(answered), syncs)
		}
		r.mustHalt(t)
	})
}
