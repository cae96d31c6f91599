package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/testenv/minio"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// roles is an archive on MinIO with one user for each role, whose only policy is the
// one that `archiver policy` prints.
type roles struct {
	*site
	bucket string
	root   s3test.Server
}

func newRoles(t *testing.T) *roles {
	t.Helper()
	srv := minio.Start(t)
	r := &roles{bucket: "roles", root: s3test.Server{Endpoint: srv.Endpoint, Region: minio.Region, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey}}
	r.site = newSite(t, &dev{S3: srv.Endpoint, Credentials: "credentials"}, r.bucket, "127.0.0.1:0", "  ship_interval: 1s\n")
	r.become(t, r.root)
	r.init(t)
	return r
}

// become changes whose credentials the configuration names.
func (r *roles) become(t *testing.T, who s3test.Server) {
	t.Helper()
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", who.AccessKey, who.SecretKey)
	if err := os.WriteFile(filepath.Join(r.dir, "credentials"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// as makes a user of a role, and becomes it.
func (r *roles) as(t *testing.T, role string, more ...string) (*miniogo.Client, s3test.Server) {
	t.Helper()
	r.become(t, r.root)
	policy := run(t, exitOK, append([]string{"policy", "--config", r.config, "--for", role}, more...)...).out
	user := r.root.User(t, []byte(policy))
	r.become(t, user)
	return user.Client(t), user
}

// refused demands that each of these is answered with AccessDenied.
func refused(t *testing.T, who string, tries map[string]func(context.Context) error) {
	t.Helper()
	for what, try := range tries {
		err := try(t.Context())
		if miniogo.ToErrorResponse(err).Code != "AccessDenied" {
			t.Errorf("%s may %s: %v", who, what, err)
		}
	}
}

// locked puts an object as a careful attacker would: locked, like ours.
func locked(client *miniogo.Client, bucket, key string, body []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := client.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)), miniogo.PutObjectOptions{
			ContentType: "application/vnd.apache.parquet", Mode: miniogo.Compliance,
			RetainUntilDate: time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second), SendContentMd5: true})
		return err
	}
}

// destroys is everything that would take evidence away.
func destroys(s s3test.Server, t *testing.T, bucket string, o stored) map[string]func(context.Context) error {
	attack, client := s.Attack(t, bucket), s.Client(t)
	off := miniogo.LegalHoldDisabled
	return map[string]func(context.Context) error{
		"hide an object":       func(ctx context.Context) error { return attack.Hide(ctx, o.key) },
		"delete a version":     func(ctx context.Context) error { return attack.DeleteVersion(ctx, o.key, o.version, false) },
		"delete with a bypass": func(ctx context.Context) error { return attack.DeleteVersion(ctx, o.key, o.version, true) },
		"lift a hold": func(ctx context.Context) error {
			return client.PutObjectLegalHold(ctx, bucket, o.key, miniogo.PutObjectLegalHoldOptions{VersionID: o.version, Status: &off})
		},
		"suspend versioning":       func(ctx context.Context) error { return client.SuspendVersioning(ctx, bucket) },
		"let objects expire":       func(ctx context.Context) error { return client.SetBucketLifecycle(ctx, bucket, expireAll()) },
		"change the bucket policy": func(ctx context.Context) error { return client.SetBucketPolicy(ctx, bucket, "") },
		"upload without a lock": func(ctx context.Context) error {
			_, err := attack.PutUnlocked(ctx, strings.Replace(o.key, ".parquet", "-2.parquet", 1), []byte("x"))
			return err
		},
		"put what no archive has": locked(client, bucket, "team/audit/other/key", []byte("x")),
		"put outside the prefix":  locked(client, bucket, "elsewhere", []byte("x")),
	}
}

func expireAll() *lifecycle.Configuration {
	c := lifecycle.NewConfiguration()
	c.Rules = []lifecycle.Rule{{ID: "gone", Status: "Enabled", Expiration: lifecycle.Expiration{Days: 1}}}
	return c
}

// verifyReport is what verify --json prints, as far as we look.
type verifyReport struct {
	Result   string
	Findings []struct{ Kind, Key string }
}

func (r *roles) verify(t *testing.T, code int) (got verifyReport) {
	t.Helper()
	run(t, code, "verify", "--config", r.config, "--levels", "0-3", "--state", "none", "--json").decode(t, &got)
	return got
}

