package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	magic = "PAR1"
	// maxFooterBytes is several times what 512 row groups with the longest bounds need.
	maxFooterBytes = 16 << 20
	// maxGroupBytes bounds what a reader keeps of one row group, before compression: the writer's bound,
	// one more event, and the levels and lengths around the values.
	maxGroupBytes = 2*rowGroupBytes + 2*maxTextBytes
)

// readFooter reads and checks everything about a file that is not in its pages. Footer is where data must end.
func readFooter(r io.ReaderAt, size int64, cols []column) (meta *format.FileMetaData, footer int64, err error) {
	const tail = 4 + len(magic)
	if size < int64(len(magic)+tail) {
		return nil, 0, fmt.Errorf("%d bytes are not a parquet file", size)
	}
	var head [len(magic)]byte
	var end [tail]byte
	if err := readFull(r, head[:], 0); err != nil {
		return nil, 0, err
	}
	if err := readFull(r, end[:], size-int64(tail)); err != nil {
		return nil, 0, err
	}
	if string(head[:]) != magic || string(end[4:]) != magic {
		return nil, 0, errors.New("not a parquet file")
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	footer = size - int64(tail) - length
	if length > maxFooterBytes || footer < int64(len(magic)) {
		return nil, 0, fmt.Errorf("footer of %d bytes", length)
	}
	data := make([]byte, length)
	if err := readFull(r, data, footer); err != nil {
		return nil, 0, err
	}
	if n, err := structLen(data); err != nil || int64(n) != length {
		return nil, 0, fmt.Errorf("footer: %w", errThrift)
	}
	meta = new(format.FileMetaData)
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data, meta); err != nil {
		return nil, 0, fmt.Errorf("footer: %w", err)
	}
	if err := checkSchema(meta.Schema, cols); err != nil {
		return nil, 0, err
	}
	if err := checkGroups(meta, footer, cols); err != nil {
		return nil, 0, err
	}
	for _, kv := range meta.KeyValueMetadata {
		if kv.Key == metadataFormat && kv.Value == formatVersion {
			return meta, footer, nil
		}
	}
	return nil, 0, fmt.Errorf("metadata %s is not %s", metadataFormat, formatVersion)
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	if n, err := r.ReadAt(b, off); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read %d bytes at %d: %w", len(b), off, err)
	}
	return nil
}

// checkSchema demands our columns exactly. Optional columns after them are what a later version may add.
func checkSchema(elements []format.SchemaElement, cols []column) error {
	if len(elements) < 1+len(cols) || int(elements[0].NumChildren.V) != len(elements)-1 {
		return fmt.Errorf("schema: %d elements, want a flat table of at least %d columns", len(elements), len(cols))
	}
	for i := range elements[1:] {
		e := &elements[1+i]
		if e.NumChildren.V != 0 || !e.Type.Valid {
			return fmt.Errorf("schema: column %d (%q) is not a plain column", i, e.Name)
		}
		if i >= len(cols) {
			if e.RepetitionType.V != format.Optional {
				return fmt.Errorf("schema: unknown column %q is not optional", e.Name)
			}
			continue
		}
		if e.Name != cols[i].Name {
			return fmt.Errorf("schema: column %d is %q, want %q", i, e.Name, cols[i].Name)
		}
		if got, want := elementType(e), columnType(cols[i]); got != want {
			return fmt.Errorf("schema: column %s is %s, want %s", e.Name, got, want)
		}
	}
	return nil
}

// columnType writes a column's type as Parquet's own schema language does, such as "required binary (STRING)".
func columnType(c column) string {
	repetition := "required "
	if c.Nullable {
		repetition = "optional "
	}
	switch c.kind {
	case kindTime:
		return repetition + "int64 (TIMESTAMP(MILLIS,true))"
	case kindInt:
		return repetition + "int64 (INTEGER(64,true))"
	default:
		return repetition + "binary (STRING)"
	}
}

