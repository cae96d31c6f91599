//go:build cgo

package duckdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
)

// TestMoreFilesThanAProcessMayHaveOpen: an archive of a few months has as many.
func TestMoreFilesThanAProcessMayHaveOpen(t *testing.T) {
	one := encode(t, sample()[:1])[0]
	files := make([]athena.File, openMost+100)
	for i := range files {
		files[i] = one
		files[i].Path = filepath.Join(filepath.Dir(one.Path), fmt.Sprintf("%d.parquet", i+1))
		if err := os.Link(one.Path, files[i].Path); err != nil {
			t.Fatal(err)
		}
	}
	e := engineOver(t, files, nil)
	want := fmt.Sprintf("[%d]", len(files))
	for _, sql := range []string{"SELECT count(*) FROM audit_logs WHERE outcome = 'failure'", "SELECT count(*) FROM (SELECT * FROM audit_logs ORDER BY details, id)"} {
		if _, rows, err := answer(t, e, sql); err != nil || rows[0] != want {
			t.Errorf("%s: %v, %v; want %s", sql, rows, err, want)
		}
	}
}

// TestTooManyFiles: what cannot be handed over is refused, and the error says what to do.
func TestTooManyFiles(t *testing.T) {
	files := make([]athena.File, filesMost/2+1)
	for i, one := 0, encode(t, sample()[:1])[0]; i < len(files); i++ {
		files[i] = one
	}
	e := engineOver(t, files, nil)
	_, _, err := answer(t, e, "SELECT count(*) FROM audit_logs a JOIN audit_logs b ON a.seq = b.seq")
	if !errors.Is(err, athena.ErrTooBig) || !strings.Contains(err.Error(), "narrow it by timestamp or dt") {
		t.Errorf("%v, want ErrTooBig and what to do", err)
	}
	if _, rows, err := answer(t, e, "SELECT count(*) FROM audit_logs a JOIN audit_logs b ON a.seq = b.seq WHERE a.dt = '2020-01-01'"); err != nil || rows[0] != "[0]" {
		t.Errorf("narrowed: %v, %v", rows, err)
	}
}

// TestADiskThatIsFullIsNoFaultOfTheQuery: it is told as everywhere else, across the border too.
func TestADiskThatIsFullIsNoFaultOfTheQuery(t *testing.T) {
	err := failureOf(kindOf(&duck.Error{Type: duck.ErrorTypeIO, Msg: `IO Error: Could not write file "/x/duckdb_temp_storage_S32K-0.tmp": No space left on device`})).err()
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "Could not write") {
		t.Errorf("%v, want ENOSPC", err)
	}
	err = failureOf(kindOf(&duck.Error{Type: duck.ErrorTypeIO, Msg: `IO Error: Could not read file "/x": Input/output error`})).err()
	if known := new(athena.Error); errors.As(err, &known) || !strings.Contains(err.Error(), "Input/output error") {
		t.Errorf("%v, want a failure of this machine", err)
	}
}
