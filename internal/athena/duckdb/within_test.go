//go:build cgo

package duckdb

import (
	"slices"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// TestWholeDaysAreTheSame: answers about a time are the same whether the files are known to be of that time as a whole,
// which spares their timestamps, or not, and whether the condition is one that can be left out, or not.
func TestWholeDaysAreTheSame(t *testing.T) {
	rows := append(sample(), manyRows(200_000)...) // of two days of 2026, the beginning of a third, and of other years
	for i := range rows {
		rows[i].Seq = int64(i)
	}
	files := encode(t, rows)
	sure := engineOver(t, files, nil)
	wide := slices.Clone(files)
	for i := range wide {
		wide[i].MinTimestampNS -= 40e15
		wide[i].MaxTimestampNS += 40e15
	}
	unsure := engineOver(t, wide, nil)
	const day = "timestamp >= timestamp '2026-01-01 00:00:00' AND timestamp < timestamp '2026-01-02 00:00:00'"
	for _, tt := range []struct {
		from, where string
		spared      bool // the timestamps
	}{
		{"audit_logs", day, true},
		{"audit_logs", "action = 'a' AND " + day, true},
		{"audit_logs a", "a.timestamp BETWEEN timestamp '2026-01-01' AND timestamp '2026-01-01 23:59:59.999' AND seq > 10", true},
		{"audit_logs", "date '2026-01-01' <= timestamp AND date '2026-01-02' > timestamp", true},
		{"audit_logs", "timestamp > timestamp '2025-12-31 23:59:59.999' AND timestamp <= timestamp '2026-01-02 23:59:59'", true},
		{"audit_logs", "timestamp < timestamp '2026-01-01'", true},
		{"audit_logs", "timestamp = timestamp '2024-06-01 00:00:00'", true},
		{"failed_logins", "timestamp >= timestamp '2026-11-01 00:00:00'", true},
		{"audit_logs", day + " AND dt = '2026-01-01' AND timestamp >= timestamp '2026-01-01 00:00:00.000'", true},
		{"audit_logs", "seq IN (SELECT seq FROM audit_logs WHERE " + day + ")", true},

		{"audit_logs", "timestamp > timestamp '2026-01-01 00:00:00' AND timestamp < timestamp '2026-01-02 00:00:00'", false}, // one row is not in it
		{"audit_logs", "timestamp >= timestamp '2026-01-01 00:00:00.001' AND timestamp < timestamp '2026-01-02'", false},
		{"audit_logs", "timestamp BETWEEN timestamp '2026-01-01' AND timestamp '2026-01-01 23:59:58.999'", false},
		{"audit_logs", "timestamp >= timestamp '2026-01-01 12:00:00' AND timestamp < timestamp '2026-01-02 12:00:00'", false},
		{"audit_logs", "timestamp = timestamp '2026-01-01 12:00:00'", false},
		{"audit_logs", "NOT (" + day + ")", false},
		{"audit_logs", "(" + day + ") OR seq = 3", false},
		{"audit_logs", "timestamp <> timestamp '2026-01-01 12:00:00'", false},
		{"audit_logs", "timestamp >= now() - interval '3000' day", false},
		{"audit_logs", day + " AND timestamp < now() - interval '1' day", false},
		{"audit_logs", "seq IN (SELECT seq FROM audit_logs WHERE " + day + ") AND timestamp < timestamp '2026-01-01 12:00:00'", false},
	} {
		sql := "SELECT count(*), sum(seq), count(DISTINCT action) FROM " + tt.from + " WHERE "
		const some = " HAVING count(*) > 0"
		_, want, err := answer(t, unsure, sql+"CASE WHEN "+tt.where+" THEN true ELSE false END"+some)
		if err != nil || len(want) == 0 {
			t.Errorf("%s: %d rows, %v", tt.where, len(want), err)
			continue
		}
		for name, e := range map[string]*Engine{"files of the time": sure, "other files": unsure} {
			if _, got, err := answer(t, e, sql+tt.where+some); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v, %v", tt.where, name, got, want, err)
			}
		}
		_, lines, err := answerTo(t, sure, athena.Query{SQL: sql + tt.where, Explain: true})
		if err != nil {
			t.Error(err)
			continue
		}
		_, plan, _ := strings.Cut(strings.Join(lines, "\n"), "EXPLAIN_ANALYZE")
		if spared := !strings.Contains(plan, "timestamp"); spared != tt.spared {
			t.Errorf("%s: no timestamp is read: %t, want %t, in\n%s", tt.where, spared, tt.spared, plan)
		}
	}
}

// TestWhatHasNoTimestamp: a condition on the timestamp also keeps out what an outer join has found no row for.
func TestWhatHasNoTimestamp(t *testing.T) {
	e := engineOver(t, encode(t, joinRows()), nil)
	const join = "SELECT a.seq, b.seq FROM audit_logs a LEFT JOIN audit_logs b ON a.seq = b.seq + 1 "
	_, want, err := answer(t, e, join+"WHERE b.seq IS NOT NULL ORDER BY 1")
	if err != nil || len(want) == 0 {
		t.Fatal(want, err)
	}
	_, got, err := answer(t, e, join+"WHERE b.timestamp > timestamp '1999-01-01 00:00:00' ORDER BY 1")
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v, %v", got, want, err)
	}
}
