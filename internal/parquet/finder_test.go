package parquet

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// pick finds the rows of a file by a Finder, of all row groups.
func pick(t testing.TB, data []byte, where []Match, most int) ([]event.Row, error) {
	t.Helper()
	r := bytes.NewReader(data)
	f, err := NewFinder(r, int64(len(data)), "standard", NewMemory(1<<20))
	if err != nil {
		return nil, err
	}
	var rows []event.Row
	for g := range f.Groups() {
		may, err := f.May(r, g, where, math.MinInt64, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		found, err := f.Find(r, g, where, most)
		if err != nil {
			return nil, err
		}
		got, err := found.Rows(r)
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
	var out []event.Row
	for i := range rows {
		all := true
		for _, m := range where {
			got := map[string]event.Text{"id": event.Str(rows[i].ID), "actor_id": event.Str(rows[i].ActorID), "resource_id": rows[i].ResourceID,
				"request_id": rows[i].RequestID, "organization_id": rows[i].OrganizationID}[m.Column]
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
}

// TestFinderOfDamagedFiles: whatever a byte is changed to, there is an answer without a row that is not there, or an error.
func TestFinderOfDamagedFiles(t *testing.T) {
	rows := generated(100)
	good := encode(t, testOptions(), rows, 100, func(w *Writer) { w.indexLeast = 0 })
	rng := rand.New(rand.NewPCG(3, 4))
	where := []Match{{"actor_id", []string{rows[7].ActorID}}}
	for range 300 {
		data := bytes.Clone(good)
		data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
		got, err := pick(t, data, where, math.MaxInt)
		if err != nil {
			continue
		}
		for _, row := range got {
			if row.ActorID != where[0].Values[0] {
				t.Fatalf("row of %q", row.ActorID)
			}
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
				found, err := f.Find(r, 0, []Match{m}, RowGroupRows)
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
				if _, err := p.fetch(places); err != nil {
					b.Fatal(err)
				}
				p.close()
			}
		})
	}
}

func spread(n int) (rows []int32) {
	for i := range n {
		rows = append(rows, int32(RowGroupRows/n*i+777))
	}
	return rows
}
