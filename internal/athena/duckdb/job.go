//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/needle"
)

// job is everything a query needs, as plain data: it is sent to another process.
type job struct {
	SQL     string
	Names   []string // of the answer's columns
	Types   []string // as far as the translation knows them; "unknown" is NULL's
	Scans   []jobScan
	Limit   int64         // rows
	InOrder bool          // see dialect.Plan
	Soon    time.Duration // how long the first rows may take when the others are to follow
	Short   bool          // the answer has at most some thousand rows
	Days    bool          // each file has rows of the day in its name only
	Within  bool          // each file has rows only for which the conditions hold that dialect.Within decides about
	Explain string        // EXPLAIN with its options: answer the plan; "" for the rows
	Watch   bool          // tell what was read, too: of a plan that is run

	unsupported unsupported // in the worker
}

// filesMost bounds the files of all scans of a job: it is one frame, and the worker names
// each of them in SQL.
const filesMost = 100_000

// jobScan is one relation of the job: the rows of Files and of Picked with MinMS <= timestamp <= MaxMS.
type jobScan struct {
	Name         string
	Files        []jobFile
	Picked       *jobFile // has the partition columns in it, not in its name; nil: none
	MinMS, MaxMS int64

	selection *needle.Selection // in the engine: what Picked was picked out of; nil: nothing was

	paths  []string // of Files, in the worker
	picked string   // of Picked
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
	Rows      int64
	BytesRead int64 // 0: not known

	RowGroupsTotal, RowGroupsRead int // of EXPLAIN
}

// prepare makes the database able to do this job and nothing else.
func (j *job) prepare(ctx context.Context, s *server) error {
	if err := j.define(ctx, s); err != nil {
		return err
	}
	locks := j.locks()
	if err := makeSettings(ctx, s.conn, locks); err != nil {
		return err
	}
	return readBack(ctx, s.conn, slices.Concat(s.settings(), locks))
}

// define makes the functions and relations of the job.
func (j *job) define(ctx context.Context, s *server) error {
	conn := s.conn
	statements, err := j.functions(conn)
	if err != nil {
		return err
	}
	if j.Watch {
		statements = append(statements, watchReads)
	}
	for i := range j.Scans {
		statements = append(statements, j.Scans[i].view())
	}
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("prepare database: %s: %w", clip(s), err)
		}
	}
	return nil
}

// locks are the settings after which nothing about files and settings can be changed,
// in the order in which they must be made.
func (j *job) locks() []setting {
	var paths []string
	seen := make(map[string]bool)
	for _, s := range j.Scans {
		for _, p := range s.reads() {
			if !seen[p] {
				seen[p] = true
				paths = append(paths, quote(p))
			}
		}
	}
	var locks []setting
	if j.tries() {
		// The one takes what stands twice out of its TRY. The other works out what is
		// constant before it knows whether that is taken, also a refusal in the branch of a
		// CASE, which would count: see unsupported.
		const those = "expression_rewriter,common_subexpressions"
		locks = append(locks, setting{"disabled_optimizers", quote(those), those})
	}
	return append(locks,
		setting{"allowed_directories", "[]", ""},
		setting{"allowed_paths", "[" + strings.Join(paths, ", ") + "]", ""},
		setting{"enable_external_access", "false", "false"},
		setting{"lock_configuration", "true", "true"},
	)
}

// tries reports whether there is a TRY in the query, which hides errors.
func (j *job) tries() bool { return strings.Contains(j.SQL, "TRY(") }

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

// reads are the paths of all files of the scan.
func (s *jobScan) reads() []string {
	if s.picked == "" {
		return s.paths
	}
	return append(slices.Clone(s.paths), s.picked)
}

// view defines the relation: the table's columns in order, in Trino's types.
func (s *jobScan) view() string {
	parts := s.parts()
	if len(parts) == 0 {
		parts = append(parts, noRows())
	}
	return "CREATE VIEW " + s.Name + " AS " + strings.Join(parts, " UNION ALL ")
}

// parts are the queries that the relation is made of, one after the other.
func (s *jobScan) parts() (parts []string) {
	if len(s.paths) > 0 {
		quoted := make([]string, len(s.paths))
		for i, p := range s.paths {
			quoted[i] = quote(p)
		}
		parts = append(parts, s.rows("["+strings.Join(quoted, ", ")+"], hive_partitioning = true, hive_types = {'retention': VARCHAR, 'dt': VARCHAR}"))
	}
	if s.picked != "" {
		parts = append(parts, s.rows(quote(s.picked)+", hive_partitioning = false"))
	}
	return parts
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
