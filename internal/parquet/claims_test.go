package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// claimed is a file of two row groups with some pages of each column: with NULLs, of NULLs alone, and with empty texts.
func claimed(t *testing.T) (data []byte, rows []event.Row) {
	t.Helper()
	rows = generated(320)
	for i := range rows {
		switch page := i % 192 / 64; {
		case page == 1:
			rows[i].ResourceID, rows[i].IP, rows[i].ActorEmail = event.Text{}, event.Text{}, event.Text{}
		case i%3 == 0:
			rows[i].RequestID, rows[i].IP, rows[i].ResourceID = event.Str(""), event.Text{}, event.Text{}
		}
		if i >= 192 {
			rows[i].OrganizationID = event.Text{} // a dictionary without values
		}
	}
	return encode(t, testOptions(), rows, 100, func(w *Writer) {
		w.rowsPerGroup = 192
		for _, c := range w.columns {
			c.col.pageRows = 64
		}
	}), rows
}

func TestClaimsHold(t *testing.T) {
	data, rows := claimed(t)
	if err := compareWith(data, rows); err != nil {
		t.Error(err)
	}
	for i := range rows[:100] {
		for _, c := range columns() {
			switch {
			case c.str != nil:
				*c.str(&rows[i]) = ""
			case c.text != nil:
				*c.text(&rows[i]) = event.Str("")
			}
		}
	}
	if err := compareWith(encode(t, testOptions(), rows[:100], 100, nil), rows[:100]); err != nil {
		t.Errorf("empty texts: %v", err)
	}
	// A text that is longer than a bound may be.
	rows[200].ResourceID = event.Str(strings.Repeat("ü\U0001F512", 100))
	rows[201].ResourceID = event.Str(strings.Repeat("\x00", 2*boundBytes))
	if err := compareWith(encode(t, testOptions(), rows, 100, nil), rows); err != nil {
		t.Errorf("texts of more than %d bytes: %v", boundBytes, err)
	}
}

// TestClaimsOfPages flips bits in the page indexes and the bloom filters of each column: whatever changes what they say
// is refused, by its name.
func TestClaimsOfPages(t *testing.T) {
	data, rows := claimed(t)
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	var tried [3]int
	for g := range r.meta.RowGroups {
		for i := range r.cols {
			chunk := &r.meta.RowGroups[g].Columns[i]
			for k, part := range []struct {
				off    int64
				length int32
				says   func() any // what it says is read into this
				want   error
			}{
				{chunk.ColumnIndexOffset, chunk.ColumnIndexLength, func() any { return new(format.ColumnIndex) }, errColumnIndex},
				{chunk.OffsetIndexOffset, chunk.OffsetIndexLength, func() any { return new(format.OffsetIndex) }, errOffsetIndex},
				{chunk.MetaData.BloomFilterOffset, chunk.MetaData.BloomFilterLength, func() any { return new(format.BloomFilterHeader) }, errFilter},
			} {
				for at := 0; at < int(part.length); at += 2 {
					bad := bytes.Clone(data)
					bad[int(part.off)+at] ^= 1 << (at / 2 % 8)
					if sameStruct(data[part.off:][:part.length], bad[part.off:][:part.length], part.says) {
						continue
					}
					tried[k]++
					if err := compareWith(bad, rows); !errors.Is(err, part.want) || !strings.Contains(err.Error(), "column "+r.cols[i].Name+": ") {
						t.Fatalf("row group %d, column %s: byte %d of %d of %T was changed: %v", g, r.cols[i].Name, at, part.length, part.says(), err)
					}
				}
			}
		}
	}
	for k, least := range []int{1_000, 250, 500} {
		if tried[k] < least {
			t.Errorf("%d flips of structure %d, want %d", tried[k], k, least)
		}
	}
}

// sameStruct reports whether two encodings say the same: of some bits there are several, and what lies behind a
// structure is none of it. Of the order of bounds, several may hold.
func sameStruct(a, b []byte, says func() any) bool {
	x, y := says(), says()
	n, err := structLen(b)
	if err != nil {
		return false
	}
	if thrift.Unmarshal(new(thrift.CompactProtocol), a, x) != nil || thrift.Unmarshal(new(thrift.CompactProtocol), b[:n], y) != nil {
		return false
	}
	if index, ok := y.(*format.ColumnIndex); ok {
		index.BoundaryOrder = x.(*format.ColumnIndex).BoundaryOrder
	}
	return reflect.DeepEqual(x, y) && bytes.Equal(a[n:], b[n:])
}

