//go:build cgo

package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/catalog"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

func located(o *Options) {
	o.Catalog = &catalog.Catalog{Locate: func(context.Context) (athena.TableOptions, error) {
		return athena.TableOptions{Bucket: "b", Prefix: "p", Classes: []string{"standard", "long"}, Floor: time.Date(2016, 1, 2, 0, 0, 0, 0, time.UTC)}, nil
	}}
}

// TestStatements: SHOW and DESCRIBE with the columns that Athena names.
func TestStatements(t *testing.T) {
	e := engineOver(t, encode(t, sample()), located)
	for _, tt := range []struct{ sql, columns, rows string }{
		{"SHOW DATABASES", "database_name string", `["audit"]`},
		{"SHOW SCHEMAS LIKE 'x.*'", "database_name string", ""},
		{"SHOW TABLES", "tab_name string", `["audit_logs"] ["changes"] ["data_exports"] ["deletions"] ["failed_logins"] ["outside_hours"] ["privilege_changes"] ["sensitive_access"]`},
		{"SHOW TABLES IN audit 'audit*|del*'", "tab_name string", `["audit_logs"] ["deletions"]`},
		{"SHOW VIEWS LIKE 'd*'", "views varchar", `["data_exports"] ["deletions"]`},
		{"SHOW PARTITIONS audit_logs", "partition string", `["retention=long/dt=2025-05-05"] ["retention=standard/dt=2024-05-05"] ["retention=standard/dt=2024-06-01"] ` +
			`["retention=standard/dt=2024-12-30"] ["retention=standard/dt=2026-11-24"]`},
		{"SHOW TBLPROPERTIES audit_logs('projection.retention.values')", "prpt_name string, prpt_value string", `["projection.retention.values","standard,long"]`},
		{"SHOW COLUMNS FROM changes", "column varchar, type varchar", "*"},
		{"DESC AwsDataCatalog.audit.deletions", "column varchar, type varchar", "*"},
		{"DESCRIBE audit_logs", "col_name string, data_type string, comment string", "*"},
		{"SHOW CREATE VIEW deletions", "create view varchar", "*"},
	} {
		cols, rows, err := answer(t, e, tt.sql)
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		var names []string
		for _, c := range cols {
			names = append(names, c.Name+" "+c.Type)
		}
		if got := strings.Join(names, ", "); got != tt.columns {
			t.Errorf("%s: columns %s, want %s", tt.sql, got, tt.columns)
		}
		if got := strings.Join(rows, " "); tt.rows != "*" && got != tt.rows {
			t.Errorf("%s:\n got %s\nwant %s", tt.sql, got, tt.rows)
		}
	}
}

