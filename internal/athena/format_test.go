package athena

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// rowsResult is an answer from memory.
type rowsResult struct {
	cols []Column
	rows [][]any
	err  error // instead of io.EOF
}

func (r *rowsResult) Columns() []Column { return r.cols }
func (r *rowsResult) Meta() Meta {
	return Meta{CompleteThrough: time.Date(2026, 1, 31, 10, 0, 0, 5e6, time.FixedZone("", 3600)), Laggards: []string{"s"}}
}
func (r *rowsResult) Close() error { return nil }
func (r *rowsResult) Next(context.Context) ([]any, error) {
	if len(r.rows) == 0 {
		if r.err != nil {
			return nil, r.err
		}
		return nil, io.EOF
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, nil
}

func example() *rowsResult {
	return &rowsResult{
		cols: []Column{{"s", "varchar"}, {"n", "bigint"}},
		rows: [][]any{{"a,\"b\"", int64(1)}, {"", nil}, {nil, int64(-2)}, {"=cmd\x1b[2J", int64(3)}},
	}
}

func TestFormats(t *testing.T) {
	for name, tt := range map[string]struct {
		format Format
		o      WriteOptions
		want   string
	}{
		"csv":             {FormatCSV, WriteOptions{}, "s,n\r\n\"a,\"\"b\"\"\",1\r\n\"\",\r\n,-2\r\n=cmd\x1b[2J,3\r\n"},
		"csv neutralised": {FormatCSV, WriteOptions{Neutralise: true}, "s,n\r\n\"a,\"\"b\"\"\",1\r\n\"\",\r\n,-2\r\n'=cmd\x1b[2J,3\r\n"},
		"ndjson":          {FormatNDJSON, WriteOptions{}, `{"s":"a,\"b\"","n":1}` + "\n" + `{"s":"","n":null}` + "\n" + `{"s":null,"n":-2}` + "\n" + `{"s":"=cmd\u001b[2J","n":3}` + "\n"},
		"table":           {FormatTable, WriteOptions{}, "s              n\n-------------  --\na,\"b\"          1\n               \n               -2\n=cmd\\u001b[2J  3\n"},
		"json": {FormatJSON, WriteOptions{}, `{"columns":[{"name":"s","type":"varchar"},{"name":"n","type":"bigint"}],"rows":[` + "\n" +
			`["a,\"b\"",1],` + "\n" + `["",null],` + "\n" + `[null,-2],` + "\n" + `["=cmd\u001b[2J",3]],` + "\n" + `"complete_through":"2026-01-31T09:00:00.005Z","laggards":["s"]}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			n, err := Write(t.Context(), &b, example(), tt.format, tt.o)
			if err != nil || n != 4 {
				t.Fatalf("%d rows, %v", n, err)
			}
			if b.String() != tt.want {
				t.Errorf("got\n%q\nwant\n%q", b.String(), tt.want)
			}
		})
	}
}

func TestAFailedAnswerIsNoJSON(t *testing.T) {
	broken := errors.New("broken")
	r := example()
	r.err = broken
	var b strings.Builder
	if _, err := Write(t.Context(), &b, r, FormatJSON, WriteOptions{}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if json.Valid([]byte(b.String())) {
		t.Errorf("a broken answer looks whole: %s", b.String())
	}
}

func TestTableStreamsAfterThousandRows(t *testing.T) {
	r := &rowsResult{cols: []Column{{"n", "bigint"}}}
	for i := range 3000 {
		r.rows = append(r.rows, []any{int64(i)})
	}
	var b strings.Builder
	if _, err := Write(t.Context(), &b, r, FormatTable, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines != 3002 {
		t.Errorf("%d lines, want 3002", lines)
	}
}

func TestFormatErrors(t *testing.T) {
	twice := &rowsResult{cols: []Column{{"x", "bigint"}, {"x", "bigint"}}}
	if _, err := Write(t.Context(), io.Discard, twice, FormatNDJSON, WriteOptions{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("ndjson with a name twice: %v", err)
	}
	if _, err := Write(t.Context(), io.Discard, example(), "xml", WriteOptions{}); err == nil {
		t.Error("xml is a format")
	}
}
