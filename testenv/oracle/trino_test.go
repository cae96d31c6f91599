package oracle

import (
	"fmt"
	"os"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// TestTrino asks a real Trino every question of the corpus, and compares with the
// embedded engine and with what is recorded.
func TestTrino(t *testing.T) {
	if os.Getenv("ORACLE") == "" {
		t.Skip("ORACLE is not set: make oracle runs this")
	}
	files := Files(t)
	place := StartTrino(t, s3test.Embedded(t))
	reference, embedded := place.Reference(t, files), Embedded(t, files)
	old, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	all, answers := queries(t), make(map[string]string)
	changed := 0
	for _, q := range all {
		want, err := Ask(t.Context(), reference, athena.Query{SQL: q.SQL, Params: q.Params})
		if err != nil {
			t.Fatalf("%s: %v", q.key(), err)
		}
		answers[q.key()] = want.normal(q.SQL).String()
		if answers[q.key()] != old[q.key()] {
			changed++
			t.Errorf("%s: Trino's answer is not the recorded one", q.key())
		}
		t.Run(q.key(), func(t *testing.T) { compare(t, embedded, q, want) })
	}
	if changed > 0 || len(old) != len(answers) {
		if err := record(all, answers); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%d answers have changed and are written down: look at git diff testenv/oracle/answers", changed)
	}
	fmt.Printf("oracle: %d queries compared with Trino\n", len(all))
}
