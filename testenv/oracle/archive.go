package oracle

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/hot"
	"github.com/audit-archiver/archiver/internal/event"
)

// awkward is hand-made: a line is a retention class and an event as it is sent.
//
//go:embed data/awkward.txt
var awkward string

// Now is the instant of the archive: everything in it has been received by then.
var Now = time.Date(2024, 3, 1, 12, 0, 0, 123_000_000, time.UTC)

// Floor is the archive's: no event is older.
var Floor = time.Date(2023, 3, 1, 0, 0, 0, 0, time.UTC)

// Classes are the archive's retention classes; empty is one without any event.
func Classes() []string { return []string{"empty", "long", "minimal", "standard"} }

// Rows are the archive's: the 2,900 real events of testenv/data, and those of
// data/awkward.txt, as two streams. They never change, since answers are recorded.
func Rows(t testing.TB) []event.Row {
	t.Helper()
	var rows []event.Row
	add := func(stream uint64, class, line string) {
		e, faults := event.Decode([]byte(line), Now, event.DefaultLimits())
		if len(faults) > 0 {
			t.Fatalf("%v: %s", faults, line)
		}
		r := event.Row{Event: e, Seq: int64(len(rows))}
		binary.BigEndian.PutUint64(r.Stream[:], stream)
		r.Stream[6], r.Stream[8] = 0x70, 0x80 // a UUID of version 7
		r.Retention, r.Producer, r.ReceivedAtMS = class, "oracle", Now.Add(-time.Hour).UnixMilli()+r.Seq
		rows = append(rows, r)
	}
	for line := range strings.Lines(cloudTrail(t)) {
		add(0x0198000000000000, "standard", line)
	}
	real := len(rows)
	for line := range strings.Lines(awkward) {
		class, body, _ := strings.Cut(line, " ")
		add(0x0198000100000000, class, body)
		rows[len(rows)-1].Seq -= int64(real)
	}
	if real != 2900 {
		t.Fatalf("%d real events, want 2900", real)
	}
	return rows
}

// cloudTrail returns the real events, one a line.
func cloudTrail(t testing.TB) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(file), "../data/cloudtrail/events.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(bufio.NewReader(r))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Files writes the archive's Parquet files into a folder of the test, in the layout
// of the bucket: retention=CLASS/dt=DAY/NAME.parquet.
func Files(t testing.TB) []athena.File {
	t.Helper()
	rows := Rows(t)
	set, err := hot.Encode(t.Context(), func(yield func(event.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set.Files
}

// fixed is a source that always gives the same files.
type fixed []athena.File

func (f fixed) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	return &athena.FileSet{Files: f, CompleteThrough: Now}, nil
}
