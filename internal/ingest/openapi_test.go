package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is openapi.json as a validator of answers.
type description struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

func readDescription(t *testing.T, served []byte) *description {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(served))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	root, ok := doc.(map[string]any)
	if !ok || root["openapi"] != "3.1.0" {
		t.Fatalf("not OpenAPI 3.1: %v", root["openapi"])
	}
	return &description{root, c}
}

// at returns what lies at a path of names, or nil.
func (d *description) at(names ...string) any {
	var v any = d.doc
	for _, n := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[n]
	}
	return v
}

// valid checks a document against the schema at a path of names.
func (d *description) valid(document []byte, names ...string) error {
	if d.at(names...) == nil {
		return fmt.Errorf("%v is not described", names)
	}
	pointer := "openapi.json#"
	for _, n := range names {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(n)
	}
	schema, err := d.compiler.Compile(pointer)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// describes demands that an answer is one that the description tells of.
func (d *description) describes(method, path string, a *answer) error {
	response := []string{"paths", path, strings.ToLower(method), "responses", fmt.Sprint(a.StatusCode)}
	if d.at(response...) == nil {
		return fmt.Errorf("status %d is not described", a.StatusCode)
	}
	mediaType, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	headers, _ := d.at(append(response, "headers")...).(map[string]any)
	for name := range headers {
		if name == "Retry-After" && a.StatusCode == 503 || name != "Retry-After" {
			if a.Header.Get(name) == "" {
				return fmt.Errorf("status %d without the header %s", a.StatusCode, name)
			}
		}
	}
	schema := append(response, "content", mediaType, "schema")
	if mediaType == "text/plain" {
		if d.at(schema...) == nil {
			return fmt.Errorf("%s is not described", mediaType)
		}
		return nil
	}
	return d.valid(a.body, schema...)
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
				[]byte(`{"columns":[{"name":"n","type":"bigint"}],"rows":[[1],[null]],"complete_through":"2026-11-23T12:00:00.000Z"}`))
		})}}
		o.Limits.AppendWait = 1
	})
	d := readDescription(t, w.do("GET", "/openapi.json", nil, nil).body)
	check := func(method, path string, header http.Header, body string, status int) {
		t.Helper()
		a := w.do(method, path, header, []byte(body))
		described := method
		if status == 405 {
			for m := range d.at("paths", path).(map[string]any) {
				described = m
			}
		}
		if err := d.describes(described, path, a); err != nil || a.StatusCode != status {
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
	w.appender.fail = nil
	for _, tt := range badRequests(t) {
		header := tt.headers()
		header.Set("Authorization", "Bearer "+ingestToken)
		check("POST", "/v1/events", header, tt.body, tt.status)
	}
	w.appender.hang = make(chan struct{}, 1)
	check("POST", "/v1/events", in, minimal, 503)
	if a := w.do("GET", "/nowhere", nil, nil); a.StatusCode != 404 {
		t.Errorf("status %d", a.StatusCode)
	} else if err := d.valid(a.body, "components", "schemas", "Problem"); err != nil {
		t.Error(err)
	}
}

// TestEventSchema holds the described event against the decoder: both take and
// refuse the same, but for what a schema cannot say.
func TestEventSchema(t *testing.T) {
	d := readDescription(t, openAPI)
	for line := range strings.Lines(recorded(t)) {
		if err := d.valid([]byte(line), "components", "schemas", "Event"); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	for _, bad := range []string{
		"{}", "[]", with(`"x":1`), with(`"id":"7"`), with(`"details":[]`), with(`"timestamp":7`), with(`"reason":7`),
		strings.Replace(minimal, `"a"`, `""`, 1), strings.Replace(minimal, `"user"`, `"root"`, 1),
		strings.Replace(minimal, `"success"`, `null`, 1), strings.Replace(minimal, `"id":"u",`, ``, 1),
	} {
		if d.valid([]byte(bad), "components", "schemas", "Event") == nil {
			t.Errorf("the schema allows %s", bad)
		}
		w := newWorld(t, DefaultTimeouts(), nil)
		if a := w.post("application/json", bad); a.StatusCode != 400 {
			t.Errorf("status %d for %s", a.StatusCode, bad)
		}
	}
}
