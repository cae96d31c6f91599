package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// columnWriter makes the chunks of one column, one row group after the other.
type columnWriter struct {
	col    *column
	stream string
	index  *indexer // nil: the column is not in the value index

	// The page that is being filled. Its values are in one of plain, ids and ints.
	rows   int
	nulls  int
	levels []byte // of a nullable column: 1 where there is a value
	plain  []byte // each value with its length before it, as in the file
	ids    []int32
	ints   []int64
	bounds minMax
	// Since the page was ended by [column.pageRows] or dictionaryStep, which do not see that it was ended for its size.
	sinceRows, sinceBytes int
	textBytes             int // of this chunk of rows

	dict   *valueSet // nil: the column has no dictionary
	closed bool      // the dictionary is full, and plain pages follow
	hashes []uint64  // for the bloom filter, of a column without dictionary

	// The chunk, as far as there are pages.
	pages   []byte
	places  []format.PageLocation // offsets are those in pages
	indexer pq.ColumnIndexer      // nil: the column has no bounds
	levelsN []int64               // NULLs and values of each page
	total   chunkTotals
}

// chunkTotals is what the footer says of all pages of a chunk.
type chunkTotals struct {
	rows, nulls      int64
	packed, unpacked int64 // bytes, with page headers
	textBytes        int64 // of plain pages
	bounds           minMax
	ids, others      int32 // data pages, by encoding
}

func newColumnWriter(c *column, stream uuid.UUID) *columnWriter {
	w := &columnWriter{col: c, stream: stream.String()}
	if c.bounds {
		w.indexer = node(*c).Type().NewColumnIndexer(boundBytes)
	}
	if c.dict {
		w.dict = newValueSet()
	}
	return w
}

// add puts the values of rows into the page.
func (w *columnWriter) add(rows []event.Row) error {
	switch c := w.col; {
	case c.str != nil:
		for i := range rows {
			if err := w.addText(i, *c.str(&rows[i])); err != nil {
				return w.refused(&rows[i], err)
			}
		}
	case c.text != nil:
		for i := range rows {
			t := c.text(&rows[i])
			if !t.Valid {
				w.levels = append(w.levels, 0)
				w.nulls++
				continue
			}
			w.levels = append(w.levels, 1)
			if err := w.addText(i, t.S); err != nil {
				return w.refused(&rows[i], err)
			}
		}
	case c.num != nil:
		for i := range rows {
			w.ints = append(w.ints, *c.num(&rows[i]))
		}
	case c.source == sourceMillis:
		for i := range rows {
			w.ints = append(w.ints, rows[i].TimestampMS())
		}
	case c.source == sourceStream:
		for i := range rows {
			if err := w.addText(i, w.stream); err != nil {
				return w.refused(&rows[i], err)
			}
		}
	}
	w.rows += len(rows)
	return nil
}

func (w *columnWriter) refused(r *event.Row, err error) error {
	return fmt.Errorf("row seq %d: column %s: %w", r.Seq, w.col.Name, err)
}

// addText adds the value of the i-th of the rows at hand.
func (w *columnWriter) addText(i int, s string) error {
	if len(s) > maxTextBytes || w.col.dict && w.col.bloom && len(s) > maxIDBytes {
		return fmt.Errorf("%d bytes are too many", len(s))
	}
	w.textBytes += len(s)
	if w.dict != nil && !w.closed {
		return w.addCoded(i, s)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%d bytes: %w", len(s), errUTF8)
	}
	w.plain = binary.LittleEndian.AppendUint32(w.plain, uint32(len(s)))
	w.plain = append(w.plain, s...)
	value := w.plain[len(w.plain)-len(s):]
	if w.col.bounds {
		w.bounds.add(value)
	}
	if w.col.bloom {
		h := indexHash(value)
		w.hashes = append(w.hashes, h)
		if w.index != nil {
			w.index.add(w.row(i), h)
		}
	}
	return nil
}

func (w *columnWriter) addCoded(i int, s string) error {
	id, fresh := w.dict.id(s)
	if fresh && !utf8.ValidString(s) {
		return fmt.Errorf("%d bytes: %w", len(s), errUTF8)
	}
	w.ids = append(w.ids, int32(id))
	v := &w.dict.values[id]
	if fresh && w.col.bloom {
		v.bloom = indexHash(w.dict.bytes(v))
	}
	if w.index != nil {
		w.index.add(w.row(i), v.bloom)
	}
	if page := int32(len(w.places)) + 1; w.col.bounds && v.page != page {
		v.page = page // a value is compared once in a page
		w.bounds.add(w.dict.bytes(v))
	}
	return nil
}

// row is the number within the row group of the i-th of the rows at hand.
func (w *columnWriter) row(i int) int { return int(w.total.rows) + w.rows + i }

