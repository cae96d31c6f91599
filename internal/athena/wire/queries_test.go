package wire

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestPages(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["SELECT n"] = numbers(5)
	id := w.start(ann, "SELECT n")
	w.finish()
	want := [][][]string{
		{{"n", "s"}, {"0", ""}}, // the header counts, and comes once
		{{"1", "∅"}, {"2", ""}},
		{{"3", "∅"}, {"4", ""}},
	}
	token := ""
	for i, page := range want {
		in := object{"QueryExecutionId": id, "MaxResults": 2}
		if token != "" {
			in["NextToken"] = token
		}
		var got [][]string
		if got, token = w.page(ann, in); !reflect.DeepEqual(got, page) {
			t.Errorf("page %d: %q, want %q", i, got, page)
		}
		if (token == "") != (i == len(want)-1) {
			t.Errorf("page %d: token %q", i, token)
		}
	}
	if rows, token := w.page(ann, object{"QueryExecutionId": id, "MaxResults": 1}); len(rows) != 1 || token == "" {
		t.Errorf("with one row a page: %q, token %q", rows, token)
	}
	if rows, token := w.page(ann, object{"QueryExecutionId": id}); len(rows) != 6 || token != "" {
		t.Errorf("all at once: %q, token %q", rows, token)
	}
	other := w.start(ann, "SELECT n")
	w.finish()
	for _, bad := range []string{"x", pageToken(other, 0), pageToken(id, 3), pageToken(id, -1), pageToken(id, 1<<40), pageToken("..", 0)} {
		w.refused("InvalidRequestException", ann, "GetQueryResults", object{"QueryExecutionId": id, "NextToken": bad})
	}
	for _, n := range []int{0, 1001} {
		w.refused("InvalidRequestException", ann, "GetQueryResults", object{"QueryExecutionId": id, "MaxResults": n})
	}
}

// TestDescription: what clients read without asking whether it is there.
func TestDescription(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.answers["SELECT n"] = numbers(1)
	w.engine.answers["SHOW TABLES"] = numbers(1)
	id := w.start(ann, "SELECT n")
	w.finish()
	x := w.call(ann, "GetQueryExecution", object{"QueryExecutionId": id})["QueryExecution"].(map[string]any)
	for name, want := range map[string]any{
		"Query": "SELECT n", "StatementType": "DML", "SubstatementType": "SELECT", "WorkGroup": "primary",
		"ManagedQueryResultsConfiguration": map[string]any{"Enabled": true}, "ResultConfiguration": nil,
	} {
		if !reflect.DeepEqual(x[name], want) {
			t.Errorf("%s is %v, want %v", name, x[name], want)
		}
	}
	if scanned := x["Statistics"].(map[string]any)["DataScannedInBytes"]; scanned != 42.0 {
		t.Errorf("scanned %v", scanned)
	}
	if state, reason := w.state(ann, id); state != stateSucceeded || !strings.HasPrefix(reason, "complete through 2026-01-31T10:11:12.345Z; 2 files with 30 rows of 2024-01-01 to 2024-02-01 are not in this answer") {
		t.Errorf("%s, %q", state, reason)
	}
	show := w.start(ann, "-- what is there?\n /* x */ show tables")
	w.finish()
	x = w.call(ann, "GetQueryExecution", object{"QueryExecutionId": show})["QueryExecution"].(map[string]any)
	if x["StatementType"] != "UTILITY" || x["SubstatementType"] != "SHOW_TABLES" {
		t.Errorf("%v %v", x["StatementType"], x["SubstatementType"])
	}
	w.call(ann, "GetQueryRuntimeStatistics", object{"QueryExecutionId": id})
}

