package wire

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func (w *world) list(k Key, n int, token string) (ids []string, next string) {
	w.t.Helper()
	in := object{"MaxResults": n}
	if token != "" {
		in["NextToken"] = token
	}
	doc := w.call(k, "ListQueryExecutions", in)
	for _, id := range doc["QueryExecutionIds"].([]any) {
		ids = append(ids, id.(string))
	}
	next, _ = doc["NextToken"].(string)
	return ids, next
}

func TestEverybodySeesTheirOwn(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["SELECT 1"] = numbers(1)
	mine, theirs := w.start(ann, "SELECT 1"), w.start(bob, "SELECT 1")
	w.finish()
	unknown := w.refused("InvalidRequestException", ann, "GetQueryExecution", object{"QueryExecutionId": "00000000-0000-4000-8000-000000000000"})
	for _, operation := range []string{"GetQueryExecution", "GetQueryResults", "StopQueryExecution", "GetQueryRuntimeStatistics"} {
		text := w.refused("InvalidRequestException", ann, operation, object{"QueryExecutionId": theirs})
		if len(text) != len(unknown) {
			t.Errorf("%s tells that there is one: %q", operation, text)
		}
	}
	w.refused("InvalidRequestException", ann, "GetQueryExecution", object{"QueryExecutionId": "../saved"})
	if ids, _ := w.list(ann, 50, ""); !reflect.DeepEqual(ids, []string{mine}) {
		t.Errorf("%v", ids)
	}
	if ids, _ := w.list(root, 50, ""); len(ids) != 2 {
		t.Errorf("%v", ids)
	}
	doc := w.call(ann, "BatchGetQueryExecution", object{"QueryExecutionIds": []string{mine, theirs}})
	if len(doc["QueryExecutions"].([]any)) != 1 || len(doc["UnprocessedQueryExecutionIds"].([]any)) != 1 {
		t.Errorf("%v", doc)
	}
	w.state(root, theirs)
}

func TestListIsPagedNewestFirst(t *testing.T) {
	w := newWorld(t, nil)
	var want []string
	for i := range 5 {
		want = append([]string{w.start(ann, fmt.Sprint("SELECT ", i))}, want...)
		w.finish()
		w.now = w.now.Add(time.Duration(i%2) * time.Millisecond) // two are of one instant
	}
	slices.SortStableFunc(want, func(a, b string) int { // those by id
		x, y := w.server.history.byID[a], w.server.history.byID[b]
		return cmp.Or(y.submitted.Compare(x.submitted), strings.Compare(b, a))
	})
	for range 2 {
		var got []string
		token := ""
		for {
			ids, next := w.list(ann, 2, token)
			got = append(got, ids...)
			if token = next; token == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		w.reopen()
	}
}

func TestAnswersSurviveARestart(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["SELECT n"] = numbers(3)
	id := w.start(ann, "SELECT n")
	w.finish()
	before := w.call(ann, "GetQueryExecution", object{"QueryExecutionId": id})
	rows, _ := w.page(ann, object{"QueryExecutionId": id})
	w.reopen()
	if after := w.call(ann, "GetQueryExecution", object{"QueryExecutionId": id}); !reflect.DeepEqual(before, after) {
		t.Errorf("%v, then %v", before, after)
	}
	if again, _ := w.page(ann, object{"QueryExecutionId": id}); !reflect.DeepEqual(rows, again) {
		t.Errorf("%v, then %v", rows, again)
	}
}

// TestStoppedServer: a query that a stop cut short, and one that a kill did.
func TestStoppedServer(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["SELECT slow"] = answer{block: make(chan struct{})}
	id := w.start(ann, "SELECT slow")
	unfinished, err := os.ReadFile(w.server.history.file(id, jsonSuffix))
	if err != nil {
		t.Fatal(err)
	}
	w.reopen()
	if state, reason := w.state(ann, id); state != stateFailed || reason != errStopping.Error() {
		t.Errorf("%s: %s", state, reason)
	}
	w.close()
	dir := filepath.Join(w.o.Dir, "history")
	for name, text := range map[string]string{id + jsonSuffix: string(unfinished), id + rowsSuffix: "half a ro", "x.json.tmp": "{", "orphan.rows": "", "bad.json": "{"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.open()
	if state, reason := w.state(ann, id); state != stateFailed || reason != errStopping.Error() {
		t.Errorf("%s: %s", state, reason)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestLostAnswer: an answer that is not what it was is none.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["SELECT n"] = numbers(3)
	id := w.start(ann, "SELECT n")
	w.finish()
	w.close()
	if err := os.Truncate(w.server.history.file(id, rowsSuffix), 3); err != nil {
		t.Fatal(err)
	}
	w.open()
	if state, reason := w.state(ann, id); state != stateFailed {
		t.Errorf("%s: %s", state, reason)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HistoryBytes = 8 * block })
	w.engine.answers["SELECT n"] = numbers(3)
	var ids []string
	for range 10 {
		ids = append(ids, w.start(ann, "SELECT n"))
		w.finish()
		w.now = w.now.Add(time.Second)
	}
	for range 2 {
		got, _ := w.list(ann, 50, "")
		slices.Reverse(got)
		if !slices.Equal(got, ids[6:]) { // two blocks each
			t.Errorf("%d are left: %v of %v", len(got), got, ids)
		}
		if files, err := os.ReadDir(filepath.Join(w.o.Dir, "history")); err != nil || len(files) != 8 {
			t.Errorf("%d files, %v", len(files), err)
		}
		w.refused("InvalidRequestException", ann, "GetQueryExecution", object{"QueryExecutionId": ids[0]})
		w.reopen()
	}
}

func TestHistoryEndsAfter45Days(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["SELECT n"] = numbers(3)
	id := w.start(ann, "SELECT n")
	w.finish()
	w.now = w.now.Add(HistoryDays * 24 * time.Hour)
	w.state(ann, id)
	w.now = w.now.Add(time.Second)
	w.refused("InvalidRequestException", ann, "GetQueryExecution", object{"QueryExecutionId": id})
	w.start(ann, "SELECT n")
	w.finish()
	if ids, _ := w.list(ann, 50, ""); len(ids) != 1 {
		t.Errorf("%v", ids)
	}
}

// TestDiskThatFails: an end that cannot be stored is a failure, and the server goes on.
func TestDiskThatFails(t *testing.T) {
	w := newWorld(t, nil)
	slow := numbers(1)
	slow.block = make(chan struct{})
	w.engine.answers["SELECT slow"], w.engine.answers["SELECT n"] = slow, numbers(1)
	id := w.start(ann, "SELECT slow")
	slow.block <- struct{}{} // its row is being read: its files are there
	dir := filepath.Join(w.o.Dir, "history")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	close(slow.block)
	w.finish()
	if state, reason := w.state(ann, id); state != stateFailed || reason != "the answer could not be stored" {
		t.Errorf("%s: %s", state, reason)
	}
	if status, doc := w.send(w.request(ann, "StartQueryExecution", object{"QueryString": "SELECT n"})); status != 500 || doc["__type"] != "InternalServerException" {
		t.Errorf("%d %v", status, doc)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	id = w.start(ann, "SELECT n")
	w.finish()
	if state, reason := w.state(ann, id); state != stateSucceeded {
		t.Errorf("%s: %s", state, reason)
	}
}
