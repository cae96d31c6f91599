//go:build cgo

package duckdb

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// TestTranslationIsBounded: no query makes this process, which may be the one that takes
// events, hold more than a multiple of its text. Some constructs are written several
// times in DuckDB's SQL, and each here is nested in itself.
func TestTranslationIsBounded(t *testing.T) {
	const most = 1 << 30 // bytes that all of it may allocate; what grows by each level takes far more
	e := engineOver(t, nil, nil)
	queries := nestedQueries()
	maps.Copy(queries, wideQueries())
	refused := 0
	for name, sql := range queries {
		w, err := e.workers.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.watch(t.Context())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		text := ""
		sql, err := dialect.Prepare(sql)
		if err == nil {
			_, text, err = parser{w}.translate(sql, nil, testNow, nil)
		}
		runtime.ReadMemStats(&after)
		w.close()
		var known *athena.Error
		if err != nil && !errors.As(err, &known) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, athena.ErrTooBig) {
			refused++
		}
		t.Logf("%s: %d bytes of SQL, %d MB of memory, %d bytes for DuckDB, %v", name, len(sql), (after.TotalAlloc-before.TotalAlloc)>>20, len(text), err)
		if took := after.TotalAlloc - before.TotalAlloc; took > most {
			t.Errorf("%s: %d bytes of SQL take %d bytes of memory, and become %d", name, len(sql), took, len(text))
		}
	}
	if refused < 10 {
		t.Errorf("%d queries have grown too much, want 10 at least: what is tried here?", refused)
	}
}

// TestLongTextsAreReadAtOnce: reading a query takes time that grows with its length,
// and not with the square of it. Nobody can end that from outside.
func TestLongTextsAreReadAtOnce(t *testing.T) {
	e := engineOver(t, nil, nil)
	for name, query := range map[string]func(quarters int) athena.Query{
		"parameters": func(n int) athena.Query {
			return athena.Query{SQL: "SELECT 1 IN (?" + strings.Repeat(", ?", n*10_000-1) + ")", Params: slices.Repeat([]string{"1"}, n*10_000)}
		},
		"if in if": func(n int) athena.Query { return athena.Query{SQL: "SELECT " + strings.Repeat("if(", n*20_000)} },
		"lists of days": func(n int) athena.Query {
			list := "dt IN ('2024-01-01'" + strings.Repeat(", 'x'", n*4_000) + ")"
			return athena.Query{SQL: "SELECT 1 FROM audit_logs WHERE " + list + " AND " + list}
		},
		"values": func(n int) athena.Query {
			return athena.Query{SQL: "SELECT * FROM (" + strings.Repeat("VALUES 1, (", n*6_000)}
		},
		"columns": func(n int) athena.Query {
			var inner strings.Builder
			for i := range n * 2_500 {
				fmt.Fprintf(&inner, ", 1 AS a%d", i)
			}
			last := fmt.Sprintf("a%d", n*2_500-1)
			return athena.Query{SQL: "SELECT " + last + strings.Repeat(", "+last, n*3_000) + " FROM (SELECT 1" + inner.String() + ")"}
		},
		"decimal casts": func(n int) athena.Query {
			return athena.Query{SQL: "SELECT 1 IN (1" + strings.Repeat(", CAST(1 AS decimal(9,0))", n*2_500) + ")"}
		},
	} {
		// Four times the length is sixteen times the work where it is the square, in each of
		// five tries: other programs run as well, and slow one half of a pair down or the other.
		var seen []string
		for range 5 {
			quarter, whole := timeOf(t, e, query(1)), timeOf(t, e, query(4))
			if whole < 8*quarter {
				seen = nil
				break
			}
			seen = append(seen, fmt.Sprintf("%s and %s", quarter, whole))
		}
		if seen != nil {
			t.Errorf("%s: a quarter and all of it are read in %s", name, strings.Join(seen, ", "))
		}
	}
}

// timeOf is how long a query takes that is answered, or refused by name.
func timeOf(t *testing.T, e *Engine, q athena.Query) time.Duration {
	t.Helper()
	begin := time.Now()
	_, _, err := answerTo(t, e, q)
	if known := new(athena.Error); err != nil && !errors.As(err, &known) {
		t.Errorf("%.80s…: %v", q.SQL, err)
	}
	return time.Since(begin)
}

