package ingest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestWaiting: nobody waits for less than was said, nor much longer, whether they came
// alone or together.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait = 16 * time.Second
		p := &waiting{wait: wait}
		contexts := 0
		var last context.Context
		for range 100 {
			ctx := p.context()
			if ctx != last {
				contexts, last = contexts+1, ctx
			}
			began := time.Now()
			go func() {
				<-ctx.Done()
				if took := time.Since(began); took < wait || took > wait+wait/16 {
					t.Errorf("waited for %v, want %v", took, wait)
				}
				if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			}()
			time.Sleep(300 * time.Millisecond)
		}
		if contexts > 30 {
			t.Errorf("%d contexts in 30 s, each good for one second", contexts)
		}
		time.Sleep(2 * wait)
	})
}
