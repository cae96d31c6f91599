//go:build cgo

package duckdb

import (
	"errors"
	"flag"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/testenv/oracle/sqlgen"
)

var (
	randomQueries = flag.Int("random", 150, "how many random queries of each shape TestRandomQueries makes")
	randomSeed    = flag.Uint64("seed", 0, "of the first of them")
)

// TestRandomQueries: a query is answered, or refused before it runs by an error
// that is ours, or fails on its data. What DuckDB itself cannot bind, it was
// given by us: the dialect let pass, or made, what it does not understand.
func TestRandomQueries(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	data := &sqlgen.Data{Unique: "id", Counter: "seq"}
	for _, c := range athena.Columns() {
		column := sqlgen.Column{Name: c.Name, Type: c.Type}
		column.Values = map[string][]string{
			"timestamp": {"timestamp '2024-05-05 05:05:05.678'", "timestamp '2026-11-24 00:00:00'"}, "dt": {"'2024-05-05'", "'2026-11-24'"},
			"retention": {"'standard'", "'long'"}, "action": {"'user.login'"}, "actor_id": {"'user-123'"}, "seq": {"3", "6"},
			"reason": {"'bad password'", "''"}, "user_agent": {"'curl/8'"}, "details": {`'{"naïve":"日本 😀"}'`, "'{}'"}, "resource_id": {"'order-456'"},
		}[c.Name]
		data.Columns = append(data.Columns, column)
	}
	answered, refused, failed := 0, 0, 0
	constructs := make(map[string]int)
	for i := range uint64(*randomQueries) {
		for _, shape := range []sqlgen.Shape{sqlgen.Values, sqlgen.Rows} {
			q := sqlgen.New(data, shape, *randomSeed+i)
			var known *athena.Error
			switch _, _, err := answer(t, e, q.SQL); {
			case err == nil:
				answered++
			case blame(t, e, q.SQL) != "":
				small := sqlgen.Shrink(q, 300, func(c sqlgen.Query) bool { return blame(t, e, c.SQL) != "" })
				t.Errorf("seed %d, shape %d: %s\n%s", *randomSeed+i, shape, small.SQL, blame(t, e, small.SQL))
			case errors.As(err, &known) && errors.Is(known.Kind, athena.ErrExecution):
				failed++
			default:
				refused++
				if errors.As(err, &known) {
					constructs[known.Construct+known.Detail]++
				}
			}
		}
	}
	t.Logf("%d answered, %d refused, %d ended by their data; refused: %v", answered, refused, failed, constructs)
	if answered < refused+failed {
		t.Errorf("most queries are not answered: the generator and the dialect have parted")
	}
}

// blame says what is wrong with the way in which sql fails; "" when nothing is.
func blame(t *testing.T, e *Engine, sql string) string {
	_, _, err := answer(t, e, sql)
	if err == nil {
		return ""
	}
	var known *athena.Error
	if !errors.As(err, &known) {
		return "not the query's own error: " + err.Error()
	}
	text, refusal := dialect.Prepare(sql)
	if refusal == nil {
		w, err := e.workers.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		_, text, refusal = parser{w}.translate(text, nil, testNow, nil)
	}
	if refusal != nil {
		if errors.Is(known.Kind, athena.ErrSyntax) {
			return "DuckDB cannot parse it: " + err.Error()
		}
		return ""
	}
	switch {
	case errors.Is(known.Kind, athena.ErrExecution), errors.Is(known.Kind, athena.ErrTooBig), errors.Is(known.Kind, athena.ErrTooManyRows):
		return ""
	case errors.Is(known.Kind, athena.ErrRefused): // a value of its own, or a column of the answer
		return ""
	}
	return err.Error() + "\nin " + text
}
