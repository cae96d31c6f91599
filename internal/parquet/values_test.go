package parquet

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go/format"

	"github.com/audit-archiver/archiver/internal/event"
)

// plainRow is a row with nothing optional.
func plainRow(seq int64) event.Row {
	return event.Row{
		Event: event.Event{
			ID: "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", Action: "user.login", ActorID: "u", ActorType: "user",
			ResourceType: "session", Outcome: "success", Producer: "api", Retention: "standard",
			TimestampNS: testStart().UnixNano() + seq,
		},
		Stream: testStream,
		Seq:    seq,
	}
}

func texts(r *event.Row) []*event.Text {
	return []*event.Text{
		&r.ActorEmail, &r.ResourceID, &r.Reason, &r.Details, &r.RequestID, &r.IP, &r.UserAgent, &r.OrganizationID,
	}
}

// TestNullIsNotEmpty crosses NULL, "" and a value over all nullable columns, in runs long and short.
func TestNullIsNotEmpty(t *testing.T) {
	kinds := []event.Text{{}, event.Str(""), event.Str("x")}
	var rows []event.Row
	for i := range 1_000 {
		r := plainRow(int64(i))
		for j, text := range texts(&r) {
			*text = kinds[(i/(1+j*j)+j)%3]
		}
		rows = append(rows, r)
	}
	allNull := plainRow(1_000)
	rows = append(rows, allNull)
	for _, rows := range [][]event.Row{rows, rows[1_000:], rows[:1]} {
		got, err := decode(encode(t, testOptions(), rows, 7, nil), "standard")
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, got, rows)
	}
}

func TestExtremes(t *testing.T) {
	big := plainRow(0)
	big.Details = event.Str(`{"x":"` + strings.Repeat("ü", 24_000) + `"}`)
	big.Action = "ÄÖ 日本語 \U0001F512 \x7f\t\n\"\\"
	big.Reason = event.Str("\u0001\u2028\ufffd\U0010ffff")
	big.ReceivedAtMS = math.MinInt64
	big.Seq = math.MaxInt64

	first, last := plainRow(0), plainRow(1)
	first.TimestampNS, first.ReceivedAtMS = math.MinInt64, math.MaxInt64
	last.TimestampNS, last.Seq = math.MaxInt64, math.MaxInt64
	before := plainRow(3)
	before.TimestampNS = -1 // the last nanosecond of 1969

	for name, row := range map[string]event.Row{"big": big, "first instant": first, "last instant": last, "before 1970": before} {
		t.Run(name, func(t *testing.T) {
			o := testOptions()
			o.Day = row.Day()
			got, err := decode(encode(t, o, []event.Row{row}, 1, nil), "standard")
			if err != nil {
				t.Fatal(err)
			}
			wantRows(t, got, []event.Row{row})
		})
	}
}

// TestRandomRows varies cardinality and nulls so that all widths of dictionary ids, run kinds and delta widths occur.
func TestRandomRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, distinct := range []int{1, 2, 3, 17, 300, 5_000} {
		rows := make([]event.Row, 3_000)
		ns := testStart().UnixNano()
		for i := range rows {
			r := plainRow(int64(i))
			pick := func() string {
				return strings.Repeat("v", rng.IntN(3)) + hex.EncodeToString([]byte{byte(rng.IntN(distinct)), byte(rng.IntN(distinct) >> 8)})
			}
			r.Action, r.ActorID, r.Producer = pick(), pick(), pick()
			for _, text := range texts(&r) {
				if rng.IntN(3) > 0 {
					*text = event.Str(pick())
				}
			}
			ns++
			if rng.IntN(4) == 0 {
				ns += rng.Int64N(1 << rng.IntN(33))
			}
			r.TimestampNS = ns
			r.ReceivedAtMS = int64(rng.Uint64() >> rng.IntN(64))
			r.Seq = int64(rng.Uint64() >> 1)
			rows[i] = r
		}
		got, err := decode(encode(t, testOptions(), rows, 50, nil), "standard")
		if err != nil {
			t.Fatalf("%d distinct values: %v", distinct, err)
		}
		wantRows(t, got, rows)
	}
}

