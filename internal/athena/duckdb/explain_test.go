//go:build cgo

package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// plan is the text of an answer of one column.
func plan(t *testing.T, e *Engine, q athena.Query) string {
	t.Helper()
	cols, rows, err := answerTo(t, e, q)
	if err != nil {
		t.Fatalf("%s: %v", q.SQL, err)
	}
	if len(cols) != 1 || cols[0] != (athena.Column{Name: "Query Plan", Type: "varchar"}) {
		t.Errorf("columns %v", cols)
	}
	var text []string
	for _, row := range rows {
		var cells []string
		if err := json.Unmarshal([]byte(row), &cells); err != nil {
			t.Fatal(err)
		}
		text = append(text, cells[0])
	}
	return strings.Join(text, "\n")
}

func TestExplain(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	const sql = "SELECT seq FROM audit_logs WHERE dt = ? AND actor_id = 'user-7'"
	params := []string{"'2024-05-05'"}
	for _, tt := range []struct {
		q    athena.Query
		want []string
		not  string
	}{
		{athena.Query{SQL: sql, Explain: true}, []string{"files: 1 of 5, ", "scan 1: 1 files, dt in ('2024-05-05')", "READ_PARQUET", "Total Time"}, "not run"},
		{athena.Query{SQL: "EXPLAIN ANALYZE " + sql}, []string{"files: 1 of 5, ", "READ_PARQUET", "Total Time"}, "not run"},
		{athena.Query{SQL: "EXPLAIN " + sql}, []string{"files: 1 of 5, ", "scan 1: 1 files, dt in ('2024-05-05')", "not run", "READ_PARQUET"}, "Total Time"},
		{athena.Query{SQL: "EXPLAIN (TYPE LOGICAL) " + sql, Explain: true}, []string{"not run"}, "Total Time"},
		{athena.Query{SQL: "EXPLAIN (FORMAT JSON) " + sql}, []string{`"files_read": 1`, `"limits": "dt in ('2024-05-05')"`, `"operators": [`}, "nothing pruned"},
		{athena.Query{SQL: "EXPLAIN ANALYZE (FORMAT JSON) " + sql}, []string{`"files_read": 1`, `"operators": {`}, "nothing pruned"},
		{athena.Query{SQL: "EXPLAIN (TYPE IO) " + sql}, []string{`"schemaTable": {`, `"columnName": "dt"`, `"value": "2024-05-05"`, `"none": false`}, "READ_PARQUET"},
	} {
		tt.q.Params = params
		text := plan(t, e, tt.q)
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", tt.q.SQL, want, text)
			}
		}
		if strings.Contains(text, tt.not) {
			t.Errorf("%s: %q in\n%s", tt.q.SQL, tt.not, text)
		}
	}
	// One row is in one row group; the others are not even looked at.
	needle := athena.Query{SQL: "SELECT * FROM audit_logs WHERE id = '" + sample()[0].ID + "'", Explain: true}
	if text := plan(t, e, needle); !strings.Contains(text, "row groups read: 1 of 5 in these files") {
		t.Error(text)
	}
	if text := plan(t, e, athena.Query{SQL: "EXPLAIN SELECT count(*) FROM audit_logs"}); !strings.Contains(text, "nothing pruned") || !strings.Contains(text, "files: 5 of 5") {
		t.Error(text)
	}
	if text := plan(t, e, athena.Query{SQL: "EXPLAIN (TYPE IO) SELECT 1 FROM failed_logins WHERE dt > '2030-01-01' AND timestamp < now()"}); !strings.Contains(text, `"none": true`) || !strings.Contains(text, `"columnName": "timestamp"`) {
		t.Error(text)
	}
}

// TestExplainCostsNothing: what a query would read is in the text; what was read is not that.
func TestExplainCostsNothing(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	for sql, read := range map[string]int{"EXPLAIN SELECT seq FROM audit_logs": 0, "EXPLAIN ANALYZE SELECT seq FROM audit_logs": 5} {
		r, err := e.Query(t.Context(), athena.Query{SQL: sql})
		if err != nil {
			t.Fatal(err)
		}
		if s := r.Meta().Stats; s.FilesRead != read || (s.BytesPicked > 0) != (read > 0) || s.FilesTotal != 5 {
			t.Errorf("%s: %+v", sql, s)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestExplainValidates(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	cols, rows, err := answer(t, e, "EXPLAIN (TYPE VALIDATE) SELECT seq FROM audit_logs")
	if err != nil || len(rows) != 1 || rows[0] != "[true]" || cols[0] != (athena.Column{Name: "Valid", Type: "boolean"}) {
		t.Errorf("%v %v, %v", cols, rows, err)
	}
	for sql, says := range map[string]string{
		"EXPLAIN (TYPE VALIDATE)\n SELECT nope FROM audit_logs": "line 2:9: invalid query: column nope does not exist here",
		"EXPLAIN SELECT getenv('HOME')":                         "line 1:16: not supported: function getenv",
	} {
		if _, _, err := answer(t, e, sql); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", sql, err, says)
		}
	}
}

// countingCache hands out files that are there and remembers which.
type countingCache struct{ pinned int }

func (c *countingCache) Pin(_ context.Context, files []athena.File) ([]string, func(), error) {
	c.pinned += len(files)
	return nil, nil, errors.New("away")
}

// TestExplainFetchesOneFile: a plan must not cost what the query does.
func TestExplainFetchesOneFile(t *testing.T) {
	files := encode(t, sample())
	for i := range files {
		files[i].Key, files[i].Path = files[i].Path, ""
	}
	c := &countingCache{}
	e := engineOver(t, files, func(o *Options) { o.Cache = c })
	if _, _, err := answer(t, e, "EXPLAIN SELECT a.seq FROM audit_logs a JOIN audit_logs b ON a.seq = b.seq"); err == nil || c.pinned != 1 {
		t.Errorf("%d files are fetched, %v", c.pinned, err)
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
