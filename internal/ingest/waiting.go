package ingest

import (
	"context"
	"sync/atomic"
	"time"
)

// waiting gives requests a context that ends when they have waited for that long, or
// up to a sixteenth longer: those that come soon after one another share one. A context
// with a timer for each would cost as much as decoding an event.
type waiting struct {
	wait   time.Duration
	shared atomic.Pointer[sharedContext]
}

// sharedContext is given to everybody until then.
type sharedContext struct {
	context.Context
	until time.Time
}

func (p *waiting) context() context.Context {
	now := time.Now()
	if c := p.shared.Load(); c != nil && now.Before(c.until) {
		return c.Context
	}
	more := p.wait / 16
	ctx, cancel := context.WithTimeout(context.Background(), p.wait+more)
	context.AfterFunc(ctx, cancel)
	// If several come at once, the context of one of them goes on; all are right.
	p.shared.Store(&sharedContext{ctx, now.Add(more)})
	return ctx
}
