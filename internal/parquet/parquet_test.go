package parquet

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

const testDay = "2026-11-23"

var testStream = uuid.MustParse("01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e")

func testStart() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) }

func testOptions() Options {
	return Options{Stream: testStream, Class: "standard", Day: testDay}
}

func generated(n int) []event.Row {
	return gen.New(1, testStart(), 50_000).Rows(n, testStream, 0)
}

// encode writes rows with Write calls of at most step rows.
func encode(t testing.TB, o Options, rows []event.Row, step int, change func(*Writer)) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := NewWriter(&buf, o)
	if change != nil {
		change(w)
	}
	for len(rows) > 0 {
		n := min(step, len(rows))
		if err := w.Write(rows[:n]...); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func decode(data []byte, class string) ([]event.Row, error) {
	r, err := Open(bytes.NewReader(data), int64(len(data)), class)
	if err != nil {
		return nil, err
	}
	var rows []event.Row
	for row, err := range r.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// wantRows demands the same rows, and the same leaves, since these are what a signature covers.
func wantRows(t *testing.T, got, want []event.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rows := generated(5_000)
	got, err := decode(encode(t, testOptions(), rows, 100, nil), "standard")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, got, rows)
}

func TestRoundTripOfManyRowGroups(t *testing.T) {
	rows := generated(300)
	for name, tt := range map[string]struct {
		change func(*Writer)
		groups int
	}{
		"by rows":  {func(w *Writer) { w.rowsPerGroup = 100 }, 3},
		"by bytes": {func(w *Writer) { w.bytesPerGroup = 1 }, 300},
	} {
		t.Run(name, func(t *testing.T) {
			data := encode(t, testOptions(), rows, 1_000, tt.change)
			r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
			if err != nil {
				t.Fatal(err)
			}
			if n := len(r.meta.RowGroups); n != tt.groups {
				t.Errorf("%d row groups, want %d", n, tt.groups)
			}
			got, err := decode(data, "standard")
			if err != nil {
				t.Fatal(err)
			}
			wantRows(t, got, rows)
		})
	}
}
