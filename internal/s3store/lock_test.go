package s3store_test

import (
	"testing"

	"github.com/audit-archiver/archiver/internal/object/objecttest"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

func TestUnlockedEmbedded(t *testing.T) { unlocked(t, s3test.Embedded(t)) }

func TestUnlockedMinIO(t *testing.T) { unlocked(t, s3test.MinIO(t)) }

func unlocked(t *testing.T, server s3test.Server) {
	store, cfg := server.Bucket(t)
	locked, err := store.Put(t.Context(), objecttest.NewPut("locked", []byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	free, err := server.Attack(t, cfg.Bucket).PutUnlocked(t.Context(), "free", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key, version string
		want         bool
	}{{"locked", locked, false}, {"free", free, true}} {
		if got, err := store.Unlocked(t.Context(), tt.key, tt.version); err != nil || got != tt.want {
			t.Errorf("%s: %v, %v, want %v", tt.key, got, err, tt.want)
		}
	}
	if got, err := store.Unlocked(t.Context(), "locked", "no-such-version"); got || err == nil {
		t.Errorf("a version that is not there: %v, %v", got, err)
	}
}
