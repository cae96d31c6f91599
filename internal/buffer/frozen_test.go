package buffer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// frozenDir holds WAL folders as releases left them; see its README.
const frozenDir = "../../testenv/archives"

// frozenSaid is what the folder holds, written down when it was made.
type frozenSaid struct {
	FirstSeq int64    `json:"first_seq"` // not released
	NextSeq  int64    `json:"next_seq"`
	Sealed   []int64  `json:"sealed"`    // last seq of each sealed batch that is not released
	RetryIDs int64    `json:"retry_ids"` // that are recognised
	Leaves   [][]byte `json:"leaves"`    // of all rows, as event.AppendLeaf gives them
}

// freeze makes a WAL folder: one batch released, one sealed, a heartbeat, and events
// that no seal covers, over two segments. It is closed as a kill leaves it.
func freeze(t *testing.T, dir string) {
	t.Helper()
	o := testOptions(durable.OS(), dir)
	o.SegmentBytes = segmentMin
	r := start(t, o)
	r.mustAppend(t, testEvents(0, 10)...)
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Release(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for i := 10; i < 130; i += 10 {
		if r.mustAppend(t, testEvents(i, 10)...); i == 60 {
			r.mustSeal(t)
			if err := r.Heartbeat(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.mustHalt(t)
}

// describeLog is what a log says about itself.
func describeLog(t *testing.T, dir string) (said frozenSaid) {
	t.Helper()
	o := testOptions(durable.OS(), dir)
	o.SegmentBytes = segmentMin
	o.RetryAge = 100 * 365 * 24 * time.Hour // the folder grows old
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s := b.Stats()
	said = frozenSaid{FirstSeq: s.FirstSeq, NextSeq: s.NextSeq, RetryIDs: s.RecentIDs}
	for _, batch := range sealed(t, b) {
		said.Sealed = append(said.Sealed, batch.Last)
	}
	for _, row := range rows(t, b) {
		said.Leaves = append(said.Leaves, event.AppendLeaf(nil, &row))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return said
}

// TestFaultA28FrozenLogs opens the WAL folder of every release, from a copy, and demands what
// was in it when it was made. -update makes that of today's format anew.
func TestFaultA28FrozenLogs(t *testing.T) {
	today := filepath.Join(frozenDir, fmt.Sprintf("wal-v%d", formatVersion))
	if *update {
		dir := t.TempDir()
		freeze(t, dir)
		said, err := json.MarshalIndent(describeLog(t, dir), "", " ")
		if err == nil {
			err = os.RemoveAll(today)
		}
		if err != nil {
			t.Fatal(err)
		}
		pack(t, dir, today)
		if err := os.WriteFile(filepath.Join(today, "expected.json"), append(said, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	folders, err := filepath.Glob(filepath.Join(frozenDir, "wal-*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no frozen folders: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(folder, "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			unpack(t, folder, dir)
			var want frozenSaid
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			for _, leaf := range want.Leaves {
				leaf[7] = 1 // the version of the leaf: the rest of it never changed
			}
			if got := describeLog(t, dir); !reflect.DeepEqual(got, want) {
				t.Errorf("it holds other things than when it was made:\n%.2000v", got)
			}
			// And it goes on: another event gets the next seq, and a retry its first one.
			o := testOptions(durable.OS(), dir)
			o.SegmentBytes, o.RetryAge = segmentMin, 100*365*24*time.Hour
			r := start(t, o)
			if seq := r.mustAppend(t, testEvent(1_000_000)); seq != want.NextSeq {
				t.Errorf("the next event gets seq %d, want %d", seq, want.NextSeq)
			}
			if seq := r.mustAppend(t, testEvent(3)); seq != 3 {
				t.Errorf("a retry of seq 3 gets seq %d", seq)
			}
			r.mustHalt(t)
		})
	}
}

// pack copies the files of a log, zipped: most of them is zeros. Spares mean nothing.
func pack(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range logFiles(t, from) {
		raw, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		if _, err = z.Write(raw); err == nil {
			err = z.Close()
		}
		path := filepath.Join(to, name+".gz")
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, zipped.Bytes(), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// logFiles are the names of what belongs to a log.
func logFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, pattern := range []string{"0*", "released*", "ids/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	return names
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range logFiles(t, from) {
		f, err := os.Open(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, name[:len(name)-len(".gz")])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
