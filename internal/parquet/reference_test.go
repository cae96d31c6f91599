package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// libraryCodec is a codec of ours as the library wants it.
type libraryCodec struct{ *zstdCodec }

func (libraryCodec) String() string                            { return "ZSTD" }
func (libraryCodec) CompressionCodec() format.CompressionCodec { return format.Zstd }
func (c libraryCodec) Encode(dst, src []byte) ([]byte, error)  { return c.encode(dst, src) }
func (c libraryCodec) Decode(dst, src []byte) ([]byte, error)  { return pq.Zstd.Decode(dst, src) }

// byLibrary is the file that the library's own writer makes of rows, without a value index, and without what it says
// wrongly. Row groups end after the given numbers of rows. Encoders up to parquet-go-0.32-2 were this one.
func byLibrary(t *testing.T, rows []event.Row, groups ...int) []byte {
	t.Helper()
	cols := columns()
	var fields []pq.Field
	for _, c := range cols {
		fields = append(fields, field{Node: pq.Compressed(node(c), libraryCodec{&pageCodec}), name: c.Name})
	}
	config := []pq.WriterOption{
		pq.NewSchema("audit_logs", table{fields: fields}),
		pq.CreatedBy(encoderName, formatVersion, encoderBuild),
		pq.KeyValueMetadata(metadataFormat, formatVersion),
		pq.DataPageVersion(1),
		pq.DataPageStatistics(false),
		pq.PageBufferSize(256 << 10),
		pq.DictionaryMaxBytes(dictionaryBytes),
		pq.ColumnIndexSizeLimit(func([]string) int { return boundBytes }),
		pq.SortingWriterConfig(pq.SortingColumns(pq.Ascending("timestamp_ns"), pq.Ascending("seq"))),
	}
	var blooms []pq.BloomFilterColumn
	for _, c := range cols {
		if c.bloom {
			blooms = append(blooms, pq.SplitBlockFilter(bloomBitsPerValue, c.Name))
		}
		if !c.bounds {
			config = append(config, pq.SkipPageBounds(c.Name))
		}
	}
	var out bytes.Buffer
	file := pq.NewWriter(&out, append(config, pq.BloomFilters(blooms...))...)
	for _, n := range groups {
		libraryGroup(t, file, cols, rows[:n])
		rows = rows[n:]
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if len(rows) > 0 {
		t.Fatalf("%d rows are in no group", len(rows))
	}
	return withoutFalsehoods(t, out.Bytes(), cols)
}

// withoutFalsehoods takes out of a file of the library what it says of columns without bounds (an index of pages all of
// whose values are empty), and of the size of values that pages of ids stand for (nothing, as if there were none).
func withoutFalsehoods(t *testing.T, data []byte, cols []column) []byte {
	t.Helper()
	meta, _, err := readFooter(bytes.NewReader(data), int64(len(data)), cols)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(data[:meta.RowGroups[0].Columns[0].ColumnIndexOffset])
	move := func(off *int64, length int32) {
		moved := data[*off:][:length]
		*off = int64(len(out))
		out = append(out, moved...)
	}
	for _, g := range meta.RowGroups {
		for i := range g.Columns {
			c := &g.Columns[i]
			if slices.ContainsFunc(c.MetaData.EncodingStats, func(s format.PageEncodingStats) bool {
				return s.PageType == format.DataPage && s.Encoding == format.RLEDictionary
			}) {
				c.MetaData.SizeStatistics.UnencodedByteArrayDataBytes = 0
			}
			if !cols[i].bounds {
				c.ColumnIndexOffset, c.ColumnIndexLength = 0, 0
				continue
			}
			move(&c.ColumnIndexOffset, c.ColumnIndexLength)
		}
	}
	for _, g := range meta.RowGroups {
		for i := range g.Columns {
			move(&g.Columns[i].OffsetIndexOffset, g.Columns[i].OffsetIndexLength)
		}
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), meta)
	if err != nil {
		t.Fatal(err)
	}
	out = binary.LittleEndian.AppendUint32(append(out, footer...), uint32(len(footer)))
	return append(out, magic...)
}

func libraryGroup(t *testing.T, file *pq.Writer, cols []column, rows []event.Row) { //nolint:staticcheck // the generic one wants a row type
	t.Helper()
	sinceRows, sinceBytes := make([]int, len(cols)), make([]int, len(cols))
	for len(rows) > 0 {
		n := min(len(rows), chunkRows)
		for i, out := range file.ColumnWriters() {
			var values []pq.Value
			for k := range rows[:n] {
				v := cols[i].value(&rows[k])
				if values = append(values, v); cols[i].kind == kindText && !v.IsNull() {
					sinceBytes[i] += len(v.ByteArray())
				}
			}
			if _, err := out.WriteRowValues(values); err != nil {
				t.Fatal(err)
			}
			if sinceRows[i] += n; sinceRows[i] >= cols[i].pageRows || cols[i].dict && sinceBytes[i] >= dictionaryStep {
				if err := out.Flush(); err != nil {
					t.Fatal(err)
				}
				sinceRows[i], sinceBytes[i] = 0, 0
			}
		}
		rows = rows[n:]
	}
	if err := file.Flush(); err != nil {
		t.Fatal(err)
	}
}

