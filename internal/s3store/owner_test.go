package s3store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// ownerCall is something that the store is asked for, and the requests that it makes of it.
type ownerCall struct {
	name  string
	steps []step
	call  func(context.Context, *s3store.Store) error
	sends []string
}

// TestFaultB46Owner: every kind of request names the account that must own the bucket,
// and signs that: whoever takes over the name of a deleted bucket is asked for nothing
// and given nothing. Only who makes a bucket has nobody to name.
func TestFaultB46Owner(t *testing.T) {
	const owner, header = "123456789012", "X-Amz-Expected-Bucket-Owner"
	sent := make(map[string]bool)
	for _, test := range ownerCalls() {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, test.steps...)
			store := server.store(t, func(c *s3store.Config) { c.ExpectedBucketOwner = owner })
			if err := test.call(t.Context(), store); err != nil {
				t.Error(err)
			}
			if got := server.requests(); got != len(test.sends) {
				t.Fatalf("%d requests %q, want %q", got, server.paths, test.sends)
			}
			for i, operation := range test.sends {
				sent[operation] = true
				want := owner
				if operation == "CreateBucket" {
					want = ""
				}
				if got := server.heads[i].Get(header); got != want {
					t.Errorf("%s (%s) names %q, want %q", operation, server.paths[i], got, want)
				}
				signed := server.heads[i].Get("Authorization")
				if strings.Contains(signed, strings.ToLower(header)) != (want != "") {
					t.Errorf("%s signs %s", operation, signed)
				}
			}
		})
	}
	for _, operation := range operations(t) {
		if !sent[operation] {
			t.Errorf("the store can send %s, and nobody has looked at it", operation)
		}
	}
}

func ownerCalls() []ownerCall {
	absent := fail(http.StatusNotFound, "NoSuchKey")
	return []ownerCall{
		{"put", []step{ok}, func(ctx context.Context, s *s3store.Store) error {
			_, err := s.Put(ctx, objecttest.NewPut("k", []byte("x")))
			return err
		}, []string{"PutObject"}},
		{"head of what is not there", []step{absent, ok}, func(ctx context.Context, s *s3store.Store) error {
			_, err := s.Head(ctx, "k", "v")
			return unless(err, object.ErrNotFound)
		}, []string{"HeadObject", "HeadBucket"}},
		{"get what is not there", []step{absent, ok}, func(ctx context.Context, s *s3store.Store) error {
			_, err := s.Get(ctx, "k", "v")
			return unless(err, object.ErrNotFound)
		}, []string{"GetObject", "HeadBucket"}},
		{"list", []step{
			answer(listHead + `<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker></ListVersionsResult>`),
			answer(listHead + `</ListVersionsResult>`),
		}, func(ctx context.Context, s *s3store.Store) error {
			for _, err := range s.Versions(ctx, "") {
				return err
			}
			return nil
		}, []string{"ListObjectVersions", "ListObjectVersions"}},
		{"retention", []step{answer("<Retention/>")}, func(ctx context.Context, s *s3store.Store) error {
			_, err := s.Unlocked(ctx, "k", "v")
			return err
		}, []string{"GetObjectRetention"}},
		{"extend", []step{ok}, func(ctx context.Context, s *s3store.Store) error {
			return s.Extend(ctx, "k", "v", time.Now().Add(time.Hour))
		}, []string{"PutObjectRetention"}},
		{"settings", []step{answer("")}, func(ctx context.Context, s *s3store.Store) error {
			s.Settings(ctx)
			return nil
		}, []string{
			"HeadBucket", "GetBucketVersioning", "GetObjectLockConfiguration", "GetBucketLifecycleConfiguration",
			"GetPublicAccessBlock", "GetBucketEncryption", "GetBucketPolicy", "GetBucketReplication",
		}},
		{"create", []step{
			absent, ok, ok, // head, create, block
			ok, answer(`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`),
			answer(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`), ok,
		}, func(ctx context.Context, s *s3store.Store) error {
			_, err := s.CreateBucket(ctx, s3store.CreateOptions{})
			return err
		}, []string{
			"HeadBucket", "CreateBucket", "PutPublicAccessBlock",
			"HeadBucket", "GetBucketVersioning", "GetObjectLockConfiguration", "GetPublicAccessBlock",
		}},
		{"mend", []step{ok}, mendOnce, []string{"PutObject", "DeleteObject"}},
		{"probe", []step{ok}, probeAll, []string{
			"HeadBucket", "PutObject", "DeleteObject", "PutObjectRetention", "PutObjectLegalHold",
			"PutBucketVersioning", "PutBucketPolicy", "DeleteBucketPolicy",
		}},
	}
}

func mendOnce(ctx context.Context, s *s3store.Store) error {
	m := s3store.Mender{Store: s}
	_, err := m.PutOver(ctx, objecttest.NewPut("k", []byte("x")))
	return errors.Join(err, m.Remove(ctx, "k", "v"))
}

func probeAll(ctx context.Context, s *s3store.Store) error {
	p := s3store.Prober{Store: s}
	reach := p.Reach(ctx)
	_, try := p.Try(ctx, s3store.Attempt{Key: "k", Body: []byte("x")})
	_, remove := p.Delete(ctx, "k", "v", true)
	return errors.Join(reach, try, remove, p.Relock(ctx, "k", "v", object.Compliance, time.Now().Add(time.Hour), true),
		p.ReleaseHold(ctx, "k", "v"), p.KeepVersioning(ctx), p.SetPolicy(ctx, "{}"), p.RemovePolicy(ctx))
}

// unless is nil for the error that was to come.
func unless(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("got %w, want %w", err, want)
}

// operations are those that the source of the store asks its client for.
func operations(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\bclient\.([A-Z]\w+)\(`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllSubmatch(raw, -1) {
			names = append(names, string(m[1]))
		}
	}
	if len(names) < 21 {
		t.Fatalf("found only %q in the source", names)
	}
	return names
}
