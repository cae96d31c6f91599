package archive

import (
	"context"
	"iter"
	"testing"

	"github.com/audit-archiver/archiver/internal/buffer"
)

// manyDays gives rows whose days go round and round, as those of many senders that were away do.
type manyDays struct {
	buffer.Rows
	rows, days int
}

func (m manyDays) Outlines(context.Context) iter.Seq2[buffer.Outline, error] {
	return func(yield func(buffer.Outline, error) bool) {
		for i := range m.rows {
			if !yield(buffer.Outline{TimestampNS: int64(i%m.days)*86_400_000_000_000 + int64(i), Class: []byte("standard")}, nil) {
				return
			}
		}
	}
}

// TestDivideInManyDays: a batch of many partitions takes little more memory than one of a single partition.
func TestDivideInManyDays(t *testing.T) {
	for _, days := range []int{1, 2, 64} {
		const rows = 64 * 1029
		parts, err := divide(t.Context(), &buffer.Batch{Count: rows, Rows: manyDays{rows: rows, days: days}})
		if err != nil || len(parts) != days {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		most, held, room := 3*rows, 0, 0
		if days == 1 {
			most = rows
		}
		for _, p := range parts {
			held, room = held+len(p.rows), room+cap(p.rows)
		}
		if held != rows || room > most {
			t.Errorf("%d days: %d rows, and room for %d, want at most %d", days, held, room, most)
		}
	}
}
