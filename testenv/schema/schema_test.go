// Package schema_test holds the server and the JSON Schema of the event against each other.
package schema_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/audit-archiver/archiver/internal/event"
)

const schemaFile = "../../clients/schema/event.schema.json"

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// readJSON reads a document without judging it.
func readJSON(t *testing.T, name string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	object, ok := doc.(map[string]any)
	if !ok {
		t.Fatalf("%s is no JSON object", name)
	}
	return object
}

// validator judges a text by the schema alone, formats included.
func validator(t *testing.T) func(raw []byte) error {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("event", readJSON(t, schemaFile)); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("event")
	if err != nil {
		t.Fatal(err)
	}
	return func(raw []byte) error {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		return compiled.Validate(v)
	}
}

// TestOpenAPIRepeatsTheSchema: what the server serves is what the SDKs are made of.
func TestOpenAPIRepeatsTheSchema(t *testing.T) {
	want := readJSON(t, schemaFile)
	if want["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %v", want["$schema"])
	}
	for _, name := range []string{"$schema", "$id", "$comment"} {
		delete(want, name) // of a file that stands by itself
	}
	components, _ := readJSON(t, "../../internal/ingest/openapi.json")["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	if got := schemas["Event"]; !reflect.DeepEqual(got, any(want)) {
		a, _ := json.MarshalIndent(got, "", "  ")
		b, _ := json.MarshalIndent(want, "", "  ")
		t.Errorf("components.schemas.Event of openapi.json\n%s\nis not event.schema.json\n%s", a, b)
	}
}

// limited is one string field of the schema that has a limit in bytes.
type limited struct {
	path     string // such as actor.id
	bytesMax int
}

// limits collects x-max-bytes of the strings below an object schema.
func limits(t *testing.T, object map[string]any, parent string) []limited {
	t.Helper()
	var found []limited
	properties, _ := object["properties"].(map[string]any)
	for name, v := range properties {
		field, _ := v.(map[string]any)
		if field["type"] == "object" {
			found = append(found, limits(t, field, parent+name+".")...)
			continue
		}
		if n, ok := field["x-max-bytes"].(json.Number); ok && field["maxLength"] != nil {
			bytesMax, err := n.Int64()
			if err != nil {
				t.Fatal(err)
			}
			if field["maxLength"] != n {
				t.Errorf("%s%s: maxLength %v: %v bytes may be as many characters", parent, name, field["maxLength"], n)
			}
			found = append(found, limited{parent + name, int(bytesMax)})
		}
	}
	return found
}

const minimal = `{"action":"a","actor":{"id":"u","type":"user"},"resource":{"type":"r"},"outcome":"success"}`

// with returns the minimal event with another value at path.
func with(t *testing.T, path string, value any) []byte {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal([]byte(minimal), &e); err != nil {
		t.Fatal(err)
	}
	at := e
	parent, name, nested := strings.Cut(path, ".")
	if nested {
		at, _ = e[parent].(map[string]any)
	} else {
		name = parent
	}
	at[name] = value
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestLimitsAreTheServers measures each limit of the schema at the server, in
// bytes, from both sides.
func TestLimitsAreTheServers(t *testing.T) {
	root := readJSON(t, schemaFile)
	found := limits(t, root, "")
	if len(found) != 9 {
		t.Errorf("%d strings have a limit, want 9: %v", len(found), found)
	}
	accepts := func(raw []byte) []event.FieldError {
		_, errs := event.Decode(raw, now, event.DefaultLimits())
		return errs
	}
	for _, f := range found {
		full := strings.Repeat("é", f.bytesMax/2) + strings.Repeat("x", f.bytesMax%2)
		if errs := accepts(with(t, f.path, full)); errs != nil {
			t.Errorf("%s of %d bytes: %v", f.path, f.bytesMax, errs)
		}
		if errs := accepts(with(t, f.path, full+"x")); len(errs) != 1 || errs[0].Field != f.path {
			t.Errorf("%s of %d bytes: %v", f.path, f.bytesMax+1, errs)
		}
	}

	properties, _ := root["properties"].(map[string]any)
	details, _ := properties["details"].(map[string]any)
	server := event.DefaultLimits()
	for _, tt := range []struct {
		name string
		got  any
		want int
	}{
		{"x-max-bytes of the event", root["x-max-bytes"], server.EventBytes},
		{"x-max-bytes of details", details["x-max-bytes"], server.DetailsBytes},
		{"x-max-depth", root["x-max-depth"], server.Depth},
	} {
		if n, ok := tt.got.(json.Number); !ok || n.String() != jsonNumber(tt.want) {
			t.Errorf("%s: %v, the server's is %d", tt.name, tt.got, tt.want)
		}
	}
}

func jsonNumber(n int) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}