// TestClaimsOfChunks edits what the footer says of each chunk.
func TestClaimsOfChunks(t *testing.T) {
	data, rows := claimed(t)
	for i, c := range columns() {
		edits := map[string]struct {
			change func(*format.ColumnChunk)
			want   error
		}{
			"a NULL more":         {func(c *format.ColumnChunk) { c.MetaData.Statistics.NullCount++ }, errStatistics},
			"old bounds":          {func(c *format.ColumnChunk) { c.MetaData.Statistics.Min = []byte("a") }, errStatistics},
			"no pages by kind":    {func(c *format.ColumnChunk) { c.MetaData.EncodingStats = nil }, errStatistics},
			"other pages by kind": {func(c *format.ColumnChunk) { c.MetaData.EncodingStats[0].Encoding = format.DeltaByteArray }, errStatistics},
			"a page less":         {func(c *format.ColumnChunk) { c.MetaData.EncodingStats[0].Count-- }, errStatistics},
			"no offset index":     {func(c *format.ColumnChunk) { c.OffsetIndexOffset, c.OffsetIndexLength = 0, 0 }, errOffsetIndex},
		}
		add := func(name string, want error, change func(*format.ColumnChunk)) {
			edits[name] = struct {
				change func(*format.ColumnChunk)
				want   error
			}{change, want}
		}
		if c.bounds {
			add("least value", errStatistics, func(c *format.ColumnChunk) { c.MetaData.Statistics.MinValue = other(c.MetaData.Statistics.MinValue) })
			add("greatest value", errStatistics, func(c *format.ColumnChunk) { c.MetaData.Statistics.MaxValue = other(c.MetaData.Statistics.MaxValue) })
			add("no least value", errStatistics, func(c *format.ColumnChunk) { c.MetaData.Statistics.MinValue = nil })
			add("no greatest value", errStatistics, func(c *format.ColumnChunk) { c.MetaData.Statistics.MaxValue = nil })
			add("no column index", errColumnIndex, func(c *format.ColumnChunk) { c.ColumnIndexOffset, c.ColumnIndexLength = 0, 0 })
		} else {
			add("least value", errStatistics, func(c *format.ColumnChunk) { c.MetaData.Statistics.MinValue = []byte{} })
			add("greatest value", errStatistics, func(c *format.ColumnChunk) { c.MetaData.Statistics.MaxValue = []byte("z") })
			add("column index", errColumnIndex, func(c *format.ColumnChunk) {
				c.ColumnIndexOffset, c.ColumnIndexLength = c.OffsetIndexOffset, c.OffsetIndexLength
			})
		}
		if c.bloom {
			add("no filter", errFilter, func(c *format.ColumnChunk) { c.MetaData.BloomFilterOffset, c.MetaData.BloomFilterLength = 0, 0 })
			add("another filter", errFilter, func(c *format.ColumnChunk) { c.MetaData.BloomFilterOffset-- })
		} else {
			add("a filter", errFilter, func(c *format.ColumnChunk) { c.MetaData.BloomFilterOffset, c.MetaData.BloomFilterLength = 4, 64 })
		}
		for name, edit := range edits {
			bad := withFooter(t, data, func(m *format.FileMetaData) { edit.change(&m.RowGroups[0].Columns[i]) })
			if err := compareWith(bad, rows); !errors.Is(err, edit.want) || !strings.Contains(err.Error(), "row group 0: column "+c.Name+": ") {
				t.Errorf("column %s: %s: %v", c.Name, name, err)
			}
		}
	}
}

// other is a bound that is nearly the same.
func other(bound []byte) []byte {
	if len(bound) == 0 {
		return []byte{0}
	}
	changed := bytes.Clone(bound)
	changed[len(changed)-1] ^= 1
	return changed
}

