package streams

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// twins is a node whose folder was copied while it had rows in its log, and the copy,
// which has taken the stream over. The copy has committed what both have, and events of
// its own; the first node has events that only it has, acknowledged and not archived.
type twins struct {
	*world        // the one that loses
	copy   *world // the one that has the stream
}

// newTwins: settled says that the winner has committed what both have.
func newTwins(t *testing.T, fsys durable.FS, settled bool) *twins {
	t.Helper()
	w := newWorld(t, fsys, "/data")
	w.clock.advance(time.Minute)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(4)...), p.drain(), p.send(w.events(3)...), p.end()); err != nil {
		t.Fatal(err)
	}
	x := &twins{world: w, copy: w.twin("/copy")}
	// The first one takes more; its files reach the bucket, and its commit does not.
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".commit") {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	p = must(w.start())
	w.clock.advance(time.Second)
	if err := errors.Join(p.ready(w.first), p.send(w.events(2)...)); err != nil {
		t.Fatal(err)
	}
	if err := p.line.Current().Buffer.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return p.line.Current().Archiver.Status().Err != nil }) // the files are there, the commit is not
	if err := errors.Join(p.send(w.events(2)...), p.end()); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(nil)
	w.clock.advance(time.Second)
	c := must(x.copy.start())
	if err := errors.Join(c.ready(w.first), x.copyEnds(c, settled)); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	return x
}

func (x *twins) copyEnds(c *process, settled bool) error {
	if !settled {
		return c.end()
	}
	return errors.Join(c.send(x.copy.events(3)...), c.drain(), c.end())
}

// checkBoth is check over what both have promised.
func (x *twins) checkBoth() *ledger.View {
	x.t.Helper()
	all := *x.world
	all.sent = make(map[string]sent)
	for id, s := range x.copy.sent {
		all.sent[id] = s
	}
	for id, s := range x.world.sent {
		all.sent[id] = s
	}
	return all.check()
}

