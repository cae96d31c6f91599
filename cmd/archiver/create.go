package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// floorYears is how far before the archive's creation its oldest event may lie.
const floorYears = 10

// created is what init made, as it prints it.
type created struct {
	Archive  uuid.UUID `json:"archive"`
	Stream   uuid.UUID `json:"stream"`
	Bucket   string    `json:"bucket"`
	Prefix   string    `json:"prefix"`
	RootVKey string    `json:"root_vkey"`
	RootKey  string    `json:"root_key_file,omitzero"` // "" when it is not in a file
	// Policy is what became of the bucket's policy.
	Policy policyState `json:"policy,omitempty"`
}

// birth is a new archive on our disk: everything that will be in the bucket was
// signed and synced before the first byte is sent, so that init can be repeated
// after a crash and sends the same again.
type birth struct {
	archive    ledger.Archive
	open       ledger.Open
	archiveRaw []byte
	openRaw    []byte
}

// archiveFile holds the signed archive object beside the stream's certificate.
// It is written last: with it, the birth is whole.
func archiveFile(c config.Config) string { return filepath.Join(c.DataDir, "archive.signed") }

// useExisting says what may be there already, and is then used and not made.
type useExisting struct {
	bucket bool // if it has Object Lock and versioning
	keys   bool // the key files
}

// createArchive makes the keys, the bucket, the archive object and the first
// stream's certificate. It touches nothing that is there: not a key, not a
// bucket (unless it was told to use it), not an archive. fresh is false when all
// of it was there already, made by an earlier run with the same keys.
func createArchive(ctx context.Context, c config.Config, now time.Time, use useExisting) (_ created, fresh bool, _ error) {
	store, err := openStore(ctx, c)
	if err != nil {
		return created{}, false, err
	}
	b, resumed, err := loadBirth(ctx, c)
	if err != nil {
		return created{}, false, err
	}
	if !resumed {
		// Before any key is made: what is on our disk then says that the bucket is
		// ours, or that we were told to use it.
		state, err := store.CheckBucket(ctx)
		if err == nil && state.Exists && !use.bucket {
			err = fmt.Errorf("bucket %s: %w; --use-bucket makes the archive in it if it has Object Lock", c.S3.Bucket, s3store.ErrBucketExists)
		}
		if err != nil {
			return created{}, false, err
		}
		if b, err = prepare(ctx, c, now, use.keys); err != nil {
			return created{}, false, err
		}
	}
	if _, err = store.CreateBucket(ctx, s3store.CreateOptions{UseExisting: use.bucket || resumed}); err != nil {
		return created{}, false, err
	}
	until := b.archive.RetainUntil(b.open.OpenedAt)
	freshArchive, err := publish(ctx, store, ledger.ArchiveKey(c.S3.Prefix), b.archiveRaw, until)
	if err != nil {
		return created{}, false, err
	}
	freshOpen, err := publish(ctx, store, ledger.OpenKey(c.S3.Prefix, b.open.Stream), b.openRaw, until)
	if err != nil {
		return created{}, false, err
	}
	return created{Archive: b.archive.ID, Stream: b.open.Stream, Bucket: c.S3.Bucket, Prefix: c.S3.Prefix,
		RootVKey: b.archive.Root, RootKey: c.Archive.RootKeyFile}, freshArchive || freshOpen, nil
}

// prepare makes the keys that are to be in files, and signs everything. With useKeys,
// the key files that are there are used.
func prepare(ctx context.Context, c config.Config, now time.Time, useKeys bool) (birth, error) {
	files := slices.DeleteFunc([]string{c.Archive.RootKeyFile, c.Stream.KeyFile, c.Stream.OpenFile}, func(f string) bool { return f == "" })
	for _, file := range files {
		isKey := file != c.Stream.OpenFile
		if !exists(file) || isKey && useKeys {
			continue
		}
		hint := ""
		if isKey {
			hint = "; --use-keys takes a key that archiver key new made"
		}
		return birth{}, fmt.Errorf("%s exists, but %s does not: move the former away if no archive was made with it%s", file, archiveFile(c), hint)
	}
	fsys := durable.OS()
	for _, file := range append(files, archiveFile(c)) {
		if err := durable.MkdirAll(fsys, filepath.Dir(file), 0o700); err != nil {
			return birth{}, fmt.Errorf("create %s: %w", filepath.Dir(file), err)
		}
	}
	root, err := beginRoot(ctx, c, useKeys)
	if err != nil {
		return birth{}, err
	}
	stream, err := beginStream(ctx, c, root.id, root.VKey(), useKeys)
	if err != nil {
		return birth{}, err
	}
	b, err := sign(c, root, stream, now.UTC().Truncate(time.Second))
	if err != nil {
		return birth{}, err
	}
	if root.fresh != nil {
		if err := ledger.SaveKey(c.Archive.RootKeyFile, *root.fresh); err != nil {
			return birth{}, fmt.Errorf("root key: %w", err)
		}
	}
	if stream.fresh != nil {
		if err := ledger.SaveKey(c.Stream.KeyFile, *stream.fresh); err != nil {
			return birth{}, fmt.Errorf("stream key: %w", err)
		}
	}
	if err := durable.WriteFile(fsys, c.Stream.OpenFile, b.openRaw, 0o600); err != nil {
		return birth{}, fmt.Errorf("stream certificate: %w", err)
	}
	if err := durable.WriteFile(fsys, archiveFile(c), b.archiveRaw, 0o600); err != nil {
		return birth{}, fmt.Errorf("archive object: %w", err)
	}
	return b, nil
}