// nestedQueries have a construct in itself.
func nestedQueries() map[string]string {
	queries := map[string]string{}
	for form, inner := range map[string]string{
		"greatest(%s, 1)": "seq", "least(1e0, %s)": "1e0", "nullif(%s, 2e0)": "CAST(seq AS double)", "if(%s = 1e0, 2e0, 3e0)": "CAST(seq AS double)", "if(%s < 1e0, 2e0)": "CAST(seq AS double)",
		"if(%s BETWEEN 1e0 AND 2e0, 3e0, 4e0)": "CAST(seq AS double)", "if(%s IN (1e0, 2e0), 3e0, 4e0)": "CAST(seq AS double)", "if(%s NOT IN (1e0), 3e0, 4e0)": "CAST(seq AS double)",
		"CASE %s WHEN 1e0 THEN 2e0 ELSE 3e0 END": "CAST(seq AS double)", "if(%s IS DISTINCT FROM 1e0, 2e0, 3e0)": "CAST(seq AS double)", "coalesce(%s, 1e0)": "CAST(seq AS double)",
		"%s || 1": "ARRAY[1]", "1 || (%s)": "ARRAY[1]", "%s || ARRAY[2]": "ARRAY[seq]", "concat(%s, 'x')": "id", "%s || 'x'": "id",
		"map_filter(%s, (k, v) -> true)": "MAP(ARRAY['a'], ARRAY[seq])", "transform_values(%s, (k, v) -> v)": "MAP(ARRAY['a'], ARRAY[seq])",
		"transform_keys(%s, (k, v) -> k)": "MAP(ARRAY['a'], ARRAY[seq])", "map_concat(%s, MAP(ARRAY['b'], ARRAY[seq]))": "MAP(ARRAY['a'], ARRAY[seq])",
		"transform(%s, x -> x + 1)": "ARRAY[seq]", "filter(%s, x -> x > 1)": "ARRAY[seq]", "slice(%s, 1, 2)": "ARRAY[seq]", "array_distinct(%s)": "ARRAY[seq]",
		"ARRAY[%s][1]": "seq", "element_at(ARRAY[%s], 1)": "seq", "(%s) + 1": "seq", "(%s) / 2.5": "1.5", "(%s) %% 2.5": "1.5", "(%s) * 1e0": "CAST(seq AS double)",
		"round(%s)": "1.5", "truncate(%s)": "CAST(seq AS double)", "mod(%s, 7)": "seq", "abs(%s)": "1.5", "avg(%s)": "1.5", "sum(%s)": "1.5", "try(%s)": "seq", "TRY_CAST(%s AS varchar)": "id",
		"CAST(CAST(%s AS json) AS varchar)": "id", "json_format(json_parse(%s))": "details", "date_trunc('hour', %s)": `"timestamp"`, "(%s) AT TIME ZONE 'Europe/Berlin'": "now()",
		"(%s) + interval '1' month": `"timestamp"`, "CAST(CAST(%s AS varchar) AS double)": "CAST(seq AS double)", "if((%s) = 1, 2, 3)": "1", "(SELECT max(%s) FROM audit_logs)": "seq",
		"CAST(CAST(%s AS varchar) AS timestamp)": `"timestamp"`, "from_iso8601_timestamp(to_iso8601(%s))": `"timestamp"`, "if(ROW(%s) = ROW(1), 1, 2)": "seq",
		"reduce(ARRAY[%s], 0, (s, x) -> s + x, s -> s)": "seq", "CAST(ROW(%s, 'b') AS ROW(a varchar, b varchar)).a": "id", "(%s).a": "CAST(ROW(id, 'b') AS ROW(a varchar, b varchar))",
		"substr(%s, 2)": "id", "regexp_replace(%s, 'a')": "id", "split(%s, 'x')[1]": "id", "array_max(ARRAY[%s, 1e0])": "CAST(seq AS double)", "array_join(ARRAY[%s], ',')": "id",
	} {
		text := inner
		for range 45 {
			text = fmt.Sprintf(form, text)
		}
		queries[form] = "SELECT " + text + " FROM audit_logs"
	}
	within := func(levels int, inner, form string) string {
		for range levels {
			inner = fmt.Sprintf(form, inner)
		}
		return inner
	}
	queries["stars of stars"] = within(18, "SELECT *, * FROM audit_logs", "SELECT *, * FROM (%s)")
	queries["rows of rows"] = within(24, "SELECT 1 AS a", "SELECT ROW(a, a) AS a FROM (%s)")
	queries["maps of maps"] = within(24, "SELECT 1 AS a", "SELECT MAP(ARRAY[a], ARRAY[a]) AS a FROM (%s)")
	with := "WITH a0 AS (SELECT * FROM audit_logs)"
	for i := range 18 {
		with += fmt.Sprintf(", a%d AS (SELECT x.*, y.* FROM a%d AS x CROSS JOIN a%d AS y)", i+1, i, i)
	}
	queries["stars of WITH"] = with + " SELECT count(*) FROM a18"
	return queries
}

// wideQueries have much of something beside each other.
func wideQueries() map[string]string {
	return map[string]string{
		"many doubles":                      "SELECT CAST(seq AS double) IN (1e0" + strings.Repeat(", 1e0", 40_000) + ") FROM audit_logs",
		"many doubles beside a long text":   "SELECT " + strings.Repeat("1e0 + ", 60) + "seq IN (1e0" + strings.Repeat(", seq", 10_000) + ") FROM audit_logs",
		"many values":                       "SELECT seq IN (1" + strings.Repeat(", 1", 87_000) + ") FROM audit_logs",
		"many stars":                        "SELECT *" + strings.Repeat(",*", 130_000) + " FROM audit_logs",
		"many calls":                        "SELECT now()" + strings.Repeat(",now()", 43_000),
		"many views":                        "SELECT 1" + strings.Repeat(", (SELECT max(1) FROM failed_logins)", 5_000),
		"many tables of information_schema": "SELECT 1" + strings.Repeat(", (SELECT max(1) FROM information_schema.columns)", 3_000),
		"many arrays of rows":               "SELECT slice(a, 1, 1)" + strings.Repeat(", slice(a, 1, 1)", 15_000) + " FROM (SELECT ARRAY[ROW(1" + strings.Repeat(", 1", 800) + ")] AS a)",
	}
}
