package results

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// store is an S3 that takes objects, or answers with an error.
type store struct {
	mu      sync.Mutex
	objects map[string]string // by path
	types   map[string]string
	status  int
	code    string
	asked   int
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.status != 0 {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(s.status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, "<Error><Code>"+s.code+"</Code><Message>about host-17.internal</Message></Error>")
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.objects[r.Method+" "+r.URL.Path], s.types[r.URL.Path] = string(body), r.Header.Get("Content-Type")
}

func open(t *testing.T, change func(*Options)) (*Bucket, *store) {
	t.Helper()
	s := &store{objects: map[string]string{}, types: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Bucket: "results", Prefix: "a/b", Region: "us-east-1", Endpoint: server.URL, PathStyle: true, CredentialsFile: file}
	if change != nil {
		change(&o)
	}
	b, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

func put(ctx context.Context, b *Bucket, name, text string) error {
	return b.Put(ctx, name, strings.NewReader(text), int64(len(text)))
}

func TestPut(t *testing.T) {
	b, s := open(t, nil)
	for name, typ := range map[string]string{"x.csv": "text/csv; charset=utf-8", "x.txt": "text/plain; charset=utf-8", "x.csv.metadata": "application/octet-stream"} {
		if err := put(t.Context(), b, name, "text of "+name); err != nil {
			t.Fatal(err)
		}
		if path := "/results/a/b/" + name; !strings.Contains(s.objects["PUT "+path], "text of "+name) || s.types[path] != typ {
			t.Errorf("%s: %q of type %s among %v", name, s.objects["PUT "+path], s.types[path], s.objects)
		}
	}
	if err := put(t.Context(), b, "empty.txt", ""); err != nil {
		t.Error(err)
	}
	if got := b.Location("x.csv"); got != "s3://results/a/b/x.csv" {
		t.Error(got)
	}
	if got := b.Location(""); got != "s3://results/a/b/" {
		t.Error(got)
	}
	b, _ = open(t, func(o *Options) { o.Prefix = "" })
	if got := b.Location("") + " " + b.Location("x"); got != "s3://results/ s3://results/x" {
		t.Error(got)
	}
}

// TestReasons: what a client is told says what to do, and names no host.
func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		says   string
	}{
		{http.StatusNotFound, "NoSuchBucket", "there is no such bucket; create it"},
		{http.StatusForbidden, "AccessDenied", "it needs s3:PutObject"},
		{http.StatusBadRequest, "EntityTooLarge", "EntityTooLarge"},
	} {
		b, s := open(t, nil)
		s.status, s.code = tt.status, tt.code
		err := put(t.Context(), b, "x.csv", "x")
		var told *athena.Error
		if !errors.As(err, &told) || !errors.Is(told, athena.ErrResults) || !strings.Contains(told.Error(), tt.says) || !strings.Contains(told.Error(), "s3://results/a/b/x.csv") || strings.Contains(told.Error(), "host-17") {
			t.Errorf("%s: %v", tt.code, told)
		}
		if err := b.Check(t.Context()); err == nil {
			t.Errorf("%s: the bucket is fit", tt.code)
		}
	}
	b, _ := open(t, func(o *Options) { o.Endpoint = "http://127.0.0.1:1" })
	err := put(t.Context(), b, "x.csv", "x")
	var told *athena.Error
	if !errors.As(err, &told) || !strings.Contains(told.Error(), "the store does not answer") || strings.Contains(told.Error(), "127.0.0.1") {
		t.Errorf("away: %v", err)
	}
}

func TestLimits(t *testing.T) {
	b, s := open(t, nil)
	if err := b.Put(t.Context(), "x.csv", strings.NewReader(""), putBytesMax+1); !errors.Is(err, athena.ErrTooBig) || s.asked != 0 {
		t.Errorf("too big: %v, %d requests", err, s.asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := put(ctx, b, "x.csv", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	for _, o := range []Options{{Region: "r"}, {Bucket: "b"}, {Bucket: "b", Region: "r", CAFile: "/nowhere"}, {Bucket: "b", Region: "r", CredentialsFile: "/nowhere"}} {
		if _, err := Open(t.Context(), o); err == nil {
			t.Errorf("taken: %+v", o)
		}
	}
}
