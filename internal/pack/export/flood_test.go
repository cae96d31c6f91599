package export

import (
	"testing"

	"github.com/audit-archiver/archiver/internal/object"
)

// TestKeepOldest: a flood on one key takes no more memory than a part of it, and the true
// version, which is the oldest, stays.
func TestKeepOldest(t *testing.T) {
	var kept []object.Info
	for i := range 5*maxVersions + 7 {
		kept = keepOldest(kept, object.Info{Size: int64(i)})
		if len(kept) > 2*maxVersions {
			t.Fatalf("%d versions are held", len(kept))
		}
	}
	for i, v := range kept {
		if want := int64(5*maxVersions + 7 - len(kept) + i); v.Size != want {
			t.Fatalf("version %d is %d, want %d", i, v.Size, want)
		}
	}
	if len(kept) < maxVersions {
		t.Errorf("%d versions are left", len(kept))
	}
}
