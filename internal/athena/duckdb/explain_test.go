//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// One row is in one row group; the others are not even looked at.
	all := encode(t, sample())
	e = engineOver(t, all, nil)
	if _, rows, err = answerTo(t, e, athena.Query{Explain: true, SQL: "SELECT * FROM audit_logs WHERE id = '" + sample()[0].ID + "'"}); err != nil {
		t.Fatal(err)
	}
	text = strings.Join(rows, "\n")
	if want := fmt.Sprintf("row groups read: 1 of %d in these files", len(all)); !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	if _, rows, err = answerTo(t, e, athena.Query{Explain: true, SQL: "SELECT count(*) FROM audit_logs"}); err != nil || !strings.Contains(strings.Join(rows, "\n"), "nothing pruned") {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestBytesRead: an answer says how much was read for it, which is less when less is
// needed.
func TestBytesRead(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	read := func(q athena.Query) athena.Stats {
		t.Helper()
		r, err := e.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for {
			if _, err := r.Next(context.Background()); errors.Is(err, io.EOF) {
				return r.Meta().Stats
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	all := read(athena.Query{SQL: "SELECT * FROM audit_logs"})
	day := read(athena.Query{SQL: "SELECT seq FROM audit_logs WHERE dt = '2024-05-05'"})
	if day.BytesRead <= 0 || day.BytesRead >= all.BytesRead {
		t.Errorf("%d bytes read for one column of a day, %d for everything", day.BytesRead, all.BytesRead)
	}
	explained := read(athena.Query{SQL: "SELECT * FROM audit_logs", Explain: true})
	if explained.BytesRead <= 0 || explained.RowGroupsTotal != explained.FilesRead || explained.RowGroupsRead != explained.FilesRead {
		t.Errorf("explained: %+v", explained)
	}
	if nothing := read(athena.Query{SQL: "SELECT * FROM audit_logs WHERE dt = '1999-01-01'", Explain: true}); nothing.BytesRead != 0 || nothing.RowGroupsTotal != 0 {
		t.Errorf("nothing to read: %+v", nothing)
	}
}
