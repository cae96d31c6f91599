package archive

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// checkOldNode: the folder comes back, and cannot go on, on its machine or another.
func (w *world) checkOldNode(t *testing.T) {
	t.Helper()
	keys := w.store.Keys()
	for _, machine := range []string{w.id.Machine, "another"} {
		w.id.Machine = machine
		p := must(w.start())
		err := <-p.arcErr
		if !errors.Is(err, ErrRecovered) || !errors.Is(err, ErrConflict) {
			t.Errorf("the old folder on machine %s: %v, want ErrRecovered", machine, err)
		}
		if s := p.archiver.Status(); s.Started || !s.Stopped {
			t.Errorf("status %+v", s)
		}
		p.stop()
		if err := errors.Join(<-p.bufErr, p.buffer.Close()); err != nil {
			t.Error(err)
		}
	}
	if now := w.store.Keys(); !slices.Equal(now, keys) {
		t.Errorf("the old folder wrote %v", now)
	}
}

// meddling lets something happen before a Put of a key.
type meddling struct {
	*memstore.Store
	key    string
	before func()
}

func (m *meddling) Put(ctx context.Context, p object.Put) (string, error) {
	if p.Key == m.key && m.before != nil {
		f := m.before
		m.before = nil
		f()
	}
	return m.Store.Put(ctx, p)
}

// TestNodeIsNotLost: it commits while it is being recovered. One of the two is
// first; the other one stops, and nothing is lost or doubled.
func TestNodeIsNotLost(t *testing.T) {
	w := newWorld(t)
	w.loseNode(t)
	o := w.elsewhere(nil, w.root)
	o.Store = &meddling{w.store, commitKeyOf(w, 2), func() {
		p := must(w.start())
		if err := errors.Join(p.drain(), p.end()); err != nil {
			t.Error(err)
		}
	}}
	if _, err := Recover(t.Context(), o); !errors.Is(err, ErrGone) {
		t.Fatalf("got %v, want ErrGone", err)
	}
	got := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	if got.First != 32 || got.Last != 38 || !got.Closed {
		t.Errorf("recovered %+v", got)
	}
	w.checkRecovered(t)
	w.checkOldNode(t)
}

// nodeWithATail is one that archives a batch, ships four events more that are not sealed,
// and ends.
func (w *world) nodeWithATail(t *testing.T) {
	t.Helper()
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	if err := errors.Join(p.send(w.events(7)...), p.drain(), p.appendOpen(4), s.ship(t.Context()), p.end()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
}

// TestNodeGoesOnAfterAbandonedRecovery: somebody begins to recover a node that is not
// lost, and no commit of that comes through. Then none of its files is there either: the
// node goes on and seals elsewhere, and nothing is left that nobody names.
func TestNodeGoesOnAfterAbandonedRecovery(t *testing.T) {
	for more := range 3 {
		w := newWorld(t)
		w.nodeWithATail(t)
		w.noCommits()
		if _, err := Recover(t.Context(), w.elsewhere(nil, w.root)); !errors.Is(err, memstore.ErrLost) {
			t.Errorf("recovered without a commit: %v", err)
		}
		w.store.Intercept(nil)
		p := must(w.start())
		if more > 0 {
			must(0, p.appendOpen(more))
		}
		if err := errors.Join(p.buffer.Seal(p.ctx), p.drain(), p.end()); err != nil {
			t.Fatal(err)
		}
		w.check()
	}
}

// TestRecoveryGoesOnWithMore: a recovery dies when it has sent the files of what the node
// had not sealed. The node is not lost: it ships more of that batch, and stops. Who runs
// the recovery again cuts elsewhere, and names those files.
func TestRecoveryGoesOnWithMore(t *testing.T) {
	w := newWorld(t)
	w.nodeWithATail(t)
	commits := 0
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".commit") {
			if commits++; commits > 1 {
				return &memstore.Fault{Err: memstore.ErrLost}
			}
		}
		return nil
	})
	if _, err := Recover(t.Context(), w.elsewhere(nil, w.root)); !errors.Is(err, memstore.ErrLost) {
		t.Errorf("recovered without its commit: %v", err)
	}
	w.store.Intercept(nil)
	p := must(w.start())
	if err := errors.Join(p.appendOpen(2), p.shipper().ship(t.Context())); err != nil {
		t.Fatal(err)
	}
	must(0, p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Stopped }))
	if err := p.end(); !errors.Is(err, ErrRecovered) {
		t.Errorf("the node: %v", err)
	}
	got := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	if got.Rows != 6 || len(got.Orphans) != 3 || !got.Closed {
		t.Errorf("recovered %+v", got)
	}
	view := w.view()
	w.checkRows(view)
	if findings := append(view.Reconcile(prefix, w.clock.now()), view.Findings...); len(findings) > 0 {
		t.Errorf("findings %v", findings)
	}
}

// TestRecoverFilesLockedForLess: the clock was ahead when the node shipped, and was set
// back when it sealed, of which a recovery does not know. The files are there, and locked
// until an earlier date than the recovery wants.
func TestRecoverFilesLockedForLess(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	if err := errors.Join(p.send(w.events(7)...), p.drain(), p.appendOpen(4)); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
	must(0, s.ship(t.Context()))
	w.clock.advance(-time.Minute)
	tried := w.noCommits()
	must(0, p.buffer.Seal(p.ctx))
	<-tried // the files are there
	_ = p.end()
	w.store.Intercept(nil)
	if got := must(Recover(t.Context(), w.elsewhere(nil, w.root))); got.Rows != 4 || len(got.Orphans) > 0 {
		t.Errorf("recovered %+v", got)
	}
	if w.store.Calls("extend") == 0 {
		t.Error("no lock was too short: the test does not test what it should")
	}
	w.checkRecovered(t)
}

// TestRecoveryTakesTheStreamAgain: a recovery that goes on for hours says so, for a node that
// waits.
func TestRecoveryTakesTheStreamAgain(t *testing.T) {
	w := newWorld(t)
	w.loseNode(t)
	commits := 0
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".commit") {
			if commits++; commits == 2 {
				w.clock.advance(takeAgain + time.Minute)
			}
		}
		return nil
	})
	must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	taken := 0
	for _, m := range w.view().Streams[0].Manifests {
		if m.Has(ledger.NoteRecover) && m.Count == 0 && !m.Has(ledger.NoteRotate) {
			taken++
		}
	}
	if taken != 2 {
		t.Errorf("the stream was taken %d times, want 2", taken)
	}
	w.checkRecovered(t)
}

// TestRecoverAheadOfTheClock: what could not be committed stops no node that is not lost.
func TestRecoverAheadOfTheClock(t *testing.T) {
	for _, dry := range []bool{true, false} {
		w := newWorld(t)
		w.loseNode(t)
		before := len(w.view().Streams[0].Manifests)
		w.clock.advance(-48 * time.Hour)
		o := w.elsewhere(nil, w.root)
		o.DryRun = dry
		if _, err := Recover(t.Context(), o); err == nil || !strings.Contains(err.Error(), "ahead of the clock") {
			t.Errorf("dry run %v: %v", dry, err)
		}
		if n := len(w.view().Streams[0].Manifests); n != before {
			t.Errorf("dry run %v: %d commits more", dry, n-before)
		}
	}
}

// TestRecoverLate: the retention of what is recovered has passed since it was sealed.
func TestRecoverLate(t *testing.T) {
	w := newWorld(t)
	w.loseNode(t)
	w.clock.advance(30 * 24 * time.Hour)
	must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	w.checkRecovered(t)
}
