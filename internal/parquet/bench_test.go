package parquet

import (
	"bytes"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/gen"
)

const benchRows = 2 * RowGroupRows

func BenchmarkWrite(b *testing.B) {
	rows := gen.New(1, testStart(), 50_000).Rows(benchRows, testStream, 0)
	var jsonBytes int64
	var line []byte
	for i := range rows {
		line = gen.AppendJSON(line[:0], &rows[i].Event)
		jsonBytes += int64(len(line))
	}
	var size int64
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		count := &counter{}
		w := NewWriter(count, testOptions())
		if err := w.Write(rows...); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		size = count.n
	}
	report(b, size, cpuTime(b)-start)
	b.ReportMetric(float64(jsonBytes)/benchRows, "json-bytes/event")
}

func BenchmarkRead(b *testing.B) {
	rows := gen.New(1, testStart(), 50_000).Rows(benchRows, testStream, 0)
	data := encode(b, testOptions(), rows, len(rows), nil)
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for _, err := range r.Rows() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != benchRows {
			b.Fatalf("%d rows", n)
		}
	}
	report(b, int64(len(data)), cpuTime(b)-start)
}

func BenchmarkCompare(b *testing.B) {
	rows := gen.New(1, testStart(), 50_000).Rows(benchRows, testStream, 0)
	data := encode(b, testOptions(), rows, len(rows), nil)
	d := NewDigest()
	d.Add(rows...)
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Compare(b.Context(), d, 2); err != nil {
			b.Fatal(err)
		}
	}
	report(b, int64(len(data)), cpuTime(b)-start)
}

// report gives the rate by the clock, and the CPU time, which other work on the machine does not change.
func report(b *testing.B, size int64, cpu time.Duration) {
	rows := float64(benchRows) * float64(b.N)
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(cpu.Seconds()/rows*1e6, "cpu-s/Mrows")
	b.ReportMetric(float64(size)/benchRows, "bytes/event")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)