// TestAsByTheLibrary demands the bytes that the library's writer makes of the same rows: pages, dictionaries, filters,
// statistics, indexes and footer. So what we left out of it is what costs time, and nothing else.
func TestAsByTheLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cases := map[string]func(i int, r *event.Row){
		"as generated": func(int, *event.Row) {},
		"no optional values": func(_ int, r *event.Row) {
			r.ActorEmail, r.ResourceID, r.Reason, r.Details = event.Text{}, event.Text{}, event.Text{}, event.Text{}
			r.RequestID, r.IP, r.UserAgent, r.OrganizationID = event.Text{}, event.Text{}, event.Text{}, event.Text{}
		},
		"empty and NULL": func(_ int, r *event.Row) {
			for _, v := range []*event.Text{&r.ActorEmail, &r.ResourceID, &r.Reason, &r.Details, &r.RequestID, &r.IP, &r.UserAgent, &r.OrganizationID} {
				switch rng.IntN(3) {
				case 0:
					*v = event.Text{}
				case 1:
					*v = event.Str("")
				}
			}
		},
		"runs of NULL": func(i int, r *event.Row) {
			if i/700%2 == 1 {
				r.ResourceID, r.Details, r.UserAgent = event.Text{}, event.Text{}, event.Text{}
			}
		},
		"long values": func(i int, r *event.Row) {
			r.Details = event.Str(strings.Repeat("long ", rng.IntN(2_000)))
			r.Reason = event.Str(strings.Repeat(fmt.Sprint(i), rng.IntN(700)))
			r.UserAgent = event.Str(strings.Repeat(fmt.Sprint(i), rng.IntN(200)))
			r.ActorID = fmt.Sprintf("%0255d", rng.IntN(1_000))
		},
		"any order of seq, extreme numbers": func(i int, r *event.Row) {
			r.Seq = rng.Int64()
			r.ReceivedAtMS = []int64{math.MinInt64, math.MaxInt64, 0, -1, rng.Int64()}[rng.IntN(5)]
			r.TimestampNS += int64(i) // apart, so that seq may be any
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			rows := generated(20_000)
			for i := range rows {
				change(i, &rows[i])
			}
			for _, per := range []int{20_000, 9_000, 64} {
				n := min(len(rows), 3*per)
				var groups []int
				for left := n; left > 0; left -= per {
					groups = append(groups, min(left, per))
				}
				want := byLibrary(t, rows[:n], groups...)
				got := encode(t, testOptions(), rows[:n], 1_000, func(w *Writer) {
					w.rowsPerGroup, w.bytesPerGroup, w.indexLeast = per, math.MaxInt, math.MaxInt64
				})
				wantSameFile(t, got, want)
			}
		})
	}
}

// TestFullDictionaryAsByTheLibrary is the same for a dictionary that overflows.
func TestFullDictionaryAsByTheLibrary(t *testing.T) {
	const n = dictionaryBytes/4_000 + 6_000
	pad := strings.Repeat("a", 4_000)
	rows := make([]event.Row, n)
	for i := range rows {
		rows[i] = plainRow(int64(i))
		if i%8 > 0 {
			rows[i].UserAgent = event.Str(fmt.Sprint(pad, i))
		}
	}
	wantSameFile(t, encode(t, testOptions(), rows, n, func(w *Writer) { w.indexLeast = math.MaxInt64 }), byLibrary(t, rows, n))
}

// wantSameFile names the first column chunk that differs.
func wantSameFile(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	open := func(data []byte) *format.FileMetaData {
		r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
		if err != nil {
			t.Fatal(err)
		}
		return r.meta
	}
	a, b := open(got), open(want)
	for g := range b.RowGroups {
		for i := range b.RowGroups[g].Columns {
			x, y := &a.RowGroups[g].Columns[i], &b.RowGroups[g].Columns[i]
			if fmt.Sprintf("%+v", x) != fmt.Sprintf("%+v", y) {
				t.Fatalf("row group %d:\n got %+v\nwant %+v", g, x, y)
			}
			m := &y.MetaData
			off, size := chunkStart(m), m.TotalCompressedSize
			if !bytes.Equal(got[off:off+size], want[off:off+size]) {
				t.Fatalf("row group %d: pages of %s differ", g, m.PathInSchema)
			}
		}
	}
	t.Fatalf("%d bytes, want %d; the same pages, other indexes, filters or footer", len(got), len(want))
}

// value is the column's value in a row, as the library has it.
func (c *column) value(r *event.Row) pq.Value {
	switch {
	case c.str != nil:
		return pq.ByteArrayValue([]byte(*c.str(r)))
	case c.text != nil:
		t := c.text(r)
		if !t.Valid {
			return pq.Value{}
		}
		v := pq.ByteArrayValue([]byte(t.S))
		v.SetDefinitionLevel(1)
		return v
	case c.num != nil:
		return pq.Int64Value(*c.num(r))
	}
	switch c.source {
	case sourceMillis:
		return pq.Int64Value(r.TimestampMS())
	case sourceStream:
		return pq.ByteArrayValue([]byte(r.Stream.String()))
	case sourceDay:
		return pq.ByteArrayValue([]byte(r.Day()))
	}
	panic("bug: column " + c.Name + " has no source")
}
