package streams

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// pauses are those that a process has made.
type pauses struct {
	mu  sync.Mutex
	all []time.Duration
}

func (p *pauses) add(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, d)
}

func (p *pauses) made() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// checkGrow demands that each is twice as long as the one before it, up to rest.
func (p *pauses) checkGrow(t *testing.T) {
	t.Helper()
	await(t, func() bool { return len(p.made()) >= 20 })
	made, want := p.made(), time.Millisecond
	for i, d := range made {
		if d != want {
			t.Fatalf("pause %d is %v, want %v; all: %v", i, d, want, made)
		}
		want = min(2*want, rest)
	}
}

// TestRotationIsTriedLessAndLessOften: a successor that waits and does not fit costs a
// listing of the bucket at each look, for as long as nobody sees to it.
func TestRotationIsTriedLessAndLessOften(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	w.successor(uuid.New())
	var seen pauses
	w.paused = seen.add
	p := must(w.start())
	if err := p.ready(w.first); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	seen.checkGrow(t)
	if err := errors.Join(p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestAWayOutIsTriedLessAndLessOften: the same while the stream is stopped.
func TestAWayOutIsTriedLessAndLessOften(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	w.successor(uuid.New())
	x := &twins{world: w, copy: w}
	var seen pauses
	w.paused = seen.add
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	x.copy = w.twin("/copy")
	x.copy.paused = nil
	if err := p.send(w.events(2)...); err != nil {
		t.Fatal(err)
	}
	c := must(x.copy.start())
	if err := errors.Join(c.ready(w.first), c.end()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	must(0, p.line.Current().Buffer.Seal(t.Context()))
	seen.checkGrow(t)
	next := w.successor(w.first)
	if err := errors.Join(p.ready(next), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	x.checkBoth()
}

// TestAnUnfitBucketIsSeldomAsked: each proof puts objects that are locked.
func TestAnUnfitBucketIsSeldomAsked(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	w.successor(w.first)
	var seen pauses
	w.paused = seen.add
	w.opened = func(line *Line) {
		line.o.Prove = func(context.Context) ([]ledger.Note, error) { return nil, archive.ErrUnfit }
	}
	p := must(w.start())
	if err := p.ready(w.first); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	await(t, func() bool { return len(seen.made()) >= 3 })
	if made := seen.made(); slices.Min(made) != unfitRest {
		t.Errorf("pauses %v, want %v each", made, unfitRest)
	}
	if err := errors.Join(p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestAskingEndsAPause: who asks for a rotation may have mended what was in its way.
func TestAskingEndsAPause(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	w.successor(w.first)
	proofs := make(chan struct{}, 10)
	w.opened = func(line *Line) {
		line.o.Prove = func(context.Context) ([]ledger.Note, error) {
			proofs <- struct{}{}
			return nil, archive.ErrUnfit
		}
		line.o.pause = func(ctx context.Context, _ time.Duration) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
	}
	p := must(w.start())
	if err := p.ready(w.first); err != nil {
		t.Fatal(err)
	}
	p.line.Rotate()
	<-proofs
	p.line.Rotate()
	<-proofs
	for range 2 { // as another process does, and does again
		must(p.line.o.AskToRotate())
		<-proofs
	}
	if err := errors.Join(p.send(w.events(1)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}
