//go:build cgo

package duckdb

import (
	"errors"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// TestRefused: each statement is refused before anything is opened, and the
// message names the construct.
func TestRefused(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	for _, tt := range []struct{ sql, names string }{
		// Other statements.
		{"COPY audit_logs TO '/tmp/x'", "COPY"},
		{"COPY (SELECT 1) TO '/tmp/x' (FORMAT parquet, use_tmp_file false)", "COPY"},
		{"ATTACH '/tmp/x.db'", "ATTACH"},
		{"DETACH memory", "DETACH"},
		{"SET memory_limit = '1TB'", "SET"},
		{"RESET ALL", "RESET"},
		{"PRAGMA database_list", "PRAGMA"},
		{"INSTALL httpfs", "INSTALL"},
		{"LOAD httpfs", "LOAD"},
		{"EXPORT DATABASE '/tmp/x'", "EXPORT"},
		{"IMPORT DATABASE '/tmp/x'", "IMPORT"},
		{"CHECKPOINT", "CHECKPOINT"},
		{"VACUUM", "VACUUM"},
		{"CALL pragma_version()", "CALL"},
		{"CREATE TABLE t AS SELECT 1", "CREATE"},
		{"CREATE OR REPLACE VIEW audit_logs AS SELECT 1", "CREATE"},
		{"CREATE SECRET s (TYPE s3)", "CREATE"},
		{"DROP VIEW audit_logs", "DROP"},
		{"INSERT INTO audit_logs VALUES (1)", "INSERT"},
		{"UPDATE audit_logs SET action = 'x'", "UPDATE"},
		{"DELETE FROM audit_logs", "DELETE"},
		{"ALTER TABLE audit_logs ADD COLUMN x int", "ALTER"},
		{"BEGIN", "BEGIN"},
		{"PREPARE p AS SELECT 1", "PREPARE"},
		{"EXECUTE p", "EXECUTE"},
		{"EXPLAIN ANALYZE COPY audit_logs TO '/tmp/x'", "COPY"},
		{"EXPLAIN ANALYZE DELETE FROM audit_logs", "DELETE"},
		{"UNLOAD (SELECT 1) TO 's3://x'", "UNLOAD"},
		{"SHOW ALL TABLES", "SHOW ALL"},
		{"SHOW TABLES; DROP VIEW audit_logs", "DROP"},
		{"DESCRIBE SELECT 1", "part of a table"},
		{"DESCRIBE '/etc/passwd'", "/etc/passwd"},
		{"DESCRIBE duckdb_secrets", "duckdb_secrets"},
		{"SUMMARIZE audit_logs", "SUMMARIZE"},
		{"SELECT 1; SELECT 2", "second statement"},
		{"SELECT 1; DROP VIEW audit_logs", "second statement"},
		{"SELECT 1 /* ; */ ; -- x\n COPY audit_logs TO 'x'", "second statement"},
		{"", ""},

		// Files, environment, configuration.
		{"SELECT * FROM read_parquet('/tmp/x')", "read_parquet"},
		{"SELECT * FROM '/etc/passwd'", "/etc/passwd"},
		{"SELECT * FROM 'x.parquet'", "x.parquet"},
		{`SELECT * FROM "/tmp/x.csv"`, "/tmp/x.csv"},
		{"SELECT * FROM read_text('/etc/passwd')", "read_text"},
		{"SELECT * FROM read_csv('/etc/passwd')", "read_csv"},
		{"SELECT * FROM read_blob('/etc/passwd')", "read_blob"},
		{"SELECT * FROM read_json_auto('x')", "read_json_auto"},
		{"SELECT * FROM sniff_csv('x')", "sniff_csv"},
		{"SELECT * FROM glob('/*')", "glob"},
		{"SELECT * FROM parquet_metadata('x')", "parquet_metadata"},
		{"SELECT * FROM query('SELECT 1')", "query"},
		{"SELECT * FROM query_table('audit_logs')", "query_table"},
		{"SELECT * FROM json_execute_serialized_sql('x')", "json_execute_serialized_sql"},
		{"SELECT * FROM duckdb_settings()", "duckdb_settings"},
		{"SELECT * FROM duckdb_secrets()", "duckdb_secrets"},
		{"SELECT * FROM pragma_table_info('audit_logs')", "pragma_table_info"},
		{"SELECT * FROM range(1000000000)", "range"},
		{"SELECT * FROM generate_series(1, 1000000000)", "generate_series"},
		{"SELECT * FROM repeat_row(1, num_rows=5)", "repeat_row"},
		{"SELECT getenv('HOME')", "getenv"},
		{"SELECT getvariable('x')", "getvariable"},
		{"SELECT current_setting('memory_limit')", "current_setting"},
		{"SELECT write_log('x')", "write_log"},
		{"SELECT error('x')", "error"},
		{"SELECT nextval('s')", "nextval"},
		{"SELECT txid_current()", "txid_current"},
		{"SELECT version()", "version"},
		{"SELECT sleep_ms(1000)", "sleep_ms"},
		{"SELECT random()", "random"},
		{"SELECT uuid()", "uuid"},
		{"SELECT repeat('x', 500000000)", "repeat"},
		{"SELECT query_table('x')", "query_table"},
		{"SELECT main.getenv('HOME')", "getenv"},
		{"SELECT system.main.getenv('HOME')", "getenv"},
		{"SELECT __audit_div(1, 2)", "__audit_div"},
		{"SELECT * FROM __audit_scan0", "__audit_scan0"},
		{"SELECT * FROM audit_logs, main.__audit_scan0", "__audit_scan0"},
		{"WITH __audit_scan0 AS (SELECT 1) SELECT * FROM audit_logs", "__audit_scan0"},
		{"SELECT * FROM information_schema.character_sets", "information_schema.character_sets"},
		{"SELECT * FROM hive.information_schema.tables", "hive.information_schema.tables"},
		{"SELECT * FROM tables", "table tables"},
		{`SELECT * FROM "deletions$partitions"`, "deletions$partitions"},
		{"SELECT * FROM pg_catalog.pg_tables", "pg_tables"},
		{"SELECT * FROM sqlite_master", "sqlite_master"},
		{"SELECT * FROM duckdb_tables", "duckdb_tables"},
		{"SELECT * FROM other.audit_logs", "other.audit_logs"},
		{"WITH x AS (SELECT getenv('HOME')) SELECT * FROM x", "getenv"},
		{"SELECT (SELECT getenv('HOME'))", "getenv"},
		{"SELECT count(*) FILTER (WHERE getenv('HOME') = 'x') FROM audit_logs", "getenv"},
		{"SELECT sum(seq) OVER (ORDER BY getenv('HOME')) FROM audit_logs", "getenv"},
		{"SELECT 1 FROM audit_logs ORDER BY getenv('HOME')", "getenv"},
		{"SELECT 1 FROM audit_logs GROUP BY getenv('HOME')", "getenv"},
		{"SELECT 1 FROM audit_logs HAVING getenv('HOME') = 'x'", "getenv"},
		{"SELECT 1 FROM audit_logs LIMIT (SELECT 1)", "LIMIT"},
		{"SELECT transform(ARRAY[1], x -> getenv('HOME'))", "getenv"},
		{"SELECT CASE WHEN getenv('HOME') = 'x' THEN 1 END", "getenv"},
		{"SELECT 1 UNION SELECT getenv('HOME')", "getenv"},
		{"SELECT * FROM (VALUES (getenv('HOME'))) t(x)", "getenv"},
		{"SELECT * FROM audit_logs a JOIN audit_logs b ON getenv('HOME') = 'x'", "getenv"},
		{"SELECT * FROM audit_logs CROSS JOIN UNNEST(split(getenv('HOME'), '/')) t(x)", "getenv"},
		{"SELECT array_agg(seq ORDER BY getenv('HOME')) FROM audit_logs", "getenv"},

		// DuckDB's own spellings.
		{"SELECT * EXCLUDE (id) FROM audit_logs", "EXCLUDE"},
		{"SELECT * REPLACE (1 AS id) FROM audit_logs", "REPLACE"},
		{"SELECT COLUMNS('.*') FROM audit_logs", "COLUMNS"},
		{"SELECT #1 FROM audit_logs", "#n"},
		{"SELECT ? FROM audit_logs", "parameter"},
		{"SELECT $1 FROM audit_logs", "parameter"},
		{"SELECT $$x$$", "dollar"},
		{"SELECT x'00ff'", "X'…'"},
		{"SELECT E'\\n'", "prefix"},
		{"SELECT 1 /* /* */ */", "nested comment"},
		{"SELECT `id` FROM audit_logs", "backquoted"},
		{"SELECT outcome FROM audit_logs GROUP BY ALL", "GROUP BY ALL"},
		{"SELECT outcome FROM audit_logs ORDER BY ALL", "ORDER BY ALL"},
		{"SELECT * FROM audit_logs USING SAMPLE 10%", "SAMPLE"},
		{"SELECT * FROM audit_logs TABLESAMPLE 10%", "SAMPLE"},
		{"SELECT seq FROM audit_logs QUALIFY row_number() OVER () = 1", "QUALIFY"},
		{"SELECT DISTINCT ON (outcome) * FROM audit_logs", "DISTINCT ON"},
		{"SELECT * FROM audit_logs LIMIT 10%", "LIMIT"},
		{"SELECT * FROM audit_logs a ASOF JOIN audit_logs b ON a.seq >= b.seq", "ASOF"},
		{"SELECT * FROM audit_logs a POSITIONAL JOIN audit_logs b", "POSITIONAL"},
		{"SELECT * FROM audit_logs a SEMI JOIN audit_logs b USING (id)", "SEMI"},
		{"SELECT * FROM audit_logs a NATURAL JOIN audit_logs b", "NATURAL"},
		{"SELECT * FROM audit_logs UNION BY NAME SELECT * FROM audit_logs", "BY NAME"},
		{"PIVOT audit_logs ON outcome USING count(*)", "PIVOT"},
		{"WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 2 FROM r) SELECT * FROM r", "WITH RECURSIVE"},
		{"SELECT [1, 2]", "list_value"},
		{"SELECT {'a': 1}", "struct_pack"},
		{"SELECT details -> '$.x' FROM audit_logs", "->"},
		{"SELECT details ->> '$.x' FROM audit_logs", "->>"},
		{"SELECT action ILIKE 'x' FROM audit_logs", "ILIKE"},
		{"SELECT action ~ 'x' FROM audit_logs", "~ and SIMILAR TO"},
		{"SELECT action SIMILAR TO 'x' FROM audit_logs", "SIMILAR TO"},
		{"SELECT action GLOB 'x' FROM audit_logs", "GLOB"},
		{"SELECT 5 // 2", "//"},
		{"SELECT 2 ** 3", "**"},
		{"SELECT action[1:2] FROM audit_logs", "SLICE"},
		{"SELECT interval '1 hour'", "interval '1' hour"},
		{"SELECT interval 1 hour", "interval"},
		{"SELECT to_hours(seq) FROM audit_logs", "interval"},
		{"SELECT audit_logs FROM audit_logs", "audit_logs"},
		{"SELECT unnest(split(action, '.')) FROM audit_logs", "unnest"},
		{"SELECT rowid FROM audit_logs", "rowid"},
		{"SELECT filename FROM audit_logs", "filename"},
		{"SELECT current_user", "current_user"},
		{"SELECT 123456789012345678901", "hugeint"},
		{"SELECT CAST('1' AS uuid)", "uuid"},
		{"SELECT CAST(action AS blob) FROM audit_logs", "blob"},
		{"SELECT '{}'::json", "::"},
		{"SELECT * FROM", ""},
		{"SELEC 1", ""},
		{strings.Repeat("SELECT (", 300) + "1" + strings.Repeat(")", 300), ""},
		{"SELECT 1" + strings.Repeat(" + 1", 5000), ""},
		{"SELECT '" + strings.Repeat("x", athena.MaxSQLBytes) + "'", "bytes long"},
		{"SELECT 'a\x00b'", "U+0000"},
		{"SELECT '\xff'", "UTF-8"},
	} {
		name := tt.sql
		if len(name) > 60 {
			name = name[:60]
		}
		t.Run(name, func(t *testing.T) {
			cols, rows, err := answer(t, e, tt.sql)
			if err == nil {
				t.Fatalf("answered %v %v", cols, rows)
			}
			var known *athena.Error
			if !errors.As(err, &known) {
				t.Errorf("error %v (%T) is not the query's own", err, err)
			}
			if !strings.Contains(err.Error(), tt.names) {
				t.Errorf("error %q does not name %q", err, tt.names)
			}
		})
	}
	if _, rows, err := answer(t, e, "SELECT count(*) FROM audit_logs"); err != nil || rows[0] != "[7]" {
		t.Errorf("afterwards: %v, %v", rows, err)
	}
}