func TestTypes(t *testing.T) {
	w := newWorld(t, nil)
	at := time.Date(2026, 1, 31, 10, 11, 12, 345e6, time.UTC)
	type column struct {
		typ  string
		v    any
		name string // of the type, as Athena has it
		text string
	}
	columns := []column{
		{"boolean", true, "boolean", "true"}, {"integer", int64(-1), "integer", "-1"}, {"bigint", int64(math.MaxInt64), "bigint", "9223372036854775807"},
		{"real", float32(1.5), "float", "1.5"}, {"double", 1.5e10, "double", "1.5E10"}, {"decimal(10,2)", athena.Decimal("-12.50"), "decimal", "-12.50"},
		{"varchar", "a\"b\n\u2028 <&é", "varchar", "a\"b\n\u2028 <&é"}, {"json", athena.JSON(`{"a":1}`), "json", `{"a":1}`},
		{"date", at, "date", "2026-01-31"}, {"timestamp", at, "timestamp", "2026-01-31 10:11:12.345"},
		{"timestamp with time zone", at, "timestamp with time zone", "2026-01-31 10:11:12.345 UTC"},
		{"array(varchar)", []any{"a", nil}, "array", "[a, null]"}, {"map(varchar, bigint)", athena.Map{{Key: "k", Value: int64(1)}}, "map", "{k=1}"},
		{"row(a bigint)", athena.Row{{Name: "a", Value: int64(1)}}, "row", "{a=1}"},
	}
	var a answer
	row := make([]any, len(columns))
	for i, c := range columns {
		a.columns, row[i] = append(a.columns, athena.Column{Name: fmt.Sprint("c", i), Type: c.typ}), c.v
	}
	a.rows = [][]any{row}
	w.engine.answers["SELECT"] = a
	id := w.start(ann, "SELECT")
	w.finish()
	doc := w.call(ann, "GetQueryResults", object{"QueryExecutionId": id})
	info := doc["ResultSet"].(map[string]any)["ResultSetMetadata"].(map[string]any)["ColumnInfo"].([]any)
	rows, _ := w.page(ann, object{"QueryExecutionId": id})
	for i, c := range columns {
		got := info[i].(map[string]any)
		if got["Type"] != c.name || rows[1][i] != c.text {
			t.Errorf("%s: type %v, text %q, want %s, %q", c.typ, got["Type"], rows[1][i], c.name, c.text)
		}
		if c.name == "decimal" && (got["Precision"] != 10.0 || got["Scale"] != 2.0) {
			t.Errorf("decimal: %v", got)
		}
	}
}

func TestFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		err      error
		want     string
		category float64
		typ      float64
	}{
		"syntax":   {&athena.Error{Kind: athena.ErrSyntax, Detail: "at x", Line: 1, Column: 8}, "SYNTAX_ERROR: line 1:8: syntax error: at x", 2, typeUser},
		"refused":  {&athena.Error{Kind: athena.ErrRefused, Construct: "COPY"}, "NOT_SUPPORTED: not supported: COPY", 2, typeUser},
		"data":     {&athena.Error{Kind: athena.ErrExecution, Detail: "division by zero"}, "QUERY_FAILED: query failed: division by zero", 2, typeData},
		"rows":     {&athena.Error{Kind: athena.ErrTooManyRows}, "TOO_MANY_ROWS: too many rows", 2, typeExhausted},
		"time":     {fmt.Errorf("run: %w", athena.ErrTimeout), "QUERY_TIMEOUT: run: query timed out", 1, typeTimeout},
		"internal": {errors.New("open /secret/path: denied"), "INTERNAL_ERROR", 1, typeInternal},
		"missing":  {fmt.Errorf("s3://secret: %w", athena.ErrMissing), "MISSING_FILE: a locked file is gone", 1, typeInternal},
		"away":     {fmt.Errorf("s3://secret: %w", athena.ErrAway), "BUCKET_AWAY: the bucket cannot be read now", 1, typeInternal},
		"forged":   {fmt.Errorf("s3://secret: %w", athena.ErrForged), "FORGED_CONTENT: content differs", 1, typeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.engine.answers["SELECT"] = answer{err: tt.err}
			id := w.start(ann, "SELECT")
			w.finish()
			state, reason := w.state(ann, id)
			if state != stateFailed || !strings.HasPrefix(reason, tt.want) || strings.Contains(reason, "secret") {
				t.Errorf("%s: %s, want %s", state, reason, tt.want)
			}
			status := w.call(ann, "GetQueryExecution", object{"QueryExecutionId": id})["QueryExecution"].(map[string]any)["Status"].(map[string]any)
			if e := status["AthenaError"].(map[string]any); e["ErrorCategory"] != tt.category || e["ErrorType"] != tt.typ {
				t.Errorf("%v", e)
			}
			w.refused("InvalidRequestException", ann, "GetQueryResults", object{"QueryExecutionId": id})
		})
	}
}

