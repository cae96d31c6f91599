package s3store_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestBucketEmbedded(t *testing.T) { bucket(t, s3test.Embedded(t)) }

func TestBucketMinIO(t *testing.T) { bucket(t, s3test.MinIO(t)) }

func bucket(t *testing.T, server s3test.Server) {
	ctx := t.Context()
	cfg := server.Config(t)
	store, err := s3store.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := store.CheckBucket(ctx); err != nil || state.Exists {
		t.Fatalf("before: %+v, %v", state, err)
	}
	want := s3store.BucketState{
		Exists: true, Versioning: true, ObjectLock: true, PublicAccess: s3store.PublicAccessUnsupported,
	}
	state, err := store.CreateBucket(ctx, s3store.CreateOptions{})
	if err != nil || state != want {
		t.Fatalf("create: %+v, %v, want %+v", state, err, want)
	}
	if _, err := store.CreateBucket(ctx, s3store.CreateOptions{}); !errors.Is(err, s3store.ErrBucketExists) {
		t.Errorf("create again: %v, want %v", err, s3store.ErrBucketExists)
	}
	if state, err := store.CreateBucket(ctx, s3store.CreateOptions{UseExisting: true}); err != nil || state != want {
		t.Errorf("use the existing one: %+v, %v", state, err)
	}

	mode, days, unit := miniogo.Compliance, uint(3), miniogo.Days
	client := server.Client(t)
	if err := client.SetBucketObjectLockConfig(ctx, cfg.Bucket, &mode, &days, &unit); err != nil {
		t.Fatal(err)
	}
	want.DefaultMode, want.DefaultDays = object.Compliance, 3
	if state, err := store.CheckBucket(ctx); err != nil || state != want {
		t.Errorf("with a default retention: %+v, %v, want %+v", state, err, want)
	}

	plain := server.Config(t)
	if err := client.MakeBucket(ctx, plain.Bucket, miniogo.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	store, err = s3store.Open(ctx, plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range []bool{false, true} {
		_, err := store.CreateBucket(ctx, s3store.CreateOptions{UseExisting: use})
		if !errors.Is(err, s3store.ErrBucketExists) || !strings.Contains(err.Error(), "without Object Lock") {
			t.Errorf("a bucket without Object Lock, use it %v: %v", use, err)
		}
	}
	if lock, _, _, _, err := client.GetObjectLockConfig(ctx, plain.Bucket); err == nil && lock == "Enabled" {
		t.Error("a bucket that was there has been changed")
	}
}

// Amazon has what the two servers of the tests lack.
func TestCreateBucketBlocksPublicAccess(t *testing.T) {
	blocked := answer(`<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>
		<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>
		<RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`)
	server := serve(t,
		fail(http.StatusNotFound, ""), answer(""), answer(""), // head, create, block
		answer(""), // head
		answer(`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`),
		answer(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`),
		blocked)
	store := server.store(t, func(c *s3store.Config) { c.Region = "eu-central-1" })
	state, err := store.CreateBucket(t.Context(), s3store.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if state.PublicAccess != s3store.PublicAccessBlocked {
		t.Errorf("state %+v", state)
	}
	if got := server.heads[1].Get("X-Amz-Bucket-Object-Lock-Enabled"); got != "true" {
		t.Errorf("created with Object Lock %q", got)
	}
	if body := string(server.bodies[1]); !strings.Contains(body, "<LocationConstraint>eu-central-1<") {
		t.Errorf("created with %s", body)
	}
	if got := server.paths[2]; got != "PUT /bucket?publicAccessBlock=" {
		t.Errorf("third request %q", got)
	}
	if body := string(server.bodies[2]); strings.Count(body, ">true<") != 4 {
		t.Errorf("blocked with %s", body)
	}
}

// A store that ignores what it does not know must not pass for a WORM store.
func TestCreateBucketWithoutLockIsAnError(t *testing.T) {
	server := serve(t,
		fail(http.StatusNotFound, ""), answer(""), fail(http.StatusNotImplemented, "NotImplemented"),
		answer(""), answer(`<VersioningConfiguration/>`),
		fail(http.StatusNotFound, "ObjectLockConfigurationNotFoundError"),
		fail(http.StatusNotImplemented, "NotImplemented"))
	_, err := server.store(t, nil).CreateBucket(t.Context(), s3store.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "without Object Lock") {
		t.Errorf("error %v", err)
	}
}
