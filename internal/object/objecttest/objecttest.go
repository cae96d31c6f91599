// Package objecttest is the contract of object.Store as a test suite.
//
// Every implementation passes it: the fake that other packages test with, the
// embedded S3, MinIO. It looks at a store from two sides: through the Store, and
// through an Attack, which on S3 is another vendor's client with full rights. What
// a store claims about a lock counts only if the attacker fails.
package objecttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
)

// Attack is what somebody with every permission on the bucket can try. Its errors
// are those of the store: nil means that the store did it.
type Attack interface {
	// PutUnlocked writes a new version without any lock, on top of what is there.
	PutUnlocked(ctx context.Context, key string, body []byte) (versionID string, err error)
	// Hide deletes key without naming a version: a delete marker covers it.
	Hide(ctx context.Context, key string) error
	// DeleteVersion deletes one version for good.
	DeleteVersion(ctx context.Context, key, versionID string, bypassGovernance bool) error
	// Relock sets the lock of one version.
	Relock(ctx context.Context, key, versionID string, mode object.Mode, until time.Time, bypassGovernance bool) error
	// Lock reads the lock of one version; "" when it has none.
	Lock(ctx context.Context, key, versionID string) (object.Mode, time.Time, error)
}

// PageSize is the page size for stores that list in pages, where it can be set: the
// suite writes more objects than that.
const PageSize = 5

// Run runs the suite. open is called for each test and returns an empty store.
func Run(t *testing.T, open func(t *testing.T) (object.Store, Attack)) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"put, head, get", putHeadGet},
		{"an empty object", emptyObject},
		{"a big object", bigObject},
		{"odd keys", oddKeys},
		{"absent keys and versions", absent},
		{"a second put", secondPut},
		{"concurrent puts", concurrentPuts},
		{"a wrong checksum", wrongChecksum},
		{"a cancelled context", cancelled},
		{"listing in pages", listing},
		{"hidden by a delete marker", hidden},
		{"covered by a forgery", forged},
		{"an unlocked object is noticed", unlocked},
		{"the lock holds", lockHolds},
		{"the lock is lengthened", lockExtends},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, attack := open(t)
			test.run(t, &fixture{store, attack})
		})
	}
}

type fixture struct {
	store  object.Store
	attack Attack
}

// NewPut is a valid Put of body, locked for an hour.
func NewPut(key string, body []byte) object.Put {
	return object.Put{
		Key: key, Body: bytes.NewReader(body), Size: int64(len(body)), SHA256: sha256.Sum256(body),
		ContentType: "application/octet-stream",
		RetainUntil: time.Now().Add(time.Hour).UTC().Truncate(time.Second),
	}
}

// CheckLocked says whether a version is what p asked for, content, mode and date,
// according to the store and to the attacker's own client. The error wraps
// object.ErrUnlocked when the lock is what is wrong.
func CheckLocked(ctx context.Context, store object.Store, attack Attack, p object.Put, versionID string) error {
	info, err := store.Head(ctx, p.Key, versionID)
	if err != nil {
		return err
	}
	mode, until, err := attack.Lock(ctx, p.Key, versionID)
	if err != nil {
		return fmt.Errorf("the other client cannot read the lock: %w", err)
	}
	switch {
	case info.Mode != object.Compliance || mode != object.Compliance:
		return fmt.Errorf("%w: mode %q, %q says the other client", object.ErrUnlocked, info.Mode, mode)
	case !info.RetainUntil.Equal(p.RetainUntil) || !until.Equal(p.RetainUntil):
		return fmt.Errorf("%w: until %v, %v says the other client, want %v",
			object.ErrUnlocked, info.RetainUntil, until, p.RetainUntil)
	case info.SHA256 != p.SHA256:
		return fmt.Errorf("SHA-256 %x, want %x", info.SHA256, p.SHA256)
	case info.Size != p.Size || info.Key != p.Key || info.VersionID != versionID:
		return fmt.Errorf("described as %+v", info)
	case info.LastModified.IsZero():
		return errors.New("no modification time")
	}
	return nil
}

// put stores body and makes sure that it is stored as asked.
func (f *fixture) put(t *testing.T, key string, body []byte) (versionID string, p object.Put) {
	t.Helper()
	p = NewPut(key, body)
	versionID, err := f.store.Put(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckLocked(t.Context(), f.store, f.attack, p, versionID); err != nil {
		t.Fatalf("%s after put: %v", key, err)
	}
	return versionID, p
}

func (f *fixture) get(t *testing.T, key, versionID string) []byte {
	t.Helper()
	r, err := f.store.Get(t.Context(), key, versionID)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return body
}

func (f *fixture) wantContent(t *testing.T, key, versionID string, want []byte) {
	t.Helper()
	if got := f.get(t, key, versionID); !bytes.Equal(got, want) {
		t.Errorf("%s version %q: %d bytes that differ from the %d stored", key, versionID, len(got), len(want))
	}
}

// list is everything under prefix.
func (f *fixture) list(t *testing.T, prefix string) []object.Info {
	t.Helper()
	var infos []object.Info
	for info, err := range f.store.Versions(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		infos = append(infos, info)
	}
	return infos
}

// wantVersions checks the versions of one key, newest first; "" is a delete marker.
func (f *fixture) wantVersions(t *testing.T, key string, want ...string) {
	t.Helper()
	got := f.list(t, key)
	if len(got) != len(want) {
		t.Fatalf("%s has %d versions, want %d: %+v", key, len(got), len(want), got)
	}
	for i, info := range got {
		if info.Key != key || info.DeleteMarker != (want[i] == "") || info.IsLatest != (i == 0) ||
			!info.DeleteMarker && info.VersionID != want[i] || info.VersionID == "" {
			t.Errorf("version %d of %s is %+v, want %q", i, key, info, want[i])
		}
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
