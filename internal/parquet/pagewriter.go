package parquet

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageWriter encodes and compresses one page after the other, of any column. Its buffers are as large as the
// largest page was.
type pageWriter struct {
	content []byte // of the page: levels, then values
	part    []byte // of it, while it is encoded
	packed  []byte

	head    bytes.Buffer
	encoder *thrift.Encoder // to head

	levels rle.Encoding
	ids    rle.DictionaryEncoding
	ints   delta.BinaryPackedEncoding
}

func newPageWriter() *pageWriter {
	p := &pageWriter{levels: rle.Encoding{BitWidth: 1}}
	p.encoder = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&p.head))
	return p
}

// encode makes content of the page of a column.
func (p *pageWriter) encode(w *columnWriter) (encoding format.Encoding, err error) {
	p.content = p.content[:0]
	if w.col.Nullable {
		if p.part, err = p.levels.EncodeLevels(p.part, w.levels); err != nil {
			return 0, err
		}
		p.content = binary.LittleEndian.AppendUint32(p.content, uint32(len(p.part)))
		p.content = append(p.content, p.part...)
	}
	switch {
	case w.col.kind != kindText:
		encoding = format.DeltaBinaryPacked
		p.part, err = p.ints.EncodeInt64(p.part, w.ints)
	case w.dict != nil && !w.closed:
		encoding = format.RLEDictionary
		p.part, err = p.ids.EncodeInt32(p.part, w.ids)
	default:
		p.content = append(p.content, w.plain...)
		return format.Plain, nil
	}
	p.content = append(p.content, p.part...)
	return encoding, err
}

// append appends the page in content to dst, behind its header, of which it fills in sizes and checksum.
func (p *pageWriter) append(dst []byte, w *columnWriter, header *format.PageHeader) (_ []byte, err error) {
	if p.packed, err = pageCodec.encode(p.packed, p.content); err != nil {
		return nil, err
	}
	header.UncompressedPageSize = int32(len(p.content))
	header.CompressedPageSize = int32(len(p.packed))
	header.CRC = int32(crc32.ChecksumIEEE(p.packed))
	p.head.Reset()
	if err := p.encoder.Encode(header); err != nil {
		return nil, err
	}
	w.total.packed += int64(p.head.Len() + len(p.packed))
	w.total.unpacked += int64(p.head.Len() + len(p.content))
	return append(append(dst, p.head.Bytes()...), p.packed...), nil
}
