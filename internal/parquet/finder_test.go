package parquet

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/delta"

	"github.com/audit-archiver/archiver/internal/event"
)

// pick finds the rows of a file by a Finder, of all row groups.
func pick(t testing.TB, data []byte, where []Match, most int) ([]event.Row, error) {
	t.Helper()
	return pickWanted(t, data, always(where, most), 1)
}

// always wants most rows of any time.
func always(where []Match, most int) Wanted {
	return Wanted{Where: where, MinNS: math.MinInt64, MaxNS: math.MaxInt64, Most: most, MostLeft: math.MaxInt}
}

func pickWanted(t testing.TB, data []byte, w Wanted, threads int) ([]event.Row, error) {
	t.Helper()
	r := bytes.NewReader(data)
	f, err := NewFinder(r, int64(len(data)), "standard", NewMemory(1<<20))
	if err != nil {
		return nil, err
	}
	var rows []event.Row
	for g := range f.Groups() {
		may, err := f.May(r, g, w)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		found, err := f.Find(r, g, w)
		if err != nil {
			return nil, err
		}
		got, err := found.Rows(r, threads, roomFor(math.MaxInt64))
		found.Close()
		if err != nil {
			return nil, err
		}
		rows = append(rows, got...)
	}
	return rows, nil
}

// matching is what pick must find.
func matching(rows []event.Row, where []Match) []event.Row {
	return matchingWanted(rows, always(where, 0))
}

func matchingWanted(rows []event.Row, w Wanted) []event.Row {
	var out []event.Row
	for i := range rows {
		all := rows[i].TimestampNS >= w.MinNS && rows[i].TimestampNS <= w.MaxNS
		for _, m := range w.Where {
			got := map[string]event.Text{"id": event.Str(rows[i].ID), "actor_id": event.Str(rows[i].ActorID), "resource_id": rows[i].ResourceID,
				"request_id": rows[i].RequestID, "organization_id": rows[i].OrganizationID, "action": event.Str(rows[i].Action),
				"outcome": event.Str(rows[i].Outcome), "ip": rows[i].IP}[m.Column]
			all = all && got.Valid && slices.Contains(m.Values, got.S)
		}
		if all {
			out = append(out, rows[i])
		}
	}
	return out
}

// TestFinderFindsWhatReadingFinds asks for values of generated rows, in small and in whole row groups and pages.
func TestFinderFindsWhatReadingFinds(t *testing.T) {
	rows := generated(20_000)
	for i := range rows { // NULL, and values that are like it
		switch i % 7 {
		case 3:
			rows[i].ResourceID = event.Text{}
		case 5:
			rows[i].ResourceID = event.Str("")
		}
	}
	for name, change := range map[string]func(*Writer){
		"one group":   func(*Writer) {},
		"many groups": func(w *Writer) { w.rowsPerGroup = 1_000 },
	} {
		t.Run(name, func(t *testing.T) {
			data := encode(t, testOptions(), rows, 1_000, change)
			rng := rand.New(rand.NewPCG(1, 2))
			for range 30 {
				r := &rows[rng.IntN(len(rows))]
				other := &rows[rng.IntN(len(rows))]
				for _, where := range [][]Match{
					{{"id", []string{r.ID}}},
					{{"request_id", []string{r.RequestID.S, other.RequestID.S}}},
					{{"actor_id", []string{r.ActorID}}},
					{{"resource_id", []string{r.ResourceID.S}}},
					{{"resource_id", []string{r.ResourceID.S, "nothing"}}, {"actor_id", []string{r.ActorID, other.ActorID}}},
					{{"actor_id", []string{r.ActorID}}, {"organization_id", []string{other.OrganizationID.S}}},
					{{"actor_id", []string{"nobody"}}},
				} {
					got, err := pick(t, data, where, math.MaxInt)
					if err != nil {
						t.Fatal(where, err)
					}
					wantRows(t, got, matching(rows, where))
				}
			}
		})
	}
}

// TestFinderOfATime asks for what happened between two instants, the first and the last row of pages among them.
func TestFinderOfATime(t *testing.T) {
	rows := generated(20_000)
	for i := range rows {
		if rows[i].TimestampNS -= rows[i].TimestampNS % 5_000_000_000; i%11 == 0 { // many are of one instant
			rows[i].IP = event.Text{}
		}
	}
	for name, change := range map[string]func(*Writer){
		"one group":   func(*Writer) {},
		"many groups": func(w *Writer) { w.rowsPerGroup = 3_000 },
	} {
		data := encode(t, testOptions(), rows, 1_000, change)
		rng := rand.New(rand.NewPCG(5, 6))
		places := []int{0, 1, 4_095, 4_096, 8_191, 8_192, 2_999, 3_000, len(rows) - 1}
		for range 20 {
			from, to := rng.IntN(len(rows)), places[rng.IntN(len(places))]
			if from > to {
				from, to = to, from
			}
			w := always(nil, math.MaxInt)
			w.MinNS, w.MaxNS = rows[from].TimestampNS+rng.Int64N(3)-1, rows[to].TimestampNS+rng.Int64N(3)-1
			switch rng.IntN(8) {
			case 0:
				w.MinNS = math.MinInt64
			case 1:
				w.MaxNS = math.MaxInt64
			case 2:
				w.MaxNS = w.MinNS
			}
			one := &rows[rng.IntN(len(rows))]
			for _, w.Where = range [][]Match{
				{{"action", []string{one.Action}}, {"outcome", []string{"failure"}}},
				{{"outcome", []string{"success", "nothing"}}},
				{{"ip", []string{one.IP.S, ""}}},
				{{"resource_id", []string{one.ResourceID.S}}, {"action", []string{one.Action}}},
			} {
				got, err := pickWanted(t, data, w, 1+rng.IntN(3))
				if err != nil {
					t.Fatal(name, w, err)
				}
				wantRows(t, got, matchingWanted(rows, w))
			}
		}
	}
}

