package parquet

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// maxPageHeader is how far a page's header may reach. Ours take about 30 bytes.
const maxPageHeader = 4 << 10

// cursor yields the values of one column chunk in order. It keeps one page and the chunk's dictionary.
type cursor struct {
	r    io.ReaderAt
	zstd *zstd.Decoder
	col  *column

	off, end int64 // of the pages that were not read yet
	data     int64 // where the first data page starts, as the footer says
	budget   int64 // bytes that the remaining pages may hold, before compression
	rows     int   // that were not read yet
	raw      []byte
	unpacked []byte // the page at hand, unless it was turned into strings

	dict   []string
	left   int // values left in the page
	levels runs
	ids    runs   // of a page of ids
	values []byte // of a plain page, until the next one
	plain  string // the same, for text; what is handed out shares its memory
	ints   deltas
	coded  bool // the page holds ids
}

func (c *cursor) reset(m *format.ColumnMetaData, rows int64) {
	start := chunkStart(m)
	*c = cursor{
		r: c.r, zstd: c.zstd, col: c.col, raw: c.raw, unpacked: c.unpacked,
		off: start, end: start + m.TotalCompressedSize, data: m.DataPageOffset,
		budget: m.TotalUncompressedSize, rows: int(rows),
	}
}

// text returns the next value of a text column; ok is false for NULL.
func (c *cursor) text() (s string, ok bool, err error) {
	if err := c.fill(); err != nil {
		return "", false, err
	}
	c.left--
	if c.col.Nullable {
		level, err := c.levels.next()
		if err != nil || level == 0 {
			return "", false, err
		}
	}
	if c.coded {
		id, err := c.ids.next()
		if err != nil {
			return "", false, err
		}
		if int64(id) >= int64(len(c.dict)) {
			return "", false, fmt.Errorf("%w: id %d of a dictionary of %d", errPage, id, len(c.dict))
		}
		return c.dict[id], true, nil
	}
	s, c.plain, err = cutText(c.plain)
	return s, true, err
}

// int returns the next value of an integer column, none of which is nullable.
func (c *cursor) int() (int64, error) {
	if err := c.fill(); err != nil {
		return 0, err
	}
	c.left--
	return c.ints.next()
}

// cutText takes one length-prefixed string off data.
func cutText(data string) (s, rest string, err error) {
	if len(data) < 4 {
		return "", "", fmt.Errorf("%w: too few values", errPage)
	}
	n := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
	if n > maxTextBytes || int(n) > len(data)-4 {
		return "", "", fmt.Errorf("%w: value of %d bytes", errPage, n)
	}
	return data[4 : 4+n], data[4+n:], nil
}

// fill makes sure that the page has a value left.
func (c *cursor) fill() error {
	if c.left > 0 {
		return nil
	}
	if err := c.advance(); err != nil {
		return err
	}
	c.plain = string(c.values)
	return nil
}

