package amazon

import (
	"context"
	"encoding/json"
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

// service is an Athena whose answers are written down: for each operation a list,
// of which the last one repeats.
type service struct {
	t       *testing.T
	mu      sync.Mutex
	answers map[string][]string
	asked   []string // operations
	bodies  map[string][]map[string]any
	called  chan string // each operation, if somebody listens
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	raw, err := io.ReadAll(r.Body)
	var body map[string]any
	if err != nil || json.Unmarshal(raw, &body) != nil || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKID/") {
		s.t.Errorf("request %s %s: %v", op, raw, err)
	}
	s.mu.Lock()
	s.asked = append(s.asked, op)
	s.bodies[op] = append(s.bodies[op], body)
	list := s.answers[op]
	answer := `{}`
	if len(list) > 0 {
		answer = list[0]
	}
	if len(list) > 1 {
		s.answers[op] = list[1:]
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if strings.Contains(answer, `"__type"`) {
		w.WriteHeader(http.StatusBadRequest)
	}
	_, _ = io.WriteString(w, answer)
	select {
	case s.called <- op:
	default:
	}
}

func (s *service) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bodies[op])
}

const id = "11111111-2222-4333-8444-555555555555"

func script(t *testing.T, answers map[string][]string) *service {
	s := &service{t: t, answers: answers, bodies: map[string][]map[string]any{}, called: make(chan string, 100)}
	if s.answers["StartQueryExecution"] == nil {
		s.answers["StartQueryExecution"] = []string{`{"QueryExecutionId":"` + id + `"}`}
	}
	return s
}

func state(name, rest string) string {
	return `{"QueryExecution":{"QueryExecutionId":"` + id + `","StatementType":"DML","Status":{"State":"` + name + `"` + rest + `},"Statistics":{"DataScannedInBytes":12345678}}}`
}

func engine(t *testing.T, s *service, change func(*Options)) *Engine {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Region: "eu-central-1", Endpoint: server.URL, CredentialsFile: file, Database: "audit", WorkGroup: "auditors",
		OutputLocation: "s3://results/x/", PricePerTB: 5}
	if change != nil {
		change(&o)
	}
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func columns(types ...string) string {
	var parts []string
	for i, typ := range types {
		typ, rest, _ := strings.Cut(typ, "|")
		parts = append(parts, fmt.Sprintf(`{"Name":"c%d","Label":"c%d","Type":%q%s}`, i, i, typ, rest))
	}
	return `"ResultSetMetadata":{"ColumnInfo":[` + strings.Join(parts, ",") + `]}`
}

func rows(rows ...[]string) string {
	var lines []string
	for _, row := range rows {
		var cells []string
		for _, c := range row {
			if c == "<null>" {
				cells = append(cells, `{}`)
				continue
			}
			cells = append(cells, fmt.Sprintf(`{"VarCharValue":%q}`, c))
		}
		lines = append(lines, `{"Data":[`+strings.Join(cells, ",")+`]}`)
	}
	return `"Rows":[` + strings.Join(lines, ",") + `]`
}

func read(t *testing.T, r athena.Result) (lines []string, err error) {
	t.Helper()
	for {
		row, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		var parts []string
		for i, v := range row {
			b, err := athena.AppendJSON(nil, r.Columns()[i].Type, v)
			if err != nil {
				return lines, err
			}
			parts = append(parts, string(b))
		}
		lines = append(lines, strings.Join(parts, ","))
	}
}

