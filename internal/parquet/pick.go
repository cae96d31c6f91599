package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sort"
	"sync/atomic"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/event"
)

// span is a range of rows of a row group, the end excluded.
type span struct{ from, to int32 }

// picker reads single rows of one row group.
type picker struct {
	r      io.ReaderAt
	f      *Finder
	number int // of the row group
	group  *groupPlaces
	chunks []*chunk      // nil: not opened
	read   int64         // bytes
	room   *atomic.Int64 // bytes of text that rows may still have; shared
	*scratch
}

// scratch is memory that is used for one row group after the other.
type scratch struct {
	zstd          *zstd.Decoder
	raw, unpacked []byte
	values        values // of the page that was loaded last
}

// zstdOver is how much more room than it needs the decoder wants, to copy without looking at the end each time.
const zstdOver = 16

// pagePlace is where a data page is, its header included, and the first of its rows.
type pagePlace struct {
	off         int64
	size, first int32
}

// pageList is the pages of a column chunk, in order.
type pageList []pagePlace

func (l pageList) size() int64 { return int64(16*len(l) + 100) }

// chunk is a column chunk of which pages are wanted.
type chunk struct {
	*chunkPlaces
	col   *column
	place int // of the column
	rows  int32
	pages pageList
	dict  *dictionary // nil: not read yet
}

func (f *Finder) newPicker(r io.ReaderAt, g int) (*picker, error) {
	s, _ := f.idle.Get().(*scratch)
	if s == nil {
		decoder, err := newDecoder()
		if err != nil {
			return nil, err
		}
		s = &scratch{zstd: decoder}
	}
	return &picker{r: r, f: f, number: g, group: &f.groups[g], chunks: make([]*chunk, len(f.cols)), scratch: s}, nil
}

func (p *picker) close() {
	if p.scratch != nil {
		p.f.idle.Put(p.scratch)
		p.scratch = nil
	}
}

// open finds out where the pages of a column are.
func (p *picker) open(i int) (*chunk, error) {
	if p.chunks[i] != nil {
		return p.chunks[i], nil
	}
	c := &chunk{chunkPlaces: &p.group.chunks[i], col: &p.f.cols[i], place: i, rows: int32(p.group.rows)}
	key := memoryKey{p.f, p.number, i, true}
	pages, known := p.f.memory.get(key).(pageList)
	if !known {
		var err error
		if pages, err = p.pages(c); err != nil {
			return nil, fmt.Errorf("page index: %w", err)
		}
		p.f.memory.put(key, pages)
	}
	c.pages = pages
	p.chunks[i] = c
	return c, nil
}

// pages reads the offset index of a column: its pages must follow each other without a gap.
func (p *picker) pages(c *chunk) (pages pageList, _ error) {
	data := make([]byte, c.indexLen)
	if err := readFull(p.r, data, c.index); err != nil {
		return nil, err
	}
	p.read += c.indexLen
	off := c.data
	err := parsePageIndex(data, func(at, size, first int64) error {
		n := len(pages)
		if at != off || size < 1 || size > min(c.end-at, math.MaxInt32) || (n == 0) != (first == 0) || first >= int64(c.rows) || n > 0 && first <= int64(pages[n-1].first) {
			return fmt.Errorf("%w: page %d is at %d, row %d", errPage, n, at, first)
		}
		pages = append(pages, pagePlace{at, int32(size), int32(first)})
		off += size
		return nil
	})
	if err != nil {
		return nil, err
	}
	if off != c.end || len(pages) == 0 {
		return nil, fmt.Errorf("%w: pages end at %d, not at %d", errPage, off, c.end)
	}
	return pages, nil
}

// rowsOf is the range of rows of page n.
func (c *chunk) rowsOf(n int) span {
	if n+1 < len(c.pages) {
		return span{c.pages[n].first, c.pages[n+1].first}
	}
	return span{c.pages[n].first, c.rows}
}

// pageOf is the page that holds a row.
func (c *chunk) pageOf(row int32) int {
	return sort.Search(len(c.pages), func(n int) bool { return c.pages[n].first > row }) - 1
}

// unpack reads one page of size bytes at off, its header included, and returns its content until the next call.
func (p *picker) unpack(c *chunk, off, size int64) (h pageHeader, _ []byte, _ error) {
	if size < 1 || size > c.end-off || off < 4 {
		return h, nil, fmt.Errorf("%w: %d bytes at %d", errPage, size, off)
	}
	if int64(cap(p.raw)) < size {
		p.raw = make([]byte, size)
	}
	raw := p.raw[:size]
	if err := readFull(p.r, raw, off); err != nil {
		return h, nil, err
	}
	p.read += size
	h, n, err := parsePageHeader(raw)
	if err != nil {
		return h, nil, fmt.Errorf("page header: %w", err)
	}
	body, full := raw[n:], int64(h.size)
	if int(h.packed) != len(body) || full < 0 || full > c.unpacked {
		return h, nil, fmt.Errorf("%w: %d bytes, header says %d, %d before compression", errPage, len(body), h.packed, full)
	}
	if uint32(h.crc) != crc32.ChecksumIEEE(body) {
		return h, nil, fmt.Errorf("%w: checksum differs", errPage)
	}
	if int64(cap(p.unpacked)) < full+zstdOver {
		p.unpacked = make([]byte, full+zstdOver)
	}
	data, err := p.zstd.DecodeAll(body, p.unpacked[:0:full+zstdOver])
	if err != nil {
		return h, nil, fmt.Errorf("%w: %w", errPage, err)
	}
	if int64(len(data)) != full {
		return h, nil, fmt.Errorf("%w: %d bytes, header says %d", errPage, len(data), full)
	}
	return h, data, nil
}

