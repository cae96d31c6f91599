//go:build !cgo

package duckdb

import (
	"errors"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

func TestABuildWithoutCgoSaysSo(t *testing.T) {
	if _, err := Open(Options{}); !errors.Is(err, athena.ErrNoEngine) {
		t.Errorf("error %v, want ErrNoEngine", err)
	}
}