// sign signs with the root key the archive and its first stream.
func sign(c config.Config, root, stream newKey, now time.Time) (b birth, err error) {
	a := ledger.Archive{ID: root.id, Created: now, Floor: now.AddDate(-floorYears, 0, 0), Default: c.Retention.Default}
	a.Classes = configuredClasses(c)
	slices.SortFunc(a.Classes, func(x, y ledger.Class) int { return strings.Compare(x.Name, y.Name) })
	if b.archiveRaw, err = ledger.SignArchive(a, root); err != nil {
		return b, err
	}
	if b.archive, err = ledger.ParseArchive(b.archiveRaw, root.VKey()); err != nil {
		return b, err
	}
	o := ledger.Open{Archive: root.id, Stream: stream.id, VKey: stream.VKey(), OpenedAt: now, RetainUntil: b.archive.RetainUntil(now)}
	if b.openRaw, err = ledger.SignOpen(o, root); err != nil {
		return b, err
	}
	b.open, err = ledger.ParseOpen(b.openRaw, root.VKey())
	return b, err
}

// loadBirth reads what prepare wrote; found is false when there is nothing.
func loadBirth(ctx context.Context, c config.Config) (b birth, found bool, err error) {
	b.archiveRaw, err = os.ReadFile(archiveFile(c))
	if errors.Is(err, fs.ErrNotExist) {
		return birth{}, false, nil
	}
	if err != nil {
		return birth{}, false, fmt.Errorf("read archive object: %w", err)
	}
	if b.openRaw, err = os.ReadFile(c.Stream.OpenFile); err != nil {
		return birth{}, false, fmt.Errorf("stream certificate beside %s: %w", archiveFile(c), err)
	}
	vkey, err := rootOf(ctx, c, b.archiveRaw)
	if err != nil {
		return birth{}, false, fmt.Errorf("root key of the archive in %s: %w", archiveFile(c), err)
	}
	if b.archive, err = ledger.ParseArchive(b.archiveRaw, vkey); err != nil {
		return birth{}, false, fmt.Errorf("%s: %w", archiveFile(c), err)
	}
	if b.open, err = ledger.ParseOpen(b.openRaw, vkey); err != nil {
		return birth{}, false, fmt.Errorf("%s: %w", c.Stream.OpenFile, err)
	}
	return b, true, nil
}

// rootOf is the verifier key of the root key that is configured. One in KMS has no
// name: it gets that which the archive object claims.
func rootOf(ctx context.Context, c config.Config, archiveRaw []byte) (string, error) {
	p := rootPlace(c)
	if p.kms == "" {
		k, err := p.local()
		return k.VKey(), err
	}
	claimed, err := ledger.ClaimedRoot(archiveRaw)
	if err != nil {
		return "", err
	}
	id, err := ledger.ParseRootName(claimed)
	if err != nil {
		return "", err
	}
	s, err := p.remote(ctx, c, ledger.RootName(id), nil)
	if err != nil {
		return "", err
	}
	return s.VKey(), nil
}

// publish puts a locked object where nothing is. What is there already must be
// the same bytes; fresh tells whether this call put them.
func publish(ctx context.Context, store object.Store, key string, body []byte, until time.Time) (fresh bool, _ error) {
	foreign := false
	for v, err := range store.Versions(ctx, key) {
		if err != nil {
			return false, fmt.Errorf("look for %s: %w", key, err)
		}
		if v.Key != key || v.DeleteMarker {
			continue
		}
		same, err := holds(ctx, store, v, body)
		if err != nil {
			return false, fmt.Errorf("look at %s: %w", key, err)
		}
		if same {
			return false, confirmLock(ctx, store, key, v.VersionID, until)
		}
		foreign = true
	}
	if foreign {
		return false, fmt.Errorf("%s exists in the bucket and is not ours: choose another prefix", key)
	}
	version, err := store.Put(ctx, object.Put{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)),
		SHA256: sha256.Sum256(body), ContentType: "text/plain; charset=utf-8", RetainUntil: until})
	if err != nil {
		return false, fmt.Errorf("put %s: %w", key, err)
	}
	return true, confirmLock(ctx, store, key, version, until)
}

// holds reports whether a version has this content.
func holds(ctx context.Context, store object.Store, v object.Info, body []byte) (bool, error) {
	r, err := store.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return false, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, int64(len(body))+1))
	return bytes.Equal(raw, body), err
}

func confirmLock(ctx context.Context, store object.Store, key, version string, until time.Time) error {
	info, err := store.Head(ctx, key, version)
	if err == nil && (info.Mode != object.Compliance || info.RetainUntil.Before(until)) {
		err = object.ErrUnlocked
	}
	if err != nil {
		return fmt.Errorf("confirm %s version %s: %w", key, version, err)
	}
	return nil
}

// openStore opens the bucket that a configuration names.
func openStore(ctx context.Context, c config.Config) (*s3store.Store, error) {
	return s3store.Open(ctx, s3store.Config{
		Endpoint: c.S3.Endpoint, Region: c.S3.Region, Bucket: c.S3.Bucket, PathStyle: c.S3.PathStyle,
		CredentialsFile: c.S3.CredentialsFile, Profile: c.S3.Profile,
		ExpectedBucketOwner: c.S3.ExpectedBucketOwner, CAFile: c.S3.CAFile,
	})
}
