//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// job is everything a query needs, as plain data: it is sent to another process.
type job struct {
	SQL     string
	Names   []string // of the answer's columns
	Types   []string // as far as the translation knows them; "unknown" is NULL's
	Scans   []jobScan
	Limit   int64  // rows
	Explain string // EXPLAIN with its options: answer the plan; "" for the rows
}

// jobScan is one relation of the job: the rows of Files with MinMS <= timestamp <= MaxMS.
type jobScan struct {
	Name         string
	Files        []jobFile
	MinMS, MaxMS int64

	paths []string // of Files, in the worker
}

// jobFile is a file that a job may read.
type jobFile struct {
	Root     int    // which of the folders
	Name     string // below it: …/retention=<class>/dt=<day>/<name>
	Identity identity
}

// identity is a file as the engine saw it when its content was checked.
type identity struct {
	Dev, Ino             uint64
	Size, Mtime, Changed int64
}

// jobStats is what the worker tells at the end of an answer.
type jobStats struct {
	Rows int64
}

// prepare makes the database able to do this job and nothing else.
func (j *job) prepare(ctx context.Context, s *server) error {
	conn := s.conn
	var statements []string
	for name, statement := range dialect.Macros() {
		if strings.Contains(j.SQL, name) {
			statements = append(statements, statement)
		}
	}
	if strings.Contains(j.SQL, dialect.NumberTextUser) {
		if err := duck.RegisterScalarUDF(conn, dialect.NumberText, numberText{}); err != nil {
			return fmt.Errorf("register %s: %w", dialect.NumberText, err)
		}
	}
	for i := range j.Scans {
		statements = append(statements, j.Scans[i].view())
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("prepare database: %s: %w", clip(s), err)
		}
	}
	locks := j.locks()
	if err := makeSettings(ctx, conn, locks); err != nil {
		return err
	}
	return readBack(ctx, conn, slices.Concat(s.settings(), locks))
}

// locks are the settings after which nothing about files and settings can be changed,
// in the order in which they must be made.
func (j *job) locks() []setting {
	var paths []string
	seen := make(map[string]bool)
	for _, s := range j.Scans {
		for _, p := range s.paths {
			if !seen[p] {
				seen[p] = true
				paths = append(paths, quote(p))
			}
		}
	}
	return []setting{
		{"allowed_directories", "[]", ""},
		{"allowed_paths", "[" + strings.Join(paths, ", ") + "]", ""},
		{"enable_external_access", "false", "false"},
		{"lock_configuration", "true", "true"},
	}
}

// readBack trusts no SET: an option that a new version renamed or ignores must
// stop the query.
func readBack(ctx context.Context, conn *sql.Conn, settings []setting) error {
	var picks []string
	var compared []setting
	for _, s := range settings {
		if s.want != "" {
			picks = append(picks, "CAST(current_setting("+quote(strings.ToLower(s.name))+") AS VARCHAR)")
			compared = append(compared, s)
		}
	}
	got := make([]string, len(compared))
	refs := make([]any, len(compared))
	for i := range got {
		refs[i] = &got[i]
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+strings.Join(picks, ", ")).Scan(refs...); err != nil {
		return fmt.Errorf("read back settings: %w", err)
	}
	for i, s := range compared {
		if got[i] != s.want {
			return fmt.Errorf("read back setting %s: it is %q, not %q", s.name, got[i], s.want)
		}
	}
	return nil
}

// view defines the relation: the table's columns in order, in Trino's types.
// The file's timestamps are instants (TIMESTAMP WITH TIME ZONE); the table's
// have no zone. The conversion would hide the column from the reader's
// statistics, so the bounds are put on the file's column.
func (s *jobScan) view() string {
	var b strings.Builder
	b.WriteString("CREATE VIEW " + s.Name + " AS SELECT ")
	for i, c := range athena.Columns() {
		if i > 0 {
			b.WriteString(", ")
		}
		name := `"` + c.Name + `"`
		switch {
		case len(s.paths) == 0:
			fmt.Fprintf(&b, "CAST(NULL AS %s) AS %s", strings.ToUpper(c.Type), name)
		case c.Type == "timestamp":
			fmt.Fprintf(&b, "make_timestamp(epoch_us(%s)) AS %s", name, name)
		default:
			b.WriteString(name)
		}
	}
	if len(s.paths) == 0 {
		b.WriteString(" WHERE false")
		return b.String()
	}
	quoted := make([]string, len(s.paths))
	for i, p := range s.paths {
		quoted[i] = quote(p)
	}
	fmt.Fprintf(&b, " FROM read_parquet([%s], hive_partitioning = true, hive_types = {'retention': VARCHAR, 'dt': VARCHAR})", strings.Join(quoted, ", "))
	var conds []string
	for _, c := range []struct {
		op string
		ms int64
	}{{">=", s.MinMS}, {"<=", s.MaxMS}} {
		at := time.UnixMilli(c.ms).UTC()
		if at.Year() < 1 || at.Year() > 9999 { // open, or beyond what can be written
			continue
		}
		conds = append(conds, fmt.Sprintf(`"timestamp" %s TIMESTAMPTZ '%s+00'`, c.op, at.Format("2006-01-02 15:04:05.000")))
	}
	if len(conds) > 0 {
		b.WriteString(" WHERE " + strings.Join(conds, " AND "))
	}
	return b.String()
}

func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// numberText gives the dialect the digits of a JSON number.
type numberText struct{}

func (numberText) Config() duck.ScalarFuncConfig {
	varchar, err := duck.NewTypeInfo(duck.TYPE_VARCHAR)
	if err != nil {
		panic("bug: type varchar: " + err.Error())
	}
	return duck.ScalarFuncConfig{InputTypeInfos: []duck.TypeInfo{varchar, varchar}, ResultTypeInfo: varchar}
}

func (numberText) Executor() duck.ScalarFuncExecutor {
	return duck.ScalarFuncExecutor{RowExecutor: func(args []driver.Value) (any, error) {
		doc, _ := args[0].(string)
		path, _ := args[1].(string)
		if text, ok := dialect.NumberAt(doc, path); ok {
			return text, nil
		}
		return nil, nil
	}}
}
