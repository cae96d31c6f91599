package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/audit-archiver/archiver/internal/buffer"
)

// stage is what may fail by itself: the two halves of Run, and what comes after it.
type stage int

const (
	committing stage = iota // Start belongs to it
	spooling
	closing // of the stream. That it works does not unsay what has ended Run.
	stages
)

func (s stage) String() string { return [stages]string{"commit", "spool", "close"}[s] }

// failure is what a stage is struggling with.
type failure struct {
	since time.Time
	err   error
	final bool
}

// final reports whether err is one that no repetition mends.
func final(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrMixed) || errors.Is(err, ErrUnfit) || errors.Is(err, ErrClosed) ||
		errors.Is(err, buffer.ErrDamaged) || errors.Is(err, errDisk)
}

// retry repeats step until it succeeds, ctx ends, or the error is one that no
// repetition mends. Access denied, expired credentials, a missing bucket, a full
// disk and server errors are all states that somebody may end: we wait, visibly.
func (a *Archiver) retry(ctx context.Context, s stage, step func(context.Context) error) error {
	wait := backoffFirst
	for {
		err := step(ctx)
		if err == nil {
			a.fail(s, nil, false)
			return nil
		}
		if final(err) { // also when ctx has ended meanwhile: no restart mends it
			a.fail(s, err, true)
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a.fail(s, err, false)
		// Full jitter on the upper half: writers that failed together do not
		// return together, and none returns at once.
		rest := wait/2 + rand.N(wait/2)
		a.log.WarnContext(ctx, "step failed and will be repeated", "step", s, "error", err, "wait", rest)
		if err := a.pause(ctx, rest); err != nil {
			return err
		}
		wait = min(2*wait, backoffMost)
	}
}

// fail records what a stage is struggling with; nil: nothing any more.
func (a *Archiver) fail(s stage, err error, final bool) {
	if err != nil {
		a.metrics.retries.Inc()
	}
	a.setStatus(func(*Status) {
		f := &a.failures[s]
		if err == nil {
			*f = failure{}
			return
		}
		if f.since.IsZero() {
			f.since = a.now()
		}
		f.err, f.final = err, final
	})
}

func orPause(p func(context.Context, time.Duration) error) func(context.Context, time.Duration) error {
	if p == nil {
		return pause
	}
	return p
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
