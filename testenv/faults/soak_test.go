//go:build linux

package faults

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestSoak loads the server for SOAK_MINUTES, kills it at random moments and takes
// the bucket away at others. In the end acknowledged, stored and distinct events
// are counted: they have to be the same.
func TestSoak(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv("SOAK_MINUTES"), 64)
	if err != nil {
		t.Skip("make soak MINUTES=10")
	}
	s := newSite(t, "query: {timeout: 1h}") // some hundred files and a million rows, on a machine that may be busy
	until := time.Now().Add(time.Duration(minutes * float64(time.Minute)))
	rounds, kills, outages := 0, 0, 0
	for ; time.Now().Before(until); rounds++ {
		s.gate.set(false)
		v := s.launch(t, how{})
		if v.listens(t) != nil {
			t.Fatalf("round %d: it does not start:\n%s", rounds, v.log)
		}
		ctx, stop := context.WithTimeout(t.Context(), rand.N(10*time.Second))
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() { v.load(ctx, t) })
		}
		work.Go(func() { outages += s.flicker(ctx) })
		<-ctx.Done()
		if rand.IntN(4) > 0 {
			kills++
			v.kill(t)
		} else {
			v.stop(t) // in order; what the bucket does not take now waits
		}
		stop()
		work.Wait()
		s.gate.set(false)
		if rounds%20 == 19 {
			t.Logf("%s left: %d rounds, %d kills, %d outages, %d events acknowledged",
				time.Until(until).Round(time.Second), rounds+1, kills, outages, s.promise.Acked())
		}
	}
	t.Logf("%d rounds, %d kills, %d outages", rounds, kills, outages)
	s.settle(t)
}

// load sends events until the server is gone: first what was not answered before.
func (v *server) load(ctx context.Context, t *testing.T) {
	for _, body := range v.site.promise.takeUnanswered() {
		if v.send(t, body) != nil && ctx.Err() != nil {
			return
		}
	}
	for ctx.Err() == nil {
		if err := v.send(t, v.site.promise.Invent(1+rand.IntN(50), rand.IntN(300))); statusOf(err) == 0 && err != nil {
			return
		}
	}
}

// flicker takes the bucket away now and then.
func (s *site) flicker(ctx context.Context) (outages int) {
	for shut := false; ; shut = !shut {
		select {
		case <-ctx.Done():
			return outages
		case <-time.After(rand.N(3 * time.Second)):
		}
		if !shut {
			outages++
		}
		s.gate.set(!shut)
	}
}
