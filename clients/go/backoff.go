package audit

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	backOffBase = 100 * time.Millisecond
	backOffMax  = 30 * time.Second
)

// backOff returns how long to wait after an attempt, counted from 0: a random
// time up to a bound that doubles (full jitter: Brooker, "Exponential Backoff
// and Jitter", AWS Architecture Blog, 2015).
func backOff(attempt int) time.Duration {
	bound := backOffMax
	if attempt < 9 { // 100 ms · 2^9 is above the bound
		bound = min(bound, backOffBase<<attempt)
	}
	return rand.N(bound)
}

// pause waits for d, or until ctx ends or hurry has a value.
func pause(ctx context.Context, d time.Duration, hurry <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-hurry:
	case <-ctx.Done():
	}
}
