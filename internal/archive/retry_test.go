package archive

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestFaultB34Spread: writers whom the bucket turned away at the same instant do not
// come back at the same instant. Each of their pauses is anywhere in the upper half of
// what it may be, and that doubles up to a bound.
func TestFaultB34Spread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers, tries = 200, 12
		var pauses [writers][]time.Duration
		var wg sync.WaitGroup
		for i := range pauses {
			wg.Go(func() { pauses[i] = pausesOf(t, tries) })
		}
		wg.Wait()
		most := backoffFirst
		for try := range tries {
			var quarters [4]int // of the upper half
			for _, p := range pauses {
				over := p[try] - most/2
				if over < 0 || over >= most/2 {
					t.Fatalf("pause %d is %s, want %s to %s", try, p[try], most/2, most)
				}
				quarters[4*over/(most/2)]++
			}
			for i, n := range quarters { // 50 of 200, more or less
				if n < writers/16 {
					t.Errorf("pause %d: %d of %d writers are in quarter %d of %s to %s", try, n, writers, i+1, most/2, most)
				}
			}
			most = min(2*most, backoffMost)
		}
		if most != backoffMost {
			t.Errorf("the pauses grew to %s, want %s: too few tries", most, backoffMost)
		}
	})
}

// pausesOf is how long a writer waits before each try but the first.
func pausesOf(t *testing.T, tries int) (pauses []time.Duration) {
	a := &Archiver{bucket: bucket{log: slog.New(slog.DiscardHandler)}, now: time.Now, pause: pause,
		metrics: newMetrics(prometheus.NewRegistry()), moved: make(chan struct{})}
	var last time.Time
	err := a.retry(t.Context(), committing, func(context.Context) error {
		if a.Status().Err != nil {
			pauses = append(pauses, time.Since(last))
		}
		last = time.Now()
		if len(pauses) == tries {
			return nil
		}
		return errors.New("503 SlowDown")
	})
	if err != nil {
		t.Error(err)
	}
	return pauses
}
