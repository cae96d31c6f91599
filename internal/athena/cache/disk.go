package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/object"
)

// tempPrefix begins the names of files that are not checked yet.
const tempPrefix = "incoming-"

// stamp identifies the state of a file that was hashed.
type stamp struct {
	info    fs.FileInfo
	changed time.Time
}

func stampOf(info fs.FileInfo) *stamp { return &stamp{info, changeTime(info)} }

// holds reports whether path is still the file that was hashed.
func (s *stamp) holds(path string) bool {
	now, err := os.Lstat(path)
	return err == nil && os.SameFile(s.info, now) && now.Size() == s.info.Size() &&
		now.ModTime().Equal(s.info.ModTime()) && changeTime(now).Equal(s.changed)
}

// scan fills entries from the folder: least recently written first in line for
// eviction. What is not a cached file is removed, be it an interrupted fetch or
// something that was put here.
func (c *Cache) scan() error {
	if err := os.MkdirAll(c.o.Dir, 0o700); err != nil {
		return err
	}
	name := regexp.MustCompile(`^retention=[a-z0-9-]+/dt=[a-z0-9-]+/[0-9a-f]{64}\.parquet$`)
	type found struct {
		path string
		info fs.FileInfo
	}
	var files []found
	err := filepath.WalkDir(c.o.Dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return athena.MakeFolder(c.o.Dir, path) // earlier versions closed them
		}
		rel, err := filepath.Rel(c.o.Dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || !name.MatchString(filepath.ToSlash(rel)) {
			if !strings.HasPrefix(rel, tempPrefix) {
				c.o.Log.Warn("removed a foreign file from the cache", "file", rel)
			}
			return os.Remove(path)
		}
		files = append(files, found{path, info})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b found) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	for _, f := range files {
		c.clock++
		c.entries[f.path] = &entry{path: f.path, size: f.info.Size(), used: c.clock}
		c.bytes += f.info.Size()
	}
	return c.room(0)
}

// load returns the stamp of path once its content is known to be that of f:
// the file that is there if its hash is right, otherwise a fresh copy.
func (c *Cache) load(ctx context.Context, path string, f *athena.File) (*stamp, error) {
	seen, err := check(path, f)
	switch {
	case err == nil:
		return seen, nil
	case !errors.Is(err, fs.ErrNotExist):
		c.o.Log.WarnContext(ctx, "replacing a damaged cached file", "key", f.Key, "reason", err)
		if err := os.RemoveAll(path); err != nil { // it may be anything, a folder for example
			return nil, err
		}
	}
	return c.fetch(ctx, path, f)
}

// check hashes the file at path.
func check(path string, f *athena.File) (_ *stamp, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	if info.Size() != f.Size {
		return nil, fmt.Errorf("it has %d bytes, not %d", info.Size(), f.Size)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return nil, err
	}
	if [sha256.Size]byte(hash.Sum(nil)) != f.SHA256 {
		return nil, errors.New("its SHA-256 is not the manifest's")
	}
	after, err := file.Stat()
	if err != nil {
		return nil, err
	}
	seen := stampOf(info)
	if !os.SameFile(info, after) || !seen.changed.Equal(changeTime(after)) {
		return nil, errors.New("it changed while it was read")
	}
	return seen, nil
}

// fetch brings the version that the manifest names. It appears under path only
// when it is the right one.
func (c *Cache) fetch(ctx context.Context, path string, f *athena.File) (_ *stamp, err error) {
	if err := athena.MakeFolder(c.o.Dir, filepath.Dir(path)); err != nil {
		return nil, err
	}
	body, err := c.o.Store.Get(ctx, f.Key, f.VersionID)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", athena.ErrAway, err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	temp, err := os.CreateTemp(c.o.Dir, tempPrefix)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, temp.Close(), os.Remove(temp.Name()))
		}
	}()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(temp, hash, counter{&c.fetched}), io.LimitReader(fromStore{body}, f.Size+1))
	switch {
	case err != nil:
		return nil, err
	case n > f.Size:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", athena.ErrForged, f.Size)
	case n < f.Size:
		return nil, fmt.Errorf("%w: it ends after %d of %d bytes", athena.ErrForged, n, f.Size)
	case [sha256.Size]byte(hash.Sum(nil)) != f.SHA256:
		return nil, fmt.Errorf("%w: SHA-256 is %x, not %x", athena.ErrForged, hash.Sum(nil), f.SHA256)
	}
	if err := temp.Chmod(0o444); err != nil {
		return nil, err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	// Not synced: after a crash the file is hashed again before it is used.
	if err := temp.Close(); err != nil {
		return nil, err
	}
	return stampOf(info), nil
}

// fromStore says of an error that it is the store's, and not that of the disk.
type fromStore struct{ io.Reader }

func (s fromStore) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", athena.ErrAway, err)
	}
	return n, err
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}
