package s3store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// What is announced wrongly is the only thing that is wrong with the request.
func TestAttemptRequest(t *testing.T) {
	server := serve(t, ok)
	p := s3store.Prober{Store: server.store(t, nil)}
	_, err := p.Try(t.Context(), s3store.Attempt{Key: "k", Body: []byte("content"), SHA256: sha256.Sum256([]byte("other"))})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("content"))
	for name, want := range map[string]string{
		"X-Amz-Checksum-Sha256": sumOf("other"), "X-Amz-Content-Sha256": hex.EncodeToString(sum[:]),
		"If-None-Match": "", "X-Amz-Object-Lock-Mode": "", "X-Amz-Object-Lock-Retain-Until-Date": "",
	} {
		if got := server.heads[0].Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// What an answer says decides whether a lock held, so each kind is told apart.
func TestAnswersToAnAttempt(t *testing.T) {
	for _, test := range []struct {
		name                            string
		step                            step
		refused, denied, noLock, exists bool
	}{
		{"denied", fail(http.StatusForbidden, "AccessDenied"), true, true, false, false},
		{"worm", fail(http.StatusBadRequest, "InvalidRequest"), true, false, true, false},
		{"exists", fail(http.StatusPreconditionFailed, "PreconditionFailed"), true, false, false, true},
		{"checksum", fail(http.StatusBadRequest, "BadDigest"), true, false, false, false},
		{"no such feature", fail(http.StatusNotImplemented, "NotImplemented"), false, false, true, false},
		{"a key that is disabled", fail(http.StatusBadRequest, "KMS.DisabledException"), false, false, false, false},
		{"expired credentials", fail(http.StatusForbidden, "ExpiredToken"), false, false, false, false},
		{"a wrong clock", fail(http.StatusForbidden, "RequestTimeTooSkewed"), false, false, false, false},
		{"a lost race", fail(http.StatusConflict, "ConditionalRequestConflict"), false, false, false, false},
		{"throttled", fail(http.StatusServiceUnavailable, "SlowDown"), false, false, false, false},
		{"broken", fail(http.StatusInternalServerError, "InternalError"), false, false, false, false},
		{"no bucket", fail(http.StatusNotFound, "NoSuchBucket"), false, false, false, false},
		{"no answer", drop, false, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := s3store.Prober{Store: serve(t, test.step).store(t, func(c *s3store.Config) { c.Timeout = 2 * time.Second })}
			_, err := p.Try(t.Context(), s3store.Attempt{Key: "k", Body: []byte("x"), IfNoneMatch: true})
			if err == nil || !strings.HasPrefix(err.Error(), "put k: ") {
				t.Fatalf("error %v", err)
			}
			for what, got := range map[string][2]bool{
				"refused": {s3store.Refused(err), test.refused}, "denied": {s3store.Denied(err), test.denied},
				"no lock": {s3store.NoLock(err), test.noLock}, "exists": {errors.Is(err, object.ErrExists), test.exists},
			} {
				if got[0] != got[1] {
					t.Errorf("%s: %v, want %v (%v)", what, got[0], got[1], err)
				}
			}
		})
	}
}
