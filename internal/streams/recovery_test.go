package streams

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// thoughtLost is a node that has archived three events and shipped two batches more, of
// four events and five. It is away for so long, and then somebody recovers its stream.
func thoughtLost(t *testing.T, away time.Duration) (w *world, next uuid.UUID) {
	return awayFor(t, away, 12, func(w *world, p *process) error {
		log := p.line.Current().Buffer
		return errors.Join(p.send(w.events(4)...), log.Seal(t.Context()), p.send(w.events(5)...), log.Seal(t.Context()))
	})
}

// awayFor is a node that has archived three events, takes more, ships up to that seq, and
// is away for so long.
func awayFor(t *testing.T, away time.Duration, shipped int64, more func(*world, *process) error) (w *world, next uuid.UUID) {
	t.Helper()
	w = newWorld(t, crashfs.New(), "/data")
	w.ships = time.Hour
	w.clock.advance(time.Minute)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && !strings.HasPrefix(c.Key, prefix+"/wal/") {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	at, s := w.clock.now(), p.line.Current()
	if err := more(w, p); err != nil {
		t.Fatal(err)
	}
	s.Shipper.Flush(t.Context())
	if n := s.Shipper.Status().NextSeq; n != shipped {
		t.Fatalf("shipped up to seq %d", n)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(nil)
	w.clock.advance(at.Sub(w.clock.now()) + away) // its tries took no time
	return w, w.successor(w.first)
}

// recoverFor runs a recovery that is killed after so many commits.
func (w *world) recoverFor(t *testing.T, commits int) {
	t.Helper()
	ctx, die := context.WithCancel(t.Context())
	defer die()
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op != "put" || commits > 0 && !strings.HasSuffix(c.Key, ".commit") {
			return nil
		}
		if commits--; commits >= 0 {
			return nil
		}
		die()
		return &memstore.Fault{Err: memstore.ErrLost}
	})
	defer w.store.Intercept(nil)
	if got, err := archive.Recover(ctx, w.recovery(w.first)); !errors.Is(err, context.Canceled) {
		t.Errorf("recovered %+v, %v", got, err)
	}
}

// recoverAll runs one to its end.
func (w *world) recoverAll(t *testing.T) {
	t.Helper()
	if got, err := archive.Recover(t.Context(), w.recovery(w.first)); err != nil || got.Rows != 9 || !got.Closed || len(got.Orphans) > 0 {
		t.Errorf("recovered %+v, %v", got, err)
	}
}

// comesBack runs the node, which calls meanwhile each time that it looks and has to wait.
func (w *world) comesBack(t *testing.T, next uuid.UUID, meanwhile func(look int)) *ledger.View {
	t.Helper()
	looks := 0
	w.paused = func(d time.Duration) {
		if d >= 5*time.Second {
			looks++
			meanwhile(looks)
		}
	}
	p := must(w.start())
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if looks == 0 {
		t.Error("it did not wait")
	}
	return w.check()
}

// TestComesBackDuringRecovery: a node that was thought lost comes back between two
// commits of a recovery. However long ago the batches were sealed that this one brings,
// it waits for them, and moves nothing that is archived then.
func TestComesBackDuringRecovery(t *testing.T) {
	for _, away := range []time.Duration{time.Minute, time.Hour} {
		for commits := 1; commits <= 2; commits++ { // the one that takes the stream, and that of 3 to 6
			w, next := thoughtLost(t, away)
			w.recoverFor(t, commits)
			view := w.comesBack(t, next, func(look int) {
				if look == 1 {
					w.recoverAll(t)
				}
			})
			if n := notes(view, next, ledger.NoteMoved); len(n) > 0 {
				t.Errorf("away for %v, %d commits: moved %+v", away, commits, n)
			}
		}
	}
}

// TestRecoveryTakesDays: a recovery is killed, and run again the next day, and again. Each
// run says anew that somebody is at it.
func TestRecoveryTakesDays(t *testing.T) {
	w, next := thoughtLost(t, time.Hour)
	w.recoverFor(t, 2)
	view := w.comesBack(t, next, func(look int) {
		switch look {
		case 1, 3:
			w.clock.advance(20 * time.Hour)
		case 2:
			w.recoverFor(t, 1)
		case 4:
			w.recoverAll(t)
		}
	})
	if n := notes(view, next, ledger.NoteMoved); len(n) > 0 {
		t.Errorf("moved %+v", n)
	}
}

// TestRecoveryThatNobodyEnds: a recovery has begun, and nobody goes on with it. A day
// later what the node has goes to its successor: it does not wait for ever.
func TestRecoveryThatNobodyEnds(t *testing.T) {
	w, next := thoughtLost(t, time.Hour)
	w.recoverFor(t, 1)
	begun := w.clock.now()
	view := w.comesBack(t, next, func(int) { w.clock.advance(time.Hour) })
	if n := notes(view, next, ledger.NoteMoved); len(n) != 2 || n[0].Range.First != 3 || n[1].Range.Last != 11 {
		t.Errorf("moved %+v", n)
	}
	if waited := w.clock.now().Sub(begun); waited < 24*time.Hour || waited > 27*time.Hour {
		t.Errorf("waited for %v", waited)
	}
}

// TestRecoveryThatHasEverything: a recovery has archived every seq that the node has, and was
// killed before it closed the stream. The node, which comes back, has nothing to wait for.
func TestRecoveryThatHasEverything(t *testing.T) {
	w, next := awayFor(t, time.Hour, 7, func(w *world, p *process) error { return p.send(w.events(4)...) }) // not sealed
	w.recoverFor(t, 2)                                                                                      // it takes the stream, and archives 3 to 6
	begun := w.clock.now()
	w.paused = func(d time.Duration) {
		if d >= 5*time.Second {
			w.clock.advance(time.Hour)
		}
	}
	p := must(w.start())
	if err := errors.Join(p.ready(next), p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	view := w.check()
	n := notes(view, next, ledger.NoteMoved)
	if waited := w.clock.now().Sub(begun); waited > time.Hour {
		t.Errorf("waited for %v to move %d runs", waited, len(n))
	}
}
