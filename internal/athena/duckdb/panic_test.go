//go:build cgo

package duckdb

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// explosive is a source that panics until it is told not to: in the midst of a translation.
type explosive struct {
	fixed
	armed bool
}

func (x *explosive) Files(ctx context.Context, hint athena.Bounds) (*athena.FileSet, error) {
	if x.armed {
		panic("bug: a test's")
	}
	return x.fixed.Files(ctx, hint)
}

// TestPanicEndsOneQuery: what goes wrong within a query is that query's failure. The engine
// goes on, with all of its places.
func TestPanicEndsOneQuery(t *testing.T) {
	files := encode(t, sample())
	source := &explosive{fixed: fixed{files: files}, armed: true}
	var log bytes.Buffer
	e := engineOver(t, files, func(o *Options) {
		o.Source, o.Running, o.Waiting = source, 1, 1
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	for _, sql := range []string{"SELECT count(*) FROM audit_logs", "EXPLAIN SELECT count(*) FROM audit_logs", "SHOW PARTITIONS audit_logs"} {
		for range 3 { // more often than there are places
			log.Reset()
			if _, _, err := answer(t, e, sql); err == nil || !strings.Contains(err.Error(), "bug: the query panicked: ") {
				t.Fatalf("%s: %v, want the panic", sql, err)
			}
			for _, want := range []string{sql, "bug: a test's", "panic_test.go"} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("%s: no %q in the log:\n%s", sql, want, &log)
				}
			}
		}
	}
	source.armed = false
	if _, rows, err := answer(t, e, "SELECT count(*) > 0 FROM audit_logs"); err != nil || len(rows) != 1 || rows[0] != "[true]" {
		t.Errorf("afterwards: %v, %v", rows, err)
	}
}
