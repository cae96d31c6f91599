package devs3

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
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

// Attributes in which the posix backend keeps the state of an object.
const (
	retentionAttr    = "object-retention"
	deleteMarkerAttr = "delete-marker"
)

// backend is the posix backend with two holes closed that matter after a crash,
// and three answers corrected that differ from Amazon's.
//
// posix.PutObject gives the file its name first and locks it afterwards, so a kill
// in between leaves an unlocked object that looks complete: the archiver would
// have to stop, since it must not overwrite and cannot adopt it. And it never
// calls fsync, so a power failure takes back what was acknowledged. Here the lock
// is set and the file is synced while it has no name yet; its folders are synced
// before the answer.
type backend struct {
	*posix.Posix
	root  string
	fsync bool

	// overMarker is held while an object is put over a delete marker.
	overMarker sync.Mutex
}

func newBackend(dir string, fsync bool) (*backend, error) {
	root := filepath.Join(dir, dataDir)
	p, err := newPosix(root, filepath.Join(dir, versionsDir))
	if err != nil {
		return nil, err
	}
	return &backend{Posix: p, root: root, fsync: fsync}, nil
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
	// If-None-Match looks at the current version, and a delete marker counts as
	// none. posix takes it for an object: here the condition is dropped when there
	// is a marker. One put at a time, looking again, so that only the first passes.
	if in.IfNoneMatch != nil && in.Key != nil && isHidden(*in.Bucket, *in.Key) {
		b.overMarker.Lock()
		defer b.overMarker.Unlock()
		if isHidden(*in.Bucket, *in.Key) {
			in.IfNoneMatch = nil
		}
	}
	out, err := b.PutObjectWithPostFunc(ctx, in, func(f *os.File) error { return b.seal(f, lock) })
	if err != nil || !b.fsync {
		return out, err
	}
	return out, b.syncFolders(*in.Bucket, *in.Key)
}

// isHidden is true when the current version is a delete marker. Like posix it works
// in the working directory.
func isHidden(bucket, key string) bool {
	_, err := meta.XattrMeta{}.RetrieveAttribute(nil, bucket, key, deleteMarkerAttr)
	return err == nil
}

// seal locks and syncs a file that has no name yet.
func (b *backend) seal(f *os.File, lock []byte) error {
	if lock != nil {
		if err := (meta.XattrMeta{}).StoreAttribute(f, "", "", retentionAttr, lock); err != nil {
			return fmt.Errorf("set retention: %w", err)
		}
	}
	if !b.fsync {
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

// HeadObject adds the lock of a version that is not the current one. posix looks
// for it under the path of the file instead of the key, and answers without.
func (b *backend) HeadObject(ctx context.Context, in *awss3.HeadObjectInput) (*awss3.HeadObjectOutput, error) {
	out, err := b.Posix.HeadObject(ctx, in)
	if err != nil || out.ObjectLockMode != "" || aws.ToString(in.VersionId) == "" {
		return out, err
	}
	data, err := b.GetObjectRetention(ctx, *in.Bucket, *in.Key, *in.VersionId)
	if err != nil {
		return out, nil //nolint:nilerr // there is no lock: posix says that with an error
	}
	var lock s3types.ObjectLockRetention
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, fmt.Errorf("decode retention: %w", err)
	}
	out.ObjectLockMode = s3types.ObjectLockMode(lock.Mode)
	out.ObjectLockRetainUntilDate = lock.RetainUntilDate
	return out, nil
}

// ListObjectVersions continues after the marker. posix continues at it: each page
// would begin with the last entry of the page before, and pages of one never end.
func (b *backend) ListObjectVersions(ctx context.Context, in *awss3.ListObjectVersionsInput) (s3response.ListVersionsResult, error) {
	key, version := aws.ToString(in.KeyMarker), aws.ToString(in.VersionIdMarker)
	if key == "" || version == "" || in.MaxKeys == nil {
		return b.Posix.ListObjectVersions(ctx, in)
	}
	more := *in
	more.MaxKeys = aws.Int32(*in.MaxKeys + 1)
	out, err := b.Posix.ListObjectVersions(ctx, &more)
	if err != nil {
		return out, err
	}
	out.MaxKeys = in.MaxKeys
	out.Versions = slices.DeleteFunc(out.Versions, func(v s3response.ObjectVersion) bool {
		return aws.ToString(v.Key) == key && aws.ToString(v.VersionId) == version
	})
	out.DeleteMarkers = slices.DeleteFunc(out.DeleteMarkers, func(m s3types.DeleteMarkerEntry) bool {
		return aws.ToString(m.Key) == key && aws.ToString(m.VersionId) == version
	})
	return out, nil
}
