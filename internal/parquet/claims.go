package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// claims is what a file says of one column chunk, so that engines pass over the chunk, or over pages of it, without
// reading them: statistics, page indexes, bloom filter. One that does not hold hides rows, and no engine can notice.
//
// What the pages hold is noted while they are compared. Each claim must then be what the values come to: not only one
// that holds, so that a bit that changed shows wherever it is.
type claims struct {
	col    *column
	chunk  *format.ColumnChunk
	index  format.ColumnIndex // of a column with bounds
	places []format.PageLocation
	filter filterCheck

	page, all seen
	off       int64                      // where the page at hand begins
	pages     int32                      // that were read
	kinds     []format.PageEncodingStats // of them

	marks []int32 // of each value of the dictionary: the last page, from 1, that it was seen in
	value []byte  // of the dictionary
}

// seen is what some rows have.
type seen struct {
	rows, nulls     int64
	any             bool // one has a value
	low, high       []byte
	least, most     int64   // of a column of numbers, in place of low and high
	lowest, highest [8]byte // the same as the format spells them
}

var (
	errStatistics  = errors.New("its statistics are not those of its values")
	errColumnIndex = errors.New("its column index is not that of its values")
	errOffsetIndex = errors.New("its offset index is not that of its pages")
	errFilter      = errors.New("its bloom filter is not that of its values")
)

// open reads the claims about a chunk.
func (c *claims) open(r *Reader, col *column, chunk *format.ColumnChunk) error {
	c.col, c.chunk = col, chunk
	c.off, c.pages, c.kinds, c.marks = chunk.MetaData.DataPageOffset, 0, c.kinds[:0], c.marks[:0]
	c.page.reset()
	c.all.reset()
	c.index = format.ColumnIndex{}
	if col.bounds {
		if err := r.metadata(&c.index, chunk.ColumnIndexOffset, int64(chunk.ColumnIndexLength)); err != nil {
			return fmt.Errorf("%w: %w", errColumnIndex, err)
		}
	} else if chunk.ColumnIndexOffset != 0 || chunk.ColumnIndexLength != 0 {
		return fmt.Errorf("%w: the column has no bounds", errColumnIndex)
	}
	var places format.OffsetIndex
	if err := r.metadata(&places, chunk.OffsetIndexOffset, int64(chunk.OffsetIndexLength)); err != nil {
		return fmt.Errorf("%w: %w", errOffsetIndex, err)
	}
	c.places = places.PageLocations
	if err := c.filter.open(r, col, &chunk.MetaData); err != nil {
		return fmt.Errorf("%w: %w", errFilter, err)
	}
	return nil
}

// metadata reads a structure that lies in front of the footer.
func (r *Reader) metadata(v any, off, length int64) error {
	if off < int64(len(magic)) || length < 1 || length > maxFooterBytes || off > r.footer-length {
		return fmt.Errorf("%d bytes at %d are outside the file", length, off)
	}
	data := make([]byte, length)
	if err := readFull(r.r, data, off); err != nil {
		return err
	}
	if n, err := structLen(data); err != nil || int64(n) != length {
		return errThrift
	}
	return thrift.Unmarshal(new(thrift.CompactProtocol), data, v)
}

// begin gets ready for the pages of a chunk with such a dictionary.
func (c *claims) begin(dict []string) {
	c.marks = append(c.marks[:0], make([]int32, len(dict))...)
}

// fresh reports whether value id of the dictionary was not seen in the page at hand yet.
func (c *claims) fresh(id uint32) bool { return c.marks[id] <= c.pages }

// coded notes a fresh value of the dictionary.
func (c *claims) coded(id uint32, v string) {
	c.marks[id] = c.pages + 1
	c.value = append(c.value[:0], v...)
	c.page.text(c.value)
}

// endPage compares what is claimed of the page that was read, which is of so many rows and ends at off.
func (c *claims) endPage(rows int, off int64, encoding format.Encoding) error {
	n := int(c.pages)
	place := format.PageLocation{Offset: c.off, CompressedPageSize: int32(off - c.off), FirstRowIndex: c.all.rows}
	if n >= len(c.places) || c.places[n] != place {
		return fmt.Errorf("%w: page %d", errOffsetIndex, n)
	}
	c.page.rows = int64(rows)
	if c.col.bounds && !c.pageHolds(n) {
		return fmt.Errorf("%w: page %d", errColumnIndex, n)
	}
	c.count(format.DataPage, encoding)
	c.all.widen(&c.page, c.col.kind != kindText)
	c.page.reset()
	c.off, c.pages = off, c.pages+1
	return nil
}

