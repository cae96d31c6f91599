package wire

import (
	"sync"
	"time"
)

// throttle is a bucket of tokens for each principal. There are as many as keys.
type throttle struct {
	rate, burst float64
	now         func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newThrottle(rate, burst float64, now func() time.Time) *throttle {
	return &throttle{rate: rate, burst: burst, now: now, buckets: map[string]bucket{}}
}

// allow takes a token of who, if there is one.
func (t *throttle) allow(who string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	b, known := t.buckets[who]
	if !known {
		b = bucket{tokens: t.burst, at: now}
	}
	b.tokens = min(t.burst, b.tokens+max(0, now.Sub(b.at).Seconds())*t.rate)
	b.at = now
	ok := b.tokens >= 1
	if ok {
		b.tokens--
	}
	t.buckets[who] = b
	return ok
}
