package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// engine answers every query with rows, then end.
type engine struct {
	rows   int
	end    error // io.EOF: a whole answer
	err    error // of Query
	sql    string
	closed bool
}

func (e *engine) Query(_ context.Context, q athena.Query) (athena.Result, error) {
	e.sql = q.SQL
	if e.err != nil {
		return nil, e.err
	}
	return &result{e: e}, nil
}

func (e *engine) Close() error { return nil }

type result struct {
	e *engine
	n int
}

func (r *result) Columns() []athena.Column {
	return []athena.Column{{Name: "n", Type: "bigint"}, {Name: "s", Type: "varchar"}}
}

func (r *result) Next(context.Context) ([]any, error) {
	if r.n == r.e.rows {
		return nil, r.e.end
	}
	r.n++
	return []any{int64(r.n), nil}, nil
}

func (r *result) Meta() athena.Meta {
	return athena.Meta{CompleteThrough: time.Date(2026, 1, 31, 10, 11, 12, 345e6, time.UTC)}
}

func (r *result) Close() error {
	r.e.closed = true
	return nil
}

func handlerOver(t *testing.T, e athena.Engine, change func(*Options)) (h http.Handler, dir string) {
	t.Helper()
	o := Options{Engine: e, Log: slog.New(slog.DiscardHandler), Dir: t.TempDir()}
	if change != nil {
		change(&o)
	}
	h, err := Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	return h, o.Dir
}

func post(t *testing.T, h http.Handler, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/query", strings.NewReader(body)))
	return w
}

func TestAnswer(t *testing.T) {
	e := &engine{rows: 2, end: io.EOF}
	h, _ := handlerOver(t, e, nil)
	w := post(t, h, `{"sql":"SELECT 1"}`)
	want := `{"columns":[{"name":"n","type":"bigint"},{"name":"s","type":"varchar"}],"rows":[` + "\n[1,null],\n[2,null]],\n" + `"complete_through":"2026-01-31T10:11:12.345Z","laggards":[]}` + "\n"
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("%d %s\nwant %s", w.Code, w.Body, want)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Content-Length") != fmt.Sprint(len(want)) {
		t.Errorf("headers %v", w.Header())
	}
	if e.sql != "SELECT 1" || !e.closed {
		t.Errorf("engine saw %q, closed %v", e.sql, e.closed)
	}
}

func TestBigAnswersGoThroughAFile(t *testing.T) {
	h, dir := handlerOver(t, &engine{rows: 1000, end: io.EOF}, func(o *Options) { o.MemoryBytes = 100 })
	w := post(t, h, `{"sql":"x"}`)
	var answer struct{ Rows [][]any }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Rows) != 1000 {
		t.Errorf("%d rows, %v", len(answer.Rows), err)
	}
	mustBeEmpty(t, dir)
}

