package cloudwatch

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
)

// TestDisk: an operation of the disk that fails costs no event and repeats none: what was
// sent stays known. A failed sync ends the process's trust in the disk.
func TestDisk(t *testing.T) {
	boom := errors.New("boom")
	for _, kind := range []crashfs.Kind{crashfs.Open, crashfs.Write, crashfs.Close, crashfs.Rename, crashfs.Sync, crashfs.SyncDir} {
		for _, file := range []string{".cursor", ".ndjson"} {
			if file == ".ndjson" && (kind == crashfs.Rename || kind == crashfs.SyncDir) {
				continue
			}
			t.Run(string(kind)+file, func(t *testing.T) {
				w := newWorld(t)
				rows := append(threeFiles(), row(12, 24*time.Hour))
				w.fs.Inject(func(op crashfs.Op) error {
					if op.Kind == kind && (strings.Contains(op.Name, file) || kind == crashfs.SyncDir) {
						return boom
					}
					return nil
				})
				err := w.target.Write(t.Context(), commit(0, 0, rows))
				if !errors.Is(err, boom) {
					t.Fatalf("write: %v", err)
				}
				puts := w.puts()
				w.fs.Inject(nil)
				again := w.target.Write(t.Context(), commit(0, 0, rows))
				if kind == crashfs.Sync || kind == crashfs.SyncDir {
					if !errors.Is(again, boom) || !errors.Is(again, durable.ErrSync) || w.puts() != puts {
						t.Fatalf("work goes on after a failed sync: %v", again)
					}
					return
				}
				if again != nil {
					t.Fatal(again)
				}
				w.sameEvents(rows[:12])
				w.sameRejected(map[int64]Reason{12: TooNew})
				if p := w.position(); p.Index != 1 {
					t.Errorf("position %+v", p)
				}
			})
		}
	}
}

// TestSavedByPosition: a position is durable when it is told, although Write failed to save it.
func TestSavedByPosition(t *testing.T) {
	w := newWorld(t)
	w.fs.SetCapacity(1)
	if err := w.target.Write(t.Context(), commit(0, 0, []event.Row{row(0, 0)})); err == nil {
		t.Fatal("no error on a full disk")
	}
	if _, err := w.target.Position(t.Context(), stream); err == nil {
		t.Fatal("a position that is not durable is told")
	}
	w.fs.SetCapacity(0)
	if p := w.position(); p.Index != 1 || p.Row != 0 {
		t.Fatalf("position %+v", p)
	}
	w.start()
	if p := w.position(); p.Index != 1 {
		t.Errorf("position %+v after a restart", p)
	}
}

// TestForeignCursor: neither another log group's cursor nor damage is taken for a position.
func TestForeignCursor(t *testing.T) {
	w := newWorld(t)
	w.write(commit(0, 0, []event.Row{row(0, 0)}))
	name := filepath.Join(dir, stream.String()+".cursor")
	good, err := durable.ReadFile(w.fs, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{
		"", "{}x", string(good[:len(good)/2]), strings.Replace(string(good), `"version":0`, `"version":1`, 1),
		strings.Replace(string(good), `"index":1`, `"index":-1`, 1), strings.Replace(string(good), `"file":0`, `"file":2`, 1),
		strings.Replace(string(good), `"row":`, `"column":`, 1), strings.Replace(string(good), logGroup, "/other", 1),
		strings.Replace(string(good), "eu-central-1", "eu-central-2", 1),
	} {
		if content == string(good) {
			t.Fatal("this case changes nothing")
		}
		if err := durable.WriteFile(w.fs, name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		_, err := w.target.Position(t.Context(), stream)
		if err == nil || !strings.Contains(err.Error(), "cursor "+name) {
			t.Errorf("position with cursor %q: %v", content, err)
		}
		if err := w.target.Write(t.Context(), commit(1, 1, []event.Row{row(1, 0)})); err == nil {
			t.Errorf("write with cursor %q", content)
		}
	}
}
