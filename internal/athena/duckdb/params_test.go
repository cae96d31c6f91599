//go:build cgo

package duckdb

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestParameters(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	for _, tt := range []struct {
		sql    string
		params []string
		want   string
	}{
		{"SELECT ?, ?, ?, ?, ?", []string{"'it''s'", "5", "-1.50", "true", "NULL"}, `["it's",5,"-1.50",true,null]`},
		{"SELECT ? AS a, '?' AS b /* ? */ -- ?", []string{"'?'"}, `["?","?"]`},
		{"SELECT seq FROM audit_logs WHERE actor_id = ? AND seq > ? ORDER BY seq", []string{"'user-123'", "0"}, `[1]`},
		{"SELECT seq FROM audit_logs WHERE actor_id = ?", []string{"'x'' OR ''1''=''1'"}, ``},
		{"SELECT count(*) FROM audit_logs WHERE \"timestamp\" >= ?", []string{"TIMESTAMP '2026-11-24 11:00:00'"}, `[2]`},
		{"SELECT count(*) FROM audit_logs WHERE \"timestamp\" >= now() - ?", []string{"INTERVAL '1' HOUR"}, `[2]`},
		{"SELECT DATE '2026-01-02' = ?", []string{"DATE '2026-01-02'"}, `[true]`},
		// In the order of the text, wherever DuckDB's own numbers would begin.
		{"WITH a AS (SELECT ? AS x) SELECT x, ? FROM a WHERE ? = 3 ORDER BY 1 OFFSET ? LIMIT ?", []string{"1", "2", "3", "0", "5"}, `[1,2]`},
		{"SELECT ?,?,?,?,?,?,?,?,?,?,?", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, `[1,2,3,4,5,6,7,8,9,10,11]`},
	} {
		_, rows, err := answerTo(t, e, athena.Query{SQL: tt.sql, Params: tt.params})
		if got := strings.Join(rows, "\n"); err != nil || got != tt.want {
			t.Errorf("%s %v: got %s, %v; want %s", tt.sql, tt.params, got, err, tt.want)
		}
	}
}

// A condition on a parameter prunes like one on the literal.
func TestParametersPrune(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT 1 FROM audit_logs WHERE dt = ?", Params: []string{"'2024-05-05'"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if s := r.Meta().Stats; s.FilesRead != 1 || s.FilesTotal < 5 {
		t.Errorf("stats %+v: want 1 file of several", s)
	}
}

func TestParametersThatDoNotFit(t *testing.T) {
	e := engineOver(t, nil, nil)
	for _, tt := range []struct {
		sql    string
		params []string
		kind   error
		want   string
	}{
		{"SELECT ?", nil, athena.ErrInvalid, "1 places (?) for them, and there are 0 values"},
		{"SELECT 1", []string{"1"}, athena.ErrInvalid, "0 places (?) for them, and there are 1 values"},
		{"SELECT ?, ?", []string{"1"}, athena.ErrInvalid, "2 places"},
		{"SELECT ?", []string{"1 UNION SELECT 2"}, athena.ErrInvalid, "parameter 1: invalid query: parameter 1 UNION SELECT 2: it is no SQL literal"},
		{"SELECT ?", []string{"actor_id"}, athena.ErrInvalid, "it is no SQL literal"},
		{"SELECT seq FROM audit_logs WHERE seq = ?", []string{"'5'"}, athena.ErrInvalid, "cannot compare bigint with varchar"},
		{"SELECT seq FROM audit_logs WHERE \"timestamp\" > ?", []string{"'2026-11-24'"}, athena.ErrInvalid, "line 1:48"},
		{"SELECT ?, nosuch FROM audit_logs", []string{"'a'"}, athena.ErrInvalid, "line 1:11"},
		{"SELECT ?, FROM", []string{"'a'"}, athena.ErrSyntax, "line 1:9"},
		{"SELECT seq FROM audit_logs ORDER BY ?", []string{"1"}, athena.ErrRefused, "line 1:37"},
		{"SELECT count(*) FROM audit_logs GROUP BY ?", []string{"1"}, athena.ErrRefused, "name the column"},
		{"SELECT ?1", []string{"1"}, athena.ErrSyntax, "line 1:8"},
		{"SELECT $1", []string{"1"}, athena.ErrRefused, "parameter"},
		{"SELECT * FROM ?", []string{"'audit_logs'"}, athena.ErrSyntax, "line 1:15"},
		{"SELECT ?", slices.Repeat([]string{"1"}, 300_000), athena.ErrInvalid, "1 places (?) for them, and there are 300000 values"},
		{"SELECT ?", []string{"'" + strings.Repeat("x", athena.MaxSQLBytes) + "'"}, athena.ErrRefused, "at most 262144 are read"},
	} {
		_, _, err := answerTo(t, e, athena.Query{SQL: tt.sql, Params: tt.params})
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %v: error %v; want %v, %s", tt.sql, tt.params, err, tt.kind, tt.want)
		}
	}
}
