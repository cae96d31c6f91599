package oracle

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/testenv/s3test"
	"github.com/audit-archiver/archiver/testenv/trino"
)

// TestKeep runs a Trino over the files of the corpus until it is interrupted. Starting
// one takes longer than a thousand queries: `make oracle-keep` in one terminal serves
// many runs of `make oracle-random` and `make oracle-ask` in another.
func TestKeep(t *testing.T) {
	if os.Getenv("ORACLE_KEEP") == "" {
		t.Skip("run by make oracle-keep, which fetches Trino")
	}
	place := StartTrino(t, s3test.MinIO(t))
	place.Reference(t, Files(t))
	ended, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("oracle: Trino answers until this is interrupted: ORACLE_URL=%s make oracle-random\n", place.Trino.URL)
	select {
	case <-ended.Done():
	case <-place.Trino.Done():
		t.Error("Trino has ended by itself")
	}
}

// kept is the Trino of TestKeep that ORACLE_URL names; ok is false where it names none.
func kept(t *testing.T) (reference athena.Engine, ok bool) {
	url := os.Getenv("ORACLE_URL")
	if url == "" {
		return nil, false
	}
	return (&trino.Server{URL: url}).Engine(t, Schema), true
}

// testAsk prints what both engines say to the queries of the file that ORACLE_ASK names,
// which is written as the corpus is.
func testAsk(t *testing.T, reference, embedded athena.Engine) {
	name := os.Getenv("ORACLE_ASK")
	if name == "" {
		return
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseQueries("ask", string(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range askAll(t, reference, all) {
		q := all[i]
		fmt.Printf("--- %s\n%s\n%s", q.Name, q.SQL, want.normal(q.SQL))
		got, err := Ask(t.Context(), embedded, athena.Query{SQL: q.SQL, Params: q.Params})
		switch {
		case err != nil:
			t.Errorf("%s: %v", q.Name, err)
		case refusal(got.Err) != "":
			fmt.Printf("refused: %v\n", got.Err)
		default:
			if d := Differ(q.SQL, want, got); d != "" {
				t.Errorf("%s: %s\n%s", q.Name, q.SQL, d)
			}
		}
	}
}
