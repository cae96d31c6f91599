package s3store

import (
	"context"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// codeUnlocked is the answer about a version that has no lock.
const codeUnlocked = "NoSuchObjectLockConfiguration"

// Unlocked reports whether the store says that a version has no retention. HEAD does
// not tell that from a retention which the caller may not see; this call answers the
// latter with an error.
func (s *Store) Unlocked(ctx context.Context, key, versionID string) (bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, errSlow)
	defer cancel()
	_, err := s.client.GetObjectRetention(ctx, &awss3.GetObjectRetentionInput{
		Bucket: &s.cfg.Bucket, Key: &key, VersionId: optional(versionID), ExpectedBucketOwner: s.owner(),
	})
	if codeOf(err) == codeUnlocked {
		return true, nil
	}
	if err != nil {
		return false, explain(ctx, "retention of "+key, "s3:GetObjectRetention", err)
	}
	return false, nil
}
