package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/testenv/openapi"
)

// TestQueryAnswersAreAsDescribed holds real answers of /v1/query against the
// document that the same server serves.
func TestQueryAnswersAreAsDescribed(t *testing.T) {
	d := startDev(t, t.TempDir())
	served, _, _ := d.do(t, http.MethodGet, "/openapi.json", "", "")
	described, err := openapi.Read(served)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		method, body string
		status       int
	}{
		"rows":           {http.MethodPost, `{"sql":"SELECT id, seq, timestamp, details FROM audit_logs"}`, 200},
		"NULL and types": {http.MethodPost, `{"sql":"SELECT count(*), CAST(NULL AS varchar), now(), DATE '2026-01-31', true, 1e0"}`, 200},
		"no SQL":         {http.MethodPost, `{"sql":"SELEKT 1"}`, 400},
		"refused":        {http.MethodPost, `{"sql":"SELECT * FROM read_text('/etc/passwd')"}`, 400},
		"invalid":        {http.MethodPost, `{"sql":"SELECT nope FROM audit_logs"}`, 400},
		"fails on data":  {http.MethodPost, `{"sql":"SELECT 1 / (count(*) - count(*)) FROM audit_logs"}`, 400},
		"no JSON":        {http.MethodPost, `SELECT 1`, 400},
		"unknown member": {http.MethodPost, `{"sql":"SELECT 1","limit":1}`, 400},
		"too large":      {http.MethodPost, `{"sql":"` + strings.Repeat("x", 2<<20) + `"}`, 413},
		"method":         {http.MethodGet, ``, 405},
	} {
		t.Run(name, func(t *testing.T) {
			body, status, header := d.do(t, tt.method, "/v1/query", "application/json", tt.body)
			if status != tt.status {
				t.Errorf("status %d, want %d: %.300s", status, tt.status, body)
			}
			// A method that is not served is described with those that are.
			if err := described.Describes(http.MethodPost, "/v1/query", status, header, body); err != nil {
				t.Errorf("%v: %.300s", err, body)
			}
		})
	}
}

// do sends one request and reads the whole answer.
func (d *dev) do(t *testing.T, method, path, contentType, body string) ([]byte, int, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw, resp.StatusCode, resp.Header
}
