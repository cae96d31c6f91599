package archive

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

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

// TestRecoverLate: the retention of what is recovered has passed since it was sealed.
func TestRecoverLate(t *testing.T) {
	w := newWorld(t)
	w.loseNode(t)
	w.clock.advance(30 * 24 * time.Hour)
	must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	w.checkRecovered(t)
}
