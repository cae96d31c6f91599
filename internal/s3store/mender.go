package s3store

import (
	"context"
	"errors"
	"fmt"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/audit-archiver/archiver/internal/object"
)

// Mender is a Store for the one job that needs more than the archiver may do: to
// undo what somebody else did to the bucket. Only the repair command makes one. It
// never bypasses a lock.
type Mender struct{ *Store }

// PutOver is Put without its condition: the new version covers whatever the key
// holds. Repeating it, which a lost answer makes the client do, adds a version each
// time.
func (m Mender) PutOver(ctx context.Context, p object.Put) (versionID string, err error) {
	return m.put(ctx, p, nil)
}

// Remove deletes one version, or one delete marker, for good. A locked version is
// an error. That there is none is fine: a repeated call finds that.
func (m Mender) Remove(ctx context.Context, key, versionID string) error {
	if versionID == "" { // would put a delete marker
		return fmt.Errorf("remove %s: no version id", key)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.cfg.Timeout, errSlow)
	defer cancel()
	_, err := m.client.DeleteObject(ctx, &awss3.DeleteObjectInput{
		Bucket: &m.cfg.Bucket, Key: &key, VersionId: &versionID, ExpectedBucketOwner: m.owner(),
	})
	if err == nil {
		return nil
	}
	err = m.reallyAbsent(ctx, explain(ctx, fmt.Sprintf("remove %s version %s", key, versionID), permDelete, err))
	if errors.Is(err, object.ErrNotFound) {
		return nil
	}
	return err
}
