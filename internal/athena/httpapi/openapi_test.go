package httpapi

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/audit-archiver/archiver/internal/athena"
)

// described demands that an answer of POST /v1/query is one that openapi.json
// tells of. The file belongs to package ingest, which serves it.
func described(t *testing.T, w *httptest.ResponseRecorder) error {
	t.Helper()
	f, err := os.Open("../../ingest/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // was only read
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	kind := map[string]string{"application/json": "json", "application/problem+json": "problem+json"}[w.Header().Get("Content-Type")]
	schema, err := c.Compile(fmt.Sprintf("openapi.json#/paths/~1v1~1query/post/responses/%d/content/application~1%s/schema", w.Code, kind))
	if err != nil {
		return fmt.Errorf("status %d of %s is not described: %w", w.Code, w.Header().Get("Content-Type"), err)
	}
	answer, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		return err
	}
	return schema.Validate(answer)
}

// silent answers without an instant: part of the ledger could not be read.
type silent struct{ *result }

func (silent) Meta() athena.Meta { return athena.Meta{Laggards: []string{"s"}} }

func TestAnswersAreAsDescribed(t *testing.T) {
	h, _ := handlerOver(t, &engine{rows: 3, end: io.EOF}, nil)
	if err := described(t, post(t, h, `{"sql":"x"}`)); err != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	r := silent{&result{e: &engine{rows: 1, end: io.EOF}}}
	if _, err := athena.Write(t.Context(), w, r, athena.FormatJSON, athena.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := described(t, w); err != nil {
		t.Errorf("an answer that promises nothing: %v", err)
	}
}
