package s3store

import (
	"context"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/audit-archiver/archiver/internal/object"
)

var _ object.Extender = (*Store)(nil)

// Extend implements object.Extender. COMPLIANCE never becomes shorter: S3 refuses it.
func (s *Store) Extend(ctx context.Context, key, versionID string, until time.Time) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	until = until.UTC()
	_, err := s.client.PutObjectRetention(ctx, &awss3.PutObjectRetentionInput{
		Bucket:              &s.cfg.Bucket,
		Key:                 &key,
		VersionId:           &versionID,
		Retention:           &s3types.ObjectLockRetention{Mode: s3types.ObjectLockRetentionModeCompliance, RetainUntilDate: &until},
		ExpectedBucketOwner: s.owner(),
	})
	if err != nil {
		return explain(ctx, "extend the lock of "+key, permExtend, err)
	}
	return nil
}
