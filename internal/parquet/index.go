package parquet

import (
	"encoding/binary"
	"fmt"
	"io"
	mathbits "math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/format"
)

// The value index says in which thousand rows of a row group a value may be. It lies in the file itself, between the
// page indexes and the footer, where other readers see a gap: so it has the file's lock, hash and signature, and is
// there whenever the file is. docs/format/parquet.md has the layout.

const (
	// metadataIndex is the key of "<version> <bytes>" in the file's metadata.
	metadataIndex = "archiver.index"
	indexVersion  = "1"
	// indexRows is how many rows an entry stands for.
	indexRows = 1024
	// indexLeast is the least number of rows of a file that has an index: a smaller one is read as fast.
	indexLeast = 16_384
	// indexBucketRows is how many rows of a row group there are for each bucket, before rounding up to a power of two.
	indexBucketRows = 16

	indexPlaceBits = 7 // of an entry, for the place: 131,072 rows are 128 places
	indexPrintBits = 9 // of an entry, for the value's fingerprint
	indexEntryBits = indexPlaceBits + indexPrintBits
	indexMostBits  = 13 // of a bucket's number: 131,072 / 16 rows
)

// indexColumns are the columns with an index, in its order: those whose values come again and again, but rarely.
// Values that come once are found well enough with a bloom filter.
func indexColumns() []string { return []string{"actor_id", "resource_id"} }

// indexBits is the binary logarithm of the number of buckets for so many rows.
func indexBits(rows int) int {
	return mathbits.Len(uint(max(rows-1, 0) / indexBucketRows))
}

// indexHash is also the hash of Parquet's bloom filters.
func indexHash(value []byte) uint64 { return bloom.XXH64{}.Sum64(value) }

// indexer builds the part of an index that is about one column of one row group.
type indexer struct {
	keys   []uint32 // the hash's top bits, then the place
	sorted []uint32
	starts []uint32
	value  []byte // of addText

	// The part that was made last.
	part    []byte
	entries uint32
}

// add notes the value of a row, which is counted within the row group, by its [indexHash].
func (x *indexer) add(row int, hash uint64) {
	top := hash >> (64 - indexMostBits - indexPrintBits)
	x.keys = append(x.keys, uint32(top)<<indexPlaceBits|uint32(row/indexRows))
}

// addText is add of a value.
func (x *indexer) addText(row int, value string) {
	x.value = append(x.value[:0], value...)
	x.add(row, indexHash(x.value))
}

// finish makes the part for a row group of so many rows, and begins anew.
func (x *indexer) finish(rows int) {
	width := indexBits(rows)
	x.sort(width)
	buckets := 1 << width
	x.part, x.entries = append(x.part[:0], make([]byte, 4*(buckets+1))...), 0
	for b := range buckets {
		binary.LittleEndian.PutUint32(x.part[4*b:], x.entries)
		entries := x.sorted[x.starts[b]:x.starts[b+1]]
		slices.Sort(entries)
		for _, e := range slices.Compact(entries) {
			x.part = binary.LittleEndian.AppendUint16(x.part, uint16(e))
			x.entries++
		}
	}
	binary.LittleEndian.PutUint32(x.part[4*buckets:], x.entries)
	x.keys = x.keys[:0]
}

// sort puts the keys into the order of their buckets; starts says where each begins.
func (x *indexer) sort(width int) {
	x.starts = append(x.starts[:0], make([]uint32, 2+1<<width)...)
	for i, k := range x.keys {
		k = indexKey(k, width)
		x.keys[i] = k
		x.starts[k>>indexEntryBits+2]++
	}
	for b := 2; b < len(x.starts); b++ {
		x.starts[b] += x.starts[b-1]
	}
	x.sorted = slices.Grow(x.sorted[:0], len(x.keys))[:len(x.keys)]
	for _, k := range x.keys {
		at := &x.starts[k>>indexEntryBits+1]
		x.sorted[*at] = k
		*at++
	}
}

// indexKey leaves of a hash as many bits as so many buckets and the fingerprint need.
func indexKey(k uint32, width int) uint32 {
	place := k & (1<<indexPlaceBits - 1)
	return k>>(indexPlaceBits+indexMostBits-width)<<indexPlaceBits | place
}

// fileIndex is the index of a whole file while it is made.
type fileIndex struct {
	columns [2]indexer // of indexColumns
	data    []byte
	counts  []uint32
}

