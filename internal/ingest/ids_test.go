package ingest

import (
	"fmt"
	"maps"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// TestIDSet: each repetition is found with the first of its kind, whatever the set was
// used for before.
func TestIDSet(t *testing.T) {
	s := newIDSet()
	for _, n := range []int{0, 1, 2, 10_000, 3, 500, 17, 16, 1} {
		batch := make([]event.Event, n)
		for i := range batch {
			batch[i].ID = fmt.Sprintf("01980c9e-0000-7000-8000-%012d", i)
		}
		if got := maps.Collect(s.repeated(batch)); len(got) > 0 {
			t.Errorf("%d different ids: %v", n, got)
		}
		if n < 3 {
			continue
		}
		last := n - 1
		batch[last].ID, batch[1].ID = batch[0].ID, batch[0].ID
		var got [][2]int
		for first, second := range s.repeated(batch) {
			got = append(got, [2]int{first, second})
		}
		if want := [][2]int{{0, 1}, {0, last}}; len(got) != 2 || [2][2]int(got) != [2][2]int(want) {
			t.Errorf("%d ids: repeated are %v, want %v", n, got, want)
		}
	}
}