func TestDescribeSaysWhatTheTableIs(t *testing.T) {
	e := engineOver(t, nil, located)
	_, rows, err := answer(t, e, "DESCRIBE FORMATTED audit.audit_logs")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(rows, "\n")
	for _, want := range []string{`["timestamp","timestamp",`, `["dt","string",`, `["","",""]` + "\n" + `["# Partition Information","",""]`, `["Location:","s3://b/p/events/",""]`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if n := strings.Count(text, `["retention","string",`); n != 2 {
		t.Errorf("the partition column is described %d times, Athena does it twice", n)
	}
	if _, rows, err := answer(t, e, "SHOW COLUMNS IN audit_logs"); err != nil || len(rows) != len(athena.Columns()) {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestShownDefinitionsAreOnesThatWork: what SHOW CREATE VIEW prints is a query of
// this dialect that gives the view's rows.
func TestShownDefinitionsAreOnesThatWork(t *testing.T) {
	e := engineOver(t, encode(t, sample()), located)
	for _, v := range dialect.Views() {
		_, lines, err := answer(t, e, "SHOW CREATE VIEW "+v.Name)
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, line := range lines {
			var cells []string
			if err := json.Unmarshal([]byte(line), &cells); err != nil {
				t.Fatal(err)
			}
			text = append(text, cells[0])
		}
		head, query, _ := strings.Cut(strings.Join(text, "\n"), " AS\n")
		if head != "CREATE VIEW audit."+v.Name {
			t.Errorf("%s: %s", v.Name, head)
		}
		_, want, err := answer(t, e, query+" ORDER BY seq")
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		_, got, err := answer(t, e, "SELECT * FROM "+v.Name+" ORDER BY seq")
		if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %v, %v, want %v", v.Name, got, err, want)
		}
	}
	_, rows, err := answer(t, e, "SHOW CREATE TABLE audit_logs")
	if err != nil || !strings.HasPrefix(rows[0], `["CREATE EXTERNAL TABLE audit.audit_logs (`) {
		t.Errorf("%v, %v", rows, err)
	}
}

func TestStatementsThatCannotBeAnswered(t *testing.T) {
	e := engineOver(t, nil, nil)
	for sql, says := range map[string]string{
		"SHOW TABLES IN other":          "database other: the database is audit",
		"SHOW DATABASES IN hive":        "database hive",
		"SHOW COLUMNS FROM t":           "table t: the tables are audit_logs, failed_logins",
		"SHOW PARTITIONS deletions":     "it is a view: SHOW CREATE VIEW deletions",
		"SHOW CREATE VIEW audit_logs":   "it is a table: SHOW CREATE TABLE audit_logs",
		"SHOW CREATE TABLE audit_logs":  "does not know where the files are",
		"SHOW TBLPROPERTIES audit_logs": "does not know where the files are",
	} {
		_, _, err := answer(t, e, sql)
		if known := new(athena.Error); !errors.As(err, &known) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", sql, err, says)
		}
	}
	if _, _, err := answerTo(t, e, athena.Query{SQL: "SHOW TABLES", Params: []string{"1"}}); !errors.Is(err, athena.ErrInvalid) {
		t.Errorf("parameters of SHOW: %v", err)
	}
	if _, _, err := answerTo(t, e, athena.Query{SQL: "SHOW TABLES", Explain: true}); !errors.Is(err, athena.ErrRefused) {
		t.Errorf("explain of SHOW: %v", err)
	}
}

// TestViews counts rows and the files that a condition through a view leaves.
func TestViews(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	for _, tt := range []struct {
		sql   string
		want  string
		files int
	}{
		{"SELECT count(*) FROM failed_logins", "[2]", 5},
		{"SELECT count(*) FROM audit.failed_logins", "[2]", 5},
		{`SELECT seq FROM "AwsDataCatalog"."audit"."failed_logins" AS f WHERE f.timestamp > now() - interval '1' hour`, "[0]", 1},
		{"SELECT audit.data_exports.seq FROM audit.data_exports WHERE dt = '2025-05-05'", "[4]", 1},
		{"SELECT seq FROM data_exports WHERE retention = 'standard' AND dt < '2024-12-01'", "[3]", 2},
		{"SELECT count(*) FROM deletions WHERE dt = '1999-01-01'", "[0]", 0},
		{"SELECT f.seq, e.seq FROM failed_logins f JOIN data_exports e ON f.seq = 0 AND e.seq = 4", "[0,4]", 5},
		{"SELECT x.a FROM (SELECT actor_id FROM changes WHERE dt = '2024-06-01') AS x(a)", `["Ünal"]`, 1},
		// A view means what it always means.
		{"WITH audit_logs AS (SELECT 1 AS one) SELECT count(*) FROM failed_logins", "[2]", 5},
		{"WITH failed_logins AS (SELECT 1 AS one) SELECT one FROM failed_logins", "[1]", 0},
		{"WITH failed_logins AS (SELECT 1 AS one) SELECT count(*) FROM audit.failed_logins", "[2]", 5},
		{`SELECT retention, dt FROM "audit_logs$partitions" WHERE dt >= '2025' ORDER BY dt`, `["long","2025-05-05"] ["standard","2026-11-24"]`, 2},
	} {
		r, err := e.Query(t.Context(), athena.Query{SQL: tt.sql})
		if err != nil {
			t.Errorf("%s: %v", tt.sql, err)
			continue
		}
		files := r.Meta().Stats.FilesRead
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		_, rows, err := answer(t, e, tt.sql)
		if got := strings.Join(rows, " "); err != nil || got != tt.want || files != tt.files {
			t.Errorf("%s: %s of %d files, %v; want %s of %d", tt.sql, got, files, err, tt.want, tt.files)
		}
	}
	if _, _, err := answer(t, e, "SELECT nope FROM deletions"); !errors.Is(err, athena.ErrInvalid) || !strings.Contains(err.Error(), "line 1:8") {
		t.Errorf("%v", err)
	}
}

func TestInformationSchema(t *testing.T) {
	e := engineOver(t, nil, nil)
	for sql, want := range map[string]string{
		"SELECT schema_name FROM information_schema.schemata ORDER BY 1":                                                                                                                         `["audit"] ["information_schema"]`,
		"SELECT table_name, table_type FROM awsdatacatalog.information_schema.tables WHERE table_schema = 'audit' AND table_name LIKE '%l%ns' ORDER BY 1":                                        `["deletions","VIEW"] ["failed_logins","VIEW"]`,
		"SELECT column_name, ordinal_position, data_type, extra_info FROM information_schema.columns WHERE table_schema = 'audit' AND table_name = 'audit_logs' AND ordinal_position IN (2, 22)": `["timestamp",2,"timestamp(3)",null] ["dt",22,"varchar","partition key"]`,
		"SELECT count(*) FROM information_schema.columns c JOIN information_schema.views v ON c.table_name = v.table_name":                                                                       `[154]`,
		"SELECT column_default, is_nullable FROM information_schema.columns LIMIT 1":                                                                                                             `[null,"YES"]`,
	} {
		_, rows, err := answer(t, e, sql)
		if got := strings.Join(rows, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", sql, got, err, want)
		}
	}
}