func TestAnAnswerInPages(t *testing.T) {
	types := columns("varchar", "bigint", "boolean", "double", "float", `decimal|,"Precision":10,"Scale":2`, "date", "timestamp", "timestamp with time zone", "json", "array", "unknown")
	s := script(t, map[string][]string{
		"GetQueryExecution": {state("QUEUED", ""), state("RUNNING", ""), state("SUCCEEDED", "")},
		"GetQueryResults": {
			`{"NextToken":"next","ResultSet":{` + rows(
				[]string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11"},
				[]string{"é", "9223372036854775807", "true", "1.5E10", "0.1", "-12.50", "2026-01-31", "2026-01-31 10:11:12.345", "2026-01-31 11:11:12.345 Europe/Berlin", `{"a":1}`, "[a, b]", "<null>"}) + "," + types + `}}`,
			`{"NextToken":"last","ResultSet":{` + rows() + "," + types + `}}`,
			// The same row as a header: on a later page it is a row.
			`{"ResultSet":{` + rows([]string{"", "<null>", "<null>", "NaN", "Infinity", "<null>", "<null>", "<null>", "2026-01-31 10:11:12.345 +01:00", "<null>", "", "<null>"}) + "," + types + `}}`,
		},
	})
	var seen []string
	e := engine(t, s, func(o *Options) { o.Progress = func(p athena.Progress) { seen = append(seen, p.State) } })
	r, err := e.Query(t.Context(), athena.Query{SQL: "SELECT ?", Params: []string{"'it''s'", " 5"}})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := read(t, r)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`"é",9223372036854775807,true,1.5E10,0.1,"-12.50","2026-01-31","2026-01-31 10:11:12.345","2026-01-31 10:11:12.345 UTC","{\"a\":1}","[a, b]",null`,
		`"",null,null,"NaN","Infinity",null,null,null,"2026-01-31 09:11:12.345 UTC",null,"",null`,
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got := fmt.Sprint(r.Columns()[5], r.Columns()[4], r.Columns()[10]); got != "{c5 decimal(10,2)} {c4 real} {c10 varchar}" {
		t.Errorf("columns %s", got)
	}
	m := r.Meta()
	if m.Stats.BytesRead != 12345678 || !m.CompleteThrough.IsZero() || !strings.Contains(m.Notes[0], "12345678 bytes scanned, about $0.000062 at $5 per TB") {
		t.Errorf("meta %+v", m)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if strings.Join(seen, " ") != "QUEUED RUNNING SUCCEEDED" || s.count("StopQueryExecution") != 0 {
		t.Errorf("states %v, %d stops", seen, s.count("StopQueryExecution"))
	}
	in := s.bodies["StartQueryExecution"][0]
	if got := fmt.Sprintln(in["QueryString"], in["ExecutionParameters"], in["WorkGroup"], in["QueryExecutionContext"], in["ResultConfiguration"]); got !=
		"SELECT ? ['it''s' 5] auditors map[Catalog:AwsDataCatalog Database:audit] map[OutputLocation:s3://results/x/]\n" {
		t.Errorf("asked for %s", got)
	}
	if token, _ := in["ClientRequestToken"].(string); len(token) < 32 {
		t.Errorf("token %q", token)
	}
	if s.bodies["GetQueryResults"][1]["NextToken"] != "next" || s.bodies["GetQueryResults"][2]["NextToken"] != "last" {
		t.Errorf("pages %v", s.bodies["GetQueryResults"])
	}
}

func TestTheNumberOfRowsIsBounded(t *testing.T) {
	s := script(t, map[string][]string{
		"GetQueryExecution": {state("SUCCEEDED", "")},
		"GetQueryResults":   {`{"ResultSet":{` + rows([]string{"c0"}, []string{"a"}, []string{"b"}) + "," + columns("varchar") + `}}`},
	})
	for limit, want := range map[int64]error{1: athena.ErrTooManyRows, 2: nil} {
		r, err := engine(t, s, nil).Query(t.Context(), athena.Query{SQL: "SELECT 1", MaxRows: limit})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, r); !errors.Is(err, want) {
			t.Errorf("limit %d: error %v, want %v", limit, err, want)
		}
	}
}