func elementType(e *format.SchemaElement) string {
	repetition := "repeated "
	switch e.RepetitionType.V {
	case format.Required:
		repetition = "required "
	case format.Optional:
		repetition = "optional "
	}
	physical := "other"
	switch pq.Kind(e.Type.V) {
	case pq.ByteArray:
		physical = "binary"
	case pq.Int64:
		physical = "int64"
	}
	return repetition + physical + " (" + logicalType(e) + ")"
}

func logicalType(e *format.SchemaElement) string {
	switch t := e.LogicalType.Value.(type) {
	case *format.StringType:
		return "STRING"
	case *format.TimestampType:
		unit := "other"
		if _, ok := t.Unit.Value.(*format.MilliSeconds); ok {
			unit = "MILLIS"
		}
		return fmt.Sprintf("TIMESTAMP(%s,%t)", unit, t.IsAdjustedToUTC)
	case *format.IntType:
		return fmt.Sprintf("INTEGER(%d,%t)", t.BitWidth, t.IsSigned)
	case nil:
		if e.ConvertedType.Valid && e.ConvertedType.V == deprecated.UTF8 {
			return "UTF8"
		}
		return "none"
	default:
		return "other"
	}
}

// checkGroups demands that every column chunk lies within the file, between the magic and the footer, and
// that no row group is larger than the writer makes them.
func checkGroups(meta *format.FileMetaData, footer int64, cols []column) error {
	if len(meta.RowGroups) == 0 || len(meta.RowGroups) > maxRowGroups {
		return fmt.Errorf("%d row groups", len(meta.RowGroups))
	}
	var rows int64
	for i := range meta.RowGroups {
		g := &meta.RowGroups[i]
		if g.NumRows < 1 || g.NumRows > RowGroupRows || len(g.Columns) != len(meta.Schema)-1 {
			return fmt.Errorf("row group %d: %d rows in %d columns", i, g.NumRows, len(g.Columns))
		}
		rows += g.NumRows
		var total int64
		for j := range cols {
			size, err := checkChunk(&g.Columns[j], g.NumRows, footer, cols[j])
			if err != nil {
				return fmt.Errorf("row group %d: column %s: %w", i, cols[j].Name, err)
			}
			total += size
		}
		if total > maxGroupBytes {
			return fmt.Errorf("row group %d: %d bytes, more than %d", i, total, maxGroupBytes)
		}
	}
	if rows != meta.NumRows {
		return fmt.Errorf("%d rows in row groups, %d in the file", rows, meta.NumRows)
	}
	return nil
}

// checkChunk returns the chunk's size before compression.
func checkChunk(c *format.ColumnChunk, rows, footer int64, col column) (int64, error) {
	m := &c.MetaData
	start, size := chunkStart(m), m.TotalUncompressedSize
	switch {
	case c.FilePath != "":
		return 0, errors.New("its data is in another file")
	case len(m.PathInSchema) != 1 || m.PathInSchema[0] != col.Name:
		return 0, fmt.Errorf("its data is of column %q", m.PathInSchema)
	case m.Codec != format.Zstd:
		return 0, fmt.Errorf("compressed with %s, want ZSTD", m.Codec)
	case m.NumValues != rows:
		return 0, fmt.Errorf("%d values in %d rows", m.NumValues, rows)
	case size < 1 || size > maxGroupBytes:
		return 0, fmt.Errorf("%d bytes", size)
	case m.DictionaryPageOffset != 0 && m.DictionaryPageOffset >= m.DataPageOffset:
		return 0, errors.New("its dictionary is not in front of its data")
	case start < int64(len(magic)) || m.TotalCompressedSize < 1 || start > footer || m.TotalCompressedSize > footer-start:
		return 0, fmt.Errorf("data at %d of %d bytes is outside the file", start, m.TotalCompressedSize)
	}
	return size, nil
}

// chunkStart is the offset of a column chunk's first page.
func chunkStart(m *format.ColumnMetaData) int64 {
	if m.DictionaryPageOffset != 0 {
		return m.DictionaryPageOffset
	}
	return m.DataPageOffset
}
