package kms

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/audit-archiver/archiver/testenv/cloudwatch"
)

func credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// TestMoto signs with a KMS that is not ours.
func TestMoto(t *testing.T) {
	url := cloudwatch.StartMoto(t)
	credentials(t)
	client, err := newClient(t.Context(), Config{Region: "eu-central-1", Endpoint: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	create := func(spec kmstypes.KeySpec, usage kmstypes.KeyUsageType) *kmstypes.KeyMetadata {
		made, err := client.CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
		if err != nil {
			t.Fatal(err)
		}
		return made.KeyMetadata
	}
	made := create(kmstypes.KeySpecEccNistP256, kmstypes.KeyUsageTypeSignVerify)
	digest := sha256.Sum256([]byte("text"))
	for _, name := range []string{*made.KeyId, *made.Arn} {
		k, err := Open(t.Context(), Config{Key: name, Region: "eu-central-1", Endpoint: url})
		if err != nil {
			t.Fatal(err)
		}
		sig, err := k.Sign(nil, digest[:], crypto.SHA256)
		if err != nil || !ecdsa.VerifyASN1(k.Public().(*ecdsa.PublicKey), digest[:], sig) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := k.Sign(nil, digest[:20], crypto.SHA1); err == nil {
			t.Error("signed a SHA-1")
		}
	}
	for name, wrong := range map[string]*kmstypes.KeyMetadata{
		"P-384": create(kmstypes.KeySpecEccNistP384, kmstypes.KeyUsageTypeSignVerify),
		"RSA":   create(kmstypes.KeySpecRsa2048, kmstypes.KeyUsageTypeSignVerify),
	} {
		if _, err := Open(t.Context(), Config{Key: *wrong.Arn, Endpoint: url}); err == nil || !strings.Contains(err.Error(), "ECC_NIST_P256") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), Config{Key: "none", Region: "eu-central-1", Endpoint: url}); err == nil || !strings.Contains(err.Error(), "KMS key none: get public key") {
		t.Errorf("no such key: %v", err)
	}
}

// service answers Sign and GetPublicKey with a key of its own, when it answers.
type service struct {
	*httptest.Server
	key    *ecdsa.PrivateKey
	answer func(w http.ResponseWriter) (done bool) // nil: all is well
	calls  int
}

func newService(t *testing.T) *service {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{key: key}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if s.answer != nil && s.answer(w) {
			return
		}
		if err := s.serve(w, r.Header.Get("X-Amz-Target"), body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) serve(w io.Writer, target string, body []byte) error {
	var in struct{ Message, MessageType, SigningAlgorithm string }
	if err := json.Unmarshal(body, &in); err != nil {
		return err
	}
	if target == "TrentService.GetPublicKey" {
		der, err := x509.MarshalPKIXPublicKey(s.key.Public())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","PublicKey":%q}`, base64.StdEncoding.EncodeToString(der))
		return err
	}
	digest, err := base64.StdEncoding.DecodeString(in.Message)
	if err != nil || in.MessageType != "DIGEST" || in.SigningAlgorithm != "ECDSA_SHA_256" {
		return fmt.Errorf("%s %s: %w", target, body, err)
	}
	sig, err := s.key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `{"Signature":%q}`, base64.StdEncoding.EncodeToString(sig))
	return err
}

// TestKnownKeyAsksNothing: a server starts while KMS is away.
func TestKnownKeyAsksNothing(t *testing.T) {
	credentials(t)
	s := newService(t)
	k, err := Open(t.Context(), Config{Key: "k", Region: "r", Endpoint: s.URL, Public: &s.key.PublicKey})
	if err != nil || s.calls != 0 {
		t.Fatalf("%d requests, %v", s.calls, err)
	}
	digest := sha256.Sum256([]byte("text"))
	if sig, err := k.Sign(nil, digest[:], crypto.SHA256); err != nil || !ecdsa.VerifyASN1(&s.key.PublicKey, digest[:], sig) {
		t.Errorf("sign: %v", err)
	}
}

// TestOutage: each call ends, with an error that names the key, and the next one
// may work.
func TestOutage(t *testing.T) {
	credentials(t)
	fault := func(status int, code string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"__type":%q,"message":"because"}`, code)
			return true
		}
	}
	for name, f := range map[string]func(http.ResponseWriter) bool{
		"disabled": fault(400, "DisabledException"),
		"denied":   fault(400, "AccessDeniedException"),
		"internal": fault(500, "KMSInternalException"),
		"hangs":    nil,
		"garbage":  func(w http.ResponseWriter) bool { _, _ = w.Write([]byte("<html>")); return true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			k, err := Open(t.Context(), Config{Key: "the-key", Region: "r", Endpoint: s.URL, Timeout: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if s.answer = f; f == nil {
				hang := make(chan struct{})
				s.answer = func(http.ResponseWriter) bool { <-hang; return true }
				t.Cleanup(func() { close(hang) }) // before the server waits for it
			}
			digest, begun := sha256.Sum256([]byte("text")), time.Now()
			if sig, err := k.Sign(nil, digest[:], crypto.SHA256); err == nil || !strings.Contains(err.Error(), "KMS key the-key: sign: ") {
				t.Errorf("signed %x, %v", sig, err)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if f == nil {
				return
			}
			s.answer = nil
			if _, err := k.Sign(nil, digest[:], crypto.SHA256); err != nil {
				t.Errorf("after the outage: %v", err)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	err := Config{Endpoint: "ftp://x", Timeout: -1}.Validate()
	for _, want := range []string{"key: ", "region: ", "endpoint: ", "timeout: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	for key, want := range map[string]string{
		"arn:aws:kms:eu-central-1:111122223333:key/x":         "eu-central-1",
		"arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias": "us-gov-west-1",
		"arn:aws:s3:eu-central-1:1:x":                         "",
		"0a1b2c3d":                                            "", "alias/x": "", "arn:aws:kms": "",
	} {
		if got := RegionOf(key); got != want {
			t.Errorf("region of %s is %q, want %q", key, got, want)
		}
	}
	if _, err := Open(context.Background(), Config{Key: "k", Region: "r", CredentialsFile: "/none"}); err == nil || errors.Is(err, context.Canceled) || !bytes.Contains([]byte(err.Error()), []byte("/none")) {
		t.Errorf("no credentials file: %v", err)
	}
}