// TestLinesOfShowAndDescribe: Athena's lines, as the columns that it announces.
func TestLinesOfShowAndDescribe(t *testing.T) {
	s := script(t, map[string][]string{
		"GetQueryExecution": {strings.Replace(state("SUCCEEDED", ""), `"DML"`, `"UTILITY"`, 1)},
		"GetQueryResults": {`{"ResultSet":{` + columns("string", "string", "string") + `,` +
			rows([]string{"id                  \tstring              \t                    "}, []string{"\t \t "}, []string{"# Partition Information\t \t "}, []string{"a\tb\tc\td  "}) + `}}`},
	})
	r, err := engine(t, s, nil).Query(t.Context(), athena.Query{SQL: "DESCRIBE audit_logs"})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := read(t, r)
	want := `"id","string","" "","","" "# Partition Information","","" "a","b","c\td"`
	if got := strings.Join(lines, " "); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	for _, sql := range []string{"DROP TABLE audit_logs", "EXPLAIN ANALYZE INSERT INTO x SELECT 1", "UNLOAD (SELECT 1) TO 's3://b/'"} {
		if _, err := engine(t, s, nil).Query(t.Context(), athena.Query{SQL: sql}); !errors.Is(err, athena.ErrRefused) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if n := s.count("StartQueryExecution"); n != 1 {
		t.Errorf("%d statements reached Athena", n)
	}
}

func TestAStatementWithoutRows(t *testing.T) {
	s := script(t, map[string][]string{
		"GetQueryExecution": {strings.Replace(state("SUCCEEDED", ""), `"DML"`, `"DDL"`, 1)},
		"GetQueryResults":   {`{"ResultSet":{"Rows":[]}}`},
	})
	r, err := engine(t, s, nil).Query(t.Context(), athena.Query{SQL: "CREATE DATABASE x", Declare: true})
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := read(t, r); err != nil || len(lines) != 0 {
		t.Errorf("rows %v, %v", lines, err)
	}
}

func TestFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		answers map[string][]string
		kind    error // nil: none of the query's own
		text    string
	}{
		"no SQL": {map[string][]string{"StartQueryExecution": {`{"__type":"InvalidRequestException","Message":"line 1:8: mismatched input 'x'","AthenaErrorCode":"MALFORMED_QUERY"}`}}, athena.ErrSyntax, "line 1:8: syntax error: mismatched input 'x'"},
		"a name": {map[string][]string{"GetQueryExecution": {state("FAILED", `,"StateChangeReason":"SYNTAX_ERROR: line 2:3: Column 'y' cannot be resolved","AthenaError":{"ErrorCategory":2}`)}}, athena.ErrInvalid, "line 2:3: invalid query: Column 'y'"},
		"data":   {map[string][]string{"GetQueryExecution": {state("FAILED", `,"StateChangeReason":"DIVISION_BY_ZERO: Division by zero","AthenaError":{"ErrorCategory":2}`)}}, athena.ErrExecution, "Division by zero"},
		"size":   {map[string][]string{"GetQueryExecution": {state("FAILED", `,"StateChangeReason":"Query exhausted resources at this scale factor","AthenaError":{"ErrorCategory":2}`)}}, athena.ErrTooBig, "exhausted"},
		"Athena": {map[string][]string{"GetQueryExecution": {state("FAILED", `,"StateChangeReason":"GENERIC_INTERNAL_ERROR: x","AthenaError":{"ErrorCategory":1}`)}}, nil, "failed in Athena: GENERIC_INTERNAL_ERROR"},
		"cancel": {map[string][]string{"GetQueryExecution": {state("CANCELLED", `,"StateChangeReason":"by bob"`)}}, nil, "by bob"},
		"access": {map[string][]string{"StartQueryExecution": {`{"__type":"AccessDeniedException","Message":"no"}`}}, nil, "AccessDenied"},
		"short row": {map[string][]string{"GetQueryExecution": {state("SUCCEEDED", "")},
			"GetQueryResults": {`{"ResultSet":{` + rows([]string{"c0", "c1"}, []string{"a"}) + "," + columns("varchar", "varchar") + `}}`}}, nil, "1 values for 2 columns"},
		"bad value": {map[string][]string{"GetQueryExecution": {state("SUCCEEDED", "")},
			"GetQueryResults": {`{"ResultSet":{` + rows([]string{"c0"}, []string{"x1"}) + "," + columns("bigint") + `}}`}}, nil, "row 1, column c0 of type bigint"},
		"no columns": {map[string][]string{"GetQueryExecution": {state("SUCCEEDED", "")}, "GetQueryResults": {`{"ResultSet":{` + rows() + `}}`}}, nil, "does not describe its columns"},
	} {
		t.Run(name, func(t *testing.T) {
			s := script(t, tt.answers)
			r, err := engine(t, s, nil).Query(t.Context(), athena.Query{SQL: "SELECT x"})
			if err == nil {
				_, err = read(t, r)
			}
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("error %v, want %q", err, tt.text)
			}
			var own *athena.Error
			if errors.As(err, &own) != (tt.kind != nil) || tt.kind != nil && !errors.Is(err, tt.kind) {
				t.Errorf("error %#v, want kind %v", err, tt.kind)
			}
		})
	}
	e := engine(t, script(t, map[string][]string{}), nil)
	if _, err := e.Query(t.Context(), athena.Query{SQL: "SELECT ?", Params: []string{"1; DROP"}}); !errors.Is(err, athena.ErrInvalid) {
		t.Errorf("error %v for a parameter that is no literal", err)
	}
}

func TestACanceledQueryIsStoppedInAthena(t *testing.T) {
	for name, after := range map[string]func(ctx context.Context) (context.Context, *Options){
		"cancel": func(ctx context.Context) (context.Context, *Options) { return ctx, &Options{} },
		"timeout": func(ctx context.Context) (context.Context, *Options) {
			return ctx, &Options{Timeout: 300 * time.Millisecond}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := script(t, map[string][]string{"GetQueryExecution": {state("RUNNING", "")}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ctx, o := after(ctx)
			e := engine(t, s, func(p *Options) { p.Timeout = o.Timeout })
			go func() {
				for op := range s.called {
					if op == "GetQueryExecution" && name == "cancel" {
						cancel()
					}
					if op == "StopQueryExecution" {
						return
					}
				}
			}()
			_, err := e.Query(ctx, athena.Query{SQL: "SELECT 1"})
			want := context.Canceled
			if name == "timeout" {
				want = athena.ErrTimeout
			}
			if !errors.Is(err, want) || s.count("StopQueryExecution") != 1 {
				t.Errorf("error %v, want %v; %d stops, want 1", err, want, s.count("StopQueryExecution"))
			}
		})
	}
}

func TestOptionsThatDoNotWork(t *testing.T) {
	_, err := Open(t.Context(), Options{Endpoint: "x", OutputLocation: "/tmp", Timeout: -1})
	for _, want := range []string{"region", "database", "endpoint", "output_location", "negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
