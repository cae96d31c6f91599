package buffer

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// TestRowReader reads rows of all sizes in any order, over more segments than it
// holds open, and refuses the Ref of another batch.
func TestRowReader(t *testing.T) {
	o := testOptions(durable.OS(), t.TempDir())
	o.SegmentBytes = 1 << 20
	r := start(t, o)
	n := 0
	for n < 400 {
		for range 10 {
			e := testEvent(n)
			e.Details = event.Str(`"` + strings.Repeat("x", rand.IntN(40_000)) + `"`)
			r.mustAppend(t, e)
			n++
		}
	}
	r.mustSeal(t)
	r.mustAppend(t, testEvent(n))
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	var all []Entry
	for e, err := range batch.Scan(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	reader, err := batch.RowReader()
	if err != nil {
		t.Fatal(err)
	}
	var got event.Row // of the row before: whatever it had must be gone
	for range 2000 {
		want := all[rand.IntN(len(all))]
		if err := reader.Read(want.Ref, &got); err != nil || got != want.Row {
			t.Fatalf("seq %d: %v", want.Ref.Seq(), err)
		}
		if len(reader.(*logReader).files) > readFiles {
			t.Fatalf("%d files open", len(reader.(*logReader).files))
		}
	}
	other, err := r.Next(t.Context(), batch.Number)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range other.Scan(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Read(e.Ref, &got); err == nil {
			t.Error("read a row of another batch")
		}
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	r.mustHalt(t)
}
