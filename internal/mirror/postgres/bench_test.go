package postgres

import (
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

const benchRows = 100_000

func benchWorld(b *testing.B) *world {
	w := newWorld(b)
	g := gen.New(1, w.now().Add(-time.Hour), 1000)
	events := make([]event.Event, benchRows)
	for i := range events {
		events[i] = g.Event()
	}
	w.Stream().Commit(events...)
	return w
}

// BenchmarkMirror catches up with one commit, the server's work included.
func BenchmarkMirror(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := benchWorld(b)
		b.StartTimer()
		w.mirrorAll()
	}
	b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkDiff compares it.
func BenchmarkDiff(b *testing.B) {
	w := benchWorld(b)
	w.mirrorAll()
	for b.Loop() {
		if r, _ := w.diff(0); r.Equal != benchRows {
			b.Fatalf("%+v", r)
		}
	}
	b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