// advance goes to the next page of data, and loads the dictionary before it if there is one.
func (c *cursor) advance() error {
	for c.left == 0 {
		if c.rows == 0 {
			return fmt.Errorf("%w: too few values", errPage)
		}
		header, data, err := c.page()
		if err != nil {
			return err
		}
		switch {
		case header.kind == format.DictionaryPage && header.hasValues && c.dict == nil:
			err = c.loadDictionary(&header, data)
			if err == nil && c.off != c.data {
				// A reader that goes straight to the data must find what we find.
				err = fmt.Errorf("%w: data is at %d, footer says %d", errPage, c.off, c.data)
			}
		case header.kind == format.DataPage && header.hasData:
			err = c.loadData(&header, data)
		default:
			err = fmt.Errorf("%w: unexpected page of type %d", errPage, header.kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// encoding is that of the page at hand.
func (c *cursor) encoding() format.Encoding {
	switch {
	case c.col.kind != kindText:
		return format.DeltaBinaryPacked
	case c.coded:
		return format.RLEDictionary
	default:
		return format.Plain
	}
}

// finish demands that nothing is left behind the last row.
func (c *cursor) finish() error {
	if c.left != 0 || c.rows != 0 || c.off != c.end {
		return fmt.Errorf("%w: data after the last row", errPage)
	}
	return nil
}

// page reads the next page. Data is its content, decompressed, until the next call.
func (c *cursor) page() (h pageHeader, data []byte, _ error) {
	head := c.grow(int(min(c.end-c.off, maxPageHeader)))
	if err := readFull(c.r, head, c.off); err != nil {
		return h, nil, err
	}
	h, n, err := parsePageHeader(head)
	if err != nil {
		return h, nil, fmt.Errorf("page header: %w", err)
	}
	c.off += int64(n)
	packed, size := int64(h.packed), int64(h.size)
	c.budget -= int64(n) + size
	if packed < 0 || size < 0 || packed > c.end-c.off || c.budget < 0 {
		return h, nil, fmt.Errorf("%w: %d bytes, %d before compression", errPage, packed, size)
	}
	body := c.grow(int(packed))
	if err := readFull(c.r, body, c.off); err != nil {
		return h, nil, err
	}
	c.off += packed
	if uint32(h.crc) != crc32.ChecksumIEEE(body) {
		return h, nil, fmt.Errorf("%w: checksum differs", errPage)
	}
	// The decoder never writes more than the capacity it is given.
	if int64(cap(c.unpacked)) < size {
		c.unpacked = make([]byte, size)
	}
	if data, err = c.zstd.DecodeAll(body, c.unpacked[:0:size]); err != nil {
		return h, nil, fmt.Errorf("%w: %w", errPage, err)
	}
	if int64(len(data)) != size {
		return h, nil, fmt.Errorf("%w: %d bytes, header says %d", errPage, len(data), size)
	}
	return h, data, nil
}

func (c *cursor) grow(n int) []byte {
	if cap(c.raw) < n {
		c.raw = make([]byte, n)
	}
	return c.raw[:n]
}

func (c *cursor) loadDictionary(h *pageHeader, data []byte) error {
	if c.col.kind != kindText || h.encoding != format.Plain || h.values < 0 || h.values > RowGroupRows {
		return fmt.Errorf("%w: dictionary of %d values", errPage, h.values)
	}
	c.dict = make([]string, h.values)
	rest := string(data)
	var err error
	for i := range c.dict {
		if c.dict[i], rest, err = cutText(rest); err != nil {
			return err
		}
		if !utf8.ValidString(c.dict[i]) {
			return errUTF8
		}
	}
	return nil
}

func (c *cursor) loadData(h *pageHeader, data []byte) error {
	n := int(h.values)
	if n < 1 || n > c.rows {
		return fmt.Errorf("%w: %d values, %d rows left", errPage, n, c.rows)
	}
	c.rows -= n
	c.left = n
	c.values = nil
	var err error
	if c.col.Nullable {
		if len(data) < 4 || h.levels != format.RLE {
			return fmt.Errorf("%w: no levels", errPage)
		}
		size := int64(binary.LittleEndian.Uint32(data))
		data = data[4:]
		if size > int64(len(data)) {
			return fmt.Errorf("%w: %d bytes of levels", errPage, size)
		}
		if c.levels, err = newRuns(data[:size], 1); err != nil {
			return err
		}
		data = data[size:]
	}
	switch {
	case c.col.kind != kindText && h.encoding == format.DeltaBinaryPacked:
		c.ints, err = newDeltas(data)
		return err
	case c.col.kind == kindText && h.encoding == format.Plain:
		c.coded, c.values = false, data
		return nil
	case c.col.kind == kindText && h.encoding == format.RLEDictionary && c.dict != nil:
		c.coded = true
		if len(data) == 0 { // all NULL
			c.ids = runs{}
			return nil
		}
		c.ids, err = newRuns(data[1:], int(data[0]))
		return err
	default:
		return fmt.Errorf("%w: encoding %s", errPage, h.encoding)
	}
}
