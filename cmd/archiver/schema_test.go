package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
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

func TestFetchArchiveTrustsTheConfiguredRootOnly(t *testing.T) {
	raw, vkey := specimens(t)
	_, otherKey := specimens(t)
	c := config.Default()
	store := &shelf{body: raw["archive"], info: object.Info{Key: "audit-logs/archive"}}
	c.Archive.RootVKey = vkey
	if a, err := fetchArchive(t.Context(), store, c); err != nil || len(a.Classes) != 1 {
		t.Errorf("right root: %+v, %v", a, err)
	}
	c.Archive.RootVKey = otherKey
	if _, err := fetchArchive(t.Context(), store, c); err == nil {
		t.Error("another root's archive was taken")
	}
	c.S3.Prefix = "elsewhere"
	if _, err := fetchArchive(t.Context(), store, c); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("no archive: %v", err)
	}
}
