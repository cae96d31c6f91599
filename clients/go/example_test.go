package audit_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	audit "github.com/audit-archiver/archiver/clients/go"
	"github.com/audit-archiver/archiver/clients/go/audittest"
)

// TestReadme holds README.md to what stands between the two marks.
func Example() {
	sidecar := audittest.NewSidecar(nil)
	defer sidecar.Close()
	os.Setenv("ARCHIVER_URL", sidecar.URL())
	dir, err := os.MkdirTemp("", "audit-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	os.Setenv("ARCHIVER_SPOOL_DIR", dir)

	// README begins
	client, err := audit.New(audit.Options{}) // ARCHIVER_URL, ARCHIVER_TOKEN, ARCHIVER_SPOOL_DIR
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	// On the sidecar's disk when it returns nil: for what must not happen unrecorded.
	err = client.Record(ctx, audit.Event{
		Action:   "invoice.approve",
		Actor:    audit.Actor{ID: "user-42", Type: audit.TypeUser},
		Resource: audit.Resource{Type: "invoice", ID: "9001"},
		Outcome:  audit.OutcomeSuccess,
		Details:  map[string]any{"amount": "120.00"},
	})
	if err != nil {
		log.Fatal("not approved: ", err) // an *audit.Error, which has the event
	}

	// In a file that outlives this process when it returns nil: for everything else.
	if err := client.Enqueue(ctx, audit.DataAccessEvent("user-42", "invoice", "9001")); err != nil {
		log.Fatal(err)
	}

	// What is not delivered in time stays in the spool, for the next process.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := client.Close(ctx); err != nil {
		log.Print(err)
	}
	// README ends

	for _, e := range sidecar.Events() {
		fmt.Println(e.Action, e.Resource.ID, e.Outcome)
	}
	// Output:
	// invoice.approve 9001 success
	// invoice.read 9001 success
}

// TestReadme: what README.md shows is what Example runs.
func TestReadme(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, _ := strings.Cut(string(source), "\t// README begins\n")
	snippet, _, found := strings.Cut(snippet, "\t// README ends\n")
	snippet = strings.ReplaceAll("\n"+snippet, "\n\t", "\n")
	if !found || !strings.Contains(string(readme), "```go"+snippet+"```\n") {
		t.Errorf("README.md does not have this snippet:\n```go%s```", snippet)
	}
}
