package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrStopped: the stream is stopped, so nothing that is not in the bucket will get
// there before somebody has looked.
var ErrStopped = errors.New("archiving is stopped")

// WaitCommitted blocks until the commit of the batch that seq is in was confirmed.
// It costs a place in a list of those who are woken at each commit.
func (a *Archiver) WaitCommitted(ctx context.Context, seq int64) error {
	for {
		a.mu.Lock()
		moved, next := a.moved, a.status.NextSeq
		a.mu.Unlock()
		if next > seq {
			return nil
		}
		if s := a.Status(); s.Stopped {
			return fmt.Errorf("%w: %w", ErrStopped, s.Err)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("seq %d is not in the bucket yet: %w", seq, context.Cause(ctx))
		}
	}
}

// SealPause is the least time between two seals that were forced because somebody
// waits: each seal becomes at least one locked file and a commit, and all who wait
// share it.
const SealPause = 5 * time.Second

// Seals is the log as Acks needs it. *buffer.Buffer satisfies it.
type Seals interface {
	// Seal seals what was acknowledged before the call.
	Seal(ctx context.Context) error
	// Unsealed is the first seq that no seal covers.
	Unsealed() int64
}

// Acks lets requests wait until their events are in the bucket, and seals for them,
// so that they need not wait until a batch is full or old. Its methods are safe for
// concurrent use; Run is its only goroutine.
type Acks struct {
	seals Seals
	wait  func(ctx context.Context, seq int64) error
	wake  chan struct{} // capacity 1: somebody waits

	mu      sync.Mutex
	waiting map[*int64]bool // the greatest seqs of those who wait
}

// NewAcks returns an Acks for the stream that a archives.
func NewAcks(a *Archiver, s Seals) *Acks { return newAcks(a.WaitCommitted, s) }

func newAcks(wait func(context.Context, int64) error, s Seals) *Acks {
	return &Acks{seals: s, wait: wait, wake: make(chan struct{}, 1), waiting: make(map[*int64]bool)}
}

// Wait blocks until all up to seq, which were acknowledged, are in the bucket. Who
// ends ctx gives its place up: no seal is forced for it any more.
func (k *Acks) Wait(ctx context.Context, seq int64) error {
	k.mu.Lock()
	k.waiting[&seq] = true
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		delete(k.waiting, &seq)
		k.mu.Unlock()
	}()
	poke(k.wake)
	return k.wait(ctx, seq)
}

// Run forces seals until ctx ends, and then returns nil.
func (k *Acks) Run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil
		}
		for sealed := false; !sealed; {
			select {
			case <-k.wake:
			case <-ctx.Done():
				return nil
			}
			if !k.wanted() {
				continue // sealed for another reason, or given up
			}
			// An error is the log's, and told where the log is run; there is another try
			// after the pause, if somebody still waits.
			if err := k.seals.Seal(ctx); err != nil {
				poke(k.wake)
			}
			sealed = true
		}
		pause.Reset(SealPause)
	}
}

// wanted reports whether somebody waits for an event that no seal covers.
func (k *Acks) wanted() bool {
	unsealed := k.seals.Unsealed()
	k.mu.Lock()
	defer k.mu.Unlock()
	for seq := range k.waiting {
		if *seq >= unsealed {
			return true
		}
	}
	return false
}

// poke sends without waiting: one signal in the channel is as good as two.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
