package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

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
	f := schemaFlags{form: "athena", database: "security", table: "audit_2026", asJSON: true}
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
}
