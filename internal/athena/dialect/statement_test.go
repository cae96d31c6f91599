package dialect

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestRead(t *testing.T) {
	explain := func(x Explain, query string) Statement {
		return Statement{Type: TypeDML, Sub: ExplainQuery, Explain: x, Query: query}
	}
	utility := func(sub string, path ...string) Statement {
		return Statement{Type: TypeUtility, Sub: sub, Path: path}
	}
	for sql, want := range map[string]Statement{
		"SELECT 1":                       {Type: TypeDML, Sub: Select},
		" /* SHOW TABLES */ select 1":    {Type: TypeDML, Sub: Select},
		"(SELECT 1)":                     {Type: TypeDML, Sub: Select},
		"WITH x AS (SELECT 1) TABLE x":   {Type: TypeDML, Sub: Select},
		"-- SELECT\nSHOW TABLES;":        utility(ShowTables),
		"show /* c */ tables -- end":     utility(ShowTables),
		"SHOW VIEWS":                     utility(ShowViews),
		"SHOW SCHEMAS":                   utility(ShowDatabases),
		"SHOW TABLES IN audit":           {Type: TypeUtility, Sub: ShowTables, Database: []string{"audit"}},
		`SHOW TABLES FROM "A"."audit"`:   {Type: TypeUtility, Sub: ShowTables, Database: []string{"A", "audit"}},
		"SHOW DATABASES IN hive":         {Type: TypeUtility, Sub: ShowDatabases, Database: []string{"hive"}},
		"SHOW COLUMNS FROM audit_logs":   utility(ShowColumns, "audit_logs"),
		"SHOW COLUMNS IN t IN `audit`":   utility(ShowColumns, "audit", "t"),
		"SHOW COLUMNS FROM deletions":    utility(DescribeView, "deletions"),
		"SHOW CREATE TABLE `audit.t`;":   utility(ShowCreateTable, "audit", "t"),
		`SHOW CREATE VIEW "a"."b ""c"""`: utility(ShowCreateView, "a", `b "c"`),
		"SHOW PARTITIONS audit.t":        utility(ShowPartitions, "audit", "t"),
		"SHOW TBLPROPERTIES t":           utility(ShowProperties, "t"),
		"SHOW TBLPROPERTIES t('a b')":    {Type: TypeUtility, Sub: ShowProperties, Path: []string{"t"}, Property: "a b"},
		"DESC t":                         utility(DescribeTable, "t"),
		"describe audit.failed_logins":   utility(DescribeView, "audit", "failed_logins"),
		"DESCRIBE formatted":             utility(DescribeTable, "formatted"),
		"DESCRIBE FORMATTED t":           {Type: TypeUtility, Sub: DescribeTable, Path: []string{"t"}, Formatted: true},
		"EXPLAIN SELECT 1":               explain(Explain{Kind: "DISTRIBUTED"}, "        SELECT 1"),
		"EXPLAIN\n(SELECT 1)":            explain(Explain{Kind: "DISTRIBUTED"}, "       \n(SELECT 1)"),
		"EXPLAIN (TYPE io) SELECT 1":     explain(Explain{Kind: "IO", JSON: true}, "                  SELECT 1"),
		"EXPLAIN ANALYZE VERBOSE TABLE t": explain(Explain{Kind: "DISTRIBUTED", Analyze: true},
			"                        TABLE t"),
		"explain (format json, type logical) select 1;": explain(Explain{Kind: "LOGICAL", JSON: true},
			"                                    select 1;"),
		"EXPLAIN ANALYZE (FORMAT JSON) SELECT 1": explain(Explain{Kind: "DISTRIBUTED", Analyze: true, JSON: true},
			"                              SELECT 1"),
	} {
		got, err := Read(sql)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", sql, got, err, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct{ sql, match, differ string }{
		{"SHOW TABLES 'audit*'", "audit_logs", "logs_audit"},
		{"SHOW TABLES IN audit '.*LOGS'", "audit_logs", "audit_logs_2"},
		{"SHOW TABLES LIKE '*logins|deletions'", "failed_logins", "deletions2"},
		{"SHOW VIEWS LIKE 'd*'", "deletions", "changes"},
		{"SHOW VIEWS LIKE 'a.b+'", "a.b+", "axbb"},
		{"SHOW DATABASES LIKE 'a.*'", "audit", "xaudit"},
		{"SHOW SCHEMAS LIKE 'au(dit|x)'", "audit", "audity"},
	} {
		st, err := Read(tt.sql)
		if err != nil || st.Match == nil || !st.Match.MatchString(tt.match) || st.Match.MatchString(tt.differ) {
			t.Errorf("%s: %v, %v", tt.sql, st.Match, err)
		}
	}
}