func (c *claims) pageHolds(n int) bool {
	x, p := &c.index, &c.page
	if n >= min(len(x.NullPages), len(x.NullCounts), len(x.MinValues), len(x.MaxValues)) {
		return false
	}
	if c.col.Nullable && (2*n+1 >= len(x.DefinitionLevelHistogram) ||
		x.DefinitionLevelHistogram[2*n] != p.nulls || x.DefinitionLevelHistogram[2*n+1] != p.rows-p.nulls) {
		return false
	}
	low, high := p.bounds(c.col.kind != kindText)
	return x.NullPages[n] == !p.any && x.NullCounts[n] == p.nulls && isLow(x.MinValues[n], low) && isHigh(x.MaxValues[n], high)
}

func (c *claims) count(page format.PageType, encoding format.Encoding) {
	for i := range c.kinds {
		if k := &c.kinds[i]; k.PageType == page && k.Encoding == encoding {
			k.Count++
			return
		}
	}
	c.kinds = append(c.kinds, format.PageEncodingStats{PageType: page, Encoding: encoding, Count: 1})
}

// finish compares what is claimed of the chunk, all of which was read.
func (c *claims) finish() error {
	if len(c.places) != int(c.pages) {
		return fmt.Errorf("%w: it has %d pages, not %d", errOffsetIndex, len(c.places), c.pages)
	}
	if err := c.checkStatistics(); err != nil {
		return err
	}
	if err := c.checkIndex(); err != nil {
		return err
	}
	// Engines that find only pages of ids here look for a value in the dictionary, and nowhere else.
	if c.chunk.MetaData.DictionaryPageOffset != 0 {
		c.count(format.DictionaryPage, format.Plain)
	}
	if !sameKinds(c.kinds, c.chunk.MetaData.EncodingStats) {
		return fmt.Errorf("%w: number of pages by encoding", errStatistics)
	}
	return c.filter.finish()
}

// checkIndex compares what the column index says beside what it says of each page.
func (c *claims) checkIndex() error {
	if !c.col.bounds {
		return nil
	}
	x, n, levels := &c.index, int(c.pages), 0
	if c.col.Nullable {
		levels = 2 * n
	}
	if len(x.NullPages) != n || len(x.NullCounts) != n || len(x.MinValues) != n || len(x.MaxValues) != n ||
		len(x.DefinitionLevelHistogram) != levels || len(x.RepetitionLevelHistogram) != 0 {
		return fmt.Errorf("%w: it is not of %d pages", errColumnIndex, n)
	}
	if !c.ordered() {
		return fmt.Errorf("%w: they are not in the order %s", errColumnIndex, x.BoundaryOrder)
	}
	return nil
}

func (c *claims) checkStatistics() error {
	s := &c.chunk.MetaData.Statistics
	low, high := c.all.bounds(c.col.kind != kindText)
	none := !c.col.bounds || !c.all.any // an empty text is a bound
	switch {
	case s.NullCount != c.all.nulls:
		return fmt.Errorf("%w: %d NULLs, not %d", errStatistics, s.NullCount, c.all.nulls)
	case (s.MinValue == nil) != none || !bytes.Equal(s.MinValue, low):
		return fmt.Errorf("%w: least value", errStatistics)
	case (s.MaxValue == nil) != none || !bytes.Equal(s.MaxValue, high):
		return fmt.Errorf("%w: greatest value", errStatistics)
	case s.Min != nil || s.Max != nil || s.DistinctCount != 0:
		return fmt.Errorf("%w: there are some that are never written", errStatistics)
	}
	return nil
}

// ordered reports whether the bounds are in the order that the index claims, in which engines search it.
func (c *claims) ordered() bool {
	compare := bytes.Compare
	if c.col.kind != kindText {
		compare = func(x, y []byte) int {
			return cmp.Compare(int64(binary.LittleEndian.Uint64(x)), int64(binary.LittleEndian.Uint64(y)))
		}
	}
	var sign int
	switch c.index.BoundaryOrder {
	case format.Unordered:
		return true
	case format.Ascending:
		sign = 1
	case format.Descending:
		sign = -1
	default:
		return false
	}
	last := -1
	for n, null := range c.index.NullPages {
		if null {
			continue
		}
		if last >= 0 && (sign*compare(c.index.MinValues[last], c.index.MinValues[n]) > 0 || sign*compare(c.index.MaxValues[last], c.index.MaxValues[n]) > 0) {
			return false
		}
		last = n
	}
	return true
}

// sorted reports whether a row group says that it is in the order that files are in, in which rows are searched.
func (r *Reader) sorted(g *format.RowGroup) bool {
	by := g.SortingColumns
	return len(by) == 2 && by[0] == format.SortingColumn{ColumnIdx: int32(placeOf(r.cols, "timestamp_ns"))} &&
		by[1] == format.SortingColumn{ColumnIdx: int32(placeOf(r.cols, "seq"))}
}

