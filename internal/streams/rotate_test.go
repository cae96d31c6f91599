package streams

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestRotate: the oldest successor takes over in the same process, the closed stream
// names it, what was sent before is recognised, and the archive object is locked as
// long as the new stream needs it.
func TestRotate(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Hour)
	next := w.successor(w.first)
	w.clock.advance(time.Hour)
	later := w.successor(next)
	p := must(w.start())
	before := w.events(5)
	if err := errors.Join(p.ready(uuid.Nil), p.send(before...)); err != nil {
		t.Fatal(err)
	}
	if p.line.Current().Open.Stream != w.first {
		t.Fatal("rotated without a reason")
	}
	switched := 0
	p.line.OnSwitch(func(old, now *Stream) {
		if old.Open.Stream != w.first || now.Open.Stream != next {
			t.Errorf("switched from %s to %s", old.Open.Stream, now.Open.Stream)
		}
		if p.line.Current() != old {
			t.Error("told when the new stream may have taken events already")
		}
		switched++
	})
	p.line.Rotate()
	if err := p.ready(next); err != nil {
		t.Fatal(err)
	}
	if switched != 1 {
		t.Errorf("told %d times", switched)
	}
	if err := p.line.Archived(t.Context(), w.first, 4); err != nil {
		t.Errorf("an event of the closed stream: %v", err)
	}
	fresh := w.events(1)
	w.unsure[fresh[0].ID] = fresh[0]
	stored := must(p.line.Append(t.Context(), append(fresh, before[3])))
	if stored.Stream != next || stored.Seqs[0] != 0 || stored.Seqs[1] != 3 || len(stored.Earlier) != 1 || stored.Earlier[1] != w.first {
		t.Errorf("stored %+v", stored)
	}
	other := before[2]
	other.Fingerprint++
	var taken *ConflictError
	if _, err := p.line.Append(t.Context(), append(w.events(1), other)); !errors.As(err, &taken) || taken.Index[0] != 1 || taken.Seq[0] != 2 || taken.Earlier[0] != w.first {
		t.Errorf("%v", err)
	}
	if err := errors.Join(p.send(w.events(3)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.finish()
	view := w.check()
	if n := notes(view, w.first, ledger.NoteRotate); len(n) != 1 || n[0].Stream != next {
		t.Errorf("rotate notes %+v", n)
	}
	info := must(w.store.Head(t.Context(), ledger.ArchiveKey(prefix), ""))
	if want := view.Streams[1].Open.RetainUntil; !info.RetainUntil.Equal(want) {
		t.Errorf("the archive object is locked until %s, want %s", info.RetainUntil, want)
	}
	left := must(func() ([]Successor, error) { f := w.folder(); return f.Waiting() }())
	if len(left) != 1 || left[0].Open.Stream != later {
		t.Errorf("waiting: %+v", left)
	}
}

// TestWithoutStreamJSON: nobody takes the first stream for the current one when another
// has a log.
func TestWithoutStreamJSON(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p := must(w.start())
	p.line.Rotate()
	if err := errors.Join(p.ready(next), p.send(w.events(2)...), p.end()); err != nil {
		t.Fatal(err)
	}
	must(0, w.fs.Remove("/data/"+currentName))
	w.successor(w.first)
	if _, err := w.start(); err == nil || !strings.Contains(err.Error(), next.String()) {
		t.Errorf("started, or does not name the log: %v", err)
	}
	f := w.folder()
	must(0, f.save(current{Stream: next}))
	w.finish()
	w.check()
}

// TestRotateInTime: a stream rotates by itself when it is near its end, and a node that
// has the root key makes its successors.
func TestRotateInTime(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.make = true
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(2)...)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		was := p.line.Current()
		w.clock.advance(ledger.StreamLife - 29*24*time.Hour)
		<-was.Ended
		if err := errors.Join(p.ready(uuid.Nil), p.send(w.events(2)...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if view := w.check(); len(view.Streams) != 4 || !view.Streams[2].Head.Closed || view.Streams[3].Head.Closed ||
		view.Streams[3].Open.Previous != view.Streams[2].Open.Stream {
		t.Errorf("%d streams", len(view.Streams))
	}
}

// TestStreamEnds: without a successor events are taken until the certificate ends, with
// a warning, and then refused with the reason. One that comes late is taken all the same.
func TestStreamEnds(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	p := must(w.start())
	if err := p.ready(w.first); err != nil {
		t.Fatal(err)
	}
	if why := p.line.Warning(); why != "" {
		t.Errorf("warned of %s", why)
	}
	w.clock.advance(ledger.StreamLife - 29*24*time.Hour)
	await(t, func() bool { return p.line.Warning() != "" })
	if why := p.line.Warning(); !strings.Contains(why, "archiver stream next") {
		t.Errorf("warning: %s", why)
	}
	if err := p.send(w.events(1)...); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(29 * 24 * time.Hour)
	if err := p.send(w.events(1)...); !errors.Is(err, ErrNotReady) || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("after the end: %v", err)
	}
	next := w.successor(w.first)
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// await waits for what another goroutine brings about soon.
func await(t *testing.T, is func() bool) {
	t.Helper()
	turn, late := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer turn.Stop()
	for !is() {
		select {
		case <-turn.C:
		case <-late:
			t.Fatal("it does not happen")
		}
	}
}

// TestUnusableSuccessors: one that is being copied, of another archive, or that has
// begun already is not taken.
func TestUnusableSuccessors(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	begun := w.successor(w.first)
	p := must(w.start())
	p.line.Rotate()
	if err := errors.Join(p.ready(begun), p.end()); err != nil {
		t.Fatal(err)
	}
	// The folder comes back from a backup in which begun waits.
	backup := newWorld(t, crashfs.New(), "/other")
	foreign := backup.successor(backup.first)
	copyInto(w, backup, foreign)
	half := w.successor(begun)
	must(0, w.fs.Remove(w.dir+"/next/"+half.String()+"/"+keyName))
	copyBack(w, begun)
	w.put("next/notes.txt", []byte("not a successor"))
	p = must(w.start())
	if err := errors.Join(p.ready(begun), p.send(w.events(1)...)); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	await(t, func() bool {
		p.line.mu.Lock()
		defer p.line.mu.Unlock()
		return errors.Is(p.line.waiting, ErrNoSuccessor)
	})
	if err := p.send(w.events(1)...); err != nil {
		t.Errorf("no events are taken while none can be used: %v", err)
	}
	w.clock.advance(time.Minute)
	good := w.successor(begun)
	if err := errors.Join(p.ready(good), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// copyInto puts another archive's successor into w.
func copyInto(w, from *world, id uuid.UUID) {
	for _, name := range []string{keyName, openName} {
		w.put("next/"+id.String()+"/"+name, must(readFile(from, "next/"+id.String()+"/"+name)))
	}
}

// copyBack makes a stream that is current wait again.
func copyBack(w *world, id uuid.UUID) {
	for _, name := range []string{keyName, openName} {
		w.put("next/"+id.String()+"/"+name, must(readFile(w, "streams/"+id.String()+"/"+name)))
	}
}

// TestRotateWaitsForTheBucket: while the bucket is away the stream goes on taking events.
func TestRotateWaitsForTheBucket(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p := must(w.start())
	if err := p.ready(w.first); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	if err := p.send(w.events(3)...); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	await(t, func() bool {
		p.line.mu.Lock()
		defer p.line.mu.Unlock()
		return errors.Is(p.line.waiting, errBusy)
	})
	for range 100 {
		if err := p.send(w.events(1)...); err == nil {
			break
		} else if !errors.Is(err, ErrNotReady) {
			t.Fatal(err)
		}
	}
	w.store.Intercept(nil)
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestRotateUnderLoad: at any time some batch is sealed and not archived, and yet the
// stream is rotated.
func TestRotateUnderLoad(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(1)...)); err != nil {
		t.Fatal(err)
	}
	s := p.line.Current()
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".commit") && strings.Contains(c.Key, w.first.String()) {
			if err := p.send(w.events(1)...); err == nil {
				err = s.Buffer.Seal(t.Context())
				if err != nil {
					t.Error(err)
				}
			} else if !errors.Is(err, ErrNotReady) {
				t.Error(err)
			}
		}
		return nil
	})
	must(0, s.Buffer.Seal(t.Context()))
	p.line.Rotate()
	if err := p.ready(next); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(nil)
	if err := errors.Join(p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestBrokenWhenItIsStopped: the journal cannot be written at the very moment in which
// the process is told to stop. It must not end as if all were well.
func TestBrokenWhenItIsStopped(t *testing.T) {
	disk := crashfs.New()
	w := newWorld(t, disk, "/data")
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	hit := make(chan struct{})
	disk.Inject(func(op crashfs.Op) error {
		if op.Kind != crashfs.SyncDir || op.Name != "/data/ledger" {
			return nil
		}
		p.stop()
		close(hit) // it is the last one
		return syscall.EIO
	})
	if err := errors.Join(p.send(w.events(2)...), p.line.Current().Buffer.Seal(t.Context())); err != nil {
		t.Fatal(err)
	}
	<-hit
	if err := p.end(); !errors.Is(err, durable.ErrSync) {
		t.Errorf("it ends with %v, want ErrSync", err)
	}
}
