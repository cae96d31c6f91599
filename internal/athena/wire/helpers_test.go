package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/audit-archiver/archiver/internal/athena"
)

// engine answers each query with what is set for its text.
type engine struct {
	mu      sync.Mutex
	asked   []athena.Query
	answers map[string]answer
	busy    int // so many queries are refused first
}

type answer struct {
	columns []athena.Column
	rows    [][]any
	err     error
	block   chan struct{} // Next waits for it or for the end of the query
	panics  string        // the engine does, or in Next when there are columns
}

func (e *engine) Query(_ context.Context, q athena.Query) (athena.Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, q)
	if e.busy > 0 {
		e.busy--
		return nil, athena.ErrBusy
	}
	a := e.answers[q.SQL]
	if a.err != nil {
		return nil, a.err
	}
	if a.panics != "" && a.columns == nil {
		panic(a.panics)
	}
	return &result{answer: a}, nil
}

func (e *engine) Close() error { return nil }

type result struct {
	answer
	n int
}

func (r *result) Columns() []athena.Column { return r.columns }

func (r *result) Next(ctx context.Context) ([]any, error) {
	if r.block != nil {
		select {
		case <-r.block:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if r.panics != "" {
		panic(r.panics)
	}
	if r.n == len(r.rows) {
		return nil, io.EOF
	}
	r.n++
	return r.rows[r.n-1], nil
}

func (r *result) Meta() athena.Meta {
	return athena.Meta{CompleteThrough: time.Date(2026, 1, 31, 10, 11, 12, 345e6, time.UTC), Stats: athena.Stats{BytesPicked: 42},
		Expired: athena.Expired{Files: 2, Rows: 30, From: "2024-01-01", To: "2024-02-01"}}
}

func (r *result) Close() error { return nil }

// numbers is an answer with n rows.
func numbers(n int) answer {
	a := answer{columns: []athena.Column{{Name: "n", Type: "bigint"}, {Name: "s", Type: "varchar"}}}
	for i := range n {
		row := []any{int64(i), ""}
		if i%2 == 1 {
			row[1] = nil
		}
		a.rows = append(a.rows, row)
	}
	return a
}

var (
	ann  = Key{Principal: "ann", AccessKey: "AKIAANN", Secret: "ann's secret", Role: Viewer}
	bob  = Key{Principal: "bob", AccessKey: "AKIABOB", Secret: "bob's secret", Role: Viewer}
	root = Key{Principal: "root", AccessKey: "AKIAROOT", Secret: "root's secret", Role: Admin}
)

// world is a server and its clock.
type world struct {
	t      *testing.T
	o      Options
	engine *engine
	server *Server
	now    time.Time
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t, engine: &engine{answers: map[string]answer{}}, now: time.Date(2026, 11, 23, 10, 11, 12, 0, time.UTC)}
	w.o = Options{Engine: w.engine, Keys: []Key{ann, bob, root}, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return w.now }}
	if change != nil {
		change(&w.o)
	}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := New(w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = s
}

func (w *world) close() {
	if err := w.server.Close(); err != nil {
		w.t.Error(err)
	}
}

// reopen is an orderly restart.
func (w *world) reopen() {
	w.t.Helper()
	w.close()
	w.open()
}

// request is signed by the SDK's own signer.
func (w *world) request(k Key, operation string, in any) *http.Request {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8422/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", targetPrefix+operation)
	r.Header.Set("Content-Type", contentType)
	w.sign(k, r, body)
	return r
}

func (w *world) sign(k Key, r *http.Request, body []byte) {
	w.t.Helper()
	sum := sha256.Sum256(body)
	err := v4.NewSigner().SignHTTP(w.t.Context(), aws.Credentials{AccessKeyID: k.AccessKey, SecretAccessKey: k.Secret}, r,
		hex.EncodeToString(sum[:]), "athena", "eu-central-1", w.now)
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) send(r *http.Request) (status int, doc map[string]any) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		w.t.Fatalf("%v in %q", err, rec.Body)
	}
	if rec.Header().Get("X-Amzn-Requestid") == "" || rec.Header().Get("Content-Type") != contentType {
		w.t.Errorf("headers %v", rec.Header())
	}
	return rec.Code, doc
}

// call wants an answer.
func (w *world) call(k Key, operation string, in any) map[string]any {
	w.t.Helper()
	status, doc := w.send(w.request(k, operation, in))
	if status != http.StatusOK {
		w.t.Fatalf("%s: %d %v", operation, status, doc)
	}
	return doc
}

// refused wants an error of a kind.
func (w *world) refused(kind string, k Key, operation string, in any) string {
	w.t.Helper()
	status, doc := w.send(w.request(k, operation, in))
	if status != http.StatusBadRequest || doc["__type"] != kind {
		w.t.Errorf("%s %v: %d %v, want %s", operation, in, status, doc, kind)
	}
	text, _ := doc["Message"].(string)
	return text
}

func (w *world) start(k Key, sql string) string {
	w.t.Helper()
	id, _ := w.call(k, "StartQueryExecution", object{"QueryString": sql})["QueryExecutionId"].(string)
	return id
}

// finish waits until all queries have ended.
func (w *world) finish() { w.server.work.Wait() }

func (w *world) state(k Key, id string) (state, reason string) {
	w.t.Helper()
	doc := w.call(k, "GetQueryExecution", object{"QueryExecutionId": id})
	status := doc["QueryExecution"].(map[string]any)["Status"].(map[string]any)
	reason, _ = status["StateChangeReason"].(string)
	return status["State"].(string), reason
}

// page returns a page's rows as texts, NULL as "∅".
func (w *world) page(k Key, in object) (rows [][]string, next string) {
	w.t.Helper()
	doc := w.call(k, "GetQueryResults", in)
	next, _ = doc["NextToken"].(string)
	for _, r := range doc["ResultSet"].(map[string]any)["Rows"].([]any) {
		var row []string
		for _, d := range r.(map[string]any)["Data"].([]any) {
			text, there := d.(map[string]any)["VarCharValue"].(string)
			if !there {
				text = "∅"
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return rows, next
}
