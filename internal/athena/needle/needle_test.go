package needle

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/hot"
	"github.com/audit-archiver/archiver/internal/event"
)

// files encodes n rows a day of one actor, each with details of so many bytes.
func files(t *testing.T, days, n, details int) (files []athena.File, paths []string) {
	t.Helper()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	set, err := hot.Encode(t.Context(), func(yield func(event.Row, error) bool) {
		for i := range days * n {
			r := event.Row{Stream: uuid.MustParse("0198aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"), Seq: int64(i), Event: event.Event{
				ID: fmt.Sprintf("0198%08d-0000-7000-8000-000000000000", i), Action: "a", ActorID: "one", ActorType: "user", ResourceType: "r", Outcome: "success",
				Producer: "p", Retention: "standard", TimestampNS: start.AddDate(0, 0, i/n).UnixNano() + int64(i%n),
				Details: event.Str(`{"x":"` + strings.Repeat("y", details) + `"}`),
			}}
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
	for _, f := range set.Files {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		f.SHA256 = sha256.Sum256(data)
		files, paths = append(files, f), append(paths, f.Path)
	}
	return files, paths
}

func whereActor(name string) athena.Bounds {
	b := athena.Everything()
	b.Where = []athena.Match{{Column: "actor_id", Values: []string{name}}}
	return b
}

// TestBounds: what is too much to be picked is read whole, and what was picked is gone after Close.
func TestBounds(t *testing.T) {
	for name, tt := range map[string]struct {
		days, rows, details int
		picks               bool
	}{
		"few":               {3, 10, 10, true},
		"as many as may be": {4, mostRows / 4, 10, true},
		"too many":          {4, mostRows/4 + 1, 10, false},
		"too long":          {2, 500, mostBytes / 900, false},
	} {
		t.Run(name, func(t *testing.T) {
			files, paths := files(t, tt.days, tt.rows, tt.details)
			dir := t.TempDir()
			s, err := New(dir, 2, nil).Select(t.Context(), files, paths, whereActor("one"), true)
			if err != nil || (s != nil) != tt.picks {
				t.Fatalf("%+v, %v; want rows picked: %t", s, err, tt.picks)
			}
			if s != nil {
				if s.Rows != tt.days*tt.rows || s.Files != tt.days || s.FilesRead != tt.days || s.BytesRead == 0 {
					t.Errorf("%+v", s)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%d files are left, %v", len(left), err)
			}
		})
	}
}

// TestLongRowsOfOneGroup: rows that are few and too long are given up while they are read, not when all of them are in
// memory.
func TestLongRowsOfOneGroup(t *testing.T) {
	files, paths := files(t, 1, 2000, 48<<10)
	f := New(t.TempDir(), 2, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := f.Select(t.Context(), files, paths, whereActor("one"), true)
	runtime.ReadMemStats(&after)
	if s != nil || err != nil {
		t.Fatalf("%+v, %v; want no rows picked", s, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 2*mostBytes {
		t.Errorf("%d bytes of memory were asked for, want at most %d", took, 2*mostBytes)
	}
}

// TestNothingIsFound: no file is made, and none but the filters was read.
func TestNothingIsFound(t *testing.T) {
	files, paths := files(t, 5, 10, 10)
	s, err := New(t.TempDir(), 2, nil).Select(t.Context(), files, paths, whereActor("another"), true)
	if err != nil || s == nil || s.Path != "" || s.Rows != 0 || s.GroupsRead > 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := New(t.TempDir(), 2, nil).Select(t.Context(), files, paths, athena.Everything(), true); s != nil || err != nil {
		t.Errorf("without a condition: %+v, %v", s, err)
	}
}

// TestFilesAreForgotten: the memory of footers is bounded.
func TestFilesAreForgotten(t *testing.T) {
	files, paths := files(t, 1, 10, 10)
	held := int64(0)
	f := New(t.TempDir(), 1, func(bytes int64) { held += bytes })
	for i := range mostMaps + 10 {
		files[0].SHA256[0], files[0].SHA256[1] = byte(i), byte(i>>8) // as if it were another one
		s, err := f.Select(t.Context(), files, paths, whereActor("another"), true)
		if err != nil || s == nil {
			t.Fatal(err)
		}
	}
	if len(f.maps) > mostMaps {
		t.Errorf("%d footers are kept, want at most %d", len(f.maps), mostMaps)
	}
	if want := groupBytes*int64(len(f.maps)) + f.memory.Bytes(); held != want {
		t.Errorf("told of %d bytes, want %d", held, want)
	}
	s, err := f.Select(t.Context(), files, paths, whereActor("one"), true)
	if err != nil || s == nil || s.Rows == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if want := groupBytes*int64(len(f.maps)) + f.memory.Bytes(); held != want || f.memory.Bytes() == 0 {
		t.Errorf("told of %d bytes, want %d, of which %d are what was unpacked", held, want, f.memory.Bytes())
	}
}
