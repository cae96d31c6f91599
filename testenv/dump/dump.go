// Package dump writes all that a bucket holds under a prefix into a folder, and
// serves such a folder as a store: for verifiers in other languages, and for
// archives that are kept for ever.
//
// A dump is listing.json and the content of each version in a file of its own:
//
//	{"prefix": "audit", "versions": [
//	  {"key": "audit/archive", "version_id": "v1", "size": 812, "is_latest": true, "delete_marker": false,
//	   "last_modified": "2026-11-23T10:00:00Z", "mode": "COMPLIANCE", "retain_until": "2033-11-23T10:00:00Z",
//	   "sha256": "9f86…", "body": "objects/000001"}, …]}
//
// Versions are in the order of ListObjectVersions: keys as bytes, newest first
// within a key. What the store did not tell is "", and a marker has no body.
package dump

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
)

// listingName is the file that describes the others.
const listingName = "listing.json"

type listing struct {
	Prefix   string    `json:"prefix"`
	Versions []version `json:"versions"`
}

type version struct {
	Key          string `json:"key"`
	VersionID    string `json:"version_id"`
	Size         int64  `json:"size"`
	IsLatest     bool   `json:"is_latest"`
	DeleteMarker bool   `json:"delete_marker"`
	LastModified string `json:"last_modified"` // RFC 3339, UTC
	Mode         string `json:"mode"`
	RetainUntil  string `json:"retain_until"` // RFC 3339, UTC; "" when not locked
	SHA256       string `json:"sha256"`       // as the store tells, hexadecimal; "" when it does not
	Body         string `json:"body"`         // slash-separated, within the folder
}

// Write copies every version and marker under prefix into dir, which it makes. The
// bucket must be at rest. An error means that there is no dump.
func Write(ctx context.Context, store object.Store, prefix, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "objects"), 0o755); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	under := prefix
	if under != "" {
		under += "/"
	}
	l := listing{Prefix: prefix, Versions: []version{}}
	for info, err := range store.Versions(ctx, under) {
		if err != nil {
			return fmt.Errorf("dump: %w", err)
		}
		v := version{
			Key: info.Key, VersionID: info.VersionID, IsLatest: info.IsLatest, DeleteMarker: info.DeleteMarker,
			LastModified: rfc3339(info.LastModified),
		}
		if !info.DeleteMarker {
			v.Body = fmt.Sprintf("objects/%06d", len(l.Versions)+1)
			if err := v.fetch(ctx, store, filepath.Join(dir, filepath.FromSlash(v.Body))); err != nil {
				return fmt.Errorf("dump %s version %s: %w", info.Key, info.VersionID, err)
			}
		}
		l.Versions = append(l.Versions, v)
	}
	doc, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	// Last, so that a folder without it is no dump.
	if err := os.WriteFile(filepath.Join(dir, listingName), append(doc, '\n'), 0o644); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	return nil
}

// fetch fills in what a listing does not tell and copies the content to name.
func (v *version) fetch(ctx context.Context, store object.Store, name string) (err error) {
	info, err := store.Head(ctx, v.Key, v.VersionID)
	if err != nil {
		return err
	}
	v.Size, v.Mode, v.RetainUntil = info.Size, string(info.Mode), rfc3339(info.RetainUntil)
	if info.SHA256 != [32]byte{} {
		v.SHA256 = hex.EncodeToString(info.SHA256[:])
	}
	body, err := store.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := io.Copy(f, body)
	if err == nil && n != info.Size {
		err = fmt.Errorf("%d of %d bytes", n, info.Size)
	}
	return err
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
