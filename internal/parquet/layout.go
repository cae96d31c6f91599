package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// layout puts the parts of a file behind each other and writes down where they are: row groups, each with its
// columns and their bloom filters; the page indexes; the value index; the footer.
type layout struct {
	w       io.Writer
	off     int64
	cols    []column
	meta    *format.FileMetaData
	columns [][]format.ColumnIndex // of each row group
	offsets [][]format.OffsetIndex
}

func newLayout(w io.Writer, cols []column) (*layout, error) {
	meta, err := emptyFooter(cols)
	return &layout{w: w, cols: cols, meta: meta}, err
}

// emptyFooter is the footer that the library writes for our schema when there are no rows.
func emptyFooter(cols []column) (*format.FileMetaData, error) {
	var b bytes.Buffer
	err := pq.NewWriter(&b,
		fileSchema(cols),
		pq.CreatedBy(encoderName, formatVersion, encoderBuild),
		pq.KeyValueMetadata(metadataFormat, formatVersion),
	).Close()
	meta := new(format.FileMetaData)
	if err == nil {
		footer := b.Bytes()[len(magic) : b.Len()-4-len(magic)]
		err = thrift.Unmarshal(new(thrift.CompactProtocol), footer, meta)
	}
	if err != nil {
		return nil, fmt.Errorf("schema of a parquet file: %w", err)
	}
	return meta, nil
}

func (l *layout) groups() int { return len(l.meta.RowGroups) }

func (l *layout) write(b []byte) error {
	n, err := l.w.Write(b)
	l.off += int64(n)
	return err
}

// encode writes one structure of metadata and returns where it begins and its length.
func (l *layout) encode(v any) (off int64, length int32, err error) {
	off = l.off
	b, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	if err != nil {
		return 0, 0, err
	}
	return off, int32(len(b)), l.write(b)
}

// writeGroup writes what the columns have as the next row group, and leaves them empty.
func (l *layout) writeGroup(columns []*columnWriter, p *pageWriter, rows int64) error {
	if l.off == 0 {
		if err := l.write([]byte(magic)); err != nil {
			return err
		}
	}
	g := format.RowGroup{
		NumRows: rows, FileOffset: l.off, Ordinal: int16(l.groups()),
		SortingColumns: []format.SortingColumn{{ColumnIdx: int32(placeOf(l.cols, "timestamp_ns"))}, {ColumnIdx: int32(placeOf(l.cols, "seq"))}},
		Columns:        make([]format.ColumnChunk, len(columns)),
	}
	for i, c := range columns {
		if err := l.writeChunk(c, p, &g.Columns[i].MetaData); err != nil {
			return fmt.Errorf("column %s: %w", c.col.Name, err)
		}
		g.TotalByteSize += c.total.unpacked
		g.TotalCompressedSize += c.total.packed
	}
	for i, c := range columns {
		if err := l.writeFilter(c, &g.Columns[i].MetaData); err != nil {
			return fmt.Errorf("bloom filter of column %s: %w", c.col.Name, err)
		}
	}
	l.meta.RowGroups = append(l.meta.RowGroups, g)
	l.indexPages(columns, g.Columns)
	for _, c := range columns {
		c.reset()
	}
	return nil
}

// writeChunk writes the dictionary and the pages of one column, and what m says of them.
func (l *layout) writeChunk(c *columnWriter, p *pageWriter, m *format.ColumnMetaData) error {
	*m = format.ColumnMetaData{
		Type: format.Type(node(*c.col).Type().Kind()), Encoding: c.col.encodings(),
		PathInSchema: []string{c.col.Name}, Codec: format.Zstd,
		NumValues:  c.total.rows,
		Statistics: format.Statistics{NullCount: c.total.nulls, MinValue: c.total.bounds.low, MaxValue: c.total.bounds.high},
	}
	if c.total.ids == 0 { // not known of pages of ids
		m.SizeStatistics.UnencodedByteArrayDataBytes = c.total.textBytes
	}
	if c.col.Nullable {
		m.SizeStatistics.DefinitionLevelHistogram = []int64{c.total.nulls, c.total.rows - c.total.nulls}
	}
	if c.dict != nil {
		m.DictionaryPageOffset = l.off
		header := format.PageHeader{Type: format.DictionaryPage}
		header.DictionaryPageHeader.Set(format.DictionaryPageHeader{NumValues: int32(len(c.dict.values)), Encoding: format.Plain})
		p.content = append(p.content[:0], c.dict.data...)
		page, err := p.append(nil, c, &header)
		if err != nil {
			return err
		}
		if err := l.write(page); err != nil {
			return err
		}
	}
	m.DataPageOffset = l.off
	m.TotalUncompressedSize, m.TotalCompressedSize = c.total.unpacked, c.total.packed
	m.EncodingStats = c.pageCounts()
	return l.write(c.pages)
}

