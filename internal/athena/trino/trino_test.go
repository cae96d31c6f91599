package trino

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// coordinator is a Trino whose answers are written down: the first is that of the
// POST, then page by page; the last one repeats. NEXT in them is the next page's
// URI. "503" is that status.
type coordinator struct {
	t       *testing.T
	url     string
	mu      sync.Mutex
	answers []string
	text    string // of the statement
	header  http.Header
	turns   int
	stopped int
	called  chan string // methods
}

func (c *coordinator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	answer := c.answers[0]
	if r.Method == http.MethodDelete {
		c.stopped++
		w.WriteHeader(http.StatusNoContent)
		c.mu.Unlock()
		return
	}
	if len(c.answers) > 1 {
		c.answers = c.answers[1:]
	}
	if r.Method == http.MethodPost {
		raw, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/statement" {
			c.t.Errorf("POST %s: %v", r.URL, err)
		}
		c.text, c.header = string(raw), r.Header
	} else if want := fmt.Sprintf("/v1/statement/q1/%d", c.turns); r.URL.Path != want {
		c.t.Errorf("asked for %s, want %s", r.URL.Path, want)
	}
	if answer != "503" {
		c.turns++
	}
	answer = strings.ReplaceAll(answer, "NEXT", fmt.Sprintf("%s/v1/statement/q1/%d", c.url, c.turns))
	c.mu.Unlock()
	if answer == "503" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, answer)
	select {
	case c.called <- r.Method:
	default:
	}
}

