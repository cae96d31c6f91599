package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// source has files of two classes, some of one day.
type source struct {
	err      error
	released int
}

func (s *source) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	if s.err != nil {
		return nil, s.err
	}
	return &athena.FileSet{
		Files:           []athena.File{{Class: "standard", Day: "2026-11-24"}, {Class: "long", Day: "2026-11-25"}, {Class: "standard", Day: "2026-11-24"}, {Class: "standard", Day: "2026-11-23"}},
		CompleteThrough: time.Unix(1, 0), Release: func() { s.released++ },
	}, nil
}

func ask(t *testing.T, c *Catalog, sql string, from athena.Source) (rows []string, err error) {
	t.Helper()
	st, err := dialect.Read(sql)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Answer(t.Context(), st, from)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		row, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, fmt.Sprint(row...))
	}
}

func TestPartitions(t *testing.T) {
	s := &source{}
	rows, err := ask(t, &Catalog{}, "SHOW PARTITIONS audit_logs", s)
	want := "retention=long/dt=2026-11-25 retention=standard/dt=2026-11-23 retention=standard/dt=2026-11-24"
	if got := strings.Join(rows, " "); err != nil || got != want || s.released != 1 {
		t.Errorf("%s, %v, released %d times", got, err, s.released)
	}
	s.err = errors.New("bucket is away")
	if _, err := ask(t, &Catalog{}, "SHOW PARTITIONS audit_logs", s); !errors.Is(err, s.err) {
		t.Errorf("%v", err)
	}
	if _, err := ask(t, &Catalog{}, "SHOW TABLES", nil); err != nil {
		t.Errorf("a list of tables wants the bucket: %v", err)
	}
}

// TestNothingIsMadeUp: what is not known is an error, and no half of an answer.
func TestNothingIsMadeUp(t *testing.T) {
	away := errors.New("bucket is away")
	for _, sql := range []string{"SHOW CREATE TABLE audit_logs", "SHOW TBLPROPERTIES audit_logs", "DESCRIBE FORMATTED audit_logs"} {
		if _, err := ask(t, &Catalog{}, sql, nil); !errors.Is(err, athena.ErrRefused) {
			t.Errorf("%s: %v", sql, err)
		}
		c := &Catalog{Locate: func(context.Context) (athena.TableOptions, error) { return athena.TableOptions{}, away }}
		if _, err := ask(t, c, sql, nil); !errors.Is(err, away) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	c := &Catalog{Locate: func(context.Context) (athena.TableOptions, error) {
		return athena.TableOptions{Bucket: "b", Classes: []string{"standard"}, Floor: time.Unix(0, 0)}, nil
	}}
	if _, err := ask(t, c, "SHOW TBLPROPERTIES audit_logs('no.such')", nil); !errors.Is(err, athena.ErrInvalid) {
		t.Errorf("a property that is none: %v", err)
	}
	rows, err := ask(t, c, "SHOW CREATE TABLE audit_logs", nil)
	if err != nil || rows[0] != "CREATE EXTERNAL TABLE audit.audit_logs (" || strings.HasSuffix(rows[len(rows)-1], ";") {
		t.Errorf("%q, %v", rows, err)
	}
}