// sameKinds reports whether two lists, each of which names a kind once, say the same.
func sameKinds(a, b []format.PageEncodingStats) bool {
	if len(a) != len(b) {
		return false
	}
	for _, k := range a {
		if !slices.Contains(b, k) {
			return false
		}
	}
	return true
}

// isLow reports whether a bound is the least value itself; of one that is longer than a bound may be, it is a part.
func isLow(bound, v []byte) bool {
	if len(v) > boundBytes {
		return bytes.Compare(bound, v) <= 0
	}
	return bytes.Equal(bound, v)
}

func isHigh(bound, v []byte) bool {
	if len(v) > boundBytes {
		return bytes.Compare(bound, v) >= 0
	}
	return bytes.Equal(bound, v)
}

func (s *seen) reset() { *s = seen{low: s.low[:0], high: s.high[:0]} }

// text notes a text, of which it keeps a copy where it needs one.
func (s *seen) text(v []byte) {
	switch {
	case !s.any:
		s.any = true
		s.low, s.high = append(s.low[:0], v...), append(s.high[:0], v...)
	case bytes.Compare(v, s.high) > 0:
		s.high = append(s.high[:0], v...)
	case bytes.Compare(v, s.low) < 0:
		s.low = append(s.low[:0], v...)
	}
}

func (s *seen) number(v int64) {
	if !s.any {
		s.any, s.least, s.most = true, v, v
		return
	}
	s.least, s.most = min(s.least, v), max(s.most, v)
}

// widen adds what o has.
func (s *seen) widen(o *seen, numbers bool) {
	s.rows += o.rows
	s.nulls += o.nulls
	switch {
	case !o.any:
	case numbers:
		s.number(o.least)
		s.number(o.most)
	default:
		s.text(o.low)
		s.text(o.high)
	}
}

// bounds are the least and the greatest value as the format spells them; nil: there is none.
func (s *seen) bounds(numbers bool) (low, high []byte) {
	switch {
	case !s.any:
		return nil, nil
	case numbers:
		return binary.LittleEndian.AppendUint64(s.lowest[:0], uint64(s.least)), binary.LittleEndian.AppendUint64(s.highest[:0], uint64(s.most))
	default:
		return s.low, s.high
	}
}

// filterCheck makes the bloom filter of a chunk again, by the format's text and not by the library that wrote it.
type filterCheck struct {
	wanted bool     // the column has one
	words  []uint32 // 8 in a block
	values bool     // some were added
	stored []byte
}

func (f *filterCheck) open(r *Reader, col *column, m *format.ColumnMetaData) error {
	f.wanted, f.values, f.words, f.stored = col.bloom, false, f.words[:0], f.stored[:0]
	if m.BloomFilterOffset == 0 && m.BloomFilterLength == 0 {
		return nil
	}
	var at chunkPlaces
	if err := at.filter(r.r, r.footer, m); err != nil {
		return err
	}
	const most = RowGroupRows * bloomBitsPerValue / 8
	if !f.wanted || at.bloomLen < 1 || at.bloomLen > most {
		return fmt.Errorf("it is of %d bytes", at.bloomLen)
	}
	f.stored = slices.Grow(f.stored, int(at.bloomLen))[:at.bloomLen]
	f.words = append(f.words, make([]uint32, at.bloomLen/4)...)
	return readFull(r.r, f.stored, at.bloom)
}

// add adds the [indexHash] of a value.
func (f *filterCheck) add(hash uint64) {
	f.values = true
	if len(f.words) == 0 {
		return
	}
	block := hash >> 32 * uint64(len(f.words)/8) >> 32
	w, x := (*[8]uint32)(f.words[8*block:]), uint32(hash)
	w[0] |= 1 << (x * 0x47b6137b >> 27) // each factor, which is of the format, gives one bit
	w[1] |= 1 << (x * 0x44974d91 >> 27)
	w[2] |= 1 << (x * 0x8824ad5b >> 27)
	w[3] |= 1 << (x * 0xa2b7289d >> 27)
	w[4] |= 1 << (x * 0x705495c7 >> 27)
	w[5] |= 1 << (x * 0x2df1424b >> 27)
	w[6] |= 1 << (x * 0x9efc4947 >> 27)
	w[7] |= 1 << (x * 0x5c6bfb31 >> 27)
}

// finish demands that the filter of the file is the one that was made. Without values there is none, or nothing in it.
func (f *filterCheck) finish() error {
	if f.wanted && f.values && len(f.words) == 0 {
		return fmt.Errorf("%w: there is none", errFilter)
	}
	for i, w := range f.words {
		if binary.LittleEndian.Uint32(f.stored[4*i:]) != w {
			return errFilter
		}
	}
	return nil
}
