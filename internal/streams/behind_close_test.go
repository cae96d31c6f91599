package streams

import (
	"errors"
	"os"
	"path/filepath"
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
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// closing returns what is set once the closing commit of the first stream is on its way.
func (w *world) closing() *atomic.Bool {
	var closing atomic.Bool
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".commit") && strings.Contains(c.Key, w.first.String()) {
			closing.Store(true)
		}
		return nil
	})
	return &closing
}

// sendAgain sends what the first stream has acknowledged, and demands that it is recognised.
func (p *process) sendAgain(before []event.Event) error {
	stored, err := p.line.Append(p.w.t.Context(), slices.Clone(before))
	if err == nil && len(stored.Earlier) != len(before) {
		p.w.t.Errorf("of %d events that were taken before, %d are recognised", len(before), len(stored.Earlier))
	}
	return err
}

// TestFaultA15NoDescriptorBehindTheClose: for one moment, or some, nothing can be opened
// once the stream is closed for good. The same process goes on with the successor, which
// recognises what the closed one took.
func TestFaultA15NoDescriptorBehindTheClose(t *testing.T) {
	for _, many := range []int{1, 5} {
		for n := 1; ; n++ {
			disk := crashfs.New()
			w := newWorld(t, disk, "/data")
			w.clock.advance(time.Minute)
			next := w.successor(w.first)
			p := must(w.start())
			before := w.events(3)
			if err := errors.Join(p.ready(uuid.Nil), p.send(before...), p.drain()); err != nil {
				t.Fatal(err)
			}
			closing, opens, hit := w.closing(), 0, []string(nil)
			disk.Inject(func(op crashfs.Op) error {
				if op.Kind != crashfs.Open || !closing.Load() {
					return nil
				}
				if opens++; opens < n || opens >= n+many {
					return nil
				}
				hit = append(hit, op.Name)
				return syscall.EMFILE
			})
			p.line.Rotate()
			err := errors.Join(p.ready(next), p.sendAgain(before), p.drain(), p.end())
			disk.Inject(nil)
			w.check()
			if err != nil || t.Failed() {
				t.Fatalf("no descriptor for %v: %v", hit, err)
			}
			if len(hit) == 0 {
				if n < 20 {
					t.Fatalf("only %d opens behind the close", n-1)
				}
				break
			}
		}
	}
}

// TestToldToStopBehindTheClose: the successor cannot begin yet when the process is told to
// stop. All is archived, and the next start goes on.
func TestToldToStopBehindTheClose(t *testing.T) {
	for _, name := range []string{idsName + ".new", currentName + ".tmp", idsName, "ledger/state"} {
		disk := crashfs.New()
		w := newWorld(t, disk, "/data")
		w.clock.advance(time.Minute)
		next := w.successor(w.first)
		p := must(w.start())
		before := w.events(3)
		if err := errors.Join(p.ready(uuid.Nil), p.send(before...)); err != nil {
			t.Fatal(err)
		}
		closing := w.closing()
		failed := make(chan struct{}, 1)
		disk.Inject(func(op crashfs.Op) error {
			if op.Kind != crashfs.Open || !closing.Load() || !strings.HasSuffix(op.Name, "/"+name) {
				return nil
			}
			select {
			case failed <- struct{}{}:
			default:
			}
			return syscall.EMFILE
		})
		p.line.Rotate()
		<-failed
		if err := errors.Join(p.drain(), p.end()); err != nil {
			t.Errorf("%s cannot be opened: it ends with %v", name, err)
		}
		disk.Inject(nil)
		p = must(w.start())
		if err := errors.Join(p.ready(next), p.sendAgain(before), p.drain(), p.end()); err != nil {
			t.Fatal(err)
		}
		w.check()
	}
}

