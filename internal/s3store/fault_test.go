package s3store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// TestFaultB45Unreachable: a name that does not resolve, a port that nobody listens
// on and a certificate that has expired are errors that say so, soon.
func TestFaultB45Unreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	expired, ca := serveExpired(t)
	for name, test := range map[string]struct{ endpoint, ca, says string }{
		"no such name": {"http://bucket.invalid", "", "lookup bucket.invalid"},
		"nobody there": {"http://" + closed.Addr().String(), "", "connection refused"},
		"expired":      {expired, ca, "certificate has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := s3store.Open(t.Context(), s3store.Config{
				Endpoint: test.endpoint, Region: "us-east-1", Bucket: "bucket", PathStyle: true, CAFile: test.ca,
				CredentialsFile: credentialsFile(t, "key-1"), Timeout: 10 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			_, err = store.Put(t.Context(), objecttest.NewPut("k", []byte("x")))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
			if took := time.Since(begun); took > 40*time.Second { // three tries
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestFaultB38Secret: the access key stays and its secret changes, in the file and
// at the store. A minute later requests are signed with it.
func TestFaultB38Secret(t *testing.T) {
	_, cfg := s3test.Embedded(t).Bucket(t)
	var minutes atomic.Int64
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(minutes.Load()) * time.Minute) }
	good, err := os.ReadFile(cfg.CredentialsFile)
	if err != nil {
		t.Fatal(err)
	}
	store, err := s3store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(string(good), "aws_secret_access_key = ", "aws_secret_access_key = old", 1)
	for i, content := range []string{string(good), wrong, string(good)} {
		if err := os.WriteFile(cfg.CredentialsFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := store.Head(t.Context(), "k", "")
		if right := content != wrong; right != errors.Is(err, object.ErrNotFound) {
			t.Errorf("request %d, with the right secret: %v: %v", i, right, err)
		}
		minutes.Add(1)
	}
}

// serveExpired serves with a certificate that was valid until yesterday, and
// returns a file with it as authority.
func serveExpired(t *testing.T) (endpoint, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.AddDate(0, 0, -2), NotAfter: now.AddDate(0, 0, -1),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, ca
}
