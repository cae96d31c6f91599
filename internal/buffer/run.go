package buffer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Run is the owner of the log: it commits what is queued and seals batches until
// ctx is cancelled. It returns nil after everything that was queued is synced,
// and an error marked [ErrDamaged] when the process has to exit. It works once.
// It does not seal at the end: call [Buffer.Seal] before cancelling.
func (b *Buffer) Run(ctx context.Context) error {
	b.mu.Lock()
	again := b.running
	b.running = true
	b.mu.Unlock()
	if again {
		return errors.New("run buffer: already run")
	}
	// The keeper outlives ctx: the last commits may need a new segment.
	stop := b.startKeeper(ctx)
	err := b.own(ctx)
	stop()
	b.finish()
	return err
}

// startKeeper starts the keeper; stop ends it and waits for that.
func (b *Buffer) startKeeper(ctx context.Context) (stop func()) {
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		b.keep(keeping)
	}()
	return func() {
		cancel()
		<-kept
	}
}

// finish answers everybody who waits.
func (b *Buffer) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
	answer := b.broken
	if answer == nil {
		answer = ErrStopped
	}
	for _, r := range b.queue {
		r.done <- answer
	}
	b.queue, b.queuedEvents, b.queuedBytes = nil, 0, 0
	close(b.gone)
	b.broadcast()
}

// control is a Flush, a Seal or a Heartbeat.
type control struct {
	seal, heartbeat bool
	done            chan error // capacity 1
}

// Flush returns once nothing that was appended before the call can come any more:
// each event is on disk, or never will be. That is more than its Append said, if its
// context ended before the answer.
func (b *Buffer) Flush(ctx context.Context) error { return b.ask(ctx, "flush", control{}) }

// Seal flushes, and seals what is on disk then; it does nothing when that is sealed
// already.
func (b *Buffer) Seal(ctx context.Context) error { return b.ask(ctx, "seal", control{seal: true}) }

// Unsealed is the first seq that no seal covers: the next one, if there is nothing
// to seal.
func (b *Buffer) Unsealed() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.synced.batchFirst
}

// Heartbeat seals what there is and then an empty batch (Count 0).
func (b *Buffer) Heartbeat(ctx context.Context) error {
	return b.ask(ctx, "heartbeat", control{seal: true, heartbeat: true})
}

func (b *Buffer) ask(ctx context.Context, what string, c control) error {
	c.done = make(chan error, 1)
	select {
	case b.control <- c:
	case <-b.gone:
		return fmt.Errorf("%s: %w", what, b.stopped())
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s: outcome unknown: %w", what, context.Cause(ctx))
	}
}

// stopped says why nobody answers.
func (b *Buffer) stopped() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return b.broken
	}
	return ErrStopped
}

// sealRetry is the pause after a seal that found no room.
const sealRetry = time.Second

// own is the loop of the one goroutine that writes frames.
func (b *Buffer) own(ctx context.Context) error {
	b.w.startTimers(b.o.Heartbeat > 0)
	defer b.w.stopTimers()
	for {
		var err error
		select {
		case <-b.wake:
			err = b.commitGroup()
		case c := <-b.control:
			err = b.obey(c)
			c.done <- err
		case <-b.w.age.C:
			err = b.sealOpen()
		case <-b.w.quiet.C:
			err = b.beat()
		case <-b.pressure:
			// Only what is sealed can be archived and so make room.
			err = b.sealOpen()
		case <-b.damaged:
			return b.stopped()
		case <-ctx.Done():
			return b.drain()
		}
		if errors.Is(err, ErrDamaged) {
			return err
		}
	}
}

func (b *Buffer) obey(c control) error {
	err := b.flush()
	if err == nil && c.seal {
		err = b.sealOpen()
	}
	if err == nil && c.heartbeat {
		err = b.seal()
	}
	return err
}

// flush commits what is queued now. What comes meanwhile is not waited for: there may
// be no end to it.
func (b *Buffer) flush() error {
	b.mu.Lock()
	until := b.taken + int64(len(b.queue))
	b.mu.Unlock()
	for !b.tookUntil(until) {
		if err := b.commitGroup(); errors.Is(err, ErrDamaged) {
			return err
		}
	}
	return nil
}

// tookUntil reports whether so many requests left the queue. It counts them because a
// request that is answered is soon in the queue again, as another one.
func (b *Buffer) tookUntil(requests int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken >= requests
}

// beat proves silence by an empty batch. While events wait for their seal there
// is no silence to prove.
func (b *Buffer) beat() error {
	if b.w.open.rows > 0 {
		return nil
	}
	err := b.seal()
	if errors.Is(err, ErrFull) {
		b.w.quiet.Reset(sealRetry)
	}
	return err
}

// drain commits what is queued and lets nothing more in.
func (b *Buffer) drain() error {
	b.mu.Lock()
	b.draining = true
	b.mu.Unlock()
	for {
		b.mu.Lock()
		left := len(b.queue)
		b.mu.Unlock()
		if left == 0 {
			return nil
		}
		if err := b.commitGroup(); errors.Is(err, ErrDamaged) {
			return err
		}
	}
}