// TestIDsThatCannotBeSavedStopNothing: a retry may be stored twice then. Events are refused
// for half a minute at most, in which it may have passed.
func TestIDsThatCannotBeSavedStopNothing(t *testing.T) {
	disk := crashfs.New()
	w := newWorld(t, disk, "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	tries := 0
	disk.Inject(func(op crashfs.Op) error {
		if op.Kind != crashfs.Open || !strings.HasSuffix(op.Name, "/"+idsName+".new") {
			return nil
		}
		tries++
		return syscall.EIO
	})
	p := must(w.start())
	if err := errors.Join(p.ready(uuid.Nil), p.send(w.events(3)...)); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if wait := look * (1<<(tries-1) - 1); wait < quiesceTime || wait > 2*quiesceTime {
		t.Errorf("tried %d times, with %v of pauses between", tries, wait)
	}
	w.check()
}

// fill makes the disk have that much room left.
func fill(disk *crashfs.FS, left int64) {
	const huge = 1 << 40
	disk.SetCapacity(huge)
	disk.SetCapacity(huge - must(disk.Free("/data")) + left)
}

// filling is a disk that somebody else fills when ids are saved first: early, before
// anybody looks at what is free, or afterwards.
type filling struct {
	*crashfs.FS
	left          int64
	early, filled bool
}

func (f *filling) Free(dir string) (int64, error) {
	if f.early && !f.filled && filepath.Base(filepath.Dir(dir)) == "streams" {
		f.filled = true
		fill(f.FS, f.left)
	}
	return f.FS.Free(dir)
}

func (f *filling) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	if strings.HasSuffix(name, "/"+idsName+".new") && !f.filled {
		f.filled = true
		fill(f.FS, f.left)
	}
	return f.FS.OpenFile(name, flag, perm)
}

// impatient ends a process that pauses again and again.
func (w *world) impatient() {
	var pauses atomic.Int64
	w.paused = func(time.Duration) {
		if pauses.Add(1) > 100 {
			(*w.power.Load())()
		}
	}
}

// manyIDs starts a process whose stream has events enough for 80,000 bytes of ids, all of
// them archived.
func (w *world) manyIDs() *process {
	w.t.Helper()
	p := must(w.start())
	err := p.ready(uuid.Nil)
	for range 40 {
		err = errors.Join(err, p.send(w.events(100)...))
	}
	if err = errors.Join(err, p.drain()); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestFaultA10NoRoomForIDs: a stream is rotated when less is free than its ids take. The
// window is shorter then; what was written of them does not take the room that stream.json
// needs.
func TestFaultA10NoRoomForIDs(t *testing.T) {
	w := newWorld(t, &filling{FS: crashfs.New(), left: 60_000}, "/data")
	w.clock.advance(time.Minute)
	w.impatient()
	next := w.successor(w.first)
	p := w.manyIDs()
	p.line.Rotate()
	if err := errors.Join(p.ready(next), p.end()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{idsName, idsName + ".new"} {
		if raw, err := readFile(w, "streams/"+next.String()+"/"+name); err == nil {
			t.Errorf("%s has %d bytes", name, len(raw))
		}
	}
	w.rotateAndCheck(next)
}

// TestFaultA10LastRoom: the ids would fit, and then nothing else would. What the successor
// must write to begin is worth more.
func TestFaultA10LastRoom(t *testing.T) {
	for _, left := range []int64{80_300, 80_800, 81_000, 2 << 20} { // the ids take 80,056
		w := newWorld(t, &filling{FS: crashfs.New(), left: left, early: true}, "/data")
		w.clock.advance(time.Minute)
		w.impatient()
		next := w.successor(w.first)
		p := w.manyIDs()
		p.line.Rotate()
		if err := errors.Join(p.ready(next), p.end()); err != nil {
			t.Errorf("%d bytes are left: %v", left, err)
		}
		if _, err := readFile(w, "streams/"+next.String()+"/"+idsName); (err == nil) != (left > 1<<20) {
			t.Errorf("%d bytes are left: ids: %v", left, err)
		}
	}
}

// TestFaultA10CutIDsOfADeadProcess: a process is killed while it saves ids, and the disk is
// full. What it has written of them does not take the room that the next one needs.
func TestFaultA10CutIDsOfADeadProcess(t *testing.T) {
	disk := crashfs.New()
	w := newWorld(t, disk, "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p := w.manyIDs()
	hit := w.dieWhen(disk, func(op crashfs.Op) bool {
		return op.Kind == crashfs.Rename && strings.HasSuffix(op.Name, idsName+".new")
	})
	p.line.Rotate()
	_ = p.ready(next)
	_ = p.end()
	disk.Inject(nil)
	if hit.Load() == nil {
		t.Fatal("no ids were saved")
	}
	fill(disk, 0)
	w.impatient()
	w.rotateAndCheck(next)
}
