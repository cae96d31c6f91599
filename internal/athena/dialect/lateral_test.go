package dialect

import "testing"

// TestLateralsWritten: a LATERAL that no relation stands before is not counted, as its subquery is not.
func TestLateralsWritten(t *testing.T) {
	for sql, want := range map[string]int{
		"SELECT 1 FROM t":                                                         0,
		"SELECT 1 FROM LATERAL (SELECT 1) u":                                      0,
		"SELECT 1 FROM (LATERAL (SELECT 1) u CROSS JOIN v)":                       0,
		"SELECT 1 FROM ((LATERAL (SELECT 1) u CROSS JOIN v))":                     0,
		"SELECT 1 FROM t, LATERAL (SELECT 1) u":                                   1,
		"SELECT 1 FROM t CROSS JOIN (LATERAL (SELECT 1) u JOIN v)":                1,
		"SELECT 1 FROM (t CROSS JOIN lateral (SELECT 1) u), LATERAL (SELECT 2) v": 2,
	} {
		if got := lateralsOf(sql).written; got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
}
