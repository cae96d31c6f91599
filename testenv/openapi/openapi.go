// Package openapi checks real answers against the OpenAPI document that a server serves.
package openapi

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Description is an OpenAPI 3.1 document as a validator of answers.
type Description struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

// Read reads a document as it was served.
func Read(served []byte) (*Description, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(served))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	root, ok := doc.(map[string]any)
	if !ok || root["openapi"] != "3.1.0" {
		return nil, fmt.Errorf("not OpenAPI 3.1: %v", root["openapi"])
	}
	return &Description{root, c}, nil
}

// At returns what lies at a path of names, or nil.
func (d *Description) At(names ...string) any {
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

// Valid checks a document against the schema at a path of names.
func (d *Description) Valid(document []byte, names ...string) error {
	if d.At(names...) == nil {
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

// Describes demands that an answer is one that the document tells of: status,
// headers, media type and body.
func (d *Description) Describes(method, path string, status int, header http.Header, body []byte) error {
	response := []string{"paths", path, strings.ToLower(method), "responses", fmt.Sprint(status)}
	if d.At(response...) == nil {
		return fmt.Errorf("status %d is not described", status)
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return err
	}
	headers, _ := d.At(append(response, "headers")...).(map[string]any)
	for name := range headers {
		if name == "Retry-After" && status == 503 || name != "Retry-After" {
			if header.Get(name) == "" {
				return fmt.Errorf("status %d without the header %s", status, name)
			}
		}
	}
	schema := append(response, "content", mediaType, "schema")
	if mediaType == "text/plain" {
		if d.At(schema...) == nil {
			return fmt.Errorf("%s is not described", mediaType)
		}
		return nil
	}
	return d.Valid(body, schema...)
}
