package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/testenv/openapi"
)

// described demands that an answer of POST /v1/query is one that openapi.json
// tells of. The file belongs to package ingest, which serves it.
func described(t *testing.T, w *httptest.ResponseRecorder) error {
	t.Helper()
	served, err := os.ReadFile("../../ingest/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := openapi.Read(served)
	if err != nil {
		t.Fatal(err)
	}
	return d.Describes(http.MethodPost, "/v1/query", w.Code, w.Header(), w.Body.Bytes())
}

// silent answers without an instant: part of the ledger could not be read.
type silent struct{ *result }

func (silent) Meta() athena.Meta {
	return athena.Meta{Laggards: []string{"9b11a42c-b4d8-48af-970f-bced439b02ba"}}
}

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
