package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// indexOf returns where the index of a file is, and its parts.
func indexOf(t testing.TB, data []byte) (from, to int64, parts []indexPart) {
	t.Helper()
	r := bytes.NewReader(data)
	meta, footer, err := readFooter(r, int64(len(data)), columns())
	if err != nil {
		t.Fatal(err)
	}
	if parts, err = readIndex(r, meta, footer); err != nil {
		t.Fatal(err)
	}
	if parts == nil {
		return 0, 0, nil
	}
	return parts[0].off, footer, parts
}

// TestIndexAsSpecified reads an index as docs/format/parquet.md describes it, by other code than the one that looks
// values up.
func TestIndexAsSpecified(t *testing.T) {
	rows := generated(20_000)
	for i := range rows {
		if i%3 == 0 {
			rows[i].ResourceID = event.Text{}
		}
	}
	const group = 9_000
	data := encode(t, testOptions(), rows, 1_000, func(w *Writer) { w.rowsPerGroup = group })
	at, end, parts := indexOf(t, data)
	if len(parts) != 3*2 {
		t.Fatalf("%d parts, want two for each of three row groups", len(parts))
	}
	counts := data[end-4*6 : end]
	for g := range 3 {
		own := rows[g*group : min((g+1)*group, len(rows))]
		width := 0
		for 16<<width < len(own) {
			width++
		}
		for c := range 2 {
			n := int(binary.LittleEndian.Uint32(counts[4*(2*g+c):]))
			want := make(map[[2]uint32]bool) // bucket, entry
			for i := range own {
				value := event.Str(own[i].ActorID)
				if c == 1 {
					value = own[i].ResourceID
				}
				if value.Valid {
					top := indexHash([]byte(value.S)) >> (64 - width - 9)
					want[[2]uint32{uint32(top >> 9), uint32(top&511)<<7 | uint32(i/1024)}] = true
				}
			}
			if n != len(want) {
				t.Errorf("row group %d, column %d: %d entries, want %d", g, c, n, len(want))
			}
			heads := data[at : at+4*int64(1<<width+1)]
			entries := data[at+int64(len(heads)):]
			for b := range uint32(1 << width) {
				from, to := binary.LittleEndian.Uint32(heads[4*b:]), binary.LittleEndian.Uint32(heads[4*b+4:])
				for last := -1; from < to; from++ {
					e := binary.LittleEndian.Uint16(entries[2*from:])
					if int(e) <= last || !want[[2]uint32{b, uint32(e)}] {
						t.Fatalf("row group %d, column %d, bucket %d: entry %x after %x", g, c, b, e, last)
					}
					last = int(e)
				}
			}
			at += int64(len(heads) + 2*n)
		}
	}
	if at != end-int64(len(counts)) {
		t.Errorf("the parts end at %d, the counts begin at %d", at, end-int64(len(counts)))
	}
}

// TestIndexIsComparedWithTheRows: a wrong index would hide rows from those who ask by value, so whoever reads the rows
// has to notice.
func TestIndexIsComparedWithTheRows(t *testing.T) {
	rows := generated(60)
	data := encode(t, testOptions(), rows, 60, func(w *Writer) { w.rowsPerGroup, w.indexLeast = 25, 0 })
	from, to, _ := indexOf(t, data)
	if _, err := decode(data, "standard"); err != nil || from == 0 {
		t.Fatalf("index at %d: %v", from, err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := from; i < to; i++ {
		bad := bytes.Clone(data)
		bad[i] ^= 1 << rng.IntN(8)
		_, err := decode(bad, "standard")
		if err == nil {
			t.Fatalf("byte %d of the index was changed, and nobody noticed", i-from)
		}
		if i < to-4*6 && !errors.Is(err, errIndex) {
			t.Fatalf("byte %d of the index: %v", i-from, err)
		}
	}
}

// TestFilesWithoutIndex are those of former releases, small ones, and those of a later version of the index: rows are
// found all the same.
func TestFilesWithoutIndex(t *testing.T) {
	rows := generated(5_000)
	small := encode(t, testOptions(), rows, 5_000, nil)
	with := encode(t, testOptions(), rows, 5_000, func(w *Writer) { w.indexLeast = 0 })
	from, to, _ := indexOf(t, with)
	value := fmt.Sprintf("%s %d", indexVersion, to-from)
	later := bytes.Replace(with, []byte(value), []byte("9"+value[1:]), 1)
	where := []Match{{"actor_id", []string{rows[777].ActorID}}}
	for name, data := range map[string][]byte{"small": small, "later": later, "with": with} {
		if _, _, parts := indexOf(t, data); (parts != nil) != (name == "with") {
			t.Errorf("%s: index %v", name, parts)
		}
		got, err := pick(t, data, where, math.MaxInt)
		if err != nil {
			t.Fatal(name, err)
		}
		wantRows(t, got, matching(rows, where))
	}
}

// TestIndexOfAnySize has row groups that do not fill a bucket, a place, or a power of two.
func TestIndexOfAnySize(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 1_023, 1_024, 1_025, 2_049} {
		rows := generated(n)
		data := encode(t, testOptions(), rows, n, func(w *Writer) { w.indexLeast = 0 })
		if _, err := decode(data, "standard"); err != nil {
			t.Errorf("%d rows: %v", n, err)
		}
		where := []Match{{"resource_id", []string{rows[n-1].ResourceID.S}}}
		got, err := pick(t, data, where, math.MaxInt)
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, got, matching(rows, where))
	}
}

// TestIndexIsSmall holds the index to what it may cost.
func TestIndexIsSmall(t *testing.T) {
	rows := generated(RowGroupRows)
	data := encode(t, testOptions(), rows, RowGroupRows, nil)
	from, to, _ := indexOf(t, data)
	if share := float64(to-from) / float64(len(data)); share > 0.1 {
		t.Errorf("the index is %.1f %% of the file, want at most 10", 100*share)
	}
}

// TestIndexLeavesOut: what the index is for.
func TestIndexLeavesOut(t *testing.T) {
	rows := generated(20_000)
	for i := range rows {
		rows[i].ActorID = "other" + strings.Repeat("x", i%50)
	}
	rows[12_000].ActorID = "rare"
	data := encode(t, testOptions(), rows, 20_000, nil)
	_, _, parts := indexOf(t, data)
	got, _, err := parts[0].ranges(bytes.NewReader(data), 20_000, []string{"rare"})
	if err != nil || len(got) != 1 || got[0] != (span{11 * 1024, 12 * 1024}) {
		t.Errorf("rows %v, %v; want those around 12,000", got, err)
	}
}
