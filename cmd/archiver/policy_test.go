package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/policy"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// TestPartition: an ARN of another partition names nothing, and a policy with one is
// refused by AWS.
func TestPartition(t *testing.T) {
	for _, tt := range []struct{ region, endpoint, want string }{
		{"eu-central-1", "", "arn:aws:s3:::audit/"},
		{"us-gov-west-1", "", "arn:aws-us-gov:s3:::audit/"},
		{"cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn", "arn:aws-cn:s3:::audit/"},
		{"eusc-de-east-1", "", "arn:aws-eusc:s3:::audit/"},
		{"cn-north-1", "https://minio.example.com", "arn:aws:s3:::audit/"},
	} {
		c := config.Default()
		c.S3.Bucket, c.S3.Region, c.S3.Endpoint = "audit", tt.region, tt.endpoint
		d, err := policy.Make(policy.Writer, policyOptions(c, []ledger.Class{{Name: "standard", Days: 365}}, policyFlags{}))
		if err != nil {
			t.Fatal(err)
		}
		if raw := string(d.JSON()); !strings.Contains(raw, tt.want) {
			t.Errorf("%s %s: no %s in %s", tt.region, tt.endpoint, tt.want, raw)
		}
	}
}

// TestEvaluatesLocksNothing: what init tries is not locked by the bucket's default
// retention, which may be for years.
func TestEvaluatesLocksNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		lock s3store.Setting[s3store.LockSetting]
		want string
	}{
		"no default": {s3store.Setting[s3store.LockSetting]{State: s3store.SettingKnown, Value: s3store.LockSetting{Enabled: true}}, ""},
		"default":    {s3store.Setting[s3store.LockSetting]{State: s3store.SettingKnown, Value: s3store.LockSetting{Enabled: true, DefaultMode: object.Compliance, Default: 10, Years: true}}, "GOVERNANCE"},
		"not known":  {s3store.Setting[s3store.LockSetting]{State: s3store.SettingUnknown}, "GOVERNANCE"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := "nothing was put"
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Header.Get("X-Amz-Object-Lock-Mode")
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>by policy</Message></Error>")
			}))
			defer server.Close()
			c, store := storeAt(t, server.URL)
			counts, err := evaluates(t.Context(), c, store, tt.lock, time.Second)
			if err != nil || !counts {
				t.Errorf("evaluated: %v, %v", counts, err)
			}
			if asked != tt.want {
				t.Errorf("asked for lock %q, want %q", asked, tt.want)
			}
		})
	}
}

// TestUnprovedPolicy: a store that refuses an upload without a lock in any case, and does
// nothing about policies, must not make init say that one is in force.
func TestUnprovedPolicy(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		status, code := http.StatusNotImplemented, "NotImplemented"
		_, about := r.URL.Query()["policy"]
		switch {
		case about && r.Method == http.MethodGet:
			status, code = http.StatusNotFound, "NoSuchBucketPolicy"
		case about:
			asked++
			w.WriteHeader(http.StatusNoContent)
			return
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/probe/"):
			status, code = http.StatusForbidden, "AccessDenied"
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>so it is</Message></Error>", code)
	}))
	defer server.Close()
	c, store := storeAt(t, server.URL)
	c.Retention.Classes = []config.Class{{Name: "standard", Days: 365}}
	state, err := applyPolicy(t.Context(), c, store, "", "")
	if err != nil || state != policyUnproved || asked > 0 {
		t.Errorf("init says %q, %v, and has changed the policy %d times", state, err, asked)
	}
}

// storeAt is a bucket at that address.
func storeAt(t *testing.T, url string) (config.Config, s3store.Prober) {
	t.Helper()
	c := config.Default()
	c.S3.Endpoint, c.S3.Bucket, c.S3.PathStyle = url, "audit", true
	c.S3.CredentialsFile = write(t, "credentials", "[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
	store, err := openStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return c, s3store.Prober{Store: store}
}