// large says that the page ends here, behind a chunk of so many rows.
func (w *columnWriter) large(rows int) bool {
	w.sinceRows += rows
	w.sinceBytes += w.textBytes
	w.textBytes = 0
	// The bytes that the page takes in memory, in the library's layout: earlier releases went by that.
	size := len(w.plain) + 4*len(w.ids) + 8*len(w.ints)
	if w.col.Nullable {
		size += 5 * w.rows
	}
	by := w.col.pageRows > 0 && w.sinceRows >= w.col.pageRows || w.col.dict && w.sinceBytes >= dictionaryStep
	if by {
		w.sinceRows, w.sinceBytes = 0, 0
	}
	return by || size >= pageBytes
}

// endPage encodes the page and adds it to the chunk.
func (w *columnWriter) endPage(p *pageWriter) error {
	if w.rows == 0 {
		return nil
	}
	full := w.dict != nil && w.dict.textBytes > dictionaryBytes
	encoding, err := p.encode(w)
	if err != nil {
		return err
	}
	header := format.PageHeader{Type: format.DataPage}
	header.DataPageHeader.Set(format.DataPageHeader{
		NumValues: int32(w.rows), Encoding: encoding,
		DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})
	at := len(w.pages)
	if w.pages, err = p.append(w.pages, w, &header); err != nil {
		return err
	}
	w.places = append(w.places, format.PageLocation{
		Offset: int64(at), CompressedPageSize: int32(len(w.pages) - at), FirstRowIndex: w.total.rows})
	w.count(encoding)
	w.rows, w.nulls, w.bounds = 0, 0, minMax{}
	w.levels, w.plain, w.ids, w.ints = w.levels[:0], w.plain[:0], w.ids[:0], w.ints[:0]
	w.closed = w.closed || full
	return nil
}

// count adds the page at hand to the chunk's totals and to its index of pages.
func (w *columnWriter) count(encoding format.Encoding) {
	t := &w.total
	switch encoding {
	case format.RLEDictionary:
		t.ids++
	case format.Plain:
		t.textBytes += int64(len(w.plain) - 4*(w.rows-w.nulls))
		fallthrough
	default:
		t.others++
	}
	t.rows += int64(w.rows)
	t.nulls += int64(w.nulls)
	if w.indexer == nil {
		// An index needs bounds. Engines that read one (Trino, Athena, Spark) would take empty ones for the values.
		return
	}
	if w.col.Nullable {
		w.levelsN = append(w.levelsN, int64(w.nulls), int64(w.rows-w.nulls))
	}
	if len(w.ints) > 0 {
		low, high := slices.Min(w.ints), slices.Max(w.ints)
		w.indexer.IndexPage(int64(w.rows), int64(w.nulls), pq.Int64Value(low), pq.Int64Value(high))
		if t.bounds.any {
			low = min(low, int64(binary.LittleEndian.Uint64(t.bounds.low)))
			high = max(high, int64(binary.LittleEndian.Uint64(t.bounds.high)))
		}
		t.bounds = minMax{any: true, low: binary.LittleEndian.AppendUint64(nil, uint64(low)), high: binary.LittleEndian.AppendUint64(nil, uint64(high))}
		return
	}
	var low, high pq.Value
	if w.bounds.any {
		low, high = pq.ByteArrayValue(w.bounds.low), pq.ByteArrayValue(w.bounds.high)
		t.bounds.widen(w.bounds)
	}
	w.indexer.IndexPage(int64(w.rows), int64(w.nulls), low, high)
}

// reset begins the next row group.
func (w *columnWriter) reset() {
	w.pages, w.places, w.hashes, w.levelsN = w.pages[:0], nil, w.hashes[:0], nil
	w.total = chunkTotals{}
	if w.indexer != nil {
		w.indexer.Reset()
	}
	w.sinceRows, w.sinceBytes, w.textBytes = 0, 0, 0
	w.closed = false
	if w.dict != nil {
		w.dict.reset()
	}
}

// minMax is the least and the greatest of some values. They share memory with them.
type minMax struct {
	any       bool
	low, high []byte
}

func (b *minMax) add(v []byte) {
	switch {
	case !b.any:
		*b = minMax{true, v, v}
	case bytes.Compare(v, b.low) < 0:
		b.low = v
	case bytes.Compare(v, b.high) > 0:
		b.high = v
	}
}

// widen makes b the bounds of what o is about, too. It keeps a copy: the values of a page go with the page.
func (b *minMax) widen(o minMax) {
	if !b.any || bytes.Compare(o.low, b.low) < 0 {
		b.low = append(make([]byte, 0, len(o.low)), o.low...)
	}
	if !b.any || bytes.Compare(o.high, b.high) > 0 {
		b.high = append(make([]byte, 0, len(o.high)), o.high...)
	}
	b.any = true
}
