package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

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
	chunks []*chunk // nil: not opened
	read   int64    // bytes
	*scratch
}

// scratch is memory that is used for one row group after the other.
type scratch struct {
	zstd          *zstd.Decoder
	raw, unpacked []byte
}

// pagePlace is where a data page is, its header included, and the first of its rows.
type pagePlace struct {
	off, size int64
	first     int32
}

// chunk is a column chunk of which pages are wanted.
type chunk struct {
	*chunkPlaces
	col   *column
	rows  int32
	pages []pagePlace
	dict  *dictionary // nil: not read yet
}

func (f *Finder) newPicker(r io.ReaderAt, g int) (*picker, error) {
	s, _ := f.idle.Get().(*scratch)
	if s == nil {
		decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxGroupBytes), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
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

// open reads the offset index of a column: its pages must follow each other without a gap.
func (p *picker) open(i int) (*chunk, error) {
	if p.chunks[i] != nil {
		return p.chunks[i], nil
	}
	c := &chunk{chunkPlaces: &p.group.chunks[i], col: &p.f.cols[i], rows: int32(p.group.rows)}
	data := make([]byte, c.indexLen)
	if err := readFull(p.r, data, c.index); err != nil {
		return nil, err
	}
	p.read += c.indexLen
	off := c.data
	err := parsePageIndex(data, func(at, size, first int64) error {
		n := len(c.pages)
		if at != off || size < 1 || size > c.end-at || (n == 0) != (first == 0) || first >= int64(c.rows) || n > 0 && first <= int64(c.pages[n-1].first) {
			return fmt.Errorf("%w: page %d is at %d, row %d", errPage, n, at, first)
		}
		c.pages = append(c.pages, pagePlace{at, size, int32(first)})
		off += size
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("page index: %w", err)
	}
	if off != c.end || len(c.pages) == 0 {
		return nil, fmt.Errorf("page index: %w: pages end at %d, not at %d", errPage, off, c.end)
	}
	p.chunks[i] = c
	return c, nil
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
	if int64(cap(p.unpacked)) < full {
		p.unpacked = make([]byte, full)
	}
	data, err := p.zstd.DecodeAll(body, p.unpacked[:0:full])
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
	key := dictionaryKey{p.f, p.number, c.col.Name}
	if c.dict = p.f.memory.get(key); c.dict != nil {
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

// cutBytes takes one length-prefixed value off data.
func cutBytes(data []byte) (v, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, fmt.Errorf("%w: too few values", errPage)
	}
	n := binary.LittleEndian.Uint32(data)
	if n > maxTextBytes || int(n) > len(data)-4 {
		return nil, nil, fmt.Errorf("%w: value of %d bytes", errPage, n)
	}
	return data[4 : 4+n], data[4+n:], nil
}

// values walks forward over the values of one page.
type values struct {
	nullable, coded, number bool

	at     int32 // row within the page
	rows   int32
	levels runs
	ids    runs
	plain  []byte
	ints   deltas
}

// load reads data page n of a chunk.
func (p *picker) load(c *chunk, n int) (*values, error) {
	h, data, err := p.unpack(c, c.pages[n].off, c.pages[n].size)
	if err != nil {
		return nil, err
	}
	rows := c.rowsOf(n)
	if h.kind != format.DataPage || !h.hasData || h.values != rows.to-rows.from {
		return nil, fmt.Errorf("%w: page %d is not one of %d values", errPage, n, rows.to-rows.from)
	}
	v := &values{nullable: c.col.Nullable, number: c.col.kind != kindText, rows: h.values}
	if v.nullable {
		if len(data) < 4 || h.levels != format.RLE {
			return nil, fmt.Errorf("%w: no levels", errPage)
		}
		size := int64(binary.LittleEndian.Uint32(data))
		if data = data[4:]; size > int64(len(data)) {
			return nil, fmt.Errorf("%w: %d bytes of levels", errPage, size)
		}
		if v.levels, err = newRuns(data[:size], 1); err != nil {
			return nil, err
		}
		data = data[size:]
	}
	switch {
	case v.number && h.encoding == format.DeltaBinaryPacked:
		v.ints, err = newDeltas(data)
	case !v.number && h.encoding == format.Plain:
		v.plain = data
	case !v.number && h.encoding == format.RLEDictionary:
		if v.coded = true; len(data) > 0 { // none: all NULL
			v.ids, err = newRuns(data[1:], int(data[0]))
		}
	default:
		return nil, fmt.Errorf("%w: encoding %s", errPage, h.encoding)
	}
	return v, err
}

// seek goes to a row of the page that is not before the one at hand.
func (v *values) seek(row int32) error {
	skip := row - v.at
	v.at = row
	if v.nullable && skip > 0 {
		ones, err := v.levels.count(int(skip))
		if err != nil {
			return err
		}
		skip = int32(ones)
	}
	switch {
	case v.number:
		for range skip {
			if _, err := v.ints.next(); err != nil {
				return err
			}
		}
	case v.coded:
		return v.ids.skip(int(skip))
	default:
		for range skip {
			var err error
			if _, v.plain, err = cutBytes(v.plain); err != nil {
				return err
			}
		}
	}
	return nil
}

// present says whether the row at hand has a value, and goes to the next one.
func (v *values) present() (bool, error) {
	v.at++
	if !v.nullable {
		return true, nil
	}
	level, err := v.levels.next()
	return level == 1, err
}

// text is the value of the row at hand; valid is false for NULL. It is good until the next page is read.
func (v *values) text(dict *dictionary) (s []byte, valid bool, err error) {
	if valid, err = v.present(); err != nil || !valid {
		return nil, false, err
	}
	if !v.coded {
		s, v.plain, err = cutBytes(v.plain)
		return s, true, err
	}
	id, err := v.ids.next()
	if err != nil {
		return nil, false, err
	}
	s, err = dict.at(id)
	return s, err == nil, err
}

// narrow leaves of within what the value index says may have one of the wanted values in column i.
func (p *picker) narrow(i int, wanted []string, within []span) ([]span, error) {
	n := p.f.cols[i].index - 1
	if n < 0 || p.f.index == nil {
		return within, nil
	}
	may, read, err := p.f.index[p.number*len(indexColumns())+n].ranges(p.r, p.group.rows, wanted)
	p.read += read
	return intersect(within, may), err
}

// intersect returns the rows that are in a and in b.
func intersect(a, b []span) (both []span) {
	for len(a) > 0 && len(b) > 0 {
		if s := (span{max(a[0].from, b[0].from), min(a[0].to, b[0].to)}); s.from < s.to {
			both = append(both, s)
		}
		if a[0].to < b[0].to {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}

// find returns which rows of within have one of the wanted values in column i.
func (p *picker) find(i int, wanted []string, within []span, most int) ([]int32, error) {
	if len(within) == 0 {
		return nil, nil
	}
	c, err := p.open(i)
	if err != nil {
		return nil, err
	}
	is := make(map[string]bool, len(wanted))
	for _, w := range wanted {
		is[w] = true
	}
	var codes []bool
	if c.chunkPlaces.dict != 0 {
		if err := p.dictionary(c); err != nil {
			return nil, err
		}
		if codes, err = c.dict.which(is); err != nil {
			return nil, err
		}
	}
	s := search{picker: p, chunk: c, is: is, codes: codes, most: most}
	for n := 0; n < len(c.pages) && len(within) > 0; n++ {
		rows := c.rowsOf(n)
		last := sort.Search(len(within), func(k int) bool { return within[k].from >= rows.to })
		if last == 0 {
			continue
		}
		if err := s.page(n, rows, within[:last]); err != nil {
			return nil, err
		}
		if within[last-1].to > rows.to { // goes on in the next page
			last--
		}
		within = within[last:]
	}
	return s.found, nil
}

// search collects the rows of a chunk that have one of some values.
type search struct {
	*picker
	chunk *chunk
	is    map[string]bool
	codes []bool // of the dictionary; nil: none of its values
	most  int
	found []int32
}

func (s *search) page(n int, rows span, within []span) error {
	v, err := s.load(s.chunk, n)
	if err != nil {
		return err
	}
	if v.coded && s.codes == nil {
		return nil
	}
	for _, w := range within {
		from, to := max(w.from, rows.from), min(w.to, rows.to)
		if err := v.seek(from - rows.from); err != nil {
			return err
		}
		for row := from; row < to; row++ {
			hit, err := s.test(v)
			if err != nil {
				return err
			}
			if !hit {
				continue
			}
			if len(s.found) == s.most {
				return ErrMany
			}
			s.found = append(s.found, row)
		}
	}
	return nil
}

func (s *search) test(v *values) (bool, error) {
	if v.coded {
		valid, err := v.present()
		if err != nil || !valid {
			return false, err
		}
		id, err := v.ids.next()
		if err == nil && int64(id) >= int64(len(s.codes)) {
			err = fmt.Errorf("%w: id %d of a dictionary of %d", errPage, id, len(s.codes))
		}
		return err == nil && s.codes[id], err
	}
	text, valid, err := v.text(nil)
	return valid && s.is[string(text)], err
}

// fetch reads all columns of some rows, which are in order.
func (p *picker) fetch(places []int32) ([]event.Row, error) {
	rows := make([]event.Row, len(places))
	for i := range rows {
		rows[i].Retention = p.f.class
	}
	for i := range p.f.cols {
		if p.f.cols[i].source == sourceMillis { // timestamp_ns says it
			continue
		}
		if err := p.column(i, places, rows); err != nil {
			return nil, fmt.Errorf("column %s: %w", p.f.cols[i].Name, err)
		}
	}
	return rows, nil
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
		if err := c.set(v, &rows[k]); err != nil {
			return err
		}
	}
	return nil
}

// set puts the value at hand into a row.
func (c *chunk) set(v *values, row *event.Row) error {
	if v.number {
		n, err := v.ints.next()
		v.at++
		*c.col.num(row) = n
		return err
	}
	b, valid, err := v.text(c.dict)
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return errUTF8
	}
	switch {
	case c.col.str != nil:
		*c.col.str(row) = string(b)
	case c.col.text != nil:
		*c.col.text(row) = event.Text{S: string(b), Valid: valid}
	case c.col.source == sourceStream:
		row.Stream, err = uuid.ParseBytes(b)
	}
	return err
}
