package oracle

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestMain(m *testing.M) { Main(m) }

func queries(t *testing.T) []Query {
	t.Helper()
	all, err := Corpus()
	if err != nil {
		t.Fatal(err)
	}
	const least = 300
	if len(all) < least {
		t.Fatalf("%d queries, want %d at least", len(all), least)
	}
	return all
}

// TestRecorded compares the embedded engine with what Trino has said.
func TestRecorded(t *testing.T) {
	answers, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	e := Embedded(t, Files(t))
	compared, refused := 0, 0
	for _, q := range queries(t) {
		text, ok := answers[q.key()]
		if !ok {
			t.Errorf("%s: Trino's answer is not recorded: run make oracle", q.key())
			continue
		}
		want, err := parseAnswer(text)
		if err != nil {
			t.Fatalf("%s: %v", q.key(), err)
		}
		if q.Refused != "" {
			refused++
		}
		compared++
		t.Run(q.key(), func(t *testing.T) { compare(t, e, q, want) })
	}
	t.Logf("%d queries compared with Trino's recorded answers; %d of them are refused, as docs/dialect.md says", compared, refused)
}

// compare asks e, which must answer want, or refuse where the corpus says so.
func compare(t *testing.T, e athena.Engine, q Query, want Answer) {
	t.Helper()
	got, err := Ask(t.Context(), e, athena.Query{SQL: q.SQL, Params: q.Params})
	if err != nil {
		t.Fatalf("%v\n%s", err, q.SQL)
	}
	if q.Refused == "" {
		if d := Differ(q.SQL, want, got); d != "" {
			t.Errorf("%s\n%s", q.SQL, d)
		}
		return
	}
	switch {
	case want.Err != nil:
		t.Errorf("Trino refuses it as well, so it is no exception: %v\n%s", want.Err, q.SQL)
	case got.Err == nil:
		t.Errorf("it is answered, and should be refused (%s):\n%s\n%s", q.Refused, q.SQL, got)
	case !errors.Is(got.Err, athena.ErrRefused) && !errors.Is(got.Err, athena.ErrExecution):
		t.Errorf("it is refused as a mistake of its writer: %v\n%s", got.Err, q.SQL)
	}
}

// TestExceptions: what is refused is on a short list that users can read.
func TestExceptions(t *testing.T) {
	const most = 10
	docs, err := os.ReadFile("../../docs/dialect.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, q := range queries(t) {
		if q.Refused != "" && !slices.Contains(names, q.Refused) {
			names = append(names, q.Refused)
		}
	}
	for _, n := range names {
		if !strings.Contains(string(docs), fmt.Sprintf("\n| %s |", n)) {
			t.Errorf("docs/dialect.md has no row for the exception %q", n)
		}
	}
	if len(names) > most {
		t.Errorf("%d exceptions, want %d at most: %q", len(names), most, names)
	}
}

// TestCorpus: every query has a name of its own.
func TestCorpus(t *testing.T) {
	seen := make(map[string]bool)
	for _, q := range queries(t) {
		if seen[q.key()] {
			t.Errorf("%s is there twice", q.key())
		}
		seen[q.key()] = true
	}
}

func TestOrdered(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT 1": false, "SELECT 1 ORDER BY 1": true, "SELECT 1 ORDER  BY 1 LIMIT 1": true,
		"SELECT * FROM (SELECT 1 ORDER BY 1)":             false,
		"SELECT row_number() OVER (ORDER BY x) FROM t":    false,
		"SELECT 'x ORDER BY y' AS \"order by\" FROM t":    false,
		"SELECT 1 -- ORDER BY 1\n":                        false,
		"WITH a AS (SELECT 1) SELECT * FROM a order by 1": true,
		"SELECT 'it''s' FROM t ORDER BY 1":                true,
	} {
		if got := Ordered(sql); got != want {
			t.Errorf("%s: %v, want %v", sql, got, want)
		}
	}
}
