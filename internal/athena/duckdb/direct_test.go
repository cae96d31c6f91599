//go:build cgo

package duckdb

import (
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// TestShortAnswersAreTheSame: what is sent as it is computed, because there are few rows, is what is sent from a table: the
// same query with a LIMIT that is no limit takes that way.
func TestShortAnswersAreTheSame(t *testing.T) {
	e := engineOver(t, encode(t, append(sample(), manyRows(5_000)...)), nil)
	w, err := e.workers.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, tt := range []struct {
		sql   string
		short bool
	}{
		{"SELECT * FROM audit_logs ORDER BY id LIMIT 50", true},
		{"SELECT seq, action, \"timestamp\", seq / 2.5e0, seq > 3, date(timestamp) FROM audit_logs ORDER BY id DESC OFFSET 3 LIMIT 4096", true},
		{"SELECT seq FROM audit_logs ORDER BY id LIMIT 4097", false},
		{"SELECT seq FROM audit_logs ORDER BY id OFFSET 5", false},
		{"SELECT count(*), sum(seq), max(timestamp), min(reason) FROM audit_logs", true},
		{"SELECT count(*) FROM audit_logs HAVING count(*) < 0", true},
		{"SELECT approx_distinct(actor_id) > 0 FROM audit_logs WHERE seq < 0", true},
		{"SELECT array_agg(seq ORDER BY seq) FROM audit_logs WHERE seq < 5", true}, // of no type that is sent directly
		{"SELECT NULL, avg(seq), json_parse('[1]'), DECIMAL '1.50' FROM audit_logs", true},
		{"SELECT outcome, count(*) FROM audit_logs GROUP BY outcome ORDER BY 1", false},
		{"SELECT DISTINCT actor_type FROM audit_logs ORDER BY 1", false},
		{"SELECT seq, count(*) OVER () FROM audit_logs ORDER BY id", false},
		{"SELECT seq, (SELECT count(*) FROM audit_logs) FROM audit_logs ORDER BY id", false},
		{"SELECT seq FROM (SELECT * FROM audit_logs ORDER BY id LIMIT 3) ORDER BY 1", false},
		{"SELECT count(*) FROM audit_logs UNION ALL SELECT seq FROM audit_logs ORDER BY 1", false},
		{"SELECT 1 FROM audit_logs UNION ALL SELECT seq FROM audit_logs ORDER BY 1 LIMIT 7", true},
		{"SELECT 10 / (seq - 3) FROM audit_logs ORDER BY id LIMIT 50", true}, // fails
		{"SELECT sum(10 / (seq - 3)) FROM audit_logs", true},
		{"SELECT TRY(10 / (seq - 3)) FROM audit_logs ORDER BY id LIMIT 50", true},
	} {
		plan, _, err := parser{w}.translate(tt.sql, nil, testNow, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		if plan.Short != tt.short {
			t.Errorf("%s: it is short: %t, want %t", tt.sql, plan.Short, tt.short)
		}
		wantCols, want, wantErr := answer(t, e, "SELECT * FROM ("+tt.sql+") LIMIT 1000000")
		cols, got, err := answer(t, e, tt.sql)
		if !slices.Equal(cols, wantCols) || !slices.Equal(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%s:\n got %v %.300v, %v\nwant %v %.300v, %v", tt.sql, cols, got, err, wantCols, want, wantErr)
		}
	}
	if _, _, err := answerTo(t, e, athena.Query{SQL: "SELECT seq FROM audit_logs LIMIT 4096", MaxRows: 4095}); err == nil {
		t.Error("4096 rows are not too many where 4095 are the most")
	}
}
