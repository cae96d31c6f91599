package parquet

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/uuid"
	pq "github.com/parquet-go/parquet-go"

	"github.com/audit-archiver/archiver/internal/event"
)

// TestRowsForAnEngine: what [WriteRows] writes, the library reads: each value, NULL and the empty text apart. A reader
// of data files does not take it.
func TestRowsForAnEngine(t *testing.T) {
	rows := generated(2_000)
	for i := range rows {
		switch i % 5 {
		case 1:
			rows[i].ResourceID, rows[i].Reason = event.Text{}, event.Str("")
		case 2:
			rows[i].Stream, rows[i].Retention = uuid.Max, "long"
		}
	}
	for _, rows := range [][]event.Row{rows, rows[1:2]} {
		var b bytes.Buffer
		if err := WriteRows(&b, rows); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()), "standard"); err == nil {
			t.Error("it is taken for a data file")
		}
		file, err := pq.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if file.NumRows() != int64(len(rows)) || len(file.RowGroups()) != 1 {
			t.Fatalf("%d rows in %d row groups, want %d in one", file.NumRows(), len(file.RowGroups()), len(rows))
		}
		for i, chunk := range file.RowGroups()[0].ColumnChunks() {
			got, col := valuesOf(t, chunk), rowColumns()[i]
			if name := file.Schema().Columns()[i][0]; name != col.Name || len(got) != len(rows) {
				t.Fatalf("column %d is %s with %d values, want %s with %d", i, name, len(got), col.Name, len(rows))
			}
			for k := range rows {
				if want := col.value(&rows[k]); got[k].IsNull() != want.IsNull() || !pq.Equal(got[k], want) {
					t.Fatalf("row %d: column %s is %v, want %v", k, col.Name, got[k], want)
				}
			}
		}
	}
}

func valuesOf(t *testing.T, chunk pq.ColumnChunk) (all []pq.Value) {
	t.Helper()
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		values := make([]pq.Value, page.NumValues())
		if n, err := page.Values().ReadValues(values); n != len(values) || err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("%d of %d values, %v", n, len(values), err)
		}
		for _, v := range values {
			all = append(all, v.Clone())
		}
	}
}
