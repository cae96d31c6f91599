package streams

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// recovery is run by somebody with the root key, elsewhere.
func (w *world) recovery(stream uuid.UUID) archive.RecoverOptions {
	return archive.RecoverOptions{Dir: "/recover", FS: w.fs, Store: w.store, Prefix: prefix, Root: w.root.VKey(),
		Stream: stream, Signer: w.root, Host: "elsewhere", Writer: "test", Now: w.clock.now, Log: w.log}
}

// TestRolledBack: the folder comes back from a backup. All that it holds is archived
// since, or it is not: that is moved.
func TestRolledBack(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.end()); err != nil {
		t.Fatal(err)
	}
	copyTree(w.fs, "/data", w.fs, "/backup")
	p = must(w.start())
	if err := errors.Join(p.ready(w.first), p.drain(), p.send(w.events(3)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	w.dir = "/backup"
	next := w.successor(w.first)
	p = must(w.start())
	if err := errors.Join(p.ready(next), p.send(w.events(2)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if view := w.check(); len(notes(view, next, ledger.NoteMoved)) > 0 {
		t.Errorf("moved %+v, which was archived", notes(view, next, ledger.NoteMoved))
	}
}

// TestRecoveredElsewhere: the node was thought lost, and its stream was closed by a
// recovery. It comes back: what only it has goes to the successor.
func TestRecoveredElsewhere(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain(), p.send(w.events(4)...), p.end()); err != nil {
		t.Fatal(err)
	}
	got := must(archive.Recover(t.Context(), w.recovery(w.first)))
	if !got.Closed {
		t.Fatalf("recovered %+v", got)
	}
	next := w.successor(w.first)
	p = must(w.start())
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if n := notes(w.check(), next, ledger.NoteMoved); len(n) != 1 || *n[0].Range != (ledger.Range{First: 3, Last: 6}) {
		t.Errorf("moved %+v", n)
	}
}

// TestForeignData: something that this node did not write is under the name of a file of
// its own. The stream is closed, and its batch archived again by the successor.
func TestForeignData(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain(), p.send(w.events(4)...)); err != nil {
		t.Fatal(err)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	key := ledger.Join(prefix, ledger.DataName("long", w.clock.now().Format(time.DateOnly), w.first, 3, 6))
	forged := w.store.PutForged(key, []byte("not our file"))
	p = must(w.start())
	if err := p.ready(w.first); err != nil {
		t.Fatal(err)
	}
	must(0, p.line.Current().Buffer.Seal(t.Context()))
	await(t, func() bool { return p.line.Current().Archiver.Status().Stopped })
	if err := p.send(w.events(1)...); !errors.Is(err, ErrNotReady) {
		t.Errorf("a stopped stream takes events: %v", err)
	}
	next := w.successor(w.first)
	if err := errors.Join(p.ready(next), p.send(w.events(2)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.store.DeleteVersion(key, forged) // as its operator does, who has found it by verify
	view := w.check()
	if n := notes(view, w.first, ledger.NoteRotate); len(n) != 1 || n[0].Stream != next {
		t.Errorf("rotate notes %+v", n)
	}
	for _, n := range notes(view, next, ledger.NoteOrphan) {
		if ledger.Join(prefix, n.Key) == key {
			t.Errorf("a signature of ours makes a forged file an orphan: %+v", n)
		}
	}
}
