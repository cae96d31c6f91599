//go:build cgo

package duckdb

import (
	"fmt"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// TestManyFiles: an archive of years has a file per day and batch.
func TestManyFiles(t *testing.T) {
	const days = 1500
	rows := make([]event.Row, days)
	for i := range rows {
		rows[i] = event.Row{Stream: testStream, Seq: int64(i), Event: event.Event{
			ID: fmt.Sprintf("%08x-0000-7000-8000-000000000000", i), Action: "a", ActorID: "x", ActorType: "user",
			ResourceType: "t", Outcome: "success", TimestampNS: at("2020-01-01T00:00:00Z") + int64(i)*86_400_000_000_000, Retention: "standard",
		}}
	}
	e := engineOver(t, encode(t, rows), nil)
	for sql, want := range map[string]string{
		"SELECT count(*), count(DISTINCT dt), sum(seq) FROM audit_logs":                                  "[1500,1500,1124250]",
		"SELECT count(*) FROM audit_logs a JOIN audit_logs b ON a.seq = b.seq WHERE b.dt = '2020-01-02'": "[1]",
		"SELECT seq FROM audit_logs WHERE timestamp >= timestamp '2020-01-02' LIMIT 0":                   "",
		"SELECT seq FROM audit_logs WHERE dt = '2020-01-03'":                                             "[2]",
	} {
		_, got, err := answer(t, e, sql)
		if err != nil || (want != "") != (len(got) == 1) || want != "" && got[0] != want {
			t.Errorf("%s: %v, %v; want %s", sql, got, err, want)
		}
	}
}
