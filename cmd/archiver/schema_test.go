package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena/saved"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
)

func TestDescribeTable(t *testing.T) {
	c := config.Default()
	c.S3.Bucket = "audit"
	archive := ledger.Archive{
		Floor:   time.Date(2016, 1, 2, 0, 0, 0, 0, time.UTC),
		Classes: []ledger.Class{{Name: "long", Days: 2}, {Name: "standard", Days: 1}},
	}
	var out strings.Builder
	a := &app{stdio: stdio{out: &out}}
	f := schemaFlags{form: "athena", database: "security", table: "audit_2026", asJSON: true, views: true}
	if err := f.print(a, archive, c); err != nil {
		t.Fatal(err)
	}
	var s tableSchema
	if err := json.Unmarshal([]byte(out.String()), &s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"security.audit_2026", "s3://audit/audit-logs/events/", "long,standard", "2016-01-02"} {
		if !strings.Contains(s.DDL, want) {
			t.Errorf("no %q in:\n%s", want, s.DDL)
		}
	}
	if len(s.Columns) != 22 || s.Columns[0].Name != "id" || s.Columns[21].Name != "dt" {
		t.Errorf("columns: %+v", s.Columns)
	}
	if len(s.Views) != len(saved.Views()) || !strings.HasPrefix(s.Views[0].DDL, "CREATE OR REPLACE VIEW \"security\".\"failed_logins\" AS\nSELECT") ||
		!strings.Contains(s.Views[0].DDL, `FROM "security"."audit_2026"`) {
		t.Errorf("views: %+v", s.Views)
	}
	for _, tt := range []struct {
		form  string
		views bool
		want  string
		count int
	}{
		{"athena", true, ";\n\n-- Events with", 1 + 7}, {"trino", true, "CREATE OR REPLACE VIEW", 1 + 7}, {"athena", false, "CREATE EXTERNAL TABLE", 1},
		{"glue", true, `"TableType": "VIRTUAL_VIEW"`, 0}, {"glue", false, `"TableType": "EXTERNAL_TABLE"`, 0}, {"terraform", true, `"view_expanded_text": "/* Presto View */"`, 0},
	} {
		out.Reset()
		f := schemaFlags{form: tt.form, database: "security", table: "audit_2026", results: "r", views: tt.views}
		if err := f.print(a, archive, c); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); !strings.Contains(text, tt.want) || tt.count > 0 && strings.Count(text, ";\n") != tt.count {
			t.Errorf("%+v:\n%s", tt, text)
		}
	}
}