// TestRolesOnMinIO: the policies let each role do its work with the real program, and
// nothing that takes evidence away. What MinIO cannot forbid, verify finds.
func TestRolesOnMinIO(t *testing.T) {
	r := newRoles(t)

	writer, writing := r.as(t, "writer")
	d := startServe(t, r.config)
	d.stored(t, some(5)...)
	d.waitArchived(t)
	d.stop(t)
	var report doctorReport
	run(t, exitOK, "doctor", "--config", r.config, "--json").decode(t, &report)
	for _, c := range report.Checks {
		if c.Level != "info" && c.Result == "fail" && c.Name != "fsync-latency" && c.Name != "local-disk" {
			t.Errorf("doctor of the writer: %s: %s", c.Name, c.Seen)
		}
	}
	data := objects(t, writer, r.bucket, "team/audit/events/")
	if len(data) == 0 || len(objects(t, writer, r.bucket, "team/audit/wal/")) == 0 {
		t.Fatalf("the writer wrote %d data files, and these copies of its log: %v", len(data), objects(t, writer, r.bucket, "team/audit/wal/"))
	}
	refused(t, "the writer", destroys(writing, t, r.bucket, data[0]))
	attack := writing.Attack(t, r.bucket)
	for mode, until := range map[object.Mode]time.Time{
		object.Compliance: time.Now().Add(time.Hour), object.Governance: time.Now().AddDate(1, 0, 0),
	} {
		if err := attack.Relock(t.Context(), data[0].key, data[0].version, mode, until, true); err == nil {
			t.Errorf("the writer may relock with %s until %s", mode, until)
		}
	}
	if err := attack.Relock(t.Context(), data[0].key, data[0].version, object.Compliance, time.Now().AddDate(90, 0, 0), false); miniogo.ToErrorResponse(err).Code != "AccessDenied" {
		t.Errorf("the writer may lock for a century: %v", err)
	}

	verifier, verifying := r.as(t, "verifier")
	if got := r.verify(t, exitOK); len(got.Findings) > 0 {
		t.Errorf("verify before any attack: %+v", got)
	}
	refused(t, "the verifier", destroys(verifying, t, r.bucket, data[0]))
	refused(t, "the verifier", map[string]func(context.Context) error{"write": locked(verifier, r.bucket, "team/audit/attest/x", []byte("x"))})

	reader, reading := r.as(t, "reader")
	if got := run(t, exitOK, "query", "--config", r.config, "--format", "csv", countSQL); !strings.Contains(got.out, "5") {
		t.Errorf("the reader counts %q", got.out)
	}
	refused(t, "the reader", destroys(reading, t, r.bucket, data[0]))
	refused(t, "the reader", map[string]func(context.Context) error{"write": locked(reader, r.bucket, data[0].key, []byte("x"))})

	r.officerHolds(t, data[0])
	r.breakGlass(t, data[0])

	// MinIO has no condition for If-None-Match: the writer can put over what it wrote.
	r.become(t, writing)
	if err := locked(writer, r.bucket, data[0].key, read(t, writer, r.bucket, data[0])[:100])(t.Context()); err != nil {
		t.Fatalf("put over a data file: %v", err)
	}
	r.become(t, verifying)
	got := r.verify(t, exitViolation)
	if len(got.Findings) != 1 || got.Findings[0].Kind != "replaced" || got.Findings[0].Key != data[0].key {
		t.Errorf("verify after a replacement: %+v", got)
	}
}

// officerHolds: a hold is put and lifted by one person, who can do nothing else.
func (r *roles) officerHolds(t *testing.T, o stored) {
	officer, holding := r.as(t, "hold-officer")
	for _, status := range []miniogo.LegalHoldStatus{miniogo.LegalHoldEnabled, miniogo.LegalHoldDisabled} {
		if err := officer.PutObjectLegalHold(t.Context(), r.bucket, o.key, miniogo.PutObjectLegalHoldOptions{VersionID: o.version, Status: &status}); err != nil {
			t.Errorf("the officer sets a hold to %s: %v", status, err)
		}
	}
	tries := destroys(holding, t, r.bucket, o)
	delete(tries, "lift a hold")
	refused(t, "the hold officer", tries)
}

// breakGlass mends what somebody did, and cannot take away what is locked.
func (r *roles) breakGlass(t *testing.T, o stored) {
	client, breaking := r.as(t, "break-glass")
	attack := breaking.Attack(t, r.bucket)
	if err := attack.Hide(t.Context(), o.key); err != nil {
		t.Fatalf("break-glass puts a marker: %v", err)
	}
	for _, v := range objects(t, client, r.bucket, o.key) {
		if v.version != o.version {
			if err := attack.DeleteVersion(t.Context(), o.key, v.version, false); err != nil {
				t.Errorf("break-glass removes the marker: %v", err)
			}
		}
	}
	for _, bypass := range []bool{false, true} {
		if err := attack.DeleteVersion(t.Context(), o.key, o.version, bypass); err == nil {
			t.Errorf("break-glass deletes a locked version (bypass %v)", bypass)
		}
	}
	off := miniogo.LegalHoldDisabled
	refused(t, "break-glass", map[string]func(context.Context) error{"lift a hold": func(ctx context.Context) error {
		return client.PutObjectLegalHold(ctx, r.bucket, o.key, miniogo.PutObjectLegalHoldOptions{VersionID: o.version, Status: &off})
	}})
}

// TestInitTriesThePolicy: no store of ours holds its root account to a bucket policy,
// so init leaves none behind that somebody could rely on.
func TestInitTriesThePolicy(t *testing.T) {
	r := newRoles(t)
	if policy, err := r.root.Client(t).GetBucketPolicy(t.Context(), r.bucket); err != nil || policy != "" {
		t.Errorf("MinIO: policy %q, %v", policy, err)
	}
	s3 := startDev(t, t.TempDir())
	for _, test := range []struct {
		bucket string
		args   []string
		want   string
	}{
		{"tried", nil, "unsupported"},
		{"not-tried", []string{"--no-policy"}, "not_asked"},
	} {
		s := newSite(t, s3, test.bucket, "127.0.0.1:0", "")
		var made struct{ Policy string }
		run(t, exitOK, append([]string{"init", "--config", s.config, "--json"}, test.args...)...).decode(t, &made)
		if made.Policy != test.want {
			t.Errorf("init %q: policy %q, want %q", test.args, made.Policy, test.want)
		}
		run(t, exitUsage, "policy", "--config", s.config, "--for", "bucket").wants(t, "anonymous")
		var doc struct{ Statement []any }
		out := run(t, exitOK, "policy", "--config", s.config, "--for", "bucket", "--store", "aws").out
		if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Statement) == 0 {
			t.Errorf("policy: %v\n%s", err, out)
		}
		run(t, exitUsage, "policy", "--config", s.config, "--for", "nobody").wants(t, "hold-officer")
		run(t, exitUsage, "policy", "--config", s.config).wants(t, "--for")
	}
	s3.stop(t)
}