// TestRefusedStatements: each names itself, why, and what to do instead; and each
// has Athena's name, for the history.
func TestRefusedStatements(t *testing.T) {
	for _, tt := range []struct{ sql, typ, sub, says string }{
		{"CREATE TABLE t AS SELECT 1", TypeDDL, "CREATE_TABLE_AS_SELECT", "CREATE TABLE AS: the archive is immutable and holds no tables but its own; keep the answer"},
		{"create external table if not exists t (a int) location 's3://b/'", TypeDDL, "CREATE_TABLE", "CREATE TABLE: the archive"},
		{"CREATE OR REPLACE VIEW v AS SELECT 1", TypeDDL, "CREATE_VIEW", "CREATE VIEW: the archive is immutable; write WITH"},
		{"CREATE DATABASE d", TypeDDL, "CREATE_DATABASE", "CREATE DATABASE: the archive is immutable: table and views are its own"},
		{"DROP TABLE audit_logs", TypeDDL, "DROP_TABLE", "DROP TABLE: the archive is immutable: table and views"},
		{"ALTER TABLE audit_logs ADD PARTITION (dt='x')", TypeDDL, "ALTER_TABLE", "ALTER TABLE: the archive is immutable: table and views are its own, partitions come from the signed ledger"},
		{"MSCK REPAIR TABLE audit_logs", TypeDDL, "MSCK_REPAIR", "MSCK REPAIR: "},
		{"VACUUM audit_logs", TypeDDL, "VACUUM", "VACUUM: "},
		{"/* c */ INSERT INTO audit_logs SELECT 1", TypeDML, "INSERT", "line 1:9: not supported: INSERT: the archive is immutable by SQL; events come in over POST /v1/events"},
		{"UPDATE audit_logs SET a = 1", TypeDML, "UPDATE", "UPDATE: the archive is immutable: an event stays"},
		{"DELETE FROM audit_logs", TypeDML, "DELETE", "DELETE: the archive is immutable"},
		{"MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", TypeDML, "MERGE", "MERGE: the archive is immutable"},
		{"UNLOAD (SELECT 1) TO 's3://b/' WITH (format='PARQUET')", TypeDML, "UNLOAD", "UNLOAD: no query writes to S3"},
		{"GRANT SELECT ON t TO u", TypeDDL, "GRANT", "GRANT: the archive is read-only for all"},
		{"SET SESSION x = 1", TypeDDL, "SET", "SET: each query stands for itself"},
		{"USE audit", TypeDDL, "USE", "USE: "},
		{"CALL system.x()", TypeDDL, "CALL", "CALL: "},
		{"START TRANSACTION", TypeDDL, "START_TRANSACTION", "START TRANSACTION: "},
		{"PREPARE p FROM SELECT 1", TypeDDL, "PREPARE", "PREPARE: prepared statements are of Athena's API alone"},
		{"EXPLAIN ANALYZE\n  DELETE FROM audit_logs", TypeDML, "EXPLAIN", "line 2:3: not supported: DELETE"},
		{"EXPLAIN (FORMAT TEXT) CREATE TABLE t AS SELECT 1", TypeDML, "EXPLAIN", "line 1:23: not supported: CREATE TABLE AS"},
		{"EXPLAIN SHOW TABLES", TypeDML, "EXPLAIN", "EXPLAIN of SHOW"},
		{"EXPLAIN EXPLAIN SELECT 1", TypeDML, "EXPLAIN", "EXPLAIN of EXPLAIN"},
		{"EXPLAIN", TypeDML, "EXPLAIN", "the end: here should be EXPLAIN SELECT"},
		{"EXPLAIN (FORMAT GRAPHVIZ) SELECT 1", TypeDML, "EXPLAIN", "EXPLAIN (FORMAT GRAPHVIZ): FORMAT is TEXT or JSON"},
		{"EXPLAIN ANALYZE (TYPE IO) SELECT 1", TypeDML, "EXPLAIN", "EXPLAIN (TYPE IO): FORMAT is"},
		{"EXPLAIN (FORMAT JSON SELECT 1", TypeDML, "EXPLAIN", "SELECT: here should be ) after"},
		{"SHOW FUNCTIONS", TypeUtility, "SHOW", "SHOW FUNCTIONS: SHOW TABLES, DATABASES"},
		{"SHOW", TypeUtility, "SHOW", "not supported: SHOW: SHOW TABLES"},
		{"SHOW TABLES IN", TypeUtility, "SHOW_TABLES", "the end: here should be the name of a table"},
		{"SHOW TABLES LIKE audit", TypeUtility, "SHOW_TABLES", "audit: here should be LIKE 'pattern'"},
		{"SHOW TABLES WHERE x", TypeUtility, "SHOW_TABLES", "WHERE: it should end here"},
		{"SHOW TABLES; DROP TABLE x", TypeUtility, "SHOW_TABLES", "DROP: it should end here"},
		{"SHOW DATABASES LIKE '('", TypeUtility, "SHOW_DATABASES", "pattern '('"},
		{"SHOW COLUMNS audit_logs", TypeUtility, "SHOW_COLUMNS", "here should be SHOW COLUMNS FROM"},
		{"SHOW TBLPROPERTIES t(name)", TypeUtility, "SHOW_TABLE_PROPERTIES", "write SHOW TBLPROPERTIES table('name')"},
		{"SHOW CREATE TABLE `t", TypeUtility, "SHOW_CREATE_TABLE", "that is not closed"},
		{"SHOW CREATE TABLE a.b.c.d", TypeUtility, "SHOW_CREATE_TABLE", "at most three parts"},
		{"DESCRIBE EXTENDED t", TypeUtility, "DESCRIBE_TABLE", "DESCRIBE EXTENDED: DESCRIBE FORMATTED says"},
		{"DESCRIBE t action", TypeUtility, "DESCRIBE_TABLE", "DESCRIBE of a part of a table"},
		{"DESCRIBE t PARTITION (dt='x')", TypeUtility, "DESCRIBE_TABLE", "DESCRIBE of a part of a table"},
		{"DESCRIBE INPUT p", TypeUtility, "DESCRIBE_TABLE", "DESCRIBE INPUT: prepared statements"},
		{"SHOW TABLES \x00", TypeDML, "SELECT", "U+0000"},
	} {
		st, err := Read(tt.sql)
		var known *athena.Error
		if !errors.As(err, &known) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want %q", tt.sql, err, tt.says)
		}
		if st.Type != tt.typ || st.Sub != tt.sub {
			t.Errorf("%s is %s %s, want %s %s", tt.sql, st.Type, st.Sub, tt.typ, tt.sub)
		}
	}
}

