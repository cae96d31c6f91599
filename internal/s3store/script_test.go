package s3store_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/s3store"
)

// step answers one request.
type step func(w http.ResponseWriter, r *http.Request)

// scripted is a server that answers what no real one would on command. Requests
// beyond the script get its last step.
type scripted struct {
	*httptest.Server
	mu     sync.Mutex
	steps  []step
	bodies [][]byte
	heads  []http.Header
	paths  []string // method and request URI
}

func serve(t *testing.T, steps ...step) *scripted {
	t.Helper()
	s := &scripted{steps: steps}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)
	return s
}

func (s *scripted) handle(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	at := min(len(s.paths), len(s.steps)-1)
	s.bodies = append(s.bodies, body)
	s.heads = append(s.heads, r.Header.Clone())
	s.paths = append(s.paths, r.Method+" "+r.RequestURI)
	s.mu.Unlock()
	s.steps[at](w, r)
}

func (s *scripted) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.paths)
}

// store opens a store on the server; change may adapt its configuration.
func (s *scripted) store(t *testing.T, change func(*s3store.Config)) *s3store.Store {
	t.Helper()
	cfg := s3store.Config{
		Endpoint: s.URL, Region: "us-east-1", Bucket: "bucket", PathStyle: true,
		CredentialsFile: credentialsFile(t, "key-1"), Timeout: 10 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	store, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func credentialsFile(t *testing.T, key string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "credentials")
	writeCredentials(t, file, key)
	return file
}

func writeCredentials(t *testing.T, file, key string) {
	t.Helper()
	text := fmt.Sprintf("[default]\naws_access_key_id=%s\naws_secret_access_key=secret\n", key)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ok answers a Put as S3 does.
func ok(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-amz-version-id", "version-1")
	w.Header().Set("x-amz-checksum-sha256", r.Header.Get("x-amz-checksum-sha256"))
}

// fail answers with an S3 error; a HEAD has no body, and so no code.
func fail(status int, code string) step {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>a message</Message></Error>", code)
		}
	}
}

// answer sends a fixed answer.
func answer(body string, headers ...string) step {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		_, _ = io.WriteString(w, body)
	}
}

// drop closes the connection without an answer.
func drop(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// hang never answers; it ends when the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func sumOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}
