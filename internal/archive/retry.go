package archive

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/audit-archiver/archiver/internal/buffer"
)

// retry repeats step until it succeeds, ctx ends, or the error is one that no
// repetition mends. Access denied, expired credentials, a missing bucket and
// server errors are all states that somebody may end: we wait, visibly.
func (a *Archiver) retry(ctx context.Context, name string, step func(context.Context) error) error {
	wait := backoffFirst
	for {
		err := step(ctx)
		if err == nil {
			a.setStatus(func(s *Status) { s.Failing, s.Err = time.Time{}, nil })
			a.metrics.failing.Set(0)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		final := errors.Is(err, ErrConflict) || errors.Is(err, buffer.ErrDamaged) || errors.Is(err, errDisk)
		a.setStatus(func(s *Status) {
			if s.Failing.IsZero() {
				s.Failing = a.now()
			}
			s.Err, s.Stopped = err, final
		})
		a.metrics.failing.Set(1)
		a.metrics.retries.Inc()
		if final {
			return err
		}
		// Full jitter on the upper half: writers that failed together do not
		// return together, and none returns at once.
		rest := wait/2 + rand.N(wait/2)
		a.log.WarnContext(ctx, "step failed and will be repeated", "step", name, "error", err, "wait", rest)
		if err := a.pause(ctx, rest); err != nil {
			return err
		}
		wait = min(2*wait, backoffMost)
	}
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
