package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/saved"
)

// catalogue is an engine that knows one table or none.
type catalogue struct {
	table string   // what SHOW CREATE TABLE says; "" for no table
	ran   []string // statements that change something
}

func (c *catalogue) Query(_ context.Context, q athena.Query) (athena.Result, error) {
	var out []string
	switch {
	case strings.HasPrefix(q.SQL, "SELECT table_name FROM information_schema.tables"):
		if c.table != "" {
			out = []string{"audit_logs"}
		}
	case strings.HasPrefix(q.SQL, "SHOW CREATE TABLE audit.audit_logs"):
		out = strings.Split(c.table, "\n")
	default:
		if !q.Declare {
			return nil, errors.New("a statement that declares something is not marked as one")
		}
		c.ran = append(c.ran, q.SQL)
		if strings.HasPrefix(q.SQL, "CREATE EXTERNAL TABLE") || strings.HasPrefix(q.SQL, "CREATE TABLE") {
			c.table = q.SQL
		}
	}
	return athena.Lines("x", out, athena.Meta{}, nil), nil
}

func (*catalogue) Close() error { return nil }

func TestApply(t *testing.T) {
	o := athena.TableOptions{Database: "audit", Table: "audit_logs", Bucket: "b", Prefix: "p", Classes: []string{"standard", "long"}, Floor: time.Unix(0, 0)}
	for _, name := range []string{"amazon", "trino"} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			a := &app{stdio: stdio{out: &out}}
			c := &catalogue{}
			if err := applySchema(t.Context(), a, c, applyFlags{engine: name, dryRun: true}, o); err != nil || len(c.ran) != 0 || !strings.Contains(out.String(), "s3://b/p/events/") {
				t.Fatalf("dry run: %v, ran %q, printed %s", err, c.ran, out.String())
			}
			if err := applySchema(t.Context(), a, c, applyFlags{engine: name, views: true}, o); err != nil || len(c.ran) != 2+len(saved.Views()) || strings.HasSuffix(c.ran[1], ";") || !strings.HasPrefix(c.ran[2], `CREATE OR REPLACE VIEW "audit"."failed_logins" AS`) {
				t.Fatalf("%v, ran %q", err, c.ran)
			}
			c.ran = nil
			out.Reset()
			// Engines print a table in their own way.
			c.table = strings.ReplaceAll(strings.ReplaceAll(c.table, " = ", "="), "  ", "\t")
			if err := applySchema(t.Context(), a, c, applyFlags{engine: name, views: true}, o); err != nil || len(c.ran) != len(saved.Views()) || !strings.Contains(out.String(), "as it should be") {
				t.Errorf("again: %v, ran %q, printed %s", err, c.ran, out.String())
			}
			c.ran = nil
			out.Reset()
			c.table = strings.ReplaceAll(strings.ReplaceAll(c.table, ",long", ""), "standard', 'long'", "standard'")
			c.table = strings.Replace(c.table, "seq", "sequence", 1)
			err := applySchema(t.Context(), a, c, applyFlags{engine: name, views: true}, o)
			if !errors.Is(err, errViolation) || len(c.ran) != 0 || strings.Count(out.String(), "not in audit.audit_logs") != 2 || !strings.Contains(out.String(), "long") || !strings.Contains(out.String(), "seq") {
				t.Errorf("another table: %v, ran %q, printed %s", err, c.ran, out.String())
			}
		})
	}
	o.Table = "a; DROP"
	if err := applySchema(t.Context(), &app{}, &catalogue{}, applyFlags{engine: "trino"}, o); !errors.As(err, new(usageError)) {
		t.Errorf("error %v", err)
	}
}
