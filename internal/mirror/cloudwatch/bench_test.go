package cloudwatch

import (
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// BenchmarkWrite sends a commit to the double on this machine, whose part of the time it
// includes; the network and the service are not in it.
func BenchmarkWrite(b *testing.B) {
	w := newWorld(b)
	w.client = w.target.client
	rows := gen.New(1, noon().Add(-time.Hour), 10_000).Rows(20_000, stream, 0)
	size := 0
	for i := range rows {
		size += len(message(&rows[i]))
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		w.fs = crashfs.New()
		w.srv.CreateGroup(logGroup, 0)
		w.start()
		w.write(commit(0, 0, rows))
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(w.puts())/float64(b.N), "requests/op")
}

// BenchmarkMessage encodes one event.
func BenchmarkMessage(b *testing.B) {
	rows := gen.New(1, noon(), 1_000).Rows(1_000, stream, 0)
	var scratch []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		scratch = appendMessage(scratch[:0], &rows[i%len(rows)])
	}
	b.SetBytes(int64(len(scratch)))
}
