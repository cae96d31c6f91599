package export_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/pack/export"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// BenchmarkPack exports and checks a million rows of one day in four batches.
// docs/format/pack.md, part 8, has its figures.
func BenchmarkPack(b *testing.B) {
	const rows, batches = 1_000_000, 4
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	store := memstore.New(b, func() time.Time { return now })
	a := mirrortest.New(b, store, func() time.Time { return now })
	s, g := a.Stream(), gen.New(1, now, 100_000)
	for range batches {
		events := make([]event.Event, rows/batches)
		for i := range events {
			events[i] = g.Event()
			events[i].Retention, events[i].Producer, events[i].ReceivedAtMS = "standard", "bench", now.UnixMilli()
		}
		s.Commit(events...)
	}
	s.Rows = nil // what the test remembers is no part of the figures
	out := filepath.Join(b.TempDir(), "pack.tar")
	o := export.Options{Store: store, Prefix: mirrortest.Prefix, Root: a.RootVKey(), Writer: "bench", Now: func() time.Time { return now },
		From: export.Earliest, To: export.Latest, Out: out}
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			if err := os.RemoveAll(out); err != nil {
				b.Fatal(err)
			}
			summary, err := export.Export(b.Context(), o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(summary.Bytes)/rows, "B/row")
		}
		b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("check", func(b *testing.B) {
		f, err := os.Open(out)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			r, err := pack.Check(b.Context(), f, info.Size(), a.RootVKey(), nil)
			if err != nil || r.Result != pack.OK || r.Rows != rows {
				b.Fatal(r, err)
			}
		}
		b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
