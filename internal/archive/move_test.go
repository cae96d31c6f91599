package archive

import (
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// TestCommitOfManySeqs: what another writer says of its commits takes no memory for what
// they do not have.
func TestCommitOfManySeqs(t *testing.T) {
	leaf := ledger.Hash{1}
	lost := committedRows{manifests: []ledger.Manifest{{Last: 1 << 50}}}
	if is, err := lost.has(t.Context(), 7, leaf); is || err != nil {
		t.Errorf("of a commit without rows: %v, %v", is, err)
	}
	claims := committedRows{manifests: []ledger.Manifest{{Last: 1 << 50, Files: make([]ledger.File, 1)}}}
	if is, err := claims.has(t.Context(), 7, leaf); is || err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("of a commit that claims a lot: %v, %v", is, err)
	}
}