// pageCounts is how many pages there are of each kind.
func (w *columnWriter) pageCounts() (counts []format.PageEncodingStats) {
	add := func(page format.PageType, encoding format.Encoding, n int32) {
		if n > 0 {
			counts = append(counts, format.PageEncodingStats{PageType: page, Encoding: encoding, Count: n})
		}
	}
	values := format.Plain
	if w.col.kind != kindText {
		values = format.DeltaBinaryPacked
	}
	add(format.DataPage, values, w.total.others)
	add(format.DataPage, format.RLEDictionary, w.total.ids)
	if w.dict != nil {
		add(format.DictionaryPage, format.Plain, 1)
	}
	return counts
}

// encodings are all that the chunk of a column may have, in the order of their numbers.
func (c *column) encodings() (all []format.Encoding) {
	if c.kind == kindText {
		all = append(all, format.Plain)
	}
	if c.Nullable {
		all = append(all, format.RLE) // of the levels
	}
	switch {
	case c.kind != kindText:
		all = append(all, format.DeltaBinaryPacked)
	case c.dict:
		all = append(all, format.RLEDictionary)
	}
	return all
}

// writeFilter writes the bloom filter of a column that has one. A dictionary without values has none.
func (l *layout) writeFilter(c *columnWriter, m *format.ColumnMetaData) error {
	if !c.col.bloom {
		return nil
	}
	values, hashes := c.total.rows, c.hashes
	if c.dict != nil {
		values, hashes = int64(len(c.dict.values)), c.dict.blooms()
	}
	filter := make(bloom.SplitBlockFilter, bloom.NumSplitBlocksOf(values, bloomBitsPerValue))
	if len(filter) == 0 {
		return nil
	}
	filter.InsertBulk(hashes)
	header := format.BloomFilterHeader{NumBytes: int32(len(filter.Bytes()))}
	header.Algorithm.Value = &format.SplitBlockAlgorithm{}
	header.Hash.Value = &format.XxHash{}
	header.Compression.Value = &format.BloomFilterUncompressed{}
	off, length, err := l.encode(&header)
	if err != nil {
		return err
	}
	m.BloomFilterOffset, m.BloomFilterLength = off, length+header.NumBytes
	return l.write(filter.Bytes())
}

// indexPages keeps what the page indexes will say of a row group.
func (l *layout) indexPages(columns []*columnWriter, chunks []format.ColumnChunk) {
	bounds := make([]format.ColumnIndex, len(columns))
	places := make([]format.OffsetIndex, len(columns))
	for i, c := range columns {
		if c.indexer != nil {
			bounds[i] = c.indexer.ColumnIndex()
			bounds[i].DefinitionLevelHistogram = c.levelsN
		}
		for k := range c.places {
			c.places[k].Offset += chunks[i].MetaData.DataPageOffset
		}
		places[i].PageLocations = c.places
	}
	l.columns = append(l.columns, bounds)
	l.offsets = append(l.offsets, places)
}

// finish writes the page indexes, the value index, if there is one, and the footer.
func (l *layout) finish(rows int64, index []byte) (err error) {
	for i, group := range l.columns {
		for j := range group {
			if !l.cols[j].bounds {
				continue
			}
			c := &l.meta.RowGroups[i].Columns[j]
			if c.ColumnIndexOffset, c.ColumnIndexLength, err = l.encode(&group[j]); err != nil {
				return err
			}
		}
	}
	for i, group := range l.offsets {
		for j := range group {
			c := &l.meta.RowGroups[i].Columns[j]
			if c.OffsetIndexOffset, c.OffsetIndexLength, err = l.encode(&group[j]); err != nil {
				return err
			}
		}
	}
	if index != nil {
		l.meta.KeyValueMetadata = append(l.meta.KeyValueMetadata,
			format.KeyValue{Key: metadataIndex, Value: fmt.Sprintf("%s %d", indexVersion, len(index))})
		if err := l.write(index); err != nil {
			return err
		}
	}
	l.meta.NumRows = rows
	_, length, err := l.encode(l.meta)
	if err != nil {
		return err
	}
	return l.write(append(binary.LittleEndian.AppendUint32(nil, uint32(length)), magic...))
}
