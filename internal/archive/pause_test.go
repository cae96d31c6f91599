package archive

import (
	"context"
	"errors"
	"iter"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// waiting is a store whose n-th call waits, before or after it was carried out.
type waiting struct {
	object.Store
	n       int
	after   bool
	calls   atomic.Int64
	there   chan struct{} // closed when the call waits
	goOn    chan struct{}
	arrived sync.Once
}

func (s *waiting) wait(after bool) {
	n := s.calls.Load()
	if !after {
		n = s.calls.Add(1)
	}
	if int(n) == s.n && after == s.after {
		s.arrived.Do(func() { close(s.there) })
		<-s.goOn
	}
}

func (s *waiting) Put(ctx context.Context, p object.Put) (string, error) {
	s.wait(false)
	defer s.wait(true)
	return s.Store.Put(ctx, p)
}

func (s *waiting) Head(ctx context.Context, key, version string) (object.Info, error) {
	s.wait(false)
	defer s.wait(true)
	return s.Store.Head(ctx, key, version)
}

func (s *waiting) Versions(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	s.wait(false)
	defer s.wait(true)
	return s.Store.Versions(ctx, prefix)
}

// TestFaultA30Paused stops the process for ten minutes at a call to the bucket, for
// every call of a run, before it is made and before its answer comes. Meanwhile a
// copy of the folder takes over. Whatever the first one does when it goes on, there
// is one commit per index, and every event is there once.
func TestFaultA30Paused(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			if !pausedAt(t, n, after) || t.Failed() {
				break
			}
		}
	}
}

func pausedAt(t *testing.T, n int, after bool) (reached bool) {
	w := newWorld(t)
	w.life(nil) // so that the stream is there
	s := &waiting{Store: w.store, n: n, after: after, there: make(chan struct{}), goOn: make(chan struct{})}
	w.wrap = func(*memstore.Store) object.Store { return s }
	first := must(w.start())
	var once sync.Once
	resume := func() { once.Do(func() { close(s.goOn) }) }
	defer resume()
	if err := first.send(w.events(1)...); err != nil {
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	go func() { drained <- first.drain() }()
	select {
	case <-s.there:
	case err := <-drained:
		if n < 8 || err != nil {
			t.Fatalf("a run has only %d calls, %v", n, err)
		}
		_ = first.end()
		return false
	}
	twin := *w
	twin.wrap, twin.dir, twin.id.Inode, twin.sent = nil, t.TempDir(), "copied", slices.Clone(w.sent)
	if err := os.CopyFS(twin.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	second := must(twin.start())
	if err := errors.Join(second.drain(), second.send(twin.events(2)...), second.drain()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(10 * time.Minute)
	resume()
	// It stops at once, or it had nothing left to do: then with its next batch.
	if err := first.send(w.events(1)...); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := <-first.arcErr; !errors.Is(err, ErrConflict) {
		t.Errorf("call %d, after %v: the first went on: %v", n, after, err)
	}
	first.stop()
	<-first.bufErr
	if err := errors.Join(first.buffer.Close(), second.end()); err != nil {
		t.Error(err)
	}
	w.sent = twin.sent
	twin.check()
	return true
}
