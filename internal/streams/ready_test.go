package streams

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// checkRefusals makes every test of this package one of a property: whoever is turned
// away because no events are taken finds out why. It is asked in each pause of a process
// and before each of its requests to the bucket, which are all the places where it can
// stay for long: the caller stands still meanwhile. Store its line once it is open.
func (w *world) checkRefusals(o *Options) *atomic.Pointer[Line] {
	line := new(atomic.Pointer[Line])
	look := func() {
		if l := line.Load(); l != nil {
			checkRefusal(w.t, l)
		}
	}
	pause := o.pause
	o.Store = &watched{o.Store, look}
	o.pause = func(ctx context.Context, d time.Duration) error {
		look()
		return pause(ctx, d)
	}
	return line
}

func checkRefusal(t *testing.T, l *Line) {
	var err error
	for range 1000 { // another goroutine may open or shut the gate between two questions, but not that often
		_, err = l.Append(context.Background(), nil) // where events are taken, none is refused as a mistake
		if !errors.Is(err, ErrNotReady) || l.MayTake() != nil {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("events are refused, and /readyz has nothing to say: %v", err)
}

// watched is a bucket that tells of each request before it is made.
type watched struct {
	object.Store
	look func()
}

func (b *watched) Put(ctx context.Context, p object.Put) (string, error) {
	b.look()
	return b.Store.Put(ctx, p)
}

func (b *watched) Head(ctx context.Context, key, version string) (object.Info, error) {
	b.look()
	return b.Store.Head(ctx, key, version)
}

func (b *watched) Versions(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	b.look()
	return b.Store.Versions(ctx, prefix)
}

func (b *watched) Extend(ctx context.Context, key, version string, until time.Time) error {
	b.look()
	s, ok := b.Store.(object.Extender)
	if !ok {
		return errors.New("this store cannot lengthen a lock")
	}
	return s.Extend(ctx, key, version, until)
}

// TestStoppedWhileTheBucketIsAway: a stream that something foreign has stopped is closed,
// and then the bucket is away, so that nothing can be moved to its successor. Until it is
// back, who sends, who looks at /readyz, and who waits for the bucket is told why.
func TestStoppedWhileTheBucketIsAway(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain(), p.send(w.events(4)...)); err != nil {
		t.Fatal(err)
	}
	key := ledger.Join(prefix, ledger.DataName("long", w.clock.now().Format(time.DateOnly), w.first, 3, 6))
	forged := w.store.PutForged(key, []byte("not our file"))
	var closed atomic.Bool
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		switch {
		case c.Op == "put" && strings.HasSuffix(c.Key, ".commit"): // only the closing one comes that far
			closed.Store(true)
		case c.Op == "versions" && closed.Load():
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	must(0, p.line.Current().Buffer.Seal(t.Context()))
	await(t, func() bool {
		p.line.mu.Lock()
		defer p.line.mu.Unlock()
		return errors.Is(p.line.waiting, memstore.ErrLost)
	})
	if err := p.send(w.events(1)...); !errors.Is(err, ErrNotReady) || !errors.Is(err, archive.ErrConflict) {
		t.Errorf("who sends is told: %v", err)
	}
	if why := p.line.MayTake(); !errors.Is(why, archive.ErrConflict) {
		t.Errorf("/readyz says: %v", why)
	}
	if s := p.line.Current().Archiver.Status(); !s.Stopped {
		t.Fatalf("nothing will be archived any more, and the archiver says %+v", s)
	}
	if err := p.line.Archived(t.Context(), w.first, 6); !errors.Is(err, archive.ErrStopped) {
		t.Errorf("who waits for the bucket is told: %v", err)
	}
	w.store.Intercept(nil)
	if err := errors.Join(p.ready(next), p.send(w.events(2)...), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.store.DeleteVersion(key, forged) // as its operator does, who has found it by verify
	w.check()
}
