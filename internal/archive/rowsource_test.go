package archive

import (
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// sizedRows gives rows with details of these sizes, one after the other.
type sizedRows struct {
	buffer.Rows
	sizes []int
	next  int
}

func (s *sizedRows) RowReader() (buffer.RowReader, error) { return s, nil }

func (s *sizedRows) Close() error { return nil }

func (s *sizedRows) Read(_ buffer.Ref, row *event.Row) error {
	*row = event.Row{Seq: int64(s.next)}
	row.Details = event.Str(strings.Repeat("x", s.sizes[s.next]))
	s.next++
	return nil
}

// TestRowSourceBoundsSets: few large rows go round at a time, and many small ones; none is left out, and what a set had
// before goes with it.
func TestRowSourceBoundsSets(t *testing.T) {
	const large = 1 << 20
	var sizes []int
	for before := 40; before >= 0; before -= 8 { // each set is shorter than the one before it
		for range before {
			sizes = append(sizes, 10)
		}
		for range sourceBytes / large {
			sizes = append(sizes, large)
		}
	}
	for range 2*sourceRows + 1 {
		sizes = append(sizes, 10)
	}
	source := newRowSource(&buffer.Batch{Rows: &sizedRows{sizes: sizes}}, &part{rows: make([]position, len(sizes))})
	done := make(chan error, 1)
	go func() { done <- source.run(t.Context()) }()
	var want ledger.Tree
	seen, longest := 0, 0
	for rows := range source.full {
		for i := range rows {
			if rows[i].Seq != int64(seen) {
				t.Fatalf("seq %d, want %d", rows[i].Seq, seen)
			}
			seen++
			want.Add(event.LeafHash(&rows[i]))
		}
		bytes := 0
		for _, r := range rows[:cap(rows)] {
			bytes += len(r.Details.S)
		}
		if bytes > sourceBytes+large {
			t.Errorf("a set of %d rows keeps %d bytes", len(rows), bytes)
		}
		longest = max(longest, len(rows))
		source.free <- rows
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if seen != len(sizes) || longest != sourceRows || source.tree.Root() != want.Root() {
		t.Errorf("%d rows in sets of at most %d, want %d and %d; same root: %t", seen, longest, len(sizes), sourceRows, source.tree.Root() == want.Root())
	}
}
