//go:build cgo

package duckdb

import "testing"

// BenchmarkSmallestQuery is what a query costs beside its work.
func BenchmarkSmallestQuery(b *testing.B) {
	e := engineOver(b, encode(b, sample()), nil)
	for b.Loop() {
		if _, _, err := answer(b, e, "SELECT count(*) FROM audit_logs"); err != nil {
			b.Fatal(err)
		}
	}
}