func serve(t *testing.T, answers ...string) (*coordinator, Options) {
	c := &coordinator{t: t, answers: answers, called: make(chan string, 100)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c, Options{Server: server.URL, User: "alice", Catalog: "hive", Schema: "audit"}
}

func run(ctx context.Context, t *testing.T, o Options, q athena.Query) (lines []string, cols []athena.Column, meta athena.Meta, err error) {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r, err := e.Query(ctx, q)
	if err != nil {
		return nil, nil, athena.Meta{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		row, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return lines, r.Columns(), r.Meta(), nil
		}
		if err != nil {
			return lines, r.Columns(), r.Meta(), err
		}
		var parts []string
		for i, v := range row {
			b, err := athena.AppendJSON(nil, r.Columns()[i].Type, v)
			if err != nil {
				return lines, r.Columns(), r.Meta(), err
			}
			parts = append(parts, string(b))
		}
		lines = append(lines, strings.Join(parts, ","))
	}
}

const (
	queued = `{"id":"q1","nextUri":"NEXT","stats":{"state":"QUEUED"}}`
	done   = `{"id":"q1","stats":{"state":"FINISHED","processedBytes":77,"physicalInputBytes":1234}}`
	one    = `{"id":"q1","nextUri":"NEXT","columns":[{"name":"a","type":"bigint"}],"data":[[1]],"stats":{"state":"RUNNING"}}`
)

func TestAnAnswerInPages(t *testing.T) {
	types := []string{
		"varchar(3)", "bigint", "boolean", "double", "real", "decimal(10,2)", "date", "timestamp(3)", "timestamp(0)", "timestamp(3) with time zone", "json", "unknown",
		"array(timestamp(3))", "map(varchar(5), bigint)", `row(x bigint, \"Y z\" varchar(1))`, "row(integer, timestamp(3) with time zone)", "INTERVAL DAY TO SECOND", "uuid",
	}
	var cols []string
	for i, typ := range types {
		cols = append(cols, fmt.Sprintf(`{"name":"c%d","type":"%s"}`, i, typ))
	}
	columns := `"columns":[` + strings.Join(cols, ",") + `]`
	c, o := serve(t, "503", queued, "503",
		`{"id":"q1","nextUri":"NEXT",`+columns+`,"stats":{"state":"RUNNING"}}`,
		`{"id":"q1","nextUri":"NEXT",`+columns+`,"stats":{"state":"RUNNING"},"data":[["é",9223372036854775807,true,1.5E10,0.1,"-12.50","2026-01-31","2026-01-31 10:11:12.345","2026-01-31 10:11:12","2026-01-31 11:11:12.345 Europe/Berlin","{\"a\":1}",null,`+
			`["2026-01-31 10:11:12.345",null],{"z":1,"a":2},[5,"q"],[6,"2026-01-31 10:11:12.345 UTC"],"0 01:00:00.000","6ba7b810-9dad-11d1-80b4-00c04fd430c8"]]}`,
		`{"id":"q1","nextUri":"NEXT",`+columns+`,"stats":{"state":"RUNNING"},"data":[["",null,null,"NaN","Infinity",null,null,null,null,null,null,null,[],null,null,null,null,null]]}`, done)
	o.Progress = func(p athena.Progress) {
		if p.ID != "q1" {
			t.Errorf("progress %+v", p)
		}
	}
	lines, got, meta, err := run(t.Context(), t, o, athena.Query{SQL: "SELECT 'it''s', ?, ?;\n", Params: []string{"'a''b'", "5"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`"é",9223372036854775807,true,1.5E10,0.1,"-12.50","2026-01-31","2026-01-31 10:11:12.345","2026-01-31 10:11:12.000","2026-01-31 10:11:12.345 UTC","{\"a\":1}",null,["2026-01-31 10:11:12.345",null],{"z":1,"a":2},{"x":5,"Y z":"q"},{"field0":6,"field1":"2026-01-31 10:11:12.345 UTC"},"0 01:00:00.000","6ba7b810-9dad-11d1-80b4-00c04fd430c8"`,
		`"",null,null,"NaN","Infinity",null,null,null,null,null,null,null,[],null,null,null,null,null`,
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got[0].Type != "varchar" || got[9].Type != "timestamp with time zone" || got[13].Type != "map(varchar, bigint)" || got[16].Type != "varchar" {
		t.Errorf("columns %v", got)
	}
	if c.text != `EXECUTE IMMEDIATE 'SELECT ''it''''s'', ?, ?' USING 'a''b', 5` {
		t.Errorf("statement %s", c.text)
	}
	for name, want := range map[string]string{"User": "alice", "Catalog": "hive", "Schema": "audit", "Time-Zone": "UTC"} {
		if got := c.header.Get("X-Trino-" + name); got != want {
			t.Errorf("header %s: %q, want %q", name, got, want)
		}
	}
	if meta.Stats.BytesRead != 1234 || !meta.CompleteThrough.IsZero() || !strings.Contains(meta.Notes[0], "1234 bytes") || c.stopped != 0 {
		t.Errorf("meta %+v, %d stops", meta, c.stopped)
	}
}

func TestAnAnswerThatIsNotWholeIsAnError(t *testing.T) {
	failed := func(name, kind, message string) string {
		return `{"id":"q1","stats":{"state":"FAILED"},"error":{"message":"` + message + `","errorName":"` + name + `","errorType":"` + kind + `","errorLocation":{"lineNumber":1,"columnNumber":8}}}`
	}
	for name, tt := range map[string]struct {
		answers []string
		kind    error // nil: none of the query's own
		text    string
	}{
		"no SQL":          {[]string{failed("SYNTAX_ERROR", "USER_ERROR", "line 1:8: mismatched input 'x'")}, athena.ErrSyntax, "line 1:8: syntax error: mismatched"},
		"a name":          {[]string{queued, failed("COLUMN_NOT_FOUND", "USER_ERROR", "line 1:8: Column 'y' cannot be resolved")}, athena.ErrInvalid, "line 1:8: invalid query: Column"},
		"data":            {[]string{one, failed("DIVISION_BY_ZERO", "USER_ERROR", "Division by zero")}, athena.ErrExecution, "Division by zero"},
		"memory":          {[]string{failed("EXCEEDED_GLOBAL_MEMORY_LIMIT", "INSUFFICIENT_RESOURCES", "m")}, athena.ErrTooBig, "m"},
		"killed":          {[]string{one, failed("ADMINISTRATIVELY_KILLED", "USER_ERROR", "by bob")}, nil, "by bob"},
		"Trino":           {[]string{one, failed("GENERIC_INTERNAL_ERROR", "INTERNAL_ERROR", "oops")}, nil, "failed in Trino: GENERIC_INTERNAL_ERROR: oops"},
		"an empty page":   {[]string{one, `{}`}, nil, "it is not whole"},
		"ends early":      {[]string{one, `{"id":"q1","stats":{"state":"RUNNING"}}`}, nil, `ends in state "RUNNING"`},
		"cut":             {[]string{one, `{"id":"q1","stats":{"state":"FINISHED"`}, nil, "read page"},
		"no columns":      {[]string{queued, done}, nil, "does not describe its columns"},
		"elsewhere":       {[]string{strings.Replace(queued, "NEXT", "http://elsewhere.example/x", 1)}, nil, "process-forwarded"},
		"short row":       {[]string{strings.Replace(one, "[[1]]", "[[]]", 1), done}, nil, "0 values for 1 columns"},
		"bad value":       {[]string{strings.Replace(one, "[[1]]", `[["x"]]`, 1), done}, nil, "column a of type bigint"},
		"microseconds":    {[]string{strings.Replace(one, "bigint", "timestamp(6)", 1)}, athena.ErrRefused, "CAST(… AS timestamp(3))"},
		"bytes":           {[]string{strings.Replace(one, "bigint", "array(varbinary)", 1)}, athena.ErrRefused, "to_hex"},
		"a row too many ": {[]string{strings.Replace(one, "[[1]]", "[[1],[2],[3]]", 1)}, athena.ErrTooManyRows, "more than 2 rows"},
	} {
		t.Run(name, func(t *testing.T) {
			_, o := serve(t, tt.answers...)
			_, _, _, err := run(t.Context(), t, o, athena.Query{SQL: "SELECT x", MaxRows: 2})
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("error %v, want %q", err, tt.text)
			}
			var own *athena.Error
			if errors.As(err, &own) != (tt.kind != nil) || tt.kind != nil && !errors.Is(err, tt.kind) {
				t.Errorf("error %#v, want kind %v", err, tt.kind)
			}
		})
	}
}

func TestAStatementWithoutRows(t *testing.T) {
	_, o := serve(t, queued, strings.Replace(done, `{"id"`, `{"updateType":"CREATE TABLE","id"`, 1))
	lines, cols, _, err := run(t.Context(), t, o, athena.Query{SQL: "CREATE TABLE x (y bigint)", Declare: true})
	if err != nil || len(lines) != 0 || len(cols) != 0 {
		t.Errorf("rows %v, columns %v, %v", lines, cols, err)
	}
}

func TestACanceledQueryIsCanceledInTrino(t *testing.T) {
	for _, timeout := range []time.Duration{0, 200 * time.Millisecond} {
		c, o := serve(t, one, strings.Replace(one, `,"data":[[1]]`, "", 1))
		o.Timeout = timeout
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		want := athena.ErrTimeout
		if timeout == 0 {
			want = context.Canceled
			go func() {
				for range 5 {
					<-c.called
				}
				cancel()
			}()
		}
		lines, _, _, err := run(ctx, t, o, athena.Query{SQL: "SELECT 1"})
		if !errors.Is(err, want) || c.stopped != 1 || len(lines) != 1 {
			t.Errorf("error %v, want %v; %d stops, want 1; rows %v", err, want, c.stopped, lines)
		}
	}
}

func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{
		"Bearer s3cret":          {TokenFile: file},
		"Basic YWxpY2U6czNjcmV0": {PasswordFile: file},
		"":                       {},
	} {
		o.Server, o.User, o.Catalog, o.Schema = "https://trino.example", "alice", "hive", "audit"
		e, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.authorization(); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

func TestOptionsThatDoNotWork(t *testing.T) {
	_, err := Open(Options{Server: "http://trino:8080", PasswordFile: "a", TokenFile: "b", Timeout: -1})
	for _, want := range []string{"https only", "user", "catalog", "schema", "one of them", "negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if _, err := Open(Options{Server: "trino:8080"}); err == nil || !strings.Contains(err.Error(), "http://host:port") {
		t.Errorf("error %v", err)
	}
}

// TestStatements: what is sent, and what Trino lacks, with what to write instead.
func TestStatements(t *testing.T) {
	for sql, want := range map[string]string{
		"SHOW DATABASES;": "SHOW SCHEMAS", "SHOW TABLES FROM audit": "SHOW TABLES FROM audit", "SHOW FUNCTIONS LIKE 'x'": "SHOW FUNCTIONS LIKE 'x'",
		"DESCRIBE audit_logs": "DESCRIBE audit_logs", "SHOW COLUMNS FROM deletions": "SHOW COLUMNS FROM deletions", "EXPLAIN (FORMAT GRAPHVIZ) SELECT 1": "EXPLAIN (FORMAT GRAPHVIZ) SELECT 1",
	} {
		if got, err := statement(athena.Query{SQL: sql}); err != nil || got != want {
			t.Errorf("%s: %s, %v", sql, got, err)
		}
	}
	for sql, says := range map[string]string{
		"SHOW PARTITIONS audit_logs": `SHOW PARTITIONS in this form: Trino has no such statement; write SELECT * FROM "audit_logs$partitions"`, "SHOW TBLPROPERTIES audit_logs": "write SHOW CREATE TABLE",
		"SHOW VIEWS": "information_schema.views", "SHOW TABLES 'a*'": "regexp_like", "SHOW SCHEMAS LIKE 'a'": "regexp_like", "DESCRIBE FORMATTED audit_logs": "write SHOW CREATE TABLE",
		"DROP TABLE audit_logs": "DROP TABLE", "EXPLAIN ANALYZE DELETE FROM audit_logs": "DELETE: the archive is immutable",
	} {
		if _, err := statement(athena.Query{SQL: sql}); !errors.Is(err, athena.ErrRefused) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", sql, err, says)
		}
	}
}
