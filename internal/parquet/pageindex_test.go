package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// TestWhatEnginesSkipBy compares statistics and page indexes with the rows: engines pass over row groups and pages for
// what these say. A bound that does not hold hides events from Athena and Trino, and an index for a column without bounds has
// bounds that are empty.
func TestWhatEnginesSkipBy(t *testing.T) {
	const group = 9_000
	rows := generated(20_000)
	for i := range rows {
		rows[i].Reason = event.Str(fmt.Sprintf("reason %d", i%50))
		switch {
		case i/4_000%2 == 1:
			rows[i].ResourceID, rows[i].IP, rows[i].Reason, rows[i].ActorEmail = event.Text{}, event.Text{}, event.Text{}, event.Text{}
		case i%3 == 0:
			rows[i].RequestID, rows[i].IP, rows[i].UserAgent = event.Str(""), event.Str(""), event.Str("")
		case i%7 == 0:
			rows[i].ActorID = strings.Repeat("ü\U0001F512", 42) // 252 bytes
		}
	}
	data := encode(t, testOptions(), rows, 1_000, func(w *Writer) { w.rowsPerGroup = group })
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	for g := range r.meta.RowGroups {
		own := rows[g*group : min((g+1)*group, len(rows))]
		for i := range r.cols {
			c, chunk := &r.cols[i], &r.meta.RowGroups[g].Columns[i]
			t.Run(fmt.Sprintf("%d %s", g, c.Name), func(t *testing.T) { checkSkipping(t, data, chunk, c, own) })
		}
	}
}

func checkSkipping(t *testing.T, data []byte, chunk *format.ColumnChunk, c *column, rows []event.Row) {
	low, high, nulls := boundsOf(c, rows)
	s := &chunk.MetaData.Statistics
	if s.NullCount != nulls {
		t.Errorf("%d NULLs, the rows have %d", s.NullCount, nulls)
	}
	if !c.bounds {
		if s.MinValue != nil || s.MaxValue != nil || chunk.ColumnIndexOffset != 0 || chunk.ColumnIndexLength != 0 {
			t.Errorf("bounds %q to %q, index of %d bytes; want none", s.MinValue, s.MaxValue, chunk.ColumnIndexLength)
		}
		return
	}
	if (s.MinValue == nil) != (low == nil) || !bytes.Equal(s.MinValue, low) || !bytes.Equal(s.MaxValue, high) {
		t.Errorf("bounds %q to %q, the rows have %q to %q", s.MinValue, s.MaxValue, low, high)
	}
	var index format.ColumnIndex
	var places format.OffsetIndex
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[chunk.ColumnIndexOffset:][:chunk.ColumnIndexLength], &index); err != nil {
		t.Fatal(err)
	}
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[chunk.OffsetIndexOffset:][:chunk.OffsetIndexLength], &places); err != nil {
		t.Fatal(err)
	}
	var last [][]byte // bounds of the last page that is not all NULL
	for n, p := range places.PageLocations {
		to := int64(len(rows))
		if n+1 < len(places.PageLocations) {
			to = places.PageLocations[n+1].FirstRowIndex
		}
		low, high, nulls := boundsOf(c, rows[p.FirstRowIndex:to])
		if !bytes.Equal(index.MinValues[n], low) || !bytes.Equal(index.MaxValues[n], high) ||
			index.NullPages[n] != (nulls == to-p.FirstRowIndex) || index.NullCounts[n] != nulls {
			t.Errorf("page %d: bounds %q to %q, %d NULLs (all: %t); the rows have %q to %q, %d", n,
				index.MinValues[n], index.MaxValues[n], index.NullCounts[n], index.NullPages[n], low, high, nulls)
		}
		if index.NullPages[n] {
			continue
		}
		now := [][]byte{index.MinValues[n], index.MaxValues[n]}
		if last != nil && !inOrder(c, index.BoundaryOrder, last, now) {
			t.Errorf("page %d: its bounds do not follow in the order %s", n, index.BoundaryOrder)
		}
		last = now
	}
}

// inOrder reports whether the bounds of b may follow those of a in an index with that order: engines search it.
func inOrder(c *column, order format.BoundaryOrder, a, b [][]byte) bool {
	by := func(x, y []byte) int {
		if c.kind == kindText {
			return bytes.Compare(x, y)
		}
		return cmp.Compare(int64(binary.LittleEndian.Uint64(x)), int64(binary.LittleEndian.Uint64(y)))
	}
	low, high := by(a[0], b[0]), by(a[1], b[1])
	switch order {
	case format.Ascending:
		return low <= 0 && high <= 0
	case format.Descending:
		return low >= 0 && high >= 0
	default:
		return order == format.Unordered
	}
}

// boundsOf are the least and the greatest value of a column, as the format spells them; nil: all are NULL.
func boundsOf(c *column, rows []event.Row) (low, high []byte, nulls int64) {
	if c.kind != kindText {
		least, most := c.value(&rows[0]).Int64(), c.value(&rows[0]).Int64()
		for i := range rows {
			least, most = min(least, c.value(&rows[i]).Int64()), max(most, c.value(&rows[i]).Int64())
		}
		return binary.LittleEndian.AppendUint64(nil, uint64(least)), binary.LittleEndian.AppendUint64(nil, uint64(most)), 0
	}
	for i := range rows {
		v := c.value(&rows[i])
		if v.IsNull() {
			nulls++
			continue
		}
		if low == nil || bytes.Compare(v.ByteArray(), low) < 0 {
			low = append([]byte{}, v.ByteArray()...)
		}
		if high == nil || bytes.Compare(v.ByteArray(), high) > 0 {
			high = append([]byte{}, v.ByteArray()...)
		}
	}
	return low, high, nulls
}
