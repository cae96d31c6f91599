package parquet

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

func compareWith(data []byte, rows []event.Row) error {
	d := NewDigest()
	for chunk := range slices.Chunk(rows, 1_000) {
		d.Add(chunk...)
	}
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		return err
	}
	return r.Compare(context.Background(), d, 2)
}

func TestCompare(t *testing.T) {
	for _, n := range []int{1, 63, digestRows - 1, digestRows, digestRows + 1, 3*digestRows + 77} {
		rows := generated(n)
		for i := range rows {
			if i%5 == 0 {
				rows[i].ResourceID, rows[i].Details, rows[i].UserAgent = event.Text{}, event.Str(""), event.Text{}
			}
		}
		for _, group := range []int{RowGroupRows, 1_000} {
			data := encode(t, testOptions(), rows, n, func(w *Writer) { w.rowsPerGroup, w.indexLeast = group, 0 })
			if err := compareWith(data, rows); err != nil {
				t.Errorf("%d rows in groups of %d: %v", n, group, err)
			}
		}
	}
}

// TestCompareNoticesEachColumn: any change of any column of any row is found and placed.
func TestCompareNoticesEachColumn(t *testing.T) {
	const n, at = 2*digestRows + 500, digestRows + 3
	rows := generated(n)
	for i := range rows {
		rows[i].Reason = event.Str("")
	}
	data := encode(t, testOptions(), rows, n, func(w *Writer) { w.rowsPerGroup = 3_000 })
	for i, c := range columns() {
		changed := slices.Clone(rows)
		r := &changed[at]
		switch {
		case c.str != nil:
			*c.str(r) += "x"
		case c.text != nil && c.text(r).Valid && c.text(r).S == "":
			*c.text(r) = event.Text{} // NULL for an empty string
		case c.text != nil:
			*c.text(r) = event.Str(c.text(r).S + "\x00")
		case c.num != nil:
			*c.num(r)++
		case c.source == sourceMillis:
			r.TimestampNS += 1_000_000
		case c.source == sourceStream:
			r.Stream = uuid.UUID{1}
		}
		err := compareWith(data, changed)
		if err == nil || !strings.Contains(err.Error(), "column "+c.Name+": one of the rows 4096 to 8191 differs") {
			t.Errorf("column %d, %s: %v", i, c.Name, err)
		}
	}
	swapped := slices.Clone(rows)
	swapped[7].ActorID, swapped[8].ActorID = "a", "b"
	data = encode(t, testOptions(), swapped, n, nil)
	swapped[7].ActorID, swapped[8].ActorID = "b", "a"
	if err := compareWith(data, swapped); err == nil {
		t.Error("two values changed places, and nobody noticed")
	}
}

// TestCompareNoticesPairs changes two numbers that follow each other, a bit each: what one does to the sum, the other must
// not undo, whatever the key. Bit 34 of the first is bit 63 after it is rotated, and stays that when it is multiplied.
func TestCompareNoticesPairs(t *testing.T) {
	rows := generated(100)
	data := encode(t, testOptions(), rows, 100, nil)
	for first := range 64 {
		changed := slices.Clone(rows)
		changed[10].ReceivedAtMS ^= 1 << first
		changed[11].ReceivedAtMS ^= math.MinInt64
		if err := compareWith(data, changed); err == nil {
			t.Errorf("bit %d of one and bit 63 of the next were changed, and nobody noticed", first)
		}
	}
}

func TestCompareNoticesRows(t *testing.T) {
	rows := generated(5_000)
	data := encode(t, testOptions(), rows[:4_999], 5_000, nil)
	for name, other := range map[string][]event.Row{"one more": rows, "one less": rows[:4_998], "another": rows[1:]} {
		if err := compareWith(data, other); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// TestCompareNoticesDamage flips bits in what holds the rows, and in the index that leads to them.
func TestCompareNoticesDamage(t *testing.T) {
	rows := generated(60)
	data := encode(t, testOptions(), rows, 60, func(w *Writer) { w.rowsPerGroup, w.indexLeast = 25, 0 })
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(i int64) error {
		bad := bytes.Clone(data)
		bad[i] ^= 1 << (i % 8)
		return compareWith(bad, rows)
	}
	for g := range r.meta.RowGroups {
		for i := range r.cols {
			m := &r.meta.RowGroups[g].Columns[i].MetaData
			for at := chunkStart(m); at < chunkStart(m)+m.TotalCompressedSize; {
				h, n, err := parsePageHeader(data[at:])
				if err != nil {
					t.Fatal(err)
				}
				at += int64(n) // of a header, not all is used
				for end := at + int64(h.packed); at < end; at++ {
					if damaged(at) == nil {
						t.Errorf("row group %d, column %s: byte %d was changed, and nobody noticed", g, r.cols[i].Name, at)
					}
				}
			}
		}
	}
	from, to, _ := indexOf(t, data)
	for at := from; at < to-4*6; at++ {
		if err := damaged(at); !errors.Is(err, errIndex) {
			t.Fatalf("byte %d of the index: %v", at-from, err)
		}
	}
}

func TestCompareEnds(t *testing.T) {
	rows := generated(10)
	data := encode(t, testOptions(), rows, 10, nil)
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	d := NewDigest()
	d.Add(rows...)
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	cancel(gone)
	if err := r.Compare(ctx, d, 2); !errors.Is(err, gone) {
		t.Errorf("%v, want the cause of the end", err)
	}
}

// TestTextBytes keeps the size of a row in step with the columns.
func TestTextBytes(t *testing.T) {
	for i, r := range generated(100) {
		r.Stream = testStream
		want := 0
		for _, c := range columns() {
			if c.kind == kindText {
				want += len(c.appendPlain(nil, &r))
			}
		}
		if got := textBytes(&r); got != want {
			t.Fatalf("row %d: %d bytes, its columns have %d", i, got, want)
		}
	}
}
