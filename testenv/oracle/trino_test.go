package oracle

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// TestTrino compares with a real Trino. `make oracle` runs it.
func TestTrino(t *testing.T) {
	if os.Getenv("ORACLE") == "" {
		t.Skip("run by make oracle, which fetches Trino")
	}
	files := Files(t)
	if reference, ok := kept(t); ok {
		t.Run("corpus", func(t *testing.T) { testCorpus(t, reference, Embedded(t, files)) })
		t.Run("random", func(t *testing.T) { testRandom(t, reference, Embedded(t, files)) })
		t.Run("ask", func(t *testing.T) { testAsk(t, reference, Embedded(t, files)) })
		return
	}
	place := StartTrino(t, s3test.MinIO(t))
	reference := place.Reference(t, files)
	t.Run("corpus", func(t *testing.T) { testCorpus(t, reference, Embedded(t, files)) })
	t.Run("views", func(t *testing.T) { testViews(t, place, reference, Embedded(t, files)) })
	t.Run("random", func(t *testing.T) { testRandom(t, reference, Embedded(t, files)) })
	t.Run("ask", func(t *testing.T) { testAsk(t, reference, Embedded(t, files)) })
	t.Run("schema", func(t *testing.T) { testSchema(t, place, files) })
	t.Run("engine", func(t *testing.T) { testEngine(t, place) })
}

// testCorpus asks Trino every question, and compares with the embedded engine and
// with what is recorded.
func testCorpus(t *testing.T, reference, embedded athena.Engine) {
	old, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	all, answers, changed := queries(t), make(map[string]string), 0
	start := time.Now()
	wants := askAll(t, reference, all)
	fmt.Printf("oracle: Trino has answered %d queries in %s\n", len(all), time.Since(start).Round(time.Second))
	for i, q := range all {
		answers[q.key()] = wants[i].normal(q.SQL).String()
		if answers[q.key()] != old[q.key()] {
			changed++
			t.Errorf("%s: Trino's answer is not the recorded one", q.key())
		}
	}
	if changed > 0 || len(old) != len(answers) {
		if err := record(all, answers); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%d answers have changed and are written down: look at git diff testenv/oracle/answers", changed)
	}
	for i, q := range all {
		t.Run(q.key(), func(t *testing.T) { compare(t, embedded, q, wants[i]) })
	}
	fmt.Printf("oracle: %d queries compared with Trino\n", len(all))
}

// askAll asks several at a time: most of the time of a small query is spent waiting.
func askAll(t *testing.T, e athena.Engine, queries []Query) []Answer {
	t.Helper()
	const workers = 4
	answers := make([]Answer, len(queries))
	next := make(chan int)
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := range next {
				q := queries[i]
				var err error
				if answers[i], err = Ask(t.Context(), e, athena.Query{SQL: q.SQL, Params: q.Params}); err != nil {
					t.Errorf("%s: %v", q.key(), err)
				}
			}
		})
	}
	for i := range queries {
		next <- i
	}
	close(next)
	wait.Wait()
	return answers
}
