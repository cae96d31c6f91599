//go:build cgo && linux

package duckdb

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
)

// attempts are what people have tried on engines like this one, at what is there.
func (p *prison) attempts() []string {
	root := filepath.Dir(filepath.Dir(filepath.Dir(p.cached)))
	var all []string
	for _, path := range []string{p.secret, p.neighbour, "/etc/passwd", "/proc/self/environ", root + "/../../secret.csv", p.url + "/x", "http://169.254.169.254/latest/meta-data", "s3://bucket/x"} {
		for _, read := range []string{
			"SELECT * FROM read_text('%s')", "SELECT * FROM read_blob('%s')", "SELECT * FROM read_csv('%s')", "SELECT * FROM read_csv_auto('%s')",
			"SELECT * FROM read_json('%s')", "SELECT * FROM read_parquet('%s')", "SELECT * FROM parquet_scan('%s')", "SELECT * FROM parquet_metadata('%s')",
			"SELECT * FROM parquet_kv_metadata('%s')", "SELECT * FROM sniff_csv('%s')", "SELECT * FROM '%s'", `SELECT * FROM "%s"`,
			"SELECT * FROM query('FROM read_text(''%[1]s'')')", "COPY (SELECT 1) TO '%s'", "ATTACH '%s' AS stolen", "ATTACH '%s' AS stolen (READ_ONLY)",
			"CREATE TABLE x AS FROM read_text('%s')", "IMPORT DATABASE '%s'", "LOAD '%s'", "INSTALL '%s'",
		} {
			all = append(all, fmt.Sprintf(read, path))
		}
	}
	for _, target := range []string{p.cached, p.neighbour, p.secret, root + "/retention=standard/dt=2026-11-24/new.parquet", root + "/new", p.dir + "/new", "/tmp/archiver-escaped", "/dev/shm/archiver-escaped"} {
		for _, write := range []string{
			"COPY (SELECT 1 AS x) TO '%s' (FORMAT parquet, use_tmp_file false)", "COPY (SELECT 1 AS x) TO '%s' (FORMAT parquet)", "COPY (SELECT 1) TO '%s' (FORMAT csv)",
			"COPY (SELECT 1) TO '%s' (FORMAT json)", "COPY (SELECT 1 AS x, 2 AS y) TO '%s' (FORMAT parquet, partition_by (x))",
			"COPY (SELECT 1 AS x, 2 AS y) TO '%s' (FORMAT parquet, partition_by (x), overwrite_or_ignore)", "EXPORT DATABASE '%s'", "ATTACH '%s.db' AS made",
			"SET log_query_path = '%s'", "SET profiling_output = '%s'", "SET extension_directory = '%s'",
		} {
			all = append(all, fmt.Sprintf(write, target))
		}
	}
	return append(all,
		"SELECT * FROM glob('/*')", "SELECT * FROM glob('"+root+"/**')", "SELECT getenv('AWS_SECRET_ACCESS_KEY')", "SELECT * FROM duckdb_secrets()",
		"INSTALL httpfs", "INSTALL httpfs FROM '"+p.url+"'", "LOAD httpfs", "FORCE INSTALL aws FROM community", "CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')",
		"CREATE PERSISTENT SECRET s (TYPE s3)", "SET enable_external_access = true", "SET lock_configuration = false", "RESET ALL", "SET memory_limit = '100GB'",
		"SET threads = 64", "SET temp_directory = '"+root+"'", "SET allowed_directories = ['/']", "SELECT * FROM postgres_scan('host=127.0.0.1', 'a', 'b')",
		"SELECT * FROM sqlite_scan('"+p.secret+"', 'x')", "SELECT * FROM read_text('"+p.socket+"')", "COPY (SELECT 1) TO '/proc/self/mem'", "COPY (SELECT 1) TO '/proc/self/oom_score_adj'",
	)
}

// inMemory are what DuckDB lets a query do to its own database, which ends with it.
func (p *prison) inMemory() []string {
	return []string{
		"PRAGMA database_list", "PRAGMA enable_profiling", "CREATE OR REPLACE VIEW audit_logs AS SELECT 1", "CREATE OR REPLACE VIEW __audit_scan0 AS SELECT 1",
		"DROP VIEW __audit_scan0", "CALL enable_logging(storage = 'file', storage_config = {'path': '" + p.dir + "/log'})", "CHECKPOINT",
	}
}