// TestPanicEndsOneExecution: the server goes on, with all of its places among the running.
func TestPanicEndsOneExecution(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) { o.Log, o.Running = slog.New(slog.NewTextHandler(&log, nil)), 1 })
	w.engine.answers["SELECT broken"] = answer{panics: "bug: a test's"}
	broken := numbers(3)
	broken.panics = "bug: a row's"
	w.engine.answers["SELECT broken rows"] = broken
	w.engine.answers["SELECT n"] = numbers(1)
	for sql, cause := range map[string]string{"SELECT broken": "bug: a test's", "SELECT broken rows": "bug: a row's"} {
		id := w.start(ann, sql)
		w.finish()
		if state, reason := w.state(ann, id); state != stateFailed || !strings.HasPrefix(reason, "INTERNAL_ERROR") || strings.Contains(reason, "bug") {
			t.Errorf("%s: %s: %s", sql, state, reason)
		}
		for _, want := range []string{id, sql, cause, "helpers_test.go"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: no %q in the log:\n%s", sql, want, &log)
			}
		}
	}
	id := w.start(ann, "SELECT n")
	w.finish()
	if state, reason := w.state(ann, id); state != stateSucceeded {
		t.Errorf("afterwards: %s: %s", state, reason)
	}
}

// TestPanicEndsOneRequest: before an execution there is, its statement is taken apart.
func TestPanicEndsOneRequest(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	saved := w.server.saved
	w.server.saved = nil
	status, doc := w.send(w.request(ann, "StartQueryExecution", object{"QueryString": "EXECUTE broken"}))
	if status != http.StatusInternalServerError || doc["__type"] != "InternalServerException" {
		t.Errorf("%d %v", status, doc)
	}
	for _, want := range []string{"EXECUTE broken", "nil pointer", "statement.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, &log)
		}
	}
	w.server.saved = saved
	w.engine.answers["SELECT n"] = numbers(1)
	id := w.start(ann, "SELECT n")
	w.finish()
	if state, reason := w.state(ann, id); state != stateSucceeded {
		t.Errorf("afterwards: %s: %s", state, reason)
	}
}

func TestAnswerThatIsTooBigIsNone(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HistoryBytes = 4 * 100 })
	w.engine.answers["SELECT"] = numbers(100)
	w.start(ann, "SELECT") // is evicted as soon as it is over
	w.finish()
	left, err := os.ReadDir(filepath.Join(w.o.Dir, "history"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestStop(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Running = 1 })
	w.engine.answers["SELECT slow"] = answer{block: make(chan struct{})}
	running := w.start(ann, "SELECT slow")
	waiting := w.start(ann, "SELECT slow")
	w.refused("InvalidRequestException", ann, "GetQueryResults", object{"QueryExecutionId": running})
	w.refused("InvalidRequestException", bob, "StopQueryExecution", object{"QueryExecutionId": running})
	w.call(ann, "StopQueryExecution", object{"QueryExecutionId": running})
	w.call(root, "StopQueryExecution", object{"QueryExecutionId": waiting})
	w.finish()
	for _, id := range []string{running, waiting} {
		if state, reason := w.state(ann, id); state != stateCancelled || reason != "Query cancelled by user" {
			t.Errorf("%s: %s", state, reason)
		}
		w.call(ann, "StopQueryExecution", object{"QueryExecutionId": id}) // again: nothing
	}
}

