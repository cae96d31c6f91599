package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// Finder knows where in a file the pages are, so that a few rows can be read without the others. It believes what
// the file says of itself (bounds, page index, bloom filters), as any engine does: use it on a file whose SHA-256 was
// compared with a signed manifest.
//
// It holds no file: each call is given one, the same that [NewFinder] saw. It may be used by several goroutines.
type Finder struct {
	cols   []column
	class  string
	groups []groupPlaces
	index  []indexPart // as readIndex returns them
	memory *Memory
	idle   sync.Pool // of *scratch
}

// groupPlaces is what is kept of a row group.
type groupPlaces struct {
	rows         int
	minNS, maxNS int64 // of timestamp_ns
	ordered      bool  // by timestamp_ns
	chunks       []chunkPlaces
}

// chunkPlaces says where a column chunk's parts are in the file.
type chunkPlaces struct {
	dict, data, end int64 // dictionary (0: none), first data page, behind the last one
	index, indexLen int64 // offset index
	bloom, bloomLen int64 // bits of the bloom filter; bloomLen 0: none
	unpacked        int64 // size of all pages before compression
	coded           bool  // all values are in the dictionary
}

// Match is a condition on a row: the column has one of the values, byte by byte.
type Match struct {
	Column string
	Values []string
}

// Wanted says which rows are looked for.
type Wanted struct {
	Where        []Match // all of them hold
	MinNS, MaxNS int64   // of timestamp_ns, inclusive

	Most     int // rows
	MostLeft int // rows that a condition may leave to the next one
}

// Findable reports whether a [Finder] looks for values of a column.
func Findable(name string) bool {
	i := placeOf(columns(), name)
	return i >= 0 && columns()[i].findable()
}

func (c *column) findable() bool { return c.bloom || c.dict && c.source == sourceField }

// Rare reports whether a file tells, without its rows being read, that it does not have a value of the column: a
// look for one that hardly any row has is cheap, however many rows there are.
func Rare(name string) bool {
	i := placeOf(columns(), name)
	return i >= 0 && columns()[i].bloom
}

// placeOf is the column's place in cols; -1: none is called so.
func placeOf(cols []column, name string) int {
	return slices.IndexFunc(cols, func(c column) bool { return c.Name == name })
}

// NewFinder reads the footer and the heads of the bloom filters of a file. What is unpacked it puts into memory.
func NewFinder(r io.ReaderAt, size int64, class string, memory *Memory) (_ *Finder, err error) {
	defer recoverInto(&err)
	cols := columns()
	meta, footer, err := readFooter(r, size, cols)
	if err != nil {
		return nil, fmt.Errorf("open parquet file: %w", err)
	}
	f := &Finder{cols: cols, class: class, memory: memory, groups: make([]groupPlaces, len(meta.RowGroups))}
	if f.index, err = readIndex(r, meta, footer); err != nil {
		return nil, fmt.Errorf("open parquet file: %w", err)
	}
	for i := range meta.RowGroups {
		if err := f.groups[i].fill(r, footer, &meta.RowGroups[i], cols); err != nil {
			return nil, fmt.Errorf("row group %d: %w", i, err)
		}
	}
	return f, nil
}

func (g *groupPlaces) fill(r io.ReaderAt, footer int64, from *format.RowGroup, cols []column) error {
	g.rows, g.minNS, g.maxNS = int(from.NumRows), math.MinInt64, math.MaxInt64
	if by := from.SortingColumns; len(by) > 0 {
		g.ordered = int(by[0].ColumnIdx) == placeOf(cols, "timestamp_ns") && !by[0].Descending
	}
	g.chunks = make([]chunkPlaces, len(cols))
	for i := range cols {
		c, m := &from.Columns[i], &from.Columns[i].MetaData
		p := &g.chunks[i]
		*p = chunkPlaces{
			dict: m.DictionaryPageOffset, data: m.DataPageOffset, end: chunkStart(m) + m.TotalCompressedSize,
			index: c.OffsetIndexOffset, indexLen: int64(c.OffsetIndexLength), unpacked: m.TotalUncompressedSize,
		}
		p.coded = p.dict != 0 && allCoded(m.EncodingStats)
		if p.index < 4 || p.indexLen < 1 || p.indexLen > maxFooterBytes || p.index > footer-p.indexLen {
			return fmt.Errorf("column %s: page index of %d bytes at %d is outside the file", cols[i].Name, p.indexLen, p.index)
		}
		if low, high := m.Statistics.MinValue, m.Statistics.MaxValue; cols[i].Name == "timestamp_ns" && len(low) == 8 && len(high) == 8 {
			g.minNS, g.maxNS = int64(binary.LittleEndian.Uint64(low)), int64(binary.LittleEndian.Uint64(high))
		}
		if cols[i].bloom {
			if err := p.filter(r, footer, m); err != nil {
				return fmt.Errorf("column %s: bloom filter: %w", cols[i].Name, err)
			}
		}
	}
	return nil
}