// TestFullDictionary has a dictionary overflow into plain pages, and not in the next row group.
func TestFullDictionary(t *testing.T) {
	const perGroup = dictionaryBytes/4_000 + 6_000
	const n = perGroup + 100
	pad := strings.Repeat("a", 4_000)
	rows := make([]event.Row, n)
	for i := range rows {
		rows[i] = plainRow(int64(i))
		rows[i].ActorID = fmt.Sprintf("%0255d", i)
		if i%8 > 0 {
			rows[i].UserAgent = event.Str(fmt.Sprint(pad, i))
		}
	}
	data := encode(t, testOptions(), rows, n, func(w *Writer) { w.rowsPerGroup = perGroup })
	r, err := Open(bytes.NewReader(data), int64(len(data)), "standard")
	if err != nil {
		t.Fatal(err)
	}
	var plain []bool
	for _, g := range r.meta.RowGroups {
		plain = append(plain, slices.ContainsFunc(g.Columns[13].MetaData.EncodingStats, func(s format.PageEncodingStats) bool {
			return s.PageType == format.DataPage && s.Encoding == format.Plain
		}))
	}
	if !slices.Equal(plain, []bool{true, false}) {
		t.Errorf("row groups with plain pages: %t", plain)
	}
	got, err := decode(data, "standard")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, got, rows)
}

// TestIDsNeverOverflow keeps the bloom filters whole: a full row group of the longest ids, all different, stays in the dictionary.
func TestIDsNeverOverflow(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a full row group")
	}
	var buf bytes.Buffer
	w := NewWriter(&buf, testOptions())
	for i := range int64(RowGroupRows) {
		r := plainRow(i)
		r.ActorID = fmt.Sprintf("%0255d", i)
		r.OrganizationID = event.Str(r.ActorID)
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()), "standard")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.meta.RowGroups) != 1 {
		t.Fatalf("%d row groups", len(r.meta.RowGroups))
	}
	for _, column := range []int{3, 14} {
		m := &r.meta.RowGroups[0].Columns[column].MetaData
		for _, s := range m.EncodingStats {
			if s.PageType == format.DataPage && s.Encoding != format.RLEDictionary {
				t.Errorf("column %s has pages that are %s: its bloom filter misses them", m.PathInSchema, s.Encoding)
			}
		}
	}
}

// TestSameRowsSameBytes is what makes an upload repeatable: whatever the calls, and whatever was written before.
func TestSameRowsSameBytes(t *testing.T) {
	rows := generated(3_000)
	small := func(w *Writer) { w.rowsPerGroup = 1_000 }
	want := encode(t, testOptions(), rows, len(rows), small)
	for _, step := range []int{1, 7, 64, 999, 1_001} {
		if got := encode(t, testOptions(), rows, step, small); !bytes.Equal(got, want) {
			t.Errorf("other bytes when written %d rows at a time", step)
		}
	}
}

