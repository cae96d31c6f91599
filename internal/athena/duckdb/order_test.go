//go:build cgo

package duckdb

import (
	"fmt"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/event"
)

// TestOrderSurvives: the engine puts a limit around the query, and the rows must
// still come in the query's order, with several threads and files.
func TestOrderSurvives(t *testing.T) {
	const n = 200_000
	rows := make([]event.Row, n)
	for i := range rows {
		rows[i] = event.Row{Stream: testStream, Seq: int64(i), Event: event.Event{
			ID: fmt.Sprintf("%08x-0000-7000-8000-000000000000", i), Action: "a", ActorID: fmt.Sprint(i % 97), ActorType: "user",
			ResourceType: "t", Outcome: "success", TimestampNS: at("2026-01-01T00:00:00Z") + int64(i*7919%n)*1_000_000_000, Retention: "standard",
		}}
	}
	e := engineOver(t, encode(t, rows), nil)
	r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT timestamp_ns, seq FROM audit_logs ORDER BY timestamp DESC, seq"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	last := int64(1<<63 - 1)
	for i := range n {
		row, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ns, ok := row[0].(int64)
		if !ok || ns > last {
			t.Fatalf("row %d: %v after %d", i, row[0], last)
		}
		last = ns
	}
	_, top, err := answer(t, e, "SELECT * FROM (SELECT seq FROM audit_logs ORDER BY timestamp LIMIT 3)")
	if err != nil || len(top) != 3 || top[0] != "[0]" {
		t.Errorf("first rows %v, %v", top, err)
	}
}
