package dump

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
)

// ErrReadOnly is the answer to every Put into a dump.
var ErrReadOnly = errors.New("a dump cannot be written to")

// Store is a dump as a bucket that is only read. It may be used concurrently.
type Store struct {
	dir      string
	prefix   string
	versions []version
	infos    []object.Info // of versions, in the same order
}

var _ object.Store = (*Store)(nil)

// Open reads the listing of a dump. Bodies are opened when they are asked for.
func Open(dir string) (*Store, error) {
	raw, err := os.ReadFile(filepath.Join(dir, listingName))
	if err != nil {
		return nil, fmt.Errorf("open dump: %w", err)
	}
	var l listing
	if err := json.Unmarshal(raw, &l); err != nil {
		return nil, fmt.Errorf("open dump %s: %w", dir, err)
	}
	s := &Store{dir: dir, prefix: l.Prefix, versions: l.Versions}
	for _, v := range l.Versions {
		info, err := v.info()
		if err != nil {
			return nil, fmt.Errorf("open dump %s: %s: %w", dir, v.Key, err)
		}
		s.infos = append(s.infos, info)
	}
	if !slices.IsSortedFunc(s.infos, func(a, b object.Info) int { return cmp.Compare(a.Key, b.Key) }) {
		return nil, fmt.Errorf("open dump %s: keys are not in order", dir)
	}
	return s, nil
}

// Prefix is the archive's place in the bucket that was dumped.
func (s *Store) Prefix() string { return s.prefix }

func (v *version) info() (object.Info, error) {
	info := object.Info{
		Key: v.Key, VersionID: v.VersionID, Size: v.Size, Mode: object.Mode(v.Mode), IsLatest: v.IsLatest, DeleteMarker: v.DeleteMarker,
	}
	sum, err := hex.DecodeString(v.SHA256)
	if err != nil || (len(sum) != len(info.SHA256) && len(sum) != 0) {
		return info, fmt.Errorf("sha256 %q", v.SHA256)
	}
	copy(info.SHA256[:], sum)
	for text, to := range map[string]*time.Time{v.LastModified: &info.LastModified, v.RetainUntil: &info.RetainUntil} {
		if text == "" {
			continue
		}
		if *to, err = time.Parse(time.RFC3339, text); err != nil {
			return info, err
		}
	}
	if !v.DeleteMarker && !filepath.IsLocal(filepath.FromSlash(v.Body)) {
		return info, fmt.Errorf("body %q is not in the folder", v.Body)
	}
	return info, nil
}

// find returns the index of a version, or of the current one.
func (s *Store) find(key, versionID string) (int, error) {
	for i, info := range s.infos {
		if info.Key != key || (versionID == "" && !info.IsLatest) || (versionID != "" && info.VersionID != versionID) {
			continue
		}
		if info.DeleteMarker {
			break
		}
		return i, nil
	}
	return 0, fmt.Errorf("%s version %q: %w", key, versionID, object.ErrNotFound)
}

// Put implements object.Store: it always returns ErrReadOnly.
func (s *Store) Put(context.Context, object.Put) (string, error) { return "", ErrReadOnly }

// Head implements object.Store.
func (s *Store) Head(ctx context.Context, key, versionID string) (object.Info, error) {
	i, err := s.find(key, versionID)
	if err != nil {
		return object.Info{}, err
	}
	info := s.infos[i]
	info.IsLatest = false
	return info, ctx.Err()
}

// Get implements object.Store.
func (s *Store) Get(ctx context.Context, key, versionID string) (io.ReadCloser, error) {
	i, err := s.find(key, versionID)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return os.Open(filepath.Join(s.dir, filepath.FromSlash(s.versions[i].Body)))
}

// Versions implements object.Store.
func (s *Store) Versions(ctx context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		for _, info := range s.infos {
			if !strings.HasPrefix(info.Key, prefix) {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(object.Info{}, err)
				return
			}
			info.SHA256, info.Mode, info.RetainUntil = [32]byte{}, "", time.Time{}
			if !yield(info, nil) {
				return
			}
		}
	}
}
