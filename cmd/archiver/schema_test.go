package main

import (
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
	s, err := describeTable(archive, c, "security", "audit_2026")
	if err != nil {
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
