package archive

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sealing is a log all of whose events are in the bucket once they are sealed.
type sealing struct {
	mu     sync.Mutex
	next   int64 // seq
	sealed int64 // seqs before it are
	at     []time.Time
	moved  chan struct{}
	fail   error
}

func (s *sealing) Seal(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	if s.fail != nil {
		return s.fail
	}
	s.sealed = s.next
	close(s.moved)
	s.moved = make(chan struct{})
	return nil
}

func (s *sealing) Unsealed() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sealed
}

func (s *sealing) wait(ctx context.Context, seq int64) error {
	for {
		s.mu.Lock()
		moved, done := s.moved, seq < s.sealed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *sealing) append() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next - 1
}

// runAcks runs f in a bubble with a fake clock, beside the goroutine of k.
func runAcks(t *testing.T, f func(t *testing.T, s *sealing, k *Acks)) {
	synctest.Test(t, func(t *testing.T) {
		s := &sealing{moved: make(chan struct{})}
		k := newAcks(s.wait, s)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		synctest.Wait()
		f(t, s, k)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(k.waiting) > 0 {
			t.Errorf("%d wait for ever", len(k.waiting))
		}
	})
}

// TestForcedSealsAreShared: the first who waits has its seal at once, and however
// many come after it, there is one seal in five seconds.
func TestForcedSealsAreShared(t *testing.T) {
	runAcks(t, func(t *testing.T, s *sealing, k *Acks) {
		begin := time.Now()
		if err := k.Wait(t.Context(), s.append()); err != nil || time.Since(begin) > 0 {
			t.Fatalf("the first one waited for %v: %v", time.Since(begin), err)
		}
		var all sync.WaitGroup
		for range 40 {
			for range 25 {
				all.Go(func() {
					if err := k.Wait(t.Context(), s.append()); err != nil {
						t.Error(err)
					}
				})
			}
			time.Sleep(500 * time.Millisecond) // the bubble's clock
		}
		all.Wait()
		for i := 1; i < len(s.at); i++ {
			if d := s.at[i].Sub(s.at[i-1]); d < SealPause {
				t.Errorf("a forced seal %v after the one before", d)
			}
		}
		if len(s.at) < 4 || len(s.at) > 6 {
			t.Errorf("%d seals in 20 seconds", len(s.at))
		}
	})
}

// TestNoSealForNobody: what is sealed already, and who has gone, force nothing.
func TestNoSealForNobody(t *testing.T) {
	runAcks(t, func(t *testing.T, s *sealing, k *Acks) {
		if err := k.Wait(t.Context(), s.append()); err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- k.Wait(ctx, s.append()) }() // within the pause
		synctest.Wait()
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		if len(s.at) != 1 {
			t.Errorf("%d seals, want 1", len(s.at))
		}
		if err := k.Wait(t.Context(), 0); err != nil || len(s.at) != 1 { // a retry of what is archived
			t.Errorf("%d seals, %v", len(s.at), err)
		}
	})
}

// TestSealThatFailsIsRepeated, with the same pause.
func TestSealThatFailsIsRepeated(t *testing.T) {
	runAcks(t, func(t *testing.T, s *sealing, k *Acks) {
		s.fail = errors.New("no room")
		done := make(chan error, 1)
		go func() { done <- k.Wait(t.Context(), s.append()) }()
		time.Sleep(3*SealPause + time.Second)
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		if err := <-done; err != nil || len(s.at) != 5 {
			t.Errorf("%d tries, %v", len(s.at), err)
		}
	})
}

// TestWaitCommitted with the real archiver: not before the commit is confirmed, and
// not in vain when the stream is stopped.
func TestWaitCommitted(t *testing.T) {
	w := newWorld(t)
	p := must(w.start())
	if err := p.send(w.events(3)...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.archiver.WaitCommitted(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if view := w.view(); view.Streams[0].Head.NextSeq != 3 {
		t.Errorf("told so before the commit: next seq %d", view.Streams[0].Head.NextSeq)
	}
	short, leave := context.WithCancelCause(t.Context())
	leave(context.DeadlineExceeded)
	if err := p.archiver.WaitCommitted(short, 3); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	w.store.PutForged(commitKeyOf(w, 2), []byte("forged"))
	if err := p.send(w.events(1)...); err != nil {
		t.Fatal(err)
	}
	if err := p.archiver.WaitCommitted(ctx, 3); !errors.Is(err, ErrStopped) || !errors.Is(err, ErrConflict) {
		t.Errorf("got %v, want ErrStopped", err)
	}
	if err := p.end(); !errors.Is(err, ErrConflict) {
		t.Errorf("ended with %v", err)
	}
}