// TestTakenOver: what the loser acknowledged and the winner has not committed goes to
// the successor, once, with notes that say where it came from; nothing more is sent
// under the old name; and what the two have in common is not doubled.
func TestTakenOver(t *testing.T) {
	x := newTwins(t, crashfs.New(), true)
	next := x.successor(x.first)
	before := x.store.Keys()
	p := must(x.start())
	if err := errors.Join(p.ready(next), p.send(x.events(2)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	for _, key := range x.store.Keys() {
		known := false
		for _, b := range before {
			known = known || b == key
		}
		if !known && strings.Contains(key, x.first.String()) {
			t.Errorf("sent under the old name: %s", key)
		}
	}
	view := x.checkBoth()
	moved := notes(view, next, ledger.NoteMoved)
	rows := int64(0)
	for _, n := range moved {
		if n.Stream != x.first {
			t.Errorf("moved from %s", n.Stream)
		}
		rows += n.Range.Last - n.Range.First + 1
	}
	if rows != 4 || len(notes(view, next, ledger.NoteOrphan)) == 0 {
		t.Errorf("moved notes %+v, orphans %+v", moved, notes(view, next, ledger.NoteOrphan))
	}
	// The winner goes on as if nothing had been.
	c := must(x.copy.start())
	if err := errors.Join(c.ready(x.first), c.send(x.copy.events(1)...), c.drain(), c.end()); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
}

// TestTakenOverWhileItRuns: the copy starts while the first one serves. Its rows are
// sent again by clients that had no answer; they are recognised.
func TestTakenOverWhileItRuns(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	x := &twins{world: w, copy: w.twin("/copy")}
	own := w.events(3)
	if err := p.send(own...); err != nil {
		t.Fatal(err)
	}
	c := must(x.copy.start())
	if err := errors.Join(c.ready(w.first), c.send(w.events(5)...), c.drain()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	must(0, p.line.Current().Buffer.Seal(t.Context()))
	if err := p.ready(next); err != nil {
		t.Fatal(err)
	}
	again := must(p.line.Append(t.Context(), own))
	if again.Stream != next || again.Seqs[0] != 0 || again.Seqs[2] != 2 || again.Earlier != nil {
		t.Errorf("sent again: %+v", again)
	}
	if err := p.line.Archived(t.Context(), w.first, 4); err == nil {
		t.Error("says that an event is archived under a name that another writer has")
	}
	if err := errors.Join(p.send(w.events(1)...), p.drain(), p.end(), c.end()); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
}

// TestTakenOverWaits: the winner has not committed yet what both have. The loser waits
// until it has, or has had the time for it, and then doubles nothing.
func TestTakenOverWaits(t *testing.T) {
	x := newTwins(t, crashfs.New(), false)
	x.successor(x.first)
	x.clock.advance(-time.Hour) // the winner has just begun
	waited := x.whileWaiting(t)
	p := must(x.start())
	if err := errors.Join(p.ready(uuid.Nil), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if !*waited {
		t.Error("it did not wait")
	}
	x.checkBoth()
}

// TestTakenOverWithoutSuccessor: the stream stays stopped, the error says what to run,
// and nothing changes.
func TestTakenOverWithoutSuccessor(t *testing.T) {
	x := newTwins(t, crashfs.New(), true)
	before := len(x.store.Keys())
	p := must(x.start())
	err := p.ready(uuid.Nil)
	if !errors.Is(err, archive.ErrTaken) || !errors.Is(err, ErrNoSuccessor) || !strings.Contains(err.Error(), "archiver stream next") {
		t.Errorf("got %v", err)
	}
	_ = p.end()
	if n := len(x.store.Keys()); n != before {
		t.Errorf("%d objects, %d before", n, before)
	}
	next := x.successor(x.first)
	p = must(x.start())
	if err := errors.Join(p.ready(next), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
}

// TestBothTakeOneSuccessor: the successor was copied with the folder, and the winner
// has rotated to it. The loser goes on with the next one; each event is found from every
// name under which it was acknowledged.
func TestBothTakeOneSuccessor(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	shared := w.successor(w.first)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	x := &twins{world: w, copy: w.twin("/copy")}
	p = must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(2)...), p.end()); err != nil {
		t.Fatal(err)
	}
	c := must(x.copy.start())
	c.line.Rotate()
	if err := errors.Join(c.ready(shared), c.send(w.events(2)...), c.drain(), c.end()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
	own := w.successor(shared)
	p = must(w.start())
	if err := errors.Join(p.ready(own), p.send(w.events(2)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	view := x.checkBoth()
	if n := notes(view, own, ledger.NoteMoved); len(n) != 1 || n[0].Stream != w.first {
		t.Errorf("moved %+v", n)
	}
}

// TestSuccessorTakenLater: both go over to the same successor, one after the other; the
// second has its rows there when it finds out, and moves on with them.
func TestSuccessorTakenLater(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	shared := w.successor(w.first)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.end()); err != nil {
		t.Fatal(err)
	}
	p = must(w.start())
	p.line.Rotate()
	if err := errors.Join(p.ready(shared), p.send(w.events(2)...), p.end()); err != nil {
		t.Fatal(err)
	}
	x := &twins{world: w, copy: w.twin("/copy")}
	c := must(x.copy.start())
	if err := errors.Join(c.ready(shared), c.send(w.events(2)...), c.drain(), c.end()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	own := w.successor(shared)
	p = must(w.start())
	if err := errors.Join(p.ready(own), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
}

// TestMovedTwice: the rows that were moved to a stream move on with it, and notes lead
// to them from both names.
func TestMovedTwice(t *testing.T) {
	x := newTwins(t, crashfs.New(), true)
	middle := x.successor(x.first)
	// The middle stream cannot commit, and a copy of the folder takes it.
	x.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.Contains(c.Key, "/events/") {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	p := must(x.start())
	if err := errors.Join(p.ready(middle), p.send(x.events(2)...), p.end()); err != nil {
		t.Fatal(err)
	}
	x.store.Intercept(nil)
	third := x.world.twin("/third")
	c := must(third.start())
	if err := errors.Join(c.ready(middle), c.end()); err != nil { // it has the stream, and dies
		t.Fatal(err)
	}
	x.clock.advance(time.Hour)
	last := x.successor(middle)
	p = must(x.start())
	if err := errors.Join(p.ready(last), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	view := x.checkBoth()
	from := make(map[uuid.UUID]bool)
	for _, n := range notes(view, last, ledger.NoteMoved) {
		from[n.Stream] = true
	}
	if !from[x.first] || !from[middle] {
		t.Errorf("moved notes %+v", notes(view, last, ledger.NoteMoved))
	}
}

// TestMovedAndLost: the rows that were moved to a stream were shipped and not yet
// archived when its node was lost. Who recovers it archives them, with the notes that
// lead to them from the names under which they were acknowledged.
func TestMovedAndLost(t *testing.T) {
	x := newTwins(t, crashfs.New(), true)
	next := x.successor(x.first)
	x.ships = time.Millisecond
	x.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.Contains(c.Key, "/events/") {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	p := must(x.start())
	if err := errors.Join(p.ready(next), p.send(x.events(2)...)); err != nil {
		t.Fatal(err)
	}
	s := p.line.Current()
	await(t, func() bool { return s.Shipper.Status().NextSeq == s.Buffer.Stats().NextSeq })
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	x.store.Intercept(nil)
	got := must(archive.Recover(t.Context(), x.recovery(next)))
	if !got.Closed || got.Rows != 6 || len(got.Lost) > 0 {
		t.Errorf("recovered %+v", got)
	}
	if n := notes(x.checkBoth(), next, ledger.NoteMoved); len(n) == 0 {
		t.Error("no notes of what was moved")
	}
}
