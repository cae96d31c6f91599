package s3store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestMenderEmbedded(t *testing.T) { mend(t, s3test.Embedded(t)) }

func TestMenderMinIO(t *testing.T) { mend(t, s3test.MinIO(t)) }

// mend covers a locked version, takes away what has no lock, and fails at what has one.
func mend(t *testing.T, server s3test.Server) {
	store, cfg := server.Bucket(t)
	attack, mender := server.Attack(t, cfg.Bucket), s3store.Mender{Store: store}
	p := objecttest.NewPut("events/a.parquet", []byte("true"))
	first, err := store.Put(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := attack.PutUnlocked(t.Context(), p.Key, []byte("forged"))
	if err != nil {
		t.Fatal(err)
	}
	if err := attack.Hide(t.Context(), p.Key); err != nil {
		t.Fatal(err)
	}
	second, err := mender.PutOver(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := objecttest.CheckLocked(t.Context(), store, attack, p, second); err != nil {
		t.Errorf("what was put over it: %v", err)
	}
	current, err := store.Head(t.Context(), p.Key, "")
	if err != nil || current.VersionID != second {
		t.Errorf("current version %s, %v; want %s", current.VersionID, err, second)
	}
	for _, v := range versions(t, store, p.Key) {
		err := mender.Remove(t.Context(), p.Key, v.VersionID)
		switch locked := v.VersionID == first || v.VersionID == second; {
		case locked && (err == nil || errors.Is(err, object.ErrNotFound)):
			t.Errorf("remove the locked version %s: %v", v.VersionID, err)
		case locked && !strings.Contains(err.Error(), v.VersionID):
			t.Errorf("the error does not name the version: %v", err)
		case !locked && err != nil:
			t.Errorf("remove version %s (marker: %v): %v", v.VersionID, v.DeleteMarker, err)
		}
	}
	if left := versions(t, store, p.Key); len(left) != 2 || left[0].VersionID != second || left[1].VersionID != first {
		t.Errorf("left: %v", left)
	}
	if err := mender.Remove(t.Context(), p.Key, forged); err != nil {
		t.Errorf("remove what is gone: %v", err)
	}
	if err := mender.Remove(t.Context(), p.Key, ""); err == nil {
		t.Error("remove without a version id: it would hide the key")
	}
}

// versions lists one key.
func versions(t *testing.T, store object.Store, key string) (all []object.Info) {
	t.Helper()
	for v, err := range store.Versions(t.Context(), key) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}