// TestErrorsAreNeverASuccess: also an error after thousands of rows is a status.
func TestErrorsAreNeverASuccess(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		kind   string
		says   string
	}{
		{&athena.Error{Kind: athena.ErrSyntax, Line: 2, Column: 3}, 400, "syntax-error", "line 2:3"},
		{&athena.Error{Kind: athena.ErrRefused, Construct: "function getenv"}, 400, "not-supported", "getenv"},
		{&athena.Error{Kind: athena.ErrInvalid, Detail: "write timestamp '…'"}, 400, "invalid-query", "write timestamp"},
		{&athena.Error{Kind: athena.ErrExecution, Detail: "Division by zero"}, 400, "query-failed", "Division by zero"},
		{&athena.Error{Kind: athena.ErrTooManyRows}, 422, "too-many-rows", ""},
		{&athena.Error{Kind: athena.ErrTooBig}, 422, "too-big", ""},
		{&athena.Error{Kind: athena.ErrTimeout}, 504, "query-timeout", ""},
		{fmt.Errorf("%w: 18 run", athena.ErrBusy), 503, "busy", ""},
		{fmt.Errorf("fetch: %w", &os.PathError{Op: "write", Path: "/secret/cache", Err: syscall.ENOSPC}), 503, "no-space", ""},
		{fmt.Errorf("open: %w", athena.ErrNoEngine), 501, "no-engine", ""},
		{fmt.Errorf("fetch k: %w", athena.ErrForged), 500, "forged", "fetch k"},
		{fmt.Errorf("fetch k: %w", athena.ErrMissing), 500, "missing", "fetch k"},
		{fmt.Errorf("dial secret:443: %w", athena.ErrAway), 503, "bucket-away", ""},
		{errors.New("/secret/path: no such file"), 500, "internal", ""},
	} {
		for name, e := range map[string]*engine{"at once": {err: tt.err}, "after 5000 rows": {rows: 5000, end: tt.err}} {
			t.Run(tt.kind+" "+name, func(t *testing.T) {
				var log strings.Builder
				h, dir := handlerOver(t, e, func(o *Options) { o.MemoryBytes, o.Log = 100, slog.New(slog.NewTextHandler(&log, nil)) })
				w := post(t, h, `{"sql":"x"}`)
				if told := strings.Contains(log.String(), tt.err.Error()); told != (tt.status == 500 || strings.Contains(tt.err.Error(), "secret")) {
					t.Errorf("the log says: %s", log.String())
				}
				var p problem
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
					t.Fatalf("%s: %v", w.Body, err)
				}
				if w.Code != tt.status || p.Status != tt.status || p.Type != "urn:archiver:problem:"+tt.kind || !strings.Contains(p.Detail, tt.says) {
					t.Errorf("%d %s, want %d %s", w.Code, w.Body, tt.status, tt.kind)
				}
				if w.Header().Get("Content-Type") != "application/problem+json" {
					t.Errorf("content type %s", w.Header().Get("Content-Type"))
				}
				if (w.Header().Get("Retry-After") != "") != (tt.status == 503) {
					t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
				}
				if strings.Contains(w.Body.String(), "secret") {
					t.Errorf("an internal error is told to the client: %s", w.Body)
				}
				if err := described(t, w); err != nil {
					t.Error(err)
				}
				mustBeEmpty(t, dir)
			})
		}
	}
}

func TestAnswerLimit(t *testing.T) {
	h, dir := handlerOver(t, &engine{rows: 100_000, end: io.EOF}, func(o *Options) { o.MemoryBytes, o.MaxBytes = 100, 100_000 })
	if w := post(t, h, `{"sql":"x"}`); w.Code != 422 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	mustBeEmpty(t, dir)
}

func TestBadRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"empty":            {"", 400, "EOF"},
		"no JSON":          {"SELECT 1", 400, "sql"},
		"no object":        {`["SELECT 1"]`, 400, "sql"},
		"without sql":      {`{}`, 400, "sql is missing"},
		"null":             {`{"sql":null}`, 400, "sql is missing"},
		"a number":         {`{"sql":1}`, 400, "sql"},
		"unknown member":   {`{"sql":"SELECT 1","limit":1}`, 400, "limit"},
		"other case":       {`{"SQL":"SELECT 1"}`, 400, "SQL"},
		"duplicate member": {`{"sql":"SELECT 1","sql":"SELECT 2"}`, 400, "duplicate"},
		"trailing text":    {`{"sql":"SELECT 1"} x`, 400, "after"},
		"invalid UTF-8":    {"{\"sql\":\"\xff\"}", 400, "UTF-8"},
		"too long":         {`{"sql":"` + strings.Repeat("x", maxBody) + `"}`, 413, "262144"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &engine{end: io.EOF}
			h, _ := handlerOver(t, e, nil)
			w := post(t, h, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s, want %d that says %q", w.Code, w.Body, tt.status, tt.says)
			}
			if e.sql != "" {
				t.Errorf("the engine saw %q", e.sql)
			}
			if err := described(t, w); err != nil {
				t.Error(err)
			}
		})
	}
	h, _ := handlerOver(t, &engine{}, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/query", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestNobodyIsAnsweredWhoIsGone(t *testing.T) {
	h, dir := handlerOver(t, &engine{err: context.Canceled}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/query", bytes.NewBufferString(`{"sql":"x"}`)))
	if w.Body.Len() != 0 {
		t.Errorf("answered %s", w.Body)
	}
	mustBeEmpty(t, dir)
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