// TestSameBytesFromAnyEncoder: an encoder that has been at work for long, and counts its gigabytes in 31 bits, compresses
// as a new one does.
func TestSameBytesFromAnyEncoder(t *testing.T) {
	var page []byte
	for _, r := range generated(1_000) {
		page = append(append(page, r.ID...), r.Details.S...)
	}
	var c zstdCodec
	want, err := c.encode(nil, page)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int(math.MaxInt32/zstdWindow) + 200 { // each moves it on by a window at least
		got, err := c.encode(nil, page[n%1_000:][:4_000])
		if err == nil && n%100 == 0 {
			got, err = c.encode(got, page)
			if !bytes.Equal(got, want) {
				t.Fatalf("other bytes after %d pages", n)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPinnedBytes fails when the encoder's output changes, for instance by an upgrade of the library. That is
// allowed, but it is a fact of the format: change encoderBuild with it.
func TestPinnedBytes(t *testing.T) {
	sum := sha256.Sum256(encode(t, testOptions(), generated(2_000), 2_000, nil))
	const want = "ceb3393373bafd9d45e310af9684deb262ec175482aeed52a56a2d971c6787d5"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("SHA-256 of the file is %s, want %s", got, want)
	}
}

func TestWriterRefusals(t *testing.T) {
	tests := map[string]struct {
		change func(*event.Row)
		want   string
	}{
		"earlier":         {func(r *event.Row) { r.TimestampNS -= 2 }, "out of order"},
		"same seq":        {func(r *event.Row) { r.TimestampNS--; r.Seq-- }, "out of order"},
		"other stream":    {func(r *event.Row) { r.Stream[0]++ }, "in a file of stream"},
		"other class":     {func(r *event.Row) { r.Retention = "long" }, "in a file of class"},
		"next day":        {func(r *event.Row) { r.TimestampNS += nsPerDay }, "day 2026-11-24 in a file of day"},
		"negative seq":    {func(r *event.Row) { r.Seq = -1 }, "negative seq"},
		"not UTF-8":       {func(r *event.Row) { r.Action = "\xff" }, "column action: 1 bytes"},
		"not UTF-8, null": {func(r *event.Row) { r.Details = event.Str("\xc3") }, "column details: 1 bytes"},
		"too long":        {func(r *event.Row) { r.Details = event.Str(strings.Repeat("x", maxTextBytes+1)) }, "too many"},
		"id too long":     {func(r *event.Row) { r.ActorID = strings.Repeat("x", maxIDBytes+1) }, "too many"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := NewWriter(&bytes.Buffer{}, testOptions())
			if err := w.Write(plainRow(0)); err != nil {
				t.Fatal(err)
			}
			r := plainRow(1)
			tt.change(&r)
			if err := w.Write(r); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err := w.Close(); err == nil {
				t.Error("a file that refused a row was finished")
			}
		})
	}
	for name, o := range map[string]Options{
		"no class": {Stream: testStream, Day: testDay},
		"no day":   {Stream: testStream, Class: "standard"},
		"bad day":  {Stream: testStream, Class: "standard", Day: "2026-02-30"},
	} {
		if err := NewWriter(&bytes.Buffer{}, o).Write(plainRow(0)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := NewWriter(&bytes.Buffer{}, testOptions()).Close(); err == nil {
		t.Error("a file without rows was finished")
	}
}

// failing fails after some bytes, until it is mended.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	if f.left -= n; n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// TestFailedCloseIsFinal: a file with a hole is not finished by asking again.
func TestFailedCloseIsFinal(t *testing.T) {
	rows := generated(10)
	whole := len(encode(t, testOptions(), rows, 10, nil))
	for n := 0; n < whole; n += 100 {
		f := &failing{left: n}
		w := NewWriter(f, testOptions())
		if err := w.Write(rows...); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("after %d of %d bytes: %v", n, whole, err)
		}
		f.left = math.MaxInt
		if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("after %d of %d bytes: closed again: %v", n, whole, err)
		}
	}
}

// TestRealEvents is the round trip of 2,900 recorded events; equal leaves mean that nothing a signature covers was lost.
func TestRealEvents(t *testing.T) {
	rows := realRows(t)
	byDay := map[string][]event.Row{}
	for _, r := range rows {
		byDay[r.Day()] = append(byDay[r.Day()], r)
	}
	total := 0
	for day, rows := range byDay {
		slices.SortFunc(rows, func(a, b event.Row) int {
			if a.TimestampNS != b.TimestampNS {
				return int(min(1, max(-1, a.TimestampNS-b.TimestampNS)))
			}
			return int(min(1, max(-1, a.Seq-b.Seq)))
		})
		o := testOptions()
		o.Day = day
		got, err := decode(encode(t, o, rows, 100, nil), "standard")
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, got, rows)
		for i := range rows {
			if event.LeafHash(&got[i]) != event.LeafHash(&rows[i]) {
				t.Fatalf("row %d: leaf differs", i)
			}
		}
		total += len(got)
	}
	if total != 2_900 {
		t.Errorf("%d events, want 2900", total)
	}
}

func realRows(t *testing.T) []event.Row {
	t.Helper()
	f, err := os.Open("../../testenv/data/cloudtrail/events.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var rows []event.Row
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, problems := event.Decode(lines.Bytes(), now, event.DefaultLimits())
		if len(problems) > 0 {
			t.Fatalf("event %d: %v", len(rows), problems)
		}
		e.Retention, e.Producer, e.ReceivedAtMS, e.Fingerprint = "standard", "test", now.UnixMilli(), 0
		rows = append(rows, event.Row{Event: e, Stream: testStream, Seq: int64(len(rows))})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}
