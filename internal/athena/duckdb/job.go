//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
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

// jobScan is one relation of the job: the rows of Paths with MinMS <= timestamp <= MaxMS.
type jobScan struct {
	Name         string
	Paths        []string
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
	statements, err := j.define(conn)
	if err != nil {
		return err
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
		for _, p := range s.Paths {
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
		case len(s.Paths) == 0:
			fmt.Fprintf(&b, "CAST(NULL AS %s) AS %s", strings.ToUpper(c.Type), name)
		case c.Type == "timestamp":
			fmt.Fprintf(&b, "make_timestamp(epoch_us(%s)) AS %s", name, name)
		default:
			b.WriteString(name)
		}
	}
	if len(s.Paths) == 0 {
		b.WriteString(" WHERE false")
		return b.String()
	}
	quoted := make([]string, len(s.Paths))
	for i, p := range s.Paths {
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
