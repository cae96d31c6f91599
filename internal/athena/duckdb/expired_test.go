//go:build cgo

package duckdb

import (
	"errors"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// TestExpiredFilesAreLeftOut: an answer without data that has expired says so; without
// data that must be there, there is none.
func TestExpiredFilesAreLeftOut(t *testing.T) {
	const count = "SELECT count(*) FROM audit_logs"
	files, bucket, c, dir := committed(t, encode(t, sample()))
	if len(files) < 2 {
		t.Fatalf("%d files, want several", len(files))
	}
	gone := &files[0]
	delete(bucket, gone.Key+"@v1")
	e := engineOver(t, files, func(o *Options) { o.Cache, o.Roots = c, append(o.Roots, dir) })
	if _, rows, err := answer(t, e, count); !errors.Is(err, athena.ErrMissing) {
		t.Errorf("without a file that is locked: %v, %v", rows, err)
	}
	if _, _, err := answer(t, e, count+" WHERE dt = '"+files[len(files)-1].Day+"' AND dt <> '"+gone.Day+"'"); err != nil {
		t.Errorf("about other days: %v", err)
	}

	gone.RetainUntil = time.Now().Add(-time.Minute)
	e = engineOver(t, files, func(o *Options) { o.Cache, o.Roots = c, append(o.Roots, dir) })
	r, err := e.Query(t.Context(), athena.Query{SQL: count})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	row, err := r.Next(t.Context())
	if err != nil || row[0] != int64(len(sample()))-gone.Rows {
		t.Errorf("%v, %v; want %d rows", row, err, int64(len(sample()))-gone.Rows)
	}
	m := r.Meta()
	if want := (athena.Expired{Files: 1, Rows: gone.Rows, From: gone.Day, To: gone.Day}); m.Expired != want {
		t.Errorf("expired %+v, want %+v", m.Expired, want)
	}
	if m.Stats.FilesTotal != len(files) || m.Stats.FilesRead != len(files)-1 {
		t.Errorf("stats %+v", m.Stats)
	}
}
