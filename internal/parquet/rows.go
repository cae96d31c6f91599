package parquet

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// WriteRows writes rows of any streams, classes and days, in the order given, for an engine on this machine: the
// partition columns are columns of the file, and nothing is compressed. It is no data file: [Open] refuses it.
func WriteRows(w io.Writer, rows []event.Row) error {
	cols := rowColumns()
	empty, err := rowFooter()
	if err != nil {
		return err
	}
	meta := *empty // the schema is shared
	meta.KeyValueMetadata = nil
	group := format.RowGroup{NumRows: int64(len(rows)), Columns: make([]format.ColumnChunk, len(cols))}
	p := newPageWriter()
	file := []byte(magic)
	for i := range cols {
		at := len(file)
		if file, err = p.appendPlain(file, &cols[i], rows); err != nil {
			return fmt.Errorf("write column %s: %w", cols[i].Name, err)
		}
		size := int64(len(file) - at)
		group.Columns[i].MetaData = format.ColumnMetaData{
			Type: meta.Schema[1+i].Type.V, Encoding: []format.Encoding{format.Plain, format.RLE}, PathInSchema: []string{cols[i].Name},
			Codec: format.Uncompressed, NumValues: int64(len(rows)),
			TotalUncompressedSize: size, TotalCompressedSize: size, DataPageOffset: int64(at),
		}
		group.TotalByteSize += size
	}
	meta.NumRows, meta.RowGroups = group.NumRows, []format.RowGroup{group}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		return fmt.Errorf("finish parquet file: %w", err)
	}
	file = append(file, footer...)
	file = append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), magic...)
	if _, err := w.Write(file); err != nil {
		return fmt.Errorf("write parquet file: %w", err)
	}
	return nil
}

// rowColumns are those of [WriteRows].
func rowColumns() []column {
	return append(columns(),
		column{Column: textColumn("retention", ""), str: func(r *event.Row) *string { return &r.Retention }},
		column{Column: textColumn("dt", ""), source: sourceDay})
}

// rowFooter is the footer of [WriteRows] without rows. Nobody changes it.
var rowFooter = sync.OnceValues(func() (*format.FileMetaData, error) { return emptyFooter(rowColumns()) })

// appendPlain appends a page of the column's values in rows to dst, as they are.
func (p *pageWriter) appendPlain(dst []byte, c *column, rows []event.Row) ([]byte, error) {
	header := format.PageHeader{Type: format.DataPage}
	header.DataPageHeader.Set(format.DataPageHeader{
		NumValues: int32(len(rows)), Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	})
	p.content = p.content[:0]
	if c.Nullable {
		levels := make([]byte, len(rows))
		for i := range rows {
			if c.text(&rows[i]).Valid {
				levels[i] = 1
			}
		}
		var err error
		if p.part, err = p.levels.EncodeLevels(p.part, levels); err != nil {
			return nil, err
		}
		p.content = binary.LittleEndian.AppendUint32(p.content, uint32(len(p.part)))
		p.content = append(p.content, p.part...)
	}
	for i := range rows {
		p.content = c.appendPlain(p.content, &rows[i])
	}
	header.UncompressedPageSize, header.CompressedPageSize = int32(len(p.content)), int32(len(p.content))
	p.head.Reset()
	if err := p.encoder.Encode(&header); err != nil {
		return nil, err
	}
	return append(append(dst, p.head.Bytes()...), p.content...), nil
}

// appendPlain appends the column's value in a row in PLAIN encoding; of NULL, nothing.
func (c *column) appendPlain(dst []byte, r *event.Row) []byte {
	var s string
	switch {
	case c.num != nil:
		return binary.LittleEndian.AppendUint64(dst, uint64(*c.num(r)))
	case c.source == sourceMillis:
		return binary.LittleEndian.AppendUint64(dst, uint64(r.TimestampMS()))
	case c.str != nil:
		s = *c.str(r)
	case c.text != nil:
		t := c.text(r)
		if !t.Valid {
			return dst
		}
		s = t.S
	case c.source == sourceStream:
		s = r.Stream.String()
	case c.source == sourceDay:
		s = r.Day()
	default:
		panic("bug: column " + c.Name + " has no source")
	}
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}
