package wire

import (
	"reflect"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

func textAnswer(columns string, rows ...[]any) answer {
	a := answer{rows: rows}
	for _, c := range strings.Split(columns, ",") {
		a.columns = append(a.columns, athena.Column{Name: c, Type: "string"})
	}
	return a
}

// TestLines: the rows that Athena gives for SHOW and DESCRIBE, measured there: one
// value each, padded as Hive does, and no row of names.
func TestLines(t *testing.T) {
	for _, tt := range []struct {
		sql, sub string
		answer   answer
		want     []string
	}{
		{"SHOW TABLES", "SHOW_TABLES", textAnswer("tab_name", []any{"audit_logs"}, []any{"deletions"}), []string{"audit_logs", "deletions"}},
		{"SHOW COLUMNS FROM audit_logs", "SHOW_COLUMNS", textAnswer("field", []any{"id"}, []any{"a_name_of_20_letters"}, []any{"naïve"}),
			[]string{"id                  ", "a_name_of_20_letters", "naïve               "}},
		{"DESCRIBE audit_logs", "DESCRIBE_TABLE", textAnswer("col_name,data_type,comment", []any{"id", "string", "a comment that is longer than others"},
			[]any{"", "", ""}, []any{"# Partition Information", "", ""}, []any{"# col_name", "data_type", "comment"}, []any{"dt", "string", "x"}),
			[]string{"id                  \tstring              \ta comment that is longer than others", "\t \t ", "# Partition Information\t \t ",
				"# col_name            \tdata_type           \tcomment             ", "dt                  \tstring              \tx                   "}},
		{"DESCRIBE deletions", "DESC_VIEW", textAnswer("column,type", []any{"id", "varchar"}), []string{"id\tvarchar"}},
		{"SHOW TBLPROPERTIES audit_logs", "SHOW_TABLE_PROPERTIES", textAnswer("prpt_name,prpt_value", []any{"EXTERNAL", "TRUE"}), []string{"EXTERNAL\tTRUE"}},
	} {
		w := newWorld(t, nil)
		w.engine.answers[tt.sql] = tt.answer
		id := w.start(ann, tt.sql)
		w.finish()
		x := w.call(ann, "GetQueryExecution", object{"QueryExecutionId": id})["QueryExecution"].(map[string]any)
		if x["StatementType"] != "UTILITY" || x["SubstatementType"] != tt.sub {
			t.Errorf("%s is %v %v", tt.sql, x["StatementType"], x["SubstatementType"])
		}
		doc := w.call(ann, "GetQueryResults", object{"QueryExecutionId": id})["ResultSet"].(map[string]any)
		info := doc["ResultSetMetadata"].(map[string]any)["ColumnInfo"].([]any)
		if first := info[0].(map[string]any); len(info) != len(tt.answer.columns) || first["Name"] != tt.answer.columns[0].Name || first["Type"] != "string" || first["Precision"] != 0.0 {
			t.Errorf("%s: columns %v", tt.sql, info)
		}
		rows, _ := w.page(ann, object{"QueryExecutionId": id})
		var got []string
		for _, row := range rows {
			got = append(got, strings.Join(row, "|"))
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.sql, got, tt.want)
		}
	}
}

// TestExplainHasAHeader: it is DML for Athena, against its reference.
func TestExplainHasAHeader(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["EXPLAIN SELECT 1"] = answer{columns: []athena.Column{{Name: "Query Plan", Type: "varchar"}}, rows: [][]any{{"files: 0"}, {""}}}
	id := w.start(ann, "EXPLAIN SELECT 1")
	w.finish()
	if rows, _ := w.page(ann, object{"QueryExecutionId": id}); !reflect.DeepEqual(rows, [][]string{{"Query Plan"}, {"files: 0"}, {""}}) {
		t.Errorf("%q", rows)
	}
}

// TestRefusedStatementsHaveNames: what the engine refuses is in the history as what
// it is.
func TestRefusedStatementsHaveNames(t *testing.T) {
	w := newWorld(t, nil)
	for sql, want := range map[string]string{
		"DROP TABLE audit_logs": "DDL DROP_TABLE", "INSERT INTO audit_logs SELECT 1": "DML INSERT", "CREATE VIEW v AS SELECT 1": "DDL CREATE_VIEW",
		"SHOW TBLPROPERTIES": "UTILITY SHOW_TABLE_PROPERTIES",
	} {
		w.engine.answers[sql] = answer{err: &athena.Error{Kind: athena.ErrRefused, Construct: "it"}}
		id := w.start(ann, sql)
		w.finish()
		x := w.call(ann, "GetQueryExecution", object{"QueryExecutionId": id})["QueryExecution"].(map[string]any)
		if got := x["StatementType"].(string) + " " + x["SubstatementType"].(string); got != want {
			t.Errorf("%s is %s, want %s", sql, got, want)
		}
		if state, reason := w.state(ann, id); state != stateFailed || reason != "NOT_SUPPORTED: not supported: it" {
			t.Errorf("%s, %s", state, reason)
		}
	}
}
