//go:build cgo

package duckdb

import (
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestExplain(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	cols, rows, err := answerTo(t, e, athena.Query{Explain: true,
		SQL: "SELECT seq FROM audit_logs WHERE dt = ? AND actor_id = 'user-7'", Params: []string{"'2024-05-05'"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(cols) != 1 || cols[0] != (athena.Column{Name: "Query Plan", Type: "varchar"}) {
		t.Errorf("columns %v", cols)
	}
	text := strings.Join(rows, "\n")
	for _, want := range []string{"files: 1 of ", "scan 1: 1 files, dt in ('2024-05-05')", "READ_PARQUET"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if _, rows, err = answerTo(t, e, athena.Query{Explain: true, SQL: "SELECT count(*) FROM audit_logs"}); err != nil || !strings.Contains(strings.Join(rows, "\n"), "nothing pruned") {
		t.Errorf("%v, %v", rows, err)
	}
}
