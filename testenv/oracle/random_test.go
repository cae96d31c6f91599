package oracle

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/testenv/oracle/sqlgen"
)

// shrinkTries bounds how often the engines are asked to make one finding smaller.
const shrinkTries = 200

// usualQueries of each shape take about a minute.
const usualQueries = 100

// askers ask at a time: most of the time of a small query is spent waiting.
const askers = 3

// mostFindings ends a run early: what differs often, differs for one reason.
const mostFindings = 20

// enoughForAll queries of each shape have every function in one that is answered.
const enoughForAll = 4000

// TestGeneratorCallsAll: there is no function of the dialect that random queries never call.
func TestGeneratorCallsAll(t *testing.T) {
	called := make(map[string]int)
	for seed := range uint64(enoughForAll) {
		for _, shape := range []sqlgen.Shape{sqlgen.Values, sqlgen.Rows} {
			for _, name := range calls(sqlgen.New(Data(), shape, seed).SQL) {
				called[name]++
			}
		}
	}
	if missing := uncalled(called); len(missing) > 0 {
		t.Errorf("%d of %d functions are in no rule of testenv/oracle/sqlgen: %s", len(missing), len(dialect.Functions()), strings.Join(missing, ", "))
	}
}

// TestGeneratorCompares: each column that has text of an event is compared with values that the archive has.
func TestGeneratorCompares(t *testing.T) {
	missing := make(map[string][]string) // columns, and what a query with "column = value" has
	for _, c := range Data().Columns {
		if c.Type != "varchar" || slices.Contains([]string{"id", "producer", "stream"}, c.Name) { // of one row each, or of all
			continue
		}
		missing[c.Name] = nil
		for _, v := range c.Values {
			missing[c.Name] = append(missing[c.Name], "."+c.Name+" = "+v+")")
		}
	}
	for seed := range uint64(enoughForAll) {
		sql := sqlgen.New(Data(), sqlgen.Rows, seed).SQL
		for column, texts := range missing {
			if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(sql, text) }) {
				delete(missing, column)
			}
		}
	}
	for column, texts := range missing {
		t.Errorf("column %s: no query has one of %q", column, texts)
	}
}

// testRandom asks both engines what the generator makes of the seeds from ORACLE_SEED
// on, as many of each shape as ORACLE_RANDOM says. Without it these are always the same,
// so that make oracle does not depend on the speed of the machine.
func testRandom(t *testing.T, reference, embedded athena.Engine) {
	count, first := number(t, "ORACLE_RANDOM", usualQueries), number(t, "ORACLE_SEED", 1)
	r := &Random{Reference: reference, Embedded: embedded, Refused: make(map[string]int), Calls: make(map[string]int)}
	seeds := make(chan int)
	var wait sync.WaitGroup
	for range askers {
		wait.Go(func() {
			for seed := range seeds {
				for _, shape := range []sqlgen.Shape{sqlgen.Values, sqlgen.Rows} {
					r.try(t, sqlgen.New(Data(), shape, uint64(seed)), seed)
				}
			}
		})
	}
	made := 0
	for ; made < count && r.found() < mostFindings && t.Context().Err() == nil; made++ {
		seeds <- first + made
	}
	close(seeds)
	wait.Wait()
	fmt.Printf("oracle: %d random queries: %d answered by both engines alike, %d by none, %d by Trino alone as the other refuses by name, %d end by their data, %d break Trino; %d differ\n",
		2*made, r.Compared, r.Failed, r.refused(), r.Fragile, r.Broken, r.Differ)
	missing, all := uncalled(r.Calls), len(dialect.Functions())
	fmt.Printf("oracle: both engines have answered queries with %d of the %d functions of the dialect\n", all-len(missing), all)
	if made >= enoughForAll && len(missing) > 0 {
		t.Errorf("no query with these functions was answered: %s", strings.Join(missing, ", "))
	}
	if testing.Verbose() {
		r.printRefused()
	}
}

// try reports how the engines differ on q, at its smallest.
func (r *Random) try(t *testing.T, q sqlgen.Query, seed int) {
	t.Helper()
	o, err := r.Check(t.Context(), q)
	if err != nil {
		o.Difference = err.Error()
	}
	r.count(q, o)
	if o.Difference == "" {
		return
	}
	difference := o.Difference
	small := sqlgen.Shrink(q, shrinkTries, func(c sqlgen.Query) bool {
		o, err := r.Check(t.Context(), c)
		if err != nil || o.Difference == "" {
			return false
		}
		difference = o.Difference
		return true
	})
	t.Errorf("seed %d of shape %d: %s\n%s", seed, q.Shape(), small.SQL, difference)
}

func (r *Random) refused() (n int) {
	for _, count := range r.Refused {
		n += count
	}
	return n
}

func (r *Random) printRefused() {
	var names []string
	for name := range r.Refused {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return r.Refused[b] - r.Refused[a] })
	for _, name := range names {
		fmt.Printf("oracle: %4d refused: %s\n", r.Refused[name], name)
	}
}

func number(t *testing.T, variable string, missing int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return missing
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s is %q, not a whole number", variable, text)
	}
	return n
}