// dictionary reads a chunk's dictionary.
func (p *picker) dictionary(c *chunk) error {
	if c.dict != nil {
		return nil
	}
	key := memoryKey{p.f, p.number, c.place, false}
	if c.dict, _ = p.f.memory.get(key).(*dictionary); c.dict != nil {
		return nil
	}
	if c.chunkPlaces.dict == 0 {
		return fmt.Errorf("%w: no dictionary", errPage)
	}
	h, data, err := p.unpack(c, c.chunkPlaces.dict, c.data-c.chunkPlaces.dict)
	if err != nil {
		return err
	}
	if h.kind != format.DictionaryPage || !h.hasValues || h.encoding != format.Plain || h.values < 0 || h.values > RowGroupRows {
		return fmt.Errorf("%w: not a dictionary", errPage)
	}
	if c.dict, err = newDictionary(bytes.Clone(data), int(h.values)); err != nil {
		return err
	}
	p.f.memory.put(key, c.dict)
	return nil
}

// fetch reads all columns of some rows, which are in order, with so many goroutines; but those columns whose value,
// which all rows have, is known by their place.
func (p *picker) fetch(places []int32, known map[int]string, threads int) ([]event.Row, error) {
	rows := make([]event.Row, len(places))
	for i := range rows {
		rows[i].Retention = p.f.class
	}
	var next atomic.Int64 // column that nobody has begun with
	columns := func(p *picker) (err error) {
		defer recoverInto(&err)
		for {
			i := int(next.Add(1)) - 1
			if i >= len(p.f.cols) {
				return nil
			}
			col := &p.f.cols[i]
			value, same := known[i]
			switch {
			case same:
				err = p.setAll(col, rows, []byte(value))
			case col.source != sourceMillis: // timestamp_ns says that one
				err = p.column(i, places, rows)
			}
			if err != nil {
				return fmt.Errorf("column %s: %w", col.Name, err)
			}
		}
	}
	if threads <= 1 {
		return rows, columns(p)
	}
	var g errgroup.Group
	helpers := make([]*picker, threads-1)
	for i := range helpers {
		var err error
		if helpers[i], err = p.f.newPicker(p.r, p.number); err != nil {
			return nil, errors.Join(err, g.Wait())
		}
		defer helpers[i].close()
		helpers[i].chunks, helpers[i].room = p.chunks, p.room // each column is opened by one
		g.Go(func() error { return columns(helpers[i]) })
	}
	err := errors.Join(columns(p), g.Wait())
	for _, h := range helpers {
		p.read += h.read
	}
	return rows, err
}

// column fills in one column of rows, which are at places.
func (p *picker) column(i int, places []int32, rows []event.Row) error {
	c, err := p.open(i)
	if err != nil {
		return err
	}
	if c.chunkPlaces.dict != 0 {
		if err := p.dictionary(c); err != nil {
			return err
		}
		if c.coded && c.dict.count == 1 && !c.col.Nullable { // all rows have that one, as they have their stream
			only, err := c.dict.at(0)
			if err != nil {
				return err
			}
			return p.setAll(c.col, rows, only)
		}
	}
	var v *values
	var within span
	for k, row := range places {
		if row >= within.to {
			n := c.pageOf(row)
			if v, err = p.load(c, n); err != nil {
				return err
			}
			within = c.rowsOf(n)
		}
		if err := v.seek(row - within.from); err != nil {
			return err
		}
		if err := p.set(c, v, &rows[k]); err != nil {
			return err
		}
	}
	return nil
}

// set puts the value at hand into a row.
func (p *picker) set(c *chunk, v *values, row *event.Row) error {
	if v.number {
		n, err := v.ints.next()
		v.at++
		*c.col.num(row) = n
		return err
	}
	b, valid, err := v.text(c.dict)
	if err == nil {
		err = p.take(len(b))
	}
	if err != nil {
		return err
	}
	return c.col.set(row, b, valid)
}

// set puts the text b into a row, or NULL.
func (c *column) set(row *event.Row, b []byte, valid bool) (err error) {
	if !utf8.Valid(b) {
		return errUTF8
	}
	switch {
	case c.str != nil:
		*c.str(row) = string(b)
	case c.text != nil:
		*c.text(row) = event.Text{S: string(b), Valid: valid}
	case c.source == sourceStream:
		row.Stream, err = uuid.ParseBytes(b)
	}
	return err
}

// setAll puts the text b into a column of all rows.
func (p *picker) setAll(c *column, rows []event.Row, b []byte) error {
	if err := p.take(len(b) * len(rows)); err != nil {
		return err
	}
	for i := range rows {
		if err := c.set(&rows[i], b, true); err != nil {
			return err
		}
	}
	return nil
}

// take uses room up, before the bytes are copied.
func (p *picker) take(size int) error {
	if p.room.Add(-int64(size)) < 0 {
		return ErrMany
	}
	return nil
}
