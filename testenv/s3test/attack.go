package s3test

import (
	"bytes"
	"context"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
)

// Attack is the root account of the server with another vendor's client.
func (s Server) Attack(t testing.TB, bucket string) objecttest.Attack {
	t.Helper()
	return attack{s.Client(t), bucket}
}

type attack struct {
	client *miniogo.Client
	bucket string
}

func (a attack) PutUnlocked(ctx context.Context, key string, body []byte) (string, error) {
	info, err := a.client.PutObject(ctx, a.bucket, key, bytes.NewReader(body), int64(len(body)),
		miniogo.PutObjectOptions{ContentType: "application/octet-stream", SendContentMd5: true})
	return info.VersionID, err
}

func (a attack) Hide(ctx context.Context, key string) error {
	return a.client.RemoveObject(ctx, a.bucket, key, miniogo.RemoveObjectOptions{})
}

func (a attack) DeleteVersion(ctx context.Context, key, versionID string, bypass bool) error {
	return a.client.RemoveObject(ctx, a.bucket, key, miniogo.RemoveObjectOptions{
		VersionID: versionID, GovernanceBypass: bypass,
	})
}

func (a attack) Relock(ctx context.Context, key, versionID string, mode object.Mode, until time.Time, bypass bool) error {
	m := miniogo.RetentionMode(mode)
	return a.client.PutObjectRetention(ctx, a.bucket, key, miniogo.PutObjectRetentionOptions{
		VersionID: versionID, Mode: &m, RetainUntilDate: &until, GovernanceBypass: bypass,
	})
}

// Lock reads the headers of a HEAD: minio-go cannot parse how versitygw answers
// GetObjectRetention (the element is named otherwise than at S3).
func (a attack) Lock(ctx context.Context, key, versionID string) (object.Mode, time.Time, error) {
	info, err := a.client.StatObject(ctx, a.bucket, key, miniogo.StatObjectOptions{VersionID: versionID})
	if err != nil {
		return "", time.Time{}, err
	}
	mode, until := info.Metadata.Get("X-Amz-Object-Lock-Mode"), info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date")
	if until == "" {
		return object.Mode(mode), time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, until)
	return object.Mode(mode), at, err
}
