package buffer

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestNoDescriptorAtEveryOpen: for one moment, or some, nothing can be opened, no file and
// no folder. Nothing about the disk is in doubt: events are refused at most, what is asked
// for is done when there are descriptors again, and a loss of power takes nothing.
func TestNoDescriptorAtEveryOpen(t *testing.T) {
	for _, many := range []int{1, 4} {
		for n, over := 1, false; !over; n++ {
			synctest.Test(t, func(t *testing.T) { over = withoutDescriptors(t, n, many) })
			if over && n < 20 {
				t.Fatalf("only %d files and folders are opened: the script does nothing", n-1)
			}
		}
	}
}

// withoutDescriptors works while the opens from the n-th on fail, so many. It says whether
// there were fewer than n.
func withoutDescriptors(t *testing.T, n, many int) (over bool) {
	fsys := crashfs.New()
	r := start(t, smallOptions(fsys))
	r.mustAppend(t, testEvent(0))
	synctest.Wait()
	opens, hit := 0, []string(nil)
	fsys.Inject(func(op crashfs.Op) error {
		if op.Kind != crashfs.Open {
			return nil
		}
		if opens++; opens < n || opens >= n+many {
			return nil
		}
		hit = append(hit, op.Name)
		return syscall.EMFILE
	})
	insist := func(what string, do func() error) {
		t.Helper()
		for try := 0; ; try++ {
			err := do()
			if err == nil {
				return
			}
			if errors.Is(err, ErrDamaged) || try == 10 {
				t.Fatalf("%s, after no descriptor was left for %v: %v", what, hit, err)
			}
			time.Sleep(keepPeriod)
			synctest.Wait()
		}
	}
	sent := 1
	for i := range 24 {
		insist("append", func() error {
			_, err := r.Append(t.Context(), testEvents(sent, 40))
			return err
		})
		sent += 40
		insist("seal", func() error { return r.Seal(t.Context()) })
		if i%4 == 3 {
			batch, err := r.Next(t.Context(), -1)
			if err != nil {
				t.Fatal(err)
			}
			insist("release", func() error { return r.Release(t.Context(), batch) })
		}
		synctest.Wait()
	}
	fsys.Inject(nil)
	want := rows(t, r.Buffer)
	if first := r.Stats().FirstSeq; int(first)+len(want) != sent || r.segments[len(r.segments)-1].number < 2 {
		t.Fatalf("%d events from seq %d on, %d were sent; segment %d", len(want), first, sent, r.segments[len(r.segments)-1].number)
	}
	r.mustHalt(t)
	again := start(t, smallOptions(fsys.Crash(rand.New(rand.NewPCG(uint64(n), 7)), 0)))
	if got := rows(t, again.Buffer); !slices.Equal(got, want) {
		t.Fatalf("without %v: %d rows after a loss of power, %d before", hit, len(got), len(want))
	}
	for seq := range int64(sent) { // the ids of what was released too
		if got, err := again.Append(t.Context(), testEvents(int(seq), 1)); err != nil || got[0] != seq {
			t.Fatalf("without %v: event %d, sent again, has seq %d, %v", hit, seq, got, err)
		}
	}
	again.mustHalt(t)
	return len(hit) == 0
}

// TestIDsThatMayNotBeWritten: rights do not come back by themselves, so a release does not
// wait for them: ids are no evidence.
func TestIDsThatMayNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := crashfs.New()
		r := start(t, smallOptions(fsys))
		r.mustAppend(t, testEvents(0, 10)...)
		if err := r.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		batch, err := r.Next(t.Context(), -1)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		fsys.Inject(func(op crashfs.Op) error {
			if !strings.Contains(op.Name, "/"+marksDir) {
				return nil
			}
			refused++
			return &fs.PathError{Op: string(op.Kind), Path: op.Name, Err: syscall.EACCES}
		})
		if err := r.Release(t.Context(), batch); err != nil || refused == 0 || r.Stats().FirstSeq != 10 {
			t.Errorf("after %d refusals: %v, the log begins with seq %d", refused, err, r.Stats().FirstSeq)
		}
		r.mustHalt(t)
	})
}