func TestClaimOfOrder(t *testing.T) {
	data, rows := claimed(t)
	for name, change := range map[string]func(*format.RowGroup){
		"none":       func(g *format.RowGroup) { g.SortingColumns = nil },
		"descending": func(g *format.RowGroup) { g.SortingColumns[0].Descending = true },
		"another":    func(g *format.RowGroup) { g.SortingColumns[1].ColumnIdx-- },
	} {
		bad := withFooter(t, data, func(m *format.FileMetaData) { change(&m.RowGroups[1]) })
		if err := compareWith(bad, rows); err == nil || !strings.Contains(err.Error(), "row group 1: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	chunk := &r.meta.RowGroups[0].Columns[placeOf(r.cols, "seq")]
	var up format.ColumnIndex
	if err := r.metadata(&up, chunk.ColumnIndexOffset, int64(chunk.ColumnIndexLength)); err != nil || up.BoundaryOrder != format.Ascending {
		t.Fatalf("index of seq: %s, %v", up.BoundaryOrder, err)
	}
	up.BoundaryOrder = format.Descending
	down, err := thrift.Marshal(new(thrift.CompactProtocol), &up)
	if err != nil || len(down) != int(chunk.ColumnIndexLength) {
		t.Fatalf("%d bytes, %v", len(down), err)
	}
	bad := bytes.Clone(data)
	copy(bad[chunk.ColumnIndexOffset:], down)
	if err := compareWith(bad, rows); !errors.Is(err, errColumnIndex) {
		t.Errorf("seq in descending order: %v", err)
	}
	// Engines search the bounds in the order that an index claims, whatever its bounds are.
	index := &claims{col: &r.cols[placeOf(r.cols, "id")]}
	for name, tt := range map[string]struct {
		order     format.BoundaryOrder
		low, high string // of pages a byte each; a space: NULLs
		want      bool
	}{
		"up":                 {format.Ascending, "ab b", "bc c", true},
		"up, high is not":    {format.Ascending, "abb", "bdc", false},
		"up, behind NULLs":   {format.Ascending, "b a", "c c", false},
		"down":               {format.Descending, "c ba", "c cb", true},
		"down, low is not":   {format.Descending, "bca", "ddd", false},
		"neither":            {format.Unordered, "aca", "bcd", true},
		"none that there is": {3, "a", "b", false},
	} {
		index.index = format.ColumnIndex{BoundaryOrder: tt.order}
		for n := range tt.low {
			index.index.NullPages = append(index.index.NullPages, tt.low[n] == ' ')
			index.index.MinValues = append(index.index.MinValues, []byte(tt.low[n:n+1]))
			index.index.MaxValues = append(index.index.MaxValues, []byte(tt.high[n:n+1]))
		}
		if got := index.ordered(); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}

// TestClaimsHoldForAnyRows: no file that the writer makes is refused, which would end archiving, whatever is in it.
func TestClaimsHoldForAnyRows(t *testing.T) {
	rows := generated(140_000)
	for i := range rows { // a dictionary that is closed, and bounds that are cut
		rows[i].ActorEmail = event.Str(fmt.Sprintf("%08x", i*2_654_435_761%1_000_003) + strings.Repeat("e", 2*boundBytes))
	}
	data := encode(t, testOptions(), rows, 1_000, nil)
	if err := compareWith(data, rows); err != nil {
		t.Error(err)
	}
	closed, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	pages := map[format.Encoding]int32{}
	for _, s := range closed.meta.RowGroups[0].Columns[placeOf(closed.cols, "actor_email")].MetaData.EncodingStats {
		if s.PageType == format.DataPage {
			pages[s.Encoding] += s.Count
		}
	}
	if pages[format.Plain] == 0 || pages[format.RLEDictionary] == 0 {
		t.Errorf("data pages of the column whose dictionary is closed: %v", pages)
	}
	r := rand.New(rand.NewPCG(1, 2))
	texts := []string{"", "\x00", "a", "ÿ", "\U0010ffff", strings.Repeat("\U0010ffff", 63), strings.Repeat("z", 255), "ab", "aa"}
	for n := range 150 {
		rows := generated(1 + r.IntN(900))
		few := texts[:1+r.IntN(len(texts))]
		for i := range rows {
			for _, c := range columns() {
				switch text := few[r.IntN(len(few))]; {
				case r.IntN(3) == 0:
				case c.str != nil:
					*c.str(&rows[i]) = text
				case c.text != nil:
					*c.text(&rows[i]) = event.Text{S: text, Valid: true}
					if r.IntN(4) == 0 {
						*c.text(&rows[i]) = event.Text{}
					}
				case c.Name == "received_at":
					*c.num(&rows[i]) = r.Int64() - r.Int64()
				}
			}
		}
		data := encode(t, testOptions(), rows, 1+r.IntN(100), func(w *Writer) {
			w.rowsPerGroup = 1 + r.IntN(700)
			for _, c := range w.columns {
				c.col.pageRows = 1 + r.IntN(300)
			}
		})
		if err := compareWith(data, rows); err != nil {
			t.Fatalf("file %d: %v", n, err)
		}
	}
}
