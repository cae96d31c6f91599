package verify

import (
	"bytes"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// BenchmarkContent is what level 3 does with a file that was fetched: rows, leaf
// hashes, root, seqs.
func BenchmarkContent(b *testing.B) {
	const rows = 200_000
	w := newWorld(b)
	s := w.stream()
	all := s.gen.Rows(rows, s.open.Stream, 0)
	part := make([]event.Row, 0, rows)
	for i := range all {
		if all[i].Retention = "standard"; all[i].Day() == all[0].Day() {
			part = append(part, all[i])
		}
	}
	f, data := s.file(part, 0, rows-1)
	known := &stream{Stream: &ledger.Stream{Open: s.open}}
	for b.Loop() {
		seqs := &span{first: 0, last: rows - 1, bits: make([]uint64, rows/64+1)}
		content := &body{at: bytes.NewReader(data), size: f.Size, sum: f.SHA256}
		if _, _, err := content.check(known, &f, seqs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(part)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