// allCoded reports whether a chunk with such pages has no value in a data page itself, but ids of its dictionary only.
func allCoded(pages []format.PageEncodingStats) bool {
	for _, p := range pages {
		if p.PageType != format.DictionaryPage && p.Encoding != format.RLEDictionary {
			return false
		}
	}
	return len(pages) > 0
}

// filter finds the bits of a bloom filter behind its head.
func (p *chunkPlaces) filter(r io.ReaderAt, footer int64, m *format.ColumnMetaData) error {
	at, length := m.BloomFilterOffset, int64(m.BloomFilterLength)
	if length == 0 {
		return nil
	}
	if at < 4 || length < 0 || at > footer-length {
		return fmt.Errorf("%d bytes at %d are outside the file", length, at)
	}
	head := make([]byte, min(length, 64))
	if err := readFull(r, head, at); err != nil {
		return err
	}
	n, err := structLen(head)
	if err != nil {
		return err
	}
	var h format.BloomFilterHeader
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), head[:n], &h); err != nil {
		return err
	}
	_, block := h.Algorithm.Value.(*format.SplitBlockAlgorithm)
	_, hash := h.Hash.Value.(*format.XxHash)
	_, plain := h.Compression.Value.(*format.BloomFilterUncompressed)
	if !block || !hash || !plain || int64(h.NumBytes) != length-int64(n) || h.NumBytes < bloom.BlockSize || h.NumBytes%bloom.BlockSize != 0 {
		return errors.New("it is of another kind")
	}
	p.bloom, p.bloomLen = at+int64(n), int64(h.NumBytes)
	return nil
}

// Groups returns how many row groups the file has.
func (f *Finder) Groups() int { return len(f.groups) }

// May reports whether row group g may hold a row that is wanted. It reads at most 32 bytes for each value.
func (f *Finder) May(r io.ReaderAt, g int, w Wanted) (bool, error) {
	group := &f.groups[g]
	if group.maxNS < w.MinNS || group.minNS > w.MaxNS {
		return false, nil
	}
	for _, m := range w.Where {
		c := &group.chunks[f.place(m.Column)]
		may := c.bloomLen == 0
		for _, v := range m.Values {
			if may {
				break
			}
			var err error
			may, err = bloom.CheckSplitBlock(io.NewSectionReader(r, c.bloom, c.bloomLen), c.bloomLen, bloom.XXH64{}.Sum64([]byte(v)))
			if err != nil {
				return false, fmt.Errorf("row group %d: column %s: bloom filter: %w", g, m.Column, err)
			}
		}
		if !may {
			return false, nil
		}
	}
	return true, nil
}

// place is the column's place in the schema; the caller asked [Findable].
func (f *Finder) place(name string) int {
	if i := placeOf(f.cols, name); i >= 0 {
		return i
	}
	panic("bug: no column " + name)
}

// ErrMany says that more rows match than were wanted, or longer ones.
var ErrMany = errors.New("too many rows match")

// Found is rows of one row group that match: where they are, not what they hold. It is used by one goroutine, which
// closes it.
type Found struct {
	p      *picker
	g      int
	places []int32
	known  map[int]string // what all of them have, by the column's place
}

// Len returns how many rows there are.
func (f *Found) Len() int { return len(f.places) }

// BytesRead returns how much was read to find them, and to read them.
func (f *Found) BytesRead() int64 { return f.p.read }

// Close releases memory for the next.
func (f *Found) Close() { f.p.close() }

// Find looks for the rows of row group g that are wanted, by one condition on a value at least; ErrMany if they are
// more than they may be.
func (f *Finder) Find(r io.ReaderAt, g int, w Wanted) (_ *Found, err error) {
	defer recoverInto(&err)
	p, err := f.newPicker(r, g)
	if err != nil {
		return nil, err
	}
	found := &Found{p: p, g: g, known: make(map[int]string)}
	for _, m := range w.Where {
		if len(m.Values) == 1 {
			found.known[f.place(m.Column)] = m.Values[0]
		}
	}
	if found.places, err = p.search(w); err != nil {
		p.close()
		return nil, fmt.Errorf("row group %d: %w", g, err)
	}
	return found, nil
}

// Rows reads the rows that were found, in order, from the same file, with so many goroutines. Room is how many bytes
// of text they may have, they and all others that share it: ErrMany if they have more.
func (f *Found) Rows(r io.ReaderAt, threads int, room *atomic.Int64) (rows []event.Row, err error) {
	f.p.r, f.p.room = r, room
	rows, err = f.p.fetch(f.places, f.known, threads)
	if err != nil {
		return nil, fmt.Errorf("row group %d: %w", f.g, err)
	}
	return rows, nil
}
