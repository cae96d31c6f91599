package streams

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// TestSuccessorsOutOfOrder: the successor of the successor is older, since it was made
// where the clock is behind. Each stream is closed in favour of the one that continues it.
func TestSuccessorsOutOfOrder(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Hour)
	next := w.successor(w.first)
	w.clock.advance(-time.Minute)
	w.successor(next)
	w.clock.advance(time.Hour)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(2)...)); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestSuccessorOfAnother: one whose certificate names a stream that does not come after
// this one is not taken, which verifiers would call a fork, and the reason says what to do.
func TestSuccessorOfAnother(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	other := w.successor(uuid.New())
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(2)...)); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	waiting := func() error {
		p.line.mu.Lock()
		defer p.line.mu.Unlock()
		return p.line.waiting
	}
	await(t, func() bool { return waiting() != nil || p.line.Current().Open.Stream == other })
	if err := waiting(); !errors.Is(err, ErrNoSuccessor) || !strings.Contains(err.Error(), "--previous "+w.first.String()) {
		t.Errorf("waits for %v", err)
	}
	if err := p.send(w.events(1)...); err != nil {
		t.Errorf("no events are taken meanwhile: %v", err)
	}
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	if err := errors.Join(p.ready(next), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if n := notes(w.check(), w.first, ledger.NoteRotate); len(n) != 1 || n[0].Stream != next {
		t.Errorf("rotate notes %+v", n)
	}
}

// TestLast: what a new successor is to continue, in whatever order those that wait come.
func TestLast(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	last := func(f Folder, want uuid.UUID, what string) {
		t.Helper()
		if got, err := f.Last(); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", what, got, err, want)
		}
	}
	last(w.folder(), w.first, "nothing waits")
	end := w.first
	for range 8 { // in the same second: they are in order of their ids
		end = w.successor(end)
	}
	last(w.folder(), end, "a line of eight")
	away := w.folder()
	away.Dir, away.OpenFile = "/nowhere", "/nowhere/"+openName
	last(away, end, "on the machine with the root key")
	away.NextDir = "/nowhere/next"
	if got, err := away.Last(); err == nil {
		t.Errorf("nothing is known, and it is %s", got)
	}
	w.successor(uuid.New())
	last(w.folder(), end, "one of another line waits too")
}
