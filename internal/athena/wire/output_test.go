package wire

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// memoryBucket is a bucket of results in memory. It refuses bodies of another size than was
// said, as S3 does.
type memoryBucket struct {
	mu      sync.Mutex
	objects map[string]string
	err     error
	block   chan struct{} // Put waits for it or for the end of the query
	state   func(name string)
}

func (b *memoryBucket) Location(name string) string { return "s3://results/p/" + name }

func (b *memoryBucket) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) error {
	if b.state != nil {
		b.state(name)
	}
	if b.block != nil {
		select {
		case <-b.block:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	raw, err := io.ReadAll(body)
	if err != nil || b.err != nil {
		return errors.Join(b.err, err)
	}
	if int64(len(raw)) != size {
		return errors.New("IncompleteBody")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[name] = string(raw)
	return nil
}

func withResults(t *testing.T) (*world, *memoryBucket) {
	t.Helper()
	b := &memoryBucket{objects: map[string]string{}}
	w := newWorld(t, func(o *Options) { o.Results = b })
	return w, b
}

func (w *world) execution(id string) map[string]any {
	w.t.Helper()
	return w.call(ann, "GetQueryExecution", object{"QueryExecutionId": id})["QueryExecution"].(map[string]any)
}

func TestOutputs(t *testing.T) {
	w, b := withResults(t)
	var seen string
	b.state = func(name string) { // SUCCEEDED comes after the last object
		id, _, _ := strings.Cut(name, ".")
		state, _ := w.state(root, id)
		seen += state + " "
	}
	w.engine.answers["SELECT x"] = answer{
		columns: []athena.Column{{Name: `a"b`, Type: "varchar"}, {Name: "n", Type: "bigint"}, {Name: "d", Type: "decimal(10,2)"}},
		rows:    [][]any{{"", int64(1), nil}, {nil, int64(-2), athena.Decimal("1.50")}, {"x,\"y\"\n", nil, nil}},
	}
	w.engine.answers["SELECT none"] = answer{columns: []athena.Column{{Name: "i", Type: "integer"}}}
	w.engine.answers["SHOW TABLES"] = textAnswer("tab_name", []any{"a"}, []any{"b"})
	w.engine.answers["DESCRIBE audit_logs"] = textAnswer("col_name,data_type,comment", []any{"id", "string", ""})
	w.engine.answers["EXPLAIN SELECT 1"] = answer{columns: []athena.Column{{Name: "Query Plan", Type: "varchar"}}, rows: [][]any{{"p"}}}
	for _, tt := range []struct{ sql, suffix, want string }{
		{"SELECT x", ".csv", "\"a\"\"b\",\"n\",\"d\"\n\"\",\"1\",\n,\"-2\",\"1.50\"\n\"x,\"\"y\"\"\n\",,\n"},
		{"SELECT none", ".csv", "\"i\"\n"},
		{"SHOW TABLES", ".txt", "a\nb"},
		{"DESCRIBE audit_logs", ".txt", "id                  \tstring              \t                    "},
		{"EXPLAIN SELECT 1", ".txt", "Query Plan\np"},
	} {
		id := w.start(ann, tt.sql)
		w.finish()
		x := w.execution(id)
		if got, want := x["ResultConfiguration"], (map[string]any{"OutputLocation": "s3://results/p/" + id + tt.suffix}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", tt.sql, got, want)
		}
		if x["ManagedQueryResultsConfiguration"] != nil {
			t.Errorf("%s: %v", tt.sql, x["ManagedQueryResultsConfiguration"])
		}
		if got := b.objects[id+tt.suffix]; got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.sql, got, tt.want)
		}
		if b.objects[id+tt.suffix+".metadata"] == "" {
			t.Errorf("%s: no metadata beside %v", tt.sql, slices.Collect(maps.Keys(b.objects)))
		}
	}
	if want := strings.Repeat("RUNNING ", 10); seen != want {
		t.Errorf("objects are stored in states %s", seen)
	}
	id := w.start(root, "PREPARE p FROM SELECT 1")
	w.finish()
	if text, there := b.objects[id+".txt"]; !there || text != "" || b.objects[id+".txt.metadata"] != "" {
		t.Errorf("PREPARE: %q, %v", text, there)
	}
	group := w.call(ann, "GetWorkGroup", object{"WorkGroup": "primary"})["WorkGroup"].(map[string]any)["Configuration"].(map[string]any)
	if !reflect.DeepEqual(group["ResultConfiguration"], map[string]any{"OutputLocation": "s3://results/p/"}) ||
		!reflect.DeepEqual(group["ManagedQueryResultsConfiguration"], map[string]any{"Enabled": false}) {
		t.Errorf("%v", group)
	}
	left, err := filepath.Glob(filepath.Join(w.o.Dir, "history", "*"+outputSuffix))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestOutputMetadata compares with bytes that Athena writes, but for the id.
func TestOutputMetadata(t *testing.T) {
	got := metadataFile("x", []athena.Column{{Name: "rows", Type: "bigint"}, {Name: "t", Type: "string"}, {Name: "b", Type: "boolean"}})
	want := "0a0178" + // query id
		"2222" + "0a0468697665" + "2204726f7773" + "2a04726f7773" + "3206626967696e74" + "3813" + "4000" + "4803" + "5000" +
		"2216" + "0a0468697665" + "220174" + "2a0174" + "3206737472696e67" + "4803" +
		"2219" + "0a0468697665" + "220162" + "2a0162" + "3207626f6f6c65616e" + "4803" + "5000"
	if hex.EncodeToString(got) != want {
		t.Errorf("got %x\nwant %s", got, want)
	}
	long := strings.Repeat("n", 200)
	if got := metadataFile("x", []athena.Column{{Name: long, Type: "varchar"}}); !bytes.Contains(got, append([]byte{0x22, 0xc8, 0x01}, long...)) {
		t.Errorf("%x", got)
	}
}

func TestAnswerThatCannotBeStored(t *testing.T) {
	w, b := withResults(t)
	w.engine.answers["SELECT n"] = numbers(3)
	b.err = errors.Join(&athena.Error{Kind: athena.ErrResults, Construct: "s3://results/p/x.csv", Detail: "there is no such bucket"}, errors.New("dial tcp 10.0.0.1"))
	id := w.start(ann, "SELECT n")
	w.finish()
	state, reason := w.state(ann, id)
	if state != stateFailed || !strings.HasPrefix(reason, "RESULTS_NOT_STORED: ") || !strings.Contains(reason, "there is no such bucket") || strings.Contains(reason, "10.0.0.1") {
		t.Errorf("%s: %s", state, reason)
	}
	failure := w.execution(id)["Status"].(map[string]any)["AthenaError"].(map[string]any)
	if failure["ErrorCategory"] != 1.0 || failure["Retryable"] != true {
		t.Errorf("%v", failure)
	}
	w.refused("InvalidRequestException", ann, "GetQueryResults", object{"QueryExecutionId": id})
	b.err = nil
	if id = w.start(ann, "SELECT n"); id == "" {
		t.Fatal("no id")
	}
	w.finish()
	if state, reason := w.state(ann, id); state != stateSucceeded {
		t.Errorf("the next one: %s, %s", state, reason)
	}
}

func TestStoringCanBeStopped(t *testing.T) {
	w, b := withResults(t)
	w.engine.answers["SELECT n"] = numbers(3)
	b.block = make(chan struct{})
	id := w.start(ann, "SELECT n")
	w.call(ann, "StopQueryExecution", object{"QueryExecutionId": id})
	w.finish()
	if state, _ := w.state(ann, id); state != stateCancelled {
		t.Error(state)
	}
	left, err := filepath.Glob(filepath.Join(w.o.Dir, "history", "*"+outputSuffix))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestOutputsAfterARestart: a killed one leaves a file, the next start
// removes it; and an execution keeps its place when results become managed.
func TestOutputsAfterARestart(t *testing.T) {
	w, _ := withResults(t)
	w.engine.answers["SELECT n"] = numbers(3)
	id := w.start(ann, "SELECT n")
	w.finish()
	stray := filepath.Join(w.o.Dir, "history", "stray"+outputSuffix)
	if err := os.WriteFile(stray, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.o.Results = nil
	w.reopen()
	if _, err := os.Stat(stray); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	if got := w.execution(id)["ResultConfiguration"]; got == nil {
		t.Error("an old execution has lost its place")
	}
	if got := w.execution(w.start(ann, "SELECT n"))["ResultConfiguration"]; got != nil {
		t.Errorf("a new one has place %v", got)
	}
	w.finish()
}
