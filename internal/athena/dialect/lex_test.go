package dialect

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestPrepareKeepsWhatBothParsersReadAlike(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT 1":                          "SELECT 1",
		"SELECT 1 ; ":                       "SELECT 1",
		"SELECT 1;; -- x":                   "SELECT 1",
		"SELECT ';' -- ; x\n":               "SELECT ';' -- ; x",
		"SELECT 'it''s; /*'":                "SELECT 'it''s; /*'",
		`SELECT "a;""b"`:                    `SELECT "a;""b"`,
		"/* ; */ SELECT 1":                  "/* ; */ SELECT 1",
		"SELECT interval '1' day":           "SELECT interval '1' day",
		"SELECT 1 -- 'open":                 "SELECT 1 -- 'open",
		"SELECT x AS varchar, (1)":          "SELECT x AS varchar, (1)",
		"SELECT 'é', \"日本\"":                "SELECT 'é', \"日本\"",
		"SELECT 1.5e-3,.5E2,x1e400,1e308-1": "SELECT 1.5e-3,.5E2,x1e400,1e308-1",
		"SELECT t1.a,9e-400":                "SELECT t1.a,9e-400",
		"":                                  "",
		"SELECT 1 /* a * / b */ ; /**/":     "SELECT 1 /* a * / b */",
	} {
		if got, err := Prepare(in); err != nil || got != want {
			t.Errorf("%q becomes %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for in, at := range map[string][2]int{
		"SELECT 1; SELECT 2":           {1, 11},
		"SELECT 1;\n'x'":               {2, 1},
		"SELECT 'open":                 {1, 8},
		`SELECT "open`:                 {1, 8},
		"SELECT /* open":               {1, 8},
		"SELECT /* /* */ */ 1":         {1, 8},
		"SELECT x'00'":                 {1, 8},
		"SELECT E'a'":                  {1, 8},
		"SELECT `a`":                   {1, 8},
		"SELECT $$a$$":                 {1, 8},
		"SELECT CAST(a AS varchar(3))": {1, 25},
		"SELECT CAST(a AS CHAR (3))":   {1, 23},
		"SELECT 'a\x00'":               {1, 10},
		"SELECT 0xff":                  {1, 8}, // DuckDB: 0 AS xff
		"SELECT 1_000":                 {1, 8},
		"SELECT 1+0b11":                {1, 10},
		"SELECT 1e":                    {1, 8}, // DuckDB: 1 AS e
		"SELECT 1e+":                   {1, 8},
		"SELECT 5.":                    {1, 8},
		"SELECT 5.\n":                  {1, 8},
		"SELECT -1E+400":               {1, 9}, // DuckDB: -Infinity
		"SELECT 1; .5":                 {1, 11},
	} {
		_, err := Prepare(in)
		var known *athena.Error
		if !errors.As(err, &known) || known.Line != at[0] || known.Column != at[1] {
			t.Errorf("%q: %v, want an error at %v", in, err, at)
		}
	}
}

func TestJSONPath(t *testing.T) {
	for in, want := range map[string][]string{
		"$": {}, "$.a": {"a"}, "$.a.b_1[0]": {"a", "b_1", "0"}, `$["a b"].c`: {"a b", "c"}, "$[12]": {"12"}, "$.é": {"é"}, `$["a\"b"]`: {`a"b`}, `$["a\\b"]`: {`a\b`},
		"$.a:b": {"a:b"}, "$[a]": {"a"}, "$.12": {"12"}, "$.日本": {"日本"}, `$[""]`: {""}, `$["-1"]`: {"-1"},
	} {
		if got, ok := jsonSteps(in); !ok || !slices.Equal(got, want) {
			t.Errorf("%s is read as %q, %v; want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", "a", "$a", "$.", "$..a", "$.*", "$[*]", "$[-1]", "$[]", "$[1", `$["a`, `$."a"`, `$."a`, `$["a\nb"]`, "$.a b", "lax $.a", "$.a?(@.b)", "$.a–b", "$.😀", "$.a-b", "$[a:b]", `$['a']`,
	} {
		if got, ok := jsonSteps(in); ok {
			t.Errorf("%s is read as %q, want a refusal", in, got)
		}
	}
}

func TestAddMonths(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct {
		from   string
		months int
		want   string
	}{
		{"2024-01-31 10:11", 1, "2024-02-29 10:11"}, {"2024-03-31 00:00", -1, "2024-02-29 00:00"},
		{"2024-12-15 00:00", 1, "2025-01-15 00:00"}, {"2024-02-29 00:00", 12, "2025-02-28 00:00"}, {"2024-01-15 00:00", -13, "2022-12-15 00:00"},
	} {
		if got := addMonths(day(tt.from), tt.months); !got.Equal(day(tt.want)) {
			t.Errorf("%s and %d months is %v, want %s", tt.from, tt.months, got, tt.want)
		}
	}
}

// FuzzPrepare: what is accepted holds no second statement, whatever the text is.
func FuzzPrepare(f *testing.F) {
	for _, s := range []string{"SELECT 1;", "SELECT ';'", "/*;*/ x", `";"`, "-- ;\nx", "a;b", "'a''", "x'0'", "varchar (1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		out, err := Prepare(sql)
		if err != nil {
			return
		}
		if !strings.HasPrefix(sql, out) {
			t.Fatalf("%q became %q", sql, out)
		}
		again, err := Prepare(out)
		if err != nil || again != out {
			t.Fatalf("%q became %q, then %q, %v", sql, out, again, err)
		}
	})
}
