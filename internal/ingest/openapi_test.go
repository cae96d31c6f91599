package ingest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/testenv/openapi"
)

// describe reads the document as a validator of answers.
func describe(t *testing.T, served []byte) *openapi.Description {
	t.Helper()
	d, err := openapi.Read(served)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	ingestToken = "a5ec4d27-ingest"
	queryToken  = "a5ec4d27-query"
)

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
}

func TestAnswersAreAsDescribed(t *testing.T) {
	var ready error
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Clients = testClients()
		o.Checks = []Check{
			{"wal", func(context.Context) error { return nil }},
			{"bucket", func(context.Context) error { return ready }},
		}
		o.Routes = []Route{{"POST", "/v1/query", ScopeQuery, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			writeBody(rw, 200, "application/json",
				[]byte(`{"columns":[{"name":"n","type":"bigint"}],"rows":[[1],[null]],"complete_through":"2026-11-23T12:00:00.000Z","laggards":[]}`))
		})}}
		o.Limits.AppendWait = 1
	})
	d := describe(t, w.do("GET", "/openapi.json", nil, nil).body)
	check := func(method, path string, header http.Header, body string, status int) {
		t.Helper()
		a := w.do(method, path, header, []byte(body))
		path, _, _ = strings.Cut(path, "?")
		described := method
		if status == 405 {
			for m := range d.At("paths", path).(map[string]any) {
				described = m
			}
		}
		if err := d.Describes(described, path, a.StatusCode, a.Header, a.body); err != nil || a.StatusCode != status {
			t.Errorf("%s %s: status %d, want %d: %v\n%s", method, path, a.StatusCode, status, err, a.body)
		}
	}

	in := bearer(ingestToken)
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/openapi.json"} {
		check("GET", path, nil, "", 200)
		check("POST", path, nil, "", 405)
	}
	ready = errors.New("s3: access denied")
	check("GET", "/readyz", nil, "", 503)
	check("POST", "/v1/query", bearer(queryToken), `{"sql":"SELECT 1"}`, 200)
	check("POST", "/v1/query", in, `{"sql":"SELECT 1"}`, 403)
	check("POST", "/v1/query", nil, `{"sql":"SELECT 1"}`, 401)
	check("GET", "/v1/query", bearer(queryToken), "", 405)
	check("POST", "/v1/events", in, minimal, 200)
	check("POST", "/v1/events", nil, minimal, 401)
	check("POST", "/v1/events", bearer(queryToken), minimal, 403)
	check("PUT", "/v1/events", in, minimal, 405)
	for _, err := range []error{errTestFull, errTestEarly, errTestDamaged, errors.New("x")} {
		w.appender.fail = err
		check("POST", "/v1/events", in, minimal, 503)
	}
	w.appender.fail = &ConflictError{Index: []int{0}, Seq: []int64{7}}
	check("POST", "/v1/events", in, withID(1), 409)
	w.appender.fail = nil
	w.appender.archived <- nil
	check("POST", "/v1/events?ack=archived", in, minimal, 200)
	w.appender.archived <- errors.New("stopped")
	check("POST", "/v1/events?ack=archived", in, minimal, 504)
	check("POST", "/v1/events?ack=sent", in, minimal, 400)
	for _, tt := range badRequests(t) {
		header := tt.headers()
		header.Set("Authorization", "Bearer "+ingestToken)
		check("POST", "/v1/events", header, tt.body, tt.status)
	}
	w.appender.hang = make(chan struct{}, 1)
	check("POST", "/v1/events", in, minimal, 503)
	if a := w.do("GET", "/nowhere", nil, nil); a.StatusCode != 404 {
		t.Errorf("status %d", a.StatusCode)
	} else if err := d.Valid(a.body, "components", "schemas", "Problem"); err != nil {
		t.Error(err)
	}
}

// TestEventSchema holds the described event against the decoder: both take and
// refuse the same, but for what a schema cannot say.
func TestEventSchema(t *testing.T) {
	d := describe(t, openAPI)
	for line := range strings.Lines(recorded(t)) {
		if err := d.Valid([]byte(line), "components", "schemas", "Event"); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	for _, bad := range []string{
		"{}", "[]", with(`"x":1`), with(`"id":"7"`), with(`"details":[]`), with(`"timestamp":7`), with(`"reason":7`),
		strings.Replace(minimal, `"a"`, `""`, 1), strings.Replace(minimal, `"user"`, `"root"`, 1),
		strings.Replace(minimal, `"success"`, `null`, 1), strings.Replace(minimal, `"id":"u",`, ``, 1),
	} {
		if d.Valid([]byte(bad), "components", "schemas", "Event") == nil {
			t.Errorf("the schema allows %s", bad)
		}
		w := newWorld(t, DefaultTimeouts(), nil)
		if a := w.post("application/json", bad); a.StatusCode != 400 {
			t.Errorf("status %d for %s", a.StatusCode, bad)
		}
	}
}
