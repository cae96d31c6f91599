package sqlgen

import (
	"strings"
	"testing"
)

var sampleData = &Data{
	Columns: []Column{
		{Name: "id", Type: "varchar"}, {Name: "timestamp", Type: "timestamp", Values: []string{"timestamp '2024-01-01'"}},
		{Name: "action", Type: "varchar", Values: []string{"'user.login'"}}, {Name: "seq", Type: "bigint"},
	},
	Unique: "id", Counter: "seq",
}

// TestSameSeedSameQuery: a query that is reported can be made again.
func TestSameSeedSameQuery(t *testing.T) {
	different := make(map[string]bool)
	for seed := range uint64(200) {
		for _, shape := range []Shape{Values, Rows} {
			a, b := New(sampleData, shape, seed), New(sampleData, shape, seed)
			if a.SQL != b.SQL {
				t.Fatalf("seed %d gives %s\nand %s", seed, a.SQL, b.SQL)
			}
			if again := a.again(a.choices); again.SQL != a.SQL {
				t.Fatalf("seed %d: choices made again give %s\nnot %s", seed, again.SQL, a.SQL)
			}
			different[a.SQL] = true
		}
	}
	if len(different) < 380 {
		t.Errorf("400 seeds give %d queries", len(different))
	}
}

// TestShrink: what matters stays, nearly all else goes.
func TestShrink(t *testing.T) {
	for seed := range uint64(300) {
		q := New(sampleData, Rows, seed)
		if !strings.Contains(q.SQL, "count_if(") {
			continue
		}
		small := Shrink(q, 3000, func(c Query) bool { return strings.Contains(c.SQL, "count_if(") })
		if len(small.SQL) > 300 || !strings.Contains(small.SQL, "count_if(") {
			t.Errorf("seed %d: %s\nis shrunk to %s", seed, q.SQL, small.SQL)
		}
	}
}

// TestShrinkStops: the number of questions is bounded.
func TestShrinkStops(t *testing.T) {
	asked := 0
	Shrink(New(sampleData, Rows, 7), 10, func(Query) bool { asked++; return true })
	if asked > 10 {
		t.Errorf("asked %d times, not 10", asked)
	}
}
