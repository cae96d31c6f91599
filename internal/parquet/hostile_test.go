package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// TestEveryFlippedByte is the whole of a small file, one byte at a time: the answer is an error or the same rows, never others.
func TestEveryFlippedByte(t *testing.T) {
	rows := generated(3)
	data := encode(t, testOptions(), rows, 3, nil)
	refused := 0
	for i := range data {
		flip := byte(1) << (i % 8)
		data[i] ^= flip
		got, err := decode(data, "standard")
		switch {
		case err != nil:
			refused++
		case !slices.Equal(got, rows):
			t.Errorf("byte %d of %d: other rows, no error", i, len(data))
		}
		data[i] ^= flip
	}
	if refused < len(data)/3 {
		t.Errorf("%d of %d flips were refused: the test does not reach the data", refused, len(data))
	}
}

func TestEveryTruncation(t *testing.T) {
	data := encode(t, testOptions(), generated(3), 3, nil)
	for n := range data {
		if _, err := decode(data[:n], "standard"); err == nil {
			t.Errorf("the first %d bytes of %d are accepted", n, len(data))
		}
	}
}

// withFooter replaces the footer of a file.
func withFooter(t *testing.T, data []byte, change func(*format.FileMetaData)) []byte {
	t.Helper()
	meta, footer, err := readFooter(bytes.NewReader(data), int64(len(data)), columns())
	if err != nil {
		t.Fatal(err)
	}
	change(meta)
	encoded, err := thrift.Marshal(new(thrift.CompactProtocol), meta)
	if err != nil {
		t.Fatal(err)
	}
	return withRawFooter(data[:footer], encoded)
}

func withRawFooter(pages, footer []byte) []byte {
	out := slices.Concat(pages, footer)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	return append(out, magic...)
}

func TestHostileFooters(t *testing.T) {
	data := encode(t, testOptions(), generated(100), 100, nil)
	if _, err := decode(withFooter(t, data, func(*format.FileMetaData) {}), "standard"); err != nil {
		t.Fatalf("an unchanged footer is refused: %v", err)
	}
	chunk := func(m *format.FileMetaData, column int) *format.ColumnMetaData {
		return &m.RowGroups[0].Columns[column].MetaData
	}
	tests := map[string]func(*format.FileMetaData){
		"no row group":              func(m *format.FileMetaData) { m.RowGroups = nil },
		"no rows":                   func(m *format.FileMetaData) { m.RowGroups[0].NumRows, m.NumRows = 0, 0 },
		"fewer rows":                func(m *format.FileMetaData) { m.RowGroups[0].NumRows, m.NumRows = 99, 99 },
		"more rows than in groups":  func(m *format.FileMetaData) { m.NumRows++ },
		"a million rows":            func(m *format.FileMetaData) { m.RowGroups[0].NumRows, m.NumRows = 1e6, 1e6 },
		"column missing":            func(m *format.FileMetaData) { m.RowGroups[0].Columns = m.RowGroups[0].Columns[1:] },
		"chunks swapped":            func(m *format.FileMetaData) { c := m.RowGroups[0].Columns; c[2], c[3] = c[3], c[2] },
		"other chunk's data":        func(m *format.FileMetaData) { chunk(m, 2).DataPageOffset = chunk(m, 3).DataPageOffset },
		"same data, other offset":   func(m *format.FileMetaData) { chunk(m, 0).DataPageOffset-- },
		"negative offset":           func(m *format.FileMetaData) { chunk(m, 0).DataPageOffset = -1 },
		"offset behind the footer":  func(m *format.FileMetaData) { chunk(m, 0).DataPageOffset = 1 << 40 },
		"length overflows":          func(m *format.FileMetaData) { chunk(m, 0).TotalCompressedSize = 1<<63 - 1 },
		"negative length":           func(m *format.FileMetaData) { chunk(m, 0).TotalCompressedSize = -5 },
		"huge uncompressed":         func(m *format.FileMetaData) { chunk(m, 0).TotalUncompressedSize = 1 << 40 },
		"small uncompressed":        func(m *format.FileMetaData) { chunk(m, 10).TotalUncompressedSize = 50 },
		"not compressed":            func(m *format.FileMetaData) { chunk(m, 0).Codec = format.Uncompressed },
		"other file":                func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].FilePath = "/etc/passwd" },
		"values":                    func(m *format.FileMetaData) { chunk(m, 0).NumValues = 1 << 31 },
		"group twice":               func(m *format.FileMetaData) { m.RowGroups = append(m.RowGroups, m.RowGroups[0]); m.NumRows *= 2 },
		"no format":                 func(m *format.FileMetaData) { m.KeyValueMetadata = nil },
		"later format":              func(m *format.FileMetaData) { m.KeyValueMetadata[0].Value = "2" },
		"format before the first":   func(m *format.FileMetaData) { m.KeyValueMetadata[0].Value = "0" },
		"nested column":             func(m *format.FileMetaData) { m.Schema[3].NumChildren.Set(2) },
		"schema's count":            func(m *format.FileMetaData) { m.Schema[0].NumChildren.Set(1 << 30) },
		"group of the table's type": func(m *format.FileMetaData) { m.Schema[1].Type.Valid = false },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := decode(withFooter(t, data, change), "standard"); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestMetadataBombs has footers of few bytes that ask for much: a deep recursion or a large allocation ends a process, and
