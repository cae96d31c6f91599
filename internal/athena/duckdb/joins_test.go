//go:build cgo

package duckdb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

// joinRows have partners, several partners and none, and NULLs in the columns of joins.
func joinRows() []event.Row {
	rows := sample()
	for i := range 12 {
		r := sample()[i%7]
		r.Seq, r.ID = int64(100+i), fmt.Sprintf("0199%04d-0000-7000-8000-000000000000", i)
		r.TimestampNS += int64(i) * 40 * 86400e9 // 40 days
		if i%3 == 0 {
			r.ResourceID = event.Text{}
		}
		rows = append(rows, r)
	}
	return rows
}

// TestConditionsPruneJoins: each kind of join is answered alike with conditions that
// prune, and with the same conditions over relations of which nothing is known.
func TestConditionsPruneJoins(t *testing.T) {
	e := engineOver(t, encode(t, joinRows()), nil)
	wheres := []string{
		"a.dt >= '2025-01-01'", "b.dt < '2025-06-01'", "a.dt > '2024-06-01' AND b.timestamp < timestamp '2026-01-01'",
		"a.retention = 'long'", "a.actor_id = 'user-7' AND b.resource_id = 'order-456'", "b.actor_id IN ('user-7', 'Ünal')",
		"b.dt IS NULL OR b.dt > '2025-01-01'", "NOT a.dt > '2025-01-01'", "coalesce(b.dt, '2025-05-05') = '2025-05-05'",
		"a.dt = '2024-05-05' AND b.dt = '2024-06-01'", "a.timestamp BETWEEN timestamp '2024-05-01' AND timestamp '2025-12-31' AND b.seq > 2",
	}
	for _, join := range []string{
		"%[1]s a JOIN %[1]s b ON a.resource_id = b.resource_id",
		"%[1]s a LEFT JOIN %[1]s b ON a.resource_id = b.resource_id AND b.dt <> '2024-06-01'",
		"%[1]s a RIGHT JOIN %[1]s b ON a.resource_id = b.resource_id",
		"%[1]s a FULL JOIN %[1]s b ON a.resource_id = b.resource_id AND a.seq < b.seq",
		"%[1]s a, %[1]s b",
		"%[1]s a LEFT JOIN (%[1]s b FULL JOIN %[1]s c ON b.seq = c.seq + 1) ON a.resource_id = b.resource_id AND c.dt IS NOT NULL",
		"(%[1]s a LEFT JOIN %[1]s b ON a.seq = b.seq + 1) FULL JOIN %[1]s c ON coalesce(b.resource_id, 'order-457') = c.resource_id",
	} {
		for _, where := range wheres {
			ask := func(relation string) (sql, rows string) {
				t.Helper()
				sql = "SELECT a.seq, b.seq, count(*) FROM " + fmt.Sprintf(join, relation) + " WHERE " + where + " GROUP BY 1, 2 ORDER BY 1, 2"
				_, list, err := answer(t, e, sql)
				if err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
				return sql, strings.Join(list, " ")
			}
			sql, got := ask("audit_logs")
			if _, want := ask("(SELECT * FROM audit_logs)"); got != want {
				t.Errorf("%s\ngives %.500s\nand without pruning %.500s", sql, got, want)
			}
		}
	}
}

// TestWhatJoinsRead: which files are left of each relation.
func TestWhatJoinsRead(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	for _, tt := range []struct {
		from, where string
		files       []int // of each scan
	}{
		{"audit_logs a JOIN audit_logs b ON a.seq = b.seq", "a.dt = '2024-05-05' AND b.dt > '2025-01-01'", []int{1, 2}},
		{"audit_logs a LEFT JOIN audit_logs b ON a.seq = b.seq", "A.dt = '2024-05-05'", []int{1, 5}},
		{"audit.audit_logs JOIN failed_logins b ON audit_logs.seq = b.seq", "audit.audit_logs.dt = '2024-05-05' AND b.retention = 'long'", []int{1, 1}},
		{"audit_logs a, (SELECT * FROM audit_logs WHERE dt = '2024-05-05') b", "b.dt = '2025-05-05' AND a.timestamp > now()", []int{0, 1}},
		// What a name means without its relation is not looked at.
		{"audit_logs a CROSS JOIN (VALUES 1) AS t(x)", "dt = '2024-05-05'", []int{5}},
		{"audit_logs a JOIN audit_logs b USING (dt)", "dt = '2024-05-05'", []int{5, 5}},
		{"audit_logs a(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, u, dt, v) CROSS JOIN audit_logs b", "a.dt = 'x'", []int{5, 5}},
		{"audit_logs a JOIN audit_logs b ON a.seq = b.seq", "a.dt = '2024-05-05' OR b.dt = '2024-05-05'", []int{5, 5}},
	} {
		_, lines, err := answer(t, e, "EXPLAIN SELECT count(*) FROM "+tt.from+" WHERE "+tt.where)
		if err != nil {
			t.Errorf("%s: %v", tt.from, err)
			continue
		}
		text := strings.Join(lines, "\n")
		for i, n := range tt.files {
			if want := fmt.Sprintf("scan %d: %d files", i+1, n); !strings.Contains(text, want) {
				t.Errorf("%s WHERE %s: no %q in\n%.600s", tt.from, tt.where, want, text)
			}
		}
	}
}
