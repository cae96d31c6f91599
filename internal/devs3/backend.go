package devs3

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"
)

// The layout below Options.Dir.
const (
	dataDir     = "data"
	versionsDir = "versions"
)

// retentionAttr is where the posix backend keeps the lock of an object.
const retentionAttr = "object-retention"

// backend is the posix backend with two holes closed that matter after a crash.
//
// posix.PutObject gives the file its name first and locks it afterwards, so a kill
// in between leaves an unlocked object that looks complete: the archiver would
// have to stop, since it must not overwrite and cannot adopt it. And it never
// calls fsync, so a power failure takes back what was acknowledged. Here the lock
// is set and the file is synced while it has no name yet; its folders are synced
// before the answer.
type backend struct {
	*posix.Posix
	root string
	sync bool
}

func newBackend(dir string, sync bool) (*backend, error) {
	root := filepath.Join(dir, dataDir)
	p, err := newPosix(root, filepath.Join(dir, versionsDir))
	if err != nil {
		return nil, err
	}
	return &backend{Posix: p, root: root, sync: sync}, nil
}

// PutObject stores an object that is locked and durable from the moment it has a name.
func (b *backend) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	var lock []byte
	if in.ObjectLockMode != "" && in.Bucket != nil {
		// A bucket without Object Lock: posix refuses too, but only after it has
		// stored the object.
		if _, err := b.GetObjectLockConfiguration(ctx, *in.Bucket); err != nil {
			return s3response.PutObjectOutput{}, err
		}
		var err error
		lock, err = json.Marshal(s3types.ObjectLockRetention{
			Mode:            s3types.ObjectLockRetentionMode(in.ObjectLockMode),
			RetainUntilDate: in.ObjectLockRetainUntilDate,
		})
		if err != nil {
			return s3response.PutObjectOutput{}, fmt.Errorf("encode retention: %w", err)
		}
	}
	out, err := b.PutObjectWithPostFunc(ctx, in, func(f *os.File) error { return b.seal(f, lock) })
	if err != nil || !b.sync {
		return out, err
	}
	return out, b.syncFolders(*in.Bucket, *in.Key)
}

// seal locks and syncs a file that has no name yet.
func (b *backend) seal(f *os.File, lock []byte) error {
	if lock != nil {
		if err := (meta.XattrMeta{}).StoreAttribute(f, "", "", retentionAttr, lock); err != nil {
			return fmt.Errorf("set retention: %w", err)
		}
	}
	if !b.sync {
		return nil
	}
	return f.Sync()
}

// syncFolders makes the name of an object durable: its folder, and every folder
// above it that may have been created for it. The object itself is synced once
// more, because checksum and version id are attributes that were set after seal.
func (b *backend) syncFolders(bucket, key string) error {
	top := filepath.Join(b.root, bucket)
	for p := filepath.Join(top, filepath.FromSlash(key)); len(p) >= len(top); p = filepath.Dir(p) {
		if err := syncPath(p); err != nil {
			return fmt.Errorf("sync object: %w", err)
		}
	}
	return nil
}

func syncPath(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