// generated are attempts with everything that this DuckDB says it has: the functions,
// with a path or a statement where they take a text; pragmas; settings; extensions.
func (p *prison) generated() []string {
	p.t.Helper()
	connector, err := duck.NewConnector("", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	column := func(query string) (values []string) {
		rows, err := db.QueryContext(p.t.Context(), query)
		if err != nil {
			p.t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var v string
			if err := rows.Scan(&v); err != nil {
				p.t.Fatal(err)
			}
			values = append(values, v)
		}
		if err := rows.Err(); err != nil || len(values) == 0 {
			p.t.Fatalf("%s: %v, %v", query, values, err)
		}
		return values
	}
	var all []string
	paths := []string{p.secret, p.neighbour, p.url, "FROM read_text(''" + p.secret + "'')"}
	for _, name := range column("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro') AND regexp_matches(function_name, '^[a-z_0-9]+$') ORDER BY 1") {
		all = append(all, "SELECT * FROM "+name+"()")
		for _, path := range paths {
			all = append(all, "SELECT * FROM "+name+"('"+path+"')")
		}
	}
	for _, name := range column("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'pragma' ORDER BY 1") {
		all = append(all, "PRAGMA "+name, "PRAGMA "+name+"('"+p.secret+"')", "CALL "+name+"('"+p.secret+"')")
	}
	for _, name := range column(`SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar' AND regexp_matches(function_name, '^[a-z_0-9]+$')
		AND len(parameter_types) BETWEEN 1 AND 2 AND list_has_any(parameter_types, ['VARCHAR', 'ANY', 'BLOB']) ORDER BY 1`) {
		all = append(all, "SELECT "+name+"('"+p.secret+"')", "SELECT "+name+"('AWS_SECRET_ACCESS_KEY', '"+p.secret+"')")
	}
	for _, name := range column("SELECT name FROM duckdb_settings() ORDER BY 1") {
		all = append(all, "SET "+name+" = '"+p.dir+"/set'", "SET GLOBAL "+name+" = true", "RESET "+name)
	}
	for _, name := range column("SELECT extension_name FROM duckdb_extensions() ORDER BY 1") {
		all = append(all, "INSTALL "+name, "LOAD "+name)
	}
	return all
}

// TestEscapes: at the first wall, what is not the dialect's is refused; behind it, with
// the dialect gone, DuckDB's own settings and the kernel keep what is theirs; and with
// DuckDB's settings gone too, the kernel alone does.
func TestEscapes(t *testing.T) {
	p := newPrison(t)
	tried, made := p.attempts(), slices.Concat(p.generated(), p.inMemory())
	t.Logf("%d attempts, and %d generated ones", len(tried), len(made))
	if len(made) < 100 {
		t.Errorf("%d attempts are generated, want 100", len(made))
	}
	t.Run("dialect", func(t *testing.T) { p.gate(t, slices.Concat(tried, made)) })
	t.Run("locked", func(t *testing.T) {
		p.t = t
		p.refused(locked, p.run(locked, tried))
		p.unharmed(p.run(locked, made))
	})
	t.Run("bare", func(t *testing.T) {
		p.t = t
		answers := p.run(bare, slices.Concat(tried, made))
		p.unharmed(answers)
		for _, a := range answers {
			writes := strings.HasPrefix(a.SQL, "COPY") || strings.HasPrefix(a.SQL, "EXPORT") || strings.HasPrefix(a.SQL, "ATTACH")
			if a.Err == "" && writes {
				t.Errorf("%s: done", a.SQL)
			}
		}
	})
}

// gate: nothing that is not a plain function of its arguments passes the dialect.
func (p *prison) gate(t *testing.T, statements []string) {
	p.t = t
	e := engineOver(t, nil, func(o *Options) { *o = p.engine.o; o.workerArgs = nil })
	w, err := e.workers.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	passed := 0
	for i, statement := range statements {
		var err error
		if i < 100 { // all the way, in a process each
			_, _, err = answer(t, e, statement)
		} else {
			_, _, err = parser{w}.translate(statement, nil, testNow, nil)
		}
		var known *athena.Error
		switch {
		case errors.As(err, &known):
		case err != nil:
			t.Errorf("%s: %v is no refusal", statement, err)
		case strings.HasPrefix(statement, "SELECT ") && !strings.Contains(statement, " FROM ") && !strings.Contains(statement, "getenv"):
			passed++ // a function that Trino has too
		default:
			t.Errorf("%s: passes the dialect", statement)
		}
	}
	t.Logf("%d of %d are refused, the others are functions of texts", len(statements)-passed, len(statements))
}

// TestNothingOfAQueryStays: the next query gets a process of its own.
func TestNothingOfAQueryStays(t *testing.T) {
	p := newPrison(t)
	left := "'" + ownFolder(p.engine) + "/left.csv'"
	first := p.run(bare, []string{"CREATE TABLE left_behind AS SELECT 1", "SELECT * FROM left_behind", "COPY (SELECT 1) TO " + left})
	if first[1].Err != "" || first[2].Err != "" {
		t.Fatalf("a worker cannot use its own database and folder: %+v", first)
	}
	second := p.run(bare, []string{"SELECT * FROM left_behind", "SELECT * FROM read_text(" + left + ")"})
	p.refused(bare, second[:1])
	if second[1].Text != "" {
		t.Errorf("the file of the query before: %s", second[1].Text)
	}
	p.unharmed(append(first, second...))
}

// TestJobsReadTheirFilesOnly: the worker of a job can read its files and no others of
// the same folder, and not another file that took the name of one.
func TestJobsReadTheirFilesOnly(t *testing.T) {
	p := newPrison(t)
	mine := "/proc/self/fd/3/" + p.scan.Files[0].Name
	answers := p.run(bare, []string{"SELECT count(*) FROM read_parquet('" + mine + "')", "SELECT * FROM read_parquet('/proc/self/fd/3/retention=secret/dt=2026-11-24/neighbour.parquet')"})
	if answers[0].Err != "" {
		t.Errorf("own file: %s", answers[0].Err)
	}
	p.refused(bare, answers[1:])
	p.scan.Files[0].Identity.Ino++
	if answers, err := p.runOnce(bare, []string{"SELECT 1"}); err == nil || !strings.Contains(err.Error(), "not the file that was checked") {
		t.Errorf("another file under the name: %v, %v", answers, err)
	}
	p.scan.Files[0] = jobFile{Name: "../../etc/passwd"}
	if answers, err := p.runOnce(bare, []string{"SELECT 1"}); err == nil {
		t.Errorf("a file outside: %v", answers)
	}
}
