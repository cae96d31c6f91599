package archive

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

const benchRows = 1 << 18

// BenchmarkSpool is step 0 of a batch as the field has it: from the log to Parquet
// files that were read back.
func BenchmarkSpool(b *testing.B) {
	a, batch := benchBatch(b)
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		if _, err := a.encodeBatch(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime(b)-start).Seconds()/float64(benchRows*b.N)*1e6, "cpu-s/Mrows")
}

// BenchmarkDivide is its first pass over the log.
func BenchmarkDivide(b *testing.B) {
	_, batch := benchBatch(b)
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		if _, err := divide(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime(b)-start).Seconds()/float64(benchRows*b.N)*1e6, "cpu-s/Mrows")
}

func benchBatch(b *testing.B) (*Archiver, *buffer.Batch) {
	b.Helper()
	dir := b.TempDir()
	log := must(buffer.Open(buffer.Options{Dir: filepath.Join(dir, "wal"), FS: durable.OS(), Stream: uuid.New(), Now: time.Now,
		Retention: func(string) (time.Duration, bool) { return 24 * time.Hour, true }}))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := log.Close(); err != nil {
			b.Error(err)
		}
	})
	g := gen.New(1, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), 50_000)
	for range benchRows / 512 {
		events := make([]event.Event, 512)
		for i := range events {
			events[i] = g.Event()
			events[i].Producer, events[i].Retention = "bench", "standard"
		}
		must(log.Append(ctx, events))
	}
	if err := log.Seal(ctx); err != nil {
		b.Fatal(err)
	}
	return &Archiver{fs: durable.OS(), dir: dir}, must(log.Next(ctx, -1))
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
