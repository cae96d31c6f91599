package buffer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// BenchmarkAppend is the two shapes of load that the project is judged by, on
// the real disk.
func BenchmarkAppend(b *testing.B) {
	for _, shape := range []struct{ clients, events int }{{64, 1}, {8, 500}} {
		b.Run(fmt.Sprintf("clients=%d/events=%d", shape.clients, shape.events), func(b *testing.B) {
			benchmarkAppend(b, shape.clients, shape.events)
		})
	}
}

func benchmarkAppend(b *testing.B, clients, events int) {
	o := Options{
		Dir: b.TempDir(), FS: durable.OS(), Stream: testStream, Now: time.Now, Retention: testRetention,
	}
	r := start(b, o)
	// What is sealed is released, so that segments are reused.
	releasing, stop := context.WithCancel(context.Background())
	var released sync.WaitGroup
	released.Go(func() {
		for {
			batch, err := r.Next(releasing, -1)
			if err != nil || r.Release(releasing, batch) != nil {
				return
			}
		}
	})
	const shared = 600 // bytes of details: an event as in the field
	details := event.Str(fmt.Sprintf(`{"x":"%0*d"}`, shared, 7))
	calls := make(chan struct{}, clients)
	var wg sync.WaitGroup
	took := make([][]time.Duration, clients)
	for c := range clients {
		wg.Go(func() {
			mine := testEvents(c, events)
			for i := range mine {
				mine[i].Details = details
			}
			for range calls {
				begin := time.Now()
				if _, err := r.Append(context.Background(), mine); err != nil {
					b.Error(err)
					return
				}
				took[c] = append(took[c], time.Since(begin))
			}
		})
	}
	for b.Loop() {
		calls <- struct{}{}
	}
	close(calls)
	wg.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
	stop()
	released.Wait()
	if err := r.halt(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRecent is what recognising retries costs in a window that is full, and larger
// than any cache: 500 events at a time, none of them a retry.
func BenchmarkRecent(b *testing.B) {
	const most, events = 1 << 22, 500
	t := newRecent(most, events, 24*time.Hour)
	rng := rand.NewChaCha8([32]byte{1})
	r := &request{marks: make([]mark, events), seqs: make([]int64, events)}
	fresh := func() {
		for i := range r.marks {
			_, _ = rng.Read(r.marks[i].key[:]) // never fails
		}
	}
	for range most/events + 1 {
		fresh()
		t.take(r, 1)
		t.makeRoom(0)
	}
	for b.Loop() {
		fresh()
		t.take(r, 1)
		t.makeRoom(0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
}
