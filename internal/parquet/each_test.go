package parquet

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// TestWorkersCompare: of several columns that differ the first is told, however many goroutines look.
func TestWorkersCompare(t *testing.T) {
	rows := generated(2_000)
	data := encode(t, testOptions(), rows, len(rows), func(w *Writer) { w.rowsPerGroup, w.indexLeast = 500, 0 })
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	damage := func(group, column int) {
		m := &r.meta.RowGroups[group].Columns[column].MetaData
		data[chunkStart(m)+m.TotalCompressedSize-1] ^= 1
	}
	d := NewDigest()
	d.Add(rows...)
	for _, at := range [][2]int{{3, 0}, {2, 10}, {2, 7}, {1, 19}, {1, 3}, {0, 11}} { // each before the last
		damage(at[0], at[1])
		want := fmt.Sprintf("row group %d: column %s: ", at[0], r.cols[at[1]].Name)
		for workers := range 4 { // 0 is 1
			synctest.Test(t, func(t *testing.T) {
				if err := r.Compare(t.Context(), d, workers); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%d workers: %v, want %s", workers, err, want)
				}
			})
		}
	}
}
