package s3store_test

import (
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
)

func TestValidateReportsEverything(t *testing.T) {
	err := s3store.Config{Endpoint: "localhost:9000", Timeout: -1, PageSize: 1001}.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"bucket", "region", "endpoint", "timeout", "page size"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("[default]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*s3store.Config)
		want   string
	}{
		{"no such credentials file", func(c *s3store.Config) { c.CredentialsFile = "/nowhere" }, "no such file"},
		{"no key in it", func(c *s3store.Config) { c.CredentialsFile = empty }, "no access key"},
		{"no such profile", func(c *s3store.Config) { c.Profile = "other" }, "other"},
		{"no such CA file", func(c *s3store.Config) { c.CAFile = "/nowhere" }, "no such file"},
		{"no certificate in it", func(c *s3store.Config) { c.CAFile = empty }, "no certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := s3store.Config{Region: "us-east-1", Bucket: "b", CredentialsFile: credentialsFile(t, "key")}
			test.change(&cfg)
			_, err := s3store.Open(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
}

// Keys can be rotated under a running process, and the environment does not win
// over a file that was named.
func TestCredentialsAreReadAgain(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	server := serve(t, ok)
	file := credentialsFile(t, "key-1")
	var minutes atomic.Int64
	store := server.store(t, func(c *s3store.Config) {
		c.CredentialsFile = file
		c.Now = func() time.Time { return time.Now().Add(time.Duration(minutes.Load()) * time.Minute) }
	})
	for _, key := range []string{"key-1", "key-2"} {
		writeCredentials(t, file, key)
		if _, err := store.Put(t.Context(), objecttest.NewPut("k", []byte("x"))); err != nil {
			t.Fatal(err)
		}
		auth := server.heads[len(server.heads)-1].Get("Authorization")
		if !strings.Contains(auth, "Credential="+key+"/") {
			t.Errorf("signed with %s, want %s", auth, key)
		}
		minutes.Add(1)
	}
}

func TestCAFile(t *testing.T) {
	p := objecttest.NewPut("k", []byte("x"))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The SDK's own choice over TLS is to leave the content unsigned.
		if got, want := r.Header.Get("X-Amz-Content-Sha256"), hex.EncodeToString(p.SHA256[:]); got != want {
			t.Errorf("signed for content %q, want %q", got, want)
		}
		ok(w, r)
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := s3store.Config{
		Endpoint: server.URL, Region: "us-east-1", Bucket: "b", PathStyle: true,
		CredentialsFile: credentialsFile(t, "key"),
	}
	for _, trusted := range []bool{false, true} {
		if trusted {
			cfg.CAFile = ca
		}
		store, err := s3store.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Put(t.Context(), p)
		if (err == nil) != trusted {
			t.Errorf("trusted %v: %v", trusted, err)
		}
	}
}