// finish ends a row group.
func (x *fileIndex) finish(rows int) {
	for i := range x.columns {
		x.columns[i].finish(rows)
		x.data = append(x.data, x.columns[i].part...)
		x.counts = append(x.counts, x.columns[i].entries)
	}
}

// bytes is the index as it is in the file.
func (x *fileIndex) bytes() []byte {
	for _, n := range x.counts {
		x.data = binary.LittleEndian.AppendUint32(x.data, n)
	}
	return x.data
}

// indexPart says where a part of an index is in the file.
type indexPart struct {
	off     int64
	entries uint32
	width   int // of a bucket's number, in bits
}

func (p *indexPart) size() int64 { return 4*(1<<p.width+1) + 2*int64(p.entries) }

// readIndex finds the parts of the index, in the order of row groups and indexColumns; nil when the file has none.
func readIndex(r io.ReaderAt, meta *format.FileMetaData, footer int64) ([]indexPart, error) {
	value := ""
	for _, kv := range meta.KeyValueMetadata {
		if kv.Key == metadataIndex {
			value = kv.Value
		}
	}
	version, text, _ := strings.Cut(value, " ")
	if version != indexVersion { // none, or of a later release
		return nil, nil
	}
	length, err := strconv.ParseInt(text, 10, 64)
	parts := make([]indexPart, len(meta.RowGroups)*len(indexColumns()))
	tail := 4 * int64(len(parts))
	if err != nil || length < tail || length > footer-int64(len(magic)) {
		return nil, fmt.Errorf("index of %q bytes", text)
	}
	counts := make([]byte, tail)
	if err := readFull(r, counts, footer-tail); err != nil {
		return nil, err
	}
	off := footer - length
	for i := range parts {
		rows := meta.RowGroups[i/len(indexColumns())].NumRows
		parts[i] = indexPart{off: off, entries: binary.LittleEndian.Uint32(counts[4*i:]), width: indexBits(int(rows))}
		if int64(parts[i].entries) > rows {
			return nil, fmt.Errorf("index of %d entries for %d rows", parts[i].entries, rows)
		}
		off += parts[i].size()
	}
	if off != footer-tail {
		return nil, fmt.Errorf("index of %d bytes, its parts end %d bytes before", length, footer-tail-off)
	}
	return parts, nil
}

// ranges returns the rows of a row group of so many rows that may have one of values, in order, and how many bytes it read.
func (p *indexPart) ranges(r io.ReaderAt, rows int, values []string) (_ []span, read int64, _ error) {
	var places [RowGroupRows / indexRows]bool
	for _, v := range values {
		key := indexKey(uint32(indexHash([]byte(v))>>(64-indexMostBits-indexPrintBits))<<indexPlaceBits, p.width)
		n, err := p.bucket(r, key, &places)
		if read += n; err != nil {
			return nil, read, fmt.Errorf("index: %w", err)
		}
	}
	var found []span
	for i := 0; i*indexRows < rows; i++ {
		if !places[i] {
			continue
		}
		s := span{int32(i * indexRows), int32(min((i+1)*indexRows, rows))}
		if n := len(found); n > 0 && found[n-1].to == s.from {
			found[n-1].to = s.to
			continue
		}
		found = append(found, s)
	}
	return found, read, nil
}

// bucket marks the places of the entries with the fingerprint of key.
func (p *indexPart) bucket(r io.ReaderAt, key uint32, places *[RowGroupRows / indexRows]bool) (read int64, _ error) {
	var head [8]byte
	if err := readFull(r, head[:], p.off+4*int64(key>>indexEntryBits)); err != nil {
		return 0, err
	}
	from, to := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if from > to || to > p.entries {
		return 8, fmt.Errorf("%w: bucket from %d to %d of %d", errPage, from, to, p.entries)
	}
	entries := make([]byte, 2*(to-from))
	if err := readFull(r, entries, p.off+4*(1<<p.width+1)+2*int64(from)); err != nil {
		return 8, err
	}
	for i := 0; i < len(entries); i += 2 {
		if e := binary.LittleEndian.Uint16(entries[i:]); e>>indexPlaceBits == uint16(key)>>indexPlaceBits {
			places[e&(1<<indexPlaceBits-1)] = true
		}
	}
	return 8 + int64(len(entries)), nil
}