// TestSkippedNumbers: going over numbers and reading them lead to the same ones.
func TestSkippedNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, most := range []int64{1, 2, 1000, math.MaxInt64} { // of the steps between numbers
		values := make([]int64, 3_000)
		for i := range values[1:] {
			values[1+i] = values[i] + rng.Int64N(most)
		}
		data, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, values)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			d, err := newDeltas(data)
			if err != nil {
				t.Fatal(err)
			}
			for at := 0; ; at++ {
				step := rng.IntN(700)
				if rng.IntN(3) == 0 {
					step = 0
				}
				err := d.skip(step)
				if at += step; at >= len(values) {
					if at > len(values) && !errors.Is(err, errPage) {
						t.Fatalf("%d numbers behind the last one are skipped: %v", at-len(values), err)
					}
					break
				}
				got, nextErr := d.next()
				if err != nil || nextErr != nil || got != values[at] {
					t.Fatalf("number %d is %d, want %d, %v, %v", at, got, values[at], err, nextErr)
				}
			}
		}
	}
}

func TestFinderIsBounded(t *testing.T) {
	rows := generated(1_000)
	data := encode(t, testOptions(), rows, 1_000, nil)
	where := []Match{{"actor_id", []string{rows[0].ActorID}}}
	n := len(matching(rows, where))
	if _, err := pick(t, data, where, n); err != nil {
		t.Error(err)
	}
	if _, err := pick(t, data, where, n-1); !errors.Is(err, ErrMany) {
		t.Errorf("%d of %d rows: %v", n-1, n, err)
	}
	w := always([]Match{where[0], {"outcome", []string{rows[0].Outcome}}}, n)
	for left, want := range map[int]error{n: nil, n - 1: ErrMany} {
		w.MostLeft = left
		if _, err := pickWanted(t, data, w, 1); !errors.Is(err, want) {
			t.Errorf("%d of %d rows for the next condition: %v, want %v", left, n, err, want)
		}
	}
}

// TestFinderOfDamagedFiles: whatever a byte is changed to, there is an answer without a row that is not there, or an error.
func TestFinderOfDamagedFiles(t *testing.T) {
	rows := generated(100)
	good := encode(t, testOptions(), rows, 100, func(w *Writer) { w.indexLeast = 0 })
	rng := rand.New(rand.NewPCG(3, 4))
	where := []Match{{"actor_id", []string{rows[7].ActorID}}}
	found := 0
	for range 300 {
		data := bytes.Clone(good)
		data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
		got, err := pick(t, data, where, math.MaxInt)
		if err != nil {
			continue
		}
		found += len(got)
		for _, row := range got {
			if row != rows[row.Seq] || row.ActorID != where[0].Values[0] {
				t.Fatalf("row %+v, want %+v", row, rows[row.Seq])
			}
		}
	}
	if found == 0 {
		t.Error("no row was found")
	}
}

// TestOnesAreCounted: bits are counted alike one by one and many at a time.
func TestOnesAreCounted(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	data := make([]byte, 40)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	for at := range 8 * len(data) {
		want := 0
		for n := range 8*len(data) - at {
			if got := onesIn(data, at, n); got != want {
				t.Fatalf("%d of %d bits from %d on are 1, want %d", got, n, at, want)
			}
			want += int(data[(at+n)/8] >> ((at + n) % 8) & 1)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	rows := generated(RowGroupRows)
	data := encode(b, testOptions(), rows, len(rows), nil)
	r := bytes.NewReader(data)
	f, err := NewFinder(r, int64(len(data)), "standard", NewMemory(1<<26))
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range []Match{{"id", []string{rows[70_000].ID}}, {"actor_id", []string{rows[70_000].ActorID}}, {"resource_id", []string{rows[70_000].ResourceID.S}},
		{"request_id", []string{rows[70_000].RequestID.S}}} {
		b.Run(m.Column, func(b *testing.B) {
			start := cpuTime(b)
			defer func() { b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/float64(b.N), "cpu-us/op") }()
			for b.Loop() {
				found, err := f.Find(r, 0, always([]Match{m}, RowGroupRows))
				if err != nil {
					b.Fatal(err)
				}
				found.Close()
			}
		})
	}
	for name, places := range map[string][]int32{"1 row": {70_000}, "3 rows": {20_000, 70_000, 120_000}, "64 rows": spread(64)} {
		b.Run("fetch "+name, func(b *testing.B) {
			start := cpuTime(b)
			defer func() { b.ReportMetric(float64((cpuTime(b)-start).Microseconds())/float64(b.N), "cpu-us/op") }()
			for b.Loop() {
				p, err := f.newPicker(r, 0)
				if err != nil {
					b.Fatal(err)
				}
				p.room = roomFor(math.MaxInt64)
				if _, err := p.fetch(places, nil, 1); err != nil {
					b.Fatal(err)
				}
				p.close()
			}
		})
	}
}

func roomFor(size int64) *atomic.Int64 {
	room := new(atomic.Int64)
	room.Store(size)
	return room
}

func spread(n int) (rows []int32) {
	for i := range n {
		rows = append(rows, int32(RowGroupRows/n*i+777))
	}
	return rows
}