func TestTooManyQueries(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Active = 2 })
	w.engine.answers["SELECT slow"] = answer{block: make(chan struct{})}
	a, b := w.start(ann, "SELECT slow"), w.start(ann, "SELECT slow")
	status, doc := w.send(w.request(ann, "StartQueryExecution", object{"QueryString": "SELECT slow"}))
	if status != 400 || doc["__type"] != "TooManyRequestsException" || doc["Reason"] != "CONCURRENT_QUERY_LIMIT_EXCEEDED" {
		t.Errorf("%d %v", status, doc)
	}
	c := w.start(bob, "SELECT slow")
	for _, id := range []string{a, b, c} {
		w.call(root, "StopQueryExecution", object{"QueryExecutionId": id})
	}
}

func TestClientToken(t *testing.T) {
	w := newWorld(t, nil)
	token := strings.Repeat("t", 32)
	in := object{"QueryString": "SELECT 1", "ClientRequestToken": token}
	first := w.call(ann, "StartQueryExecution", in)
	w.finish()
	w.reopen()
	if again := w.call(ann, "StartQueryExecution", in); !reflect.DeepEqual(first, again) {
		t.Errorf("%v, then %v", first, again)
	}
	if other := w.call(bob, "StartQueryExecution", in); reflect.DeepEqual(first, other) {
		t.Error("one principal's token is another's")
	}
	w.finish()
	if n := len(w.engine.asked); n != 2 {
		t.Errorf("the engine was asked %d times", n)
	}
	in["QueryString"] = "SELECT 2"
	w.refused("InvalidRequestException", ann, "StartQueryExecution", in)
	in["ClientRequestToken"] = "short"
	w.refused("InvalidRequestException", ann, "StartQueryExecution", in)
}

func TestStartChecks(t *testing.T) {
	w := newWorld(t, nil)
	for _, in := range []object{
		{"QueryString": " "},
		{"QueryString": strings.Repeat("x", athena.MaxSQLBytes+1)},
		{"QueryString": "SELECT 1", "WorkGroup": "other"},
		{"QueryString": "SELECT 1", "QueryExecutionContext": object{"Database": "other"}},
		{"QueryString": "SELECT 1", "QueryExecutionContext": object{"Catalog": "other"}},
		{"QueryString": "SELECT 1", "ExecutionParameters": []string{""}},
	} {
		w.refused("InvalidRequestException", ann, "StartQueryExecution", in)
	}
	w.call(ann, "StartQueryExecution", object{"QueryString": "SELECT ?", "ExecutionParameters": []string{"'a'", "5"},
		"ResultConfiguration": object{"OutputLocation": "s3://x/"}, "QueryExecutionContext": object{"Database": "AUDIT", "Catalog": "awsdatacatalog"}})
	w.finish()
	if got := w.engine.asked[0].Params; !reflect.DeepEqual(got, []string{"'a'", "5"}) {
		t.Errorf("params %q", got)
	}
}

func TestNothingStartsAfterTheEnd(t *testing.T) {
	w := newWorld(t, nil)
	w.close()
	if status, doc := w.send(w.request(ann, "StartQueryExecution", object{"QueryString": "SELECT 1"})); status != 503 {
		t.Errorf("%d %v", status, doc)
	}
	if ids, _ := w.list(ann, 50, ""); len(ids) != 0 {
		t.Errorf("%v", ids)
	}
}

// TestBusyEngine: an engine that is full of other doors' queries is asked again.
func TestBusyEngine(t *testing.T) {
	w := newWorld(t, nil)
	w.engine.busy = 1
	w.engine.answers["SELECT n"] = numbers(1)
	id := w.start(ann, "SELECT n")
	w.finish()
	if state, reason := w.state(ann, id); state != stateSucceeded || len(w.engine.asked) != 2 {
		t.Errorf("%s, %s, asked %d times", state, reason, len(w.engine.asked))
	}
}
