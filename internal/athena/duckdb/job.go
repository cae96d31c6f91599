//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// job is everything a query needs, as plain data: it could run in another process.
type job struct {
	SQL   string
	Names []string // of the answer's columns
	Types []string // as far as the translation knows them; "unknown" is NULL's
	Scans []jobScan
	Limit int64 // rows

	MemoryBytes, TempBytes int64
	Threads                int
	Dir                    string
}

// jobScan is one relation of the job: the rows of Paths and of Picked with MinMS <= timestamp <= MaxMS.
type jobScan struct {
	Name         string
	Paths        []string
	Picked       string // a file that has the partition columns in it; "" is none
	MinMS, MaxMS int64
}

// open makes a database that can do this job and nothing else.
func (j *job) open(ctx context.Context) (*sql.DB, *sql.Conn, error) {
	connector, err := duck.NewConnector("", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("start database: %w", err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, joinClose(fmt.Errorf("connect: %w", err), db)
	}
	if err := j.prepare(ctx, conn); err != nil {
		return nil, nil, joinClose(err, conn, db)
	}
	return db, conn, nil
}

func (j *job) prepare(ctx context.Context, conn *sql.Conn) error {
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
	settings := j.settings()
	for _, s := range settings {
		statements = append(statements, "SET "+s.name+" = "+s.value)
	}
	for _, s := range j.Scans {
		statements = append(statements, s.view())
	}
	statements = append(statements, "SET lock_configuration = true")
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("prepare database: %s: %w", clip(s), err)
		}
	}
	return j.readBack(ctx, conn, settings)
}

type setting struct {
	name  string
	value string // as written in SET
	want  string // as current_setting prints it; "" is not compared
}

// settings in the order in which they must be made: external access last, since
// nothing about files can be changed after it.
func (j *job) settings() []setting {
	paths := make([]string, 0, len(j.Scans))
	seen := make(map[string]bool)
	for _, s := range j.Scans {
		for _, p := range s.reads() {
			if !seen[p] {
				seen[p] = true
				paths = append(paths, quote(p))
			}
		}
	}
	return []setting{
		{"TimeZone", "'UTC'", "UTC"},
		{"Calendar", "'gregorian'", "gregorian"},
		{"default_null_order", "'nulls_last'", "NULLS_LAST"},
		{"default_order", "'asc'", "ASC"},
		{"lambda_syntax", "'ENABLE_SINGLE_ARROW'", "ENABLE_SINGLE_ARROW"},
		{"ieee_floating_point_ops", "true", "true"},
		{"integer_division", "false", "false"}, // the dialect divides whole numbers itself
		{"scalar_subquery_error_on_multiple_rows", "true", "true"},
		{"old_implicit_casting", "false", "false"},
		{"preserve_insertion_order", "true", "true"},
		{"late_materialization_max_rows", "1000", "1000"},
		{"threads", strconv.Itoa(j.Threads), strconv.Itoa(j.Threads)},
		{"memory_limit", fmt.Sprintf("'%dKiB'", j.MemoryBytes>>10), ""},
		{"temp_directory", quote(j.Dir), j.Dir},
		{"max_temp_directory_size", fmt.Sprintf("'%dKiB'", j.TempBytes>>10), ""},
		{"autoinstall_known_extensions", "false", "false"},
		{"autoload_known_extensions", "false", "false"},
		{"allow_community_extensions", "false", "false"},
		{"allow_unsigned_extensions", "false", "false"},
		{"allowed_directories", "[]", ""},
		{"allowed_paths", "[" + strings.Join(paths, ", ") + "]", ""},
		{"enable_external_access", "false", "false"},
	}
}

// readBack trusts no SET: an option that a new version renamed or ignores must
// stop the query.
func (j *job) readBack(ctx context.Context, conn *sql.Conn, settings []setting) error {
	settings = append(settings, setting{"lock_configuration", "true", "true"})
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

// reads are the files of the scan.
func (s *jobScan) reads() []string {
	if s.Picked == "" {
		return s.Paths
	}
	return append(slices.Clone(s.Paths), s.Picked)
}

// view defines the relation: the table's columns in order, in Trino's types.
func (s *jobScan) view() string {
	var parts []string
	if len(s.Paths) > 0 {
		quoted := make([]string, len(s.Paths))
		for i, p := range s.Paths {
			quoted[i] = quote(p)
		}
		parts = append(parts, s.rows("["+strings.Join(quoted, ", ")+"], hive_partitioning = true, hive_types = {'retention': VARCHAR, 'dt': VARCHAR}"))
	}
	if s.Picked != "" {
		parts = append(parts, s.rows(quote(s.Picked)+", hive_partitioning = false"))
	}
	if len(parts) == 0 {
		parts = append(parts, noRows())
	}
	return "CREATE VIEW " + s.Name + " AS " + strings.Join(parts, " UNION ALL ")
}

func noRows() string {
	var picks []string
	for _, c := range athena.Columns() {
		picks = append(picks, fmt.Sprintf(`CAST(NULL AS %s) AS "%s"`, strings.ToUpper(c.Type), c.Name))
	}
	return "SELECT " + strings.Join(picks, ", ") + " WHERE false"
}

// rows reads files. Their timestamps are instants (TIMESTAMP WITH TIME ZONE); the
// table's have no zone. The conversion would hide the column from the reader's
// statistics, so the bounds are put on the file's column.
func (s *jobScan) rows(files string) string {
	var picks, conds []string
	for _, c := range athena.Columns() {
		pick := `"` + c.Name + `"`
		if c.Type == "timestamp" {
			pick = fmt.Sprintf("make_timestamp(epoch_us(%s)) AS %s", pick, pick)
		}
		picks = append(picks, pick)
	}
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
	text := "SELECT " + strings.Join(picks, ", ") + " FROM read_parquet(" + files + ")"
	if len(conds) > 0 {
		text += " WHERE " + strings.Join(conds, " AND ")
	}
	return text
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