func TestRefuseIsForEnginesWithAGrammarOfTheirOwn(t *testing.T) {
	for _, sql := range []string{"SELECT 1", "SHOW FUNCTIONS", "DESCRIBE EXTENDED t", "EXPLAIN (FORMAT GRAPHVIZ) SELECT 1", "EXPLAIN (SELECT 1)", "SHOW STATS FOR t", ""} {
		if err := Refuse(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"drop table t", "(DELETE FROM t)", "EXPLAIN ANALYZE INSERT INTO t SELECT 1", "EXPLAIN ANALYZE VERBOSE (FORMAT JSON) DELETE FROM t",
		"EXPLAIN (TYPE IO, FORMAT JSON)CREATE TABLE t AS SELECT 1", "-- SELECT\nUNLOAD (SELECT 1) TO 's3://b/'", "EXECUTE p"} {
		if err := Refuse(sql); !errors.Is(err, athena.ErrRefused) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestResolve(t *testing.T) {
	for path, want := range map[string]string{
		"audit_logs": "audit_logs", "AUDIT.Audit_Logs": "audit_logs", "AwsDataCatalog.audit.deletions": "deletions", "failed_logins": "failed_logins",
		"": "", "nope": "", "other.audit_logs": "", "hive.audit.audit_logs": "", "a.awsdatacatalog.audit.audit_logs": "", "information_schema.tables": "",
	} {
		if got, ok := Resolve(strings.Split(path, ".")); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", path, got, ok)
		}
	}
	if !IsDatabase([]string{"AwsDataCatalog", "Audit"}) || IsDatabase([]string{"awsdatacatalog"}) || IsDatabase([]string{"x", "audit"}) || !IsCatalog([]string{"AWSDATACATALOG"}) {
		t.Error("databases are taken for others")
	}
}

// FuzzRead: whatever is sent, it is a statement that is answered or a named error.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"SHOW TABLES 'a|b*'", "DESC `a.b`.c", "EXPLAIN (FORMAT JSON) SELECT '(' /* ; */", "CREATE OR REPLACE", "SHOW TBLPROPERTIES t('", "\"", "EXPLAIN ((", "'é`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		st, err := Read(sql)
		var known *athena.Error
		if err != nil && !errors.As(err, &known) {
			t.Errorf("error %v (%T) is not the query's own", err, err)
		}
		if st.Type == "" || st.Sub == "" {
			t.Errorf("no type: %+v", st)
		}
		if err == nil && Refuse(sql) != nil {
			t.Errorf("answered here and refused elsewhere: %v", Refuse(sql))
		}
		if st.Query != "" && len([]rune(st.Query)) != len([]rune(sql)) {
			t.Errorf("places in %q are not those in %q", st.Query, sql)
		}
	})
}

// TestReadSplitsOnce: nothing has been admitted yet when a text is read, so however it
// nests, no part of it is looked at twice: a text of twice the length may cost one more
// step in the growth of the list of tokens, and not an effort for each of its words.
func TestReadSplitsOnce(t *testing.T) {
	for _, piece := range []string{"EXPLAIN ", "EXPLAIN (FORMAT JSON) ", "EXPLAIN ANALYZE (", "(", "CREATE OR REPLACE ", "SHOW COLUMNS FROM a. ", "/**/", "SELECT "} {
		effort := func(times int) float64 {
			sql := strings.Repeat(piece, times)
			return testing.AllocsPerRun(1, func() {
				_, _ = Read(sql)
				_ = Refuse(sql)
			})
		}
		if once, twice := effort(1000), effort(2000); twice > once+20 {
			t.Errorf("%q: %v allocations, and %v for twice the text", piece, once, twice)
		}
	}
}