// no recover helps.
func TestMetadataBombs(t *testing.T) {
	list := func(size uint64) []byte {
		return binary.AppendUvarint([]byte{0x29, 0xf0 | thriftStruct}, size) // field 2, the schema
	}
	for name, footer := range map[string][]byte{
		"deep structs":    bytes.Repeat([]byte{0x1c}, 8<<20),
		"deep lists":      append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 8<<20)...),
		"huge list":       list(1 << 31),
		"long list":       append(list(4<<20), make([]byte, 4<<20)...),
		"huge string":     binary.AppendUvarint([]byte{0x18}, 1<<31),
		"map":             {0x1b, 0x01, 0x88, 0x00, 0x00, 0x00},
		"footer's length": make([]byte, maxFooterBytes+1),
		"empty":           {},
		"zeros":           {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			data := withRawFooter([]byte(magic), footer)
			if _, err := decode(data, "standard"); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// page makes a page of one column chunk with a good checksum.
func page(t *testing.T, h format.PageHeader, body []byte) []byte {
	t.Helper()
	h.CompressedPageSize = int32(len(body))
	h.CRC = int32(crc32.ChecksumIEEE(body))
	head, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
	if err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// pageCursor reads one chunk of the column details with rows rows.
func pageCursor(t *testing.T, chunk []byte, rows, uncompressed int64) *cursor {
	t.Helper()
	s, err := newScan(&Reader{r: bytes.NewReader(chunk), cols: columns()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.zstd.Close)
	c := &s.cursors[10]
	c.reset(&format.ColumnMetaData{TotalCompressedSize: int64(len(chunk)), TotalUncompressedSize: uncompressed}, rows)
	return c
}

func TestHostilePages(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	pack := func(b []byte) []byte { return encoder.EncodeAll(b, nil) }
	good := []byte{2, 0, 0, 0, 2, 1, 1, 0, 0, 0, 'x'} // one level of 1; the value "x"
	header := func(values int32, size int) format.PageHeader {
		h := format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(size)}
		h.DataPageHeader.Set(format.DataPageHeader{NumValues: values, Encoding: format.Plain, DefinitionLevelEncoding: format.RLE})
		return h
	}
	c := pageCursor(t, page(t, header(1, len(good)), pack(good)), 1, 1_000)
	if s, ok, err := c.text(); s != "x" || !ok || err != nil {
		t.Fatalf("a good page gives %q, %t, %v", s, ok, err)
	}

	bomb := pack(make([]byte, 64<<20))
	dictionary := format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: 4}
	dictionary.DictionaryPageHeader.Set(format.DictionaryPageHeader{NumValues: 1 << 30, Encoding: format.Plain})
	tests := map[string][]byte{
		"bomb that lies about its size": page(t, header(1, 100), bomb),
		"bomb of two frames":            page(t, header(1, len(good)), append(pack(good), bomb...)),
		"bomb":                          page(t, header(1, 64<<20), bomb),
		"negative size":                 page(t, header(1, -1), pack(good)),
		"shorter than it says":          page(t, header(1, len(good)+1), pack(good)),
		"more values than rows":         page(t, header(2, len(good)), pack(good)),
		"negative values":               page(t, header(-1, len(good)), pack(good)),
		"no values":                     page(t, header(0, len(good)), pack(good)),
		"value beyond the page":         page(t, header(1, 10), pack([]byte{2, 0, 0, 0, 2, 1, 0xff, 0xff, 0xff, 0xff})),
		"levels beyond the page":        page(t, header(1, 4), pack([]byte{0xff, 0xff, 0xff, 0xff})),
		"no levels":                     page(t, header(1, 4), pack([]byte{0, 0, 0, 0})),
		"packed run without data":       page(t, header(1, 5), pack([]byte{1, 0, 0, 0, 0xff})),
		"huge dictionary":               page(t, dictionary, pack([]byte{0, 0, 0, 0})),
		"no dictionary": page(t, func() format.PageHeader {
			h := header(1, len(good))
			h.DataPageHeader.V.Encoding = format.RLEDictionary
			return h
		}(), pack(good)),
		"other encoding": page(t, func() format.PageHeader {
			h := header(1, len(good))
			h.DataPageHeader.V.Encoding = format.DeltaByteArray
			return h
		}(), pack(good)),
		"index page": page(t, format.PageHeader{Type: format.IndexPage}, nil),
		"not zstd":   page(t, header(1, len(good)), good),
	}
	for name, chunk := range tests {
		t.Run(name, func(t *testing.T) {
			c := pageCursor(t, chunk, 1, 1_000)
			allocated := testing.AllocsPerRun(1, func() {}) // warm up the runtime's own
			if _, _, err := c.text(); !errors.Is(err, errPage) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error %v (%v), want %v", err, allocated, errPage)
			}
			if cap(c.raw) > len(chunk)+maxPageHeader {
				t.Errorf("buffer of %d bytes for a chunk of %d", cap(c.raw), len(chunk))
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	rows := generated(20)
	var plain = plainRow(0)
	f.Add(encode(f, testOptions(), rows, 20, nil))
	f.Add(encode(f, testOptions(), rows[:1], 1, nil))
	o := testOptions()
	f.Add(encode(f, o, append(rows[:0:0], plain), 1, nil))
	f.Add(encode(f, o, rows, 20, func(w *Writer) { w.indexLeast = 0 }))
	f.Add([]byte("PAR1\x00\x00\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = pick(t, data, []Match{{"actor_id", []string{rows[0].ActorID}}, {"id", []string{rows[0].ID}}}, 10) // an error, or an answer
		r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
		if err != nil {
			return
		}
		r.Describe()
		n := int64(0)
		for row, err := range r.Rows() {
			if err != nil {
				return
			}
			n++
			if row.Retention != "standard" {
				t.Fatal("row of another class")
			}
		}
		if n != r.NumRows() {
			t.Errorf("%d rows, footer says %d", n, r.NumRows())
		}
	})
}

func FuzzDecoders(f *testing.F) {
	f.Add([]byte{2, 1, 3, 0x88, 0xc6, 0xfa}, uint8(3))
	f.Add([]byte{128, 1, 4, 5, 14, 0, 0, 0, 0, 0}, uint8(33))
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		if r, err := newRuns(data, int(width)); err == nil {
			for range 10_000 {
				v, err := r.next()
				if err != nil {
					break
				}
				if width < 32 && v>>width != 0 {
					t.Fatalf("%d has more than %d bits", v, width)
				}
			}
		}
		if d, err := newDeltas(data); err == nil {
			for range 10_000 {
				if _, err := d.next(); err != nil {
					break
				}
			}
		}
		if n, err := structLen(data); err == nil && n > len(data) {
			t.Fatalf("struct of %d bytes in %d", n, len(data))
		}
	})
}

// FuzzPage gives a column a dictionary and a page of any content under headers and checksums that are right.
func FuzzPage(f *testing.F) {
	f.Add(uint8(10), uint8(format.Plain), uint16(1), []byte{}, []byte{2, 0, 0, 0, 2, 1, 1, 0, 0, 0, 'x'})
	f.Add(uint8(2), uint8(format.RLEDictionary), uint16(4), []byte{1, 0, 0, 0, 'a', 0, 0, 0, 0}, []byte{1, 8, 1})
	f.Add(uint8(19), uint8(format.DeltaBinaryPacked), uint16(2), []byte{}, []byte{128, 1, 4, 2, 0, 2, 0, 0, 0, 0})
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { encoder.Close() })
	f.Fuzz(func(t *testing.T, column, encoding uint8, values uint16, dictionary, content []byte) {
		var chunk []byte
		if len(dictionary) > 0 {
			h := format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: int32(len(dictionary))}
			h.DictionaryPageHeader.Set(format.DictionaryPageHeader{NumValues: int32(values % 16), Encoding: format.Plain})
			chunk = page(t, h, encoder.EncodeAll(dictionary, nil))
		}
		start := len(chunk)
		h := format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(len(content))}
		h.DataPageHeader.Set(format.DataPageHeader{NumValues: int32(values), Encoding: format.Encoding(encoding), DefinitionLevelEncoding: format.RLE})
		chunk = append(chunk, page(t, h, encoder.EncodeAll(content, nil))...)

		c := pageCursor(t, chunk, int64(values), 1<<20)
		c.col = &columns()[int(column)%20]
		c.data = int64(start)
		got := 0
		for err = nil; err == nil; got++ {
			if c.col.kind == kindText {
				_, _, err = c.text()
			} else {
				_, err = c.int()
			}
		}
		if got > int(values)+1 {
			t.Errorf("%d values of a page of %d", got, values)
		}
		if !errors.Is(err, errPage) && !errors.Is(err, errUTF8) && !errors.Is(err, errThrift) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("unexpected error: %v", err)
		}
	})
}
