//go:build unix

package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

// TestNoDescriptor: that a folder cannot be opened says nothing about the disk, and is no
// failed sync. Later it can be, and then all is as ever.
func TestNoDescriptor(t *testing.T) {
	fsys, dir := durable.OS(), t.TempDir()
	name := filepath.Join(dir, "f")
	if err := durable.WriteFile(fsys, name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := fsys.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	calls := map[string]func() error{
		"write":          func() error { return durable.WriteFile(fsys, name, []byte("new"), 0o600) },
		"sync":           func() error { return fsys.SyncDir(dir) },
		"make folders":   func() error { return durable.MkdirAll(fsys, filepath.Join(dir, "a", "b"), 0o700) },
		"make no folder": func() error { return durable.MkdirAll(fsys, dir, 0o700) },
	}
	failed := make(map[string]error)
	withoutDescriptors(t, func() {
		for what, call := range calls {
			failed[what] = call()
		}
		err = open.Sync()
	})
	if err != nil {
		t.Errorf("an open folder is not synced: %v", err)
	}
	for what, err := range failed {
		if !errors.Is(err, unix.EMFILE) || errors.Is(err, durable.ErrSync) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got, err := durable.ReadFile(fsys, name); err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	for what, call := range calls {
		if err := call(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// withoutDescriptors runs do while this process may open nothing.
func withoutDescriptors(t *testing.T, do func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	do()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
}

// TestWriteFileWithoutDescriptor: whichever open it is that fails, the file is as it was.
func TestWriteFileWithoutDescriptor(t *testing.T) {
	for n := 1; ; n++ {
		fsys := crashfs.New()
		if err := durable.WriteFile(fsys, "/f", []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		opens := 0
		fsys.Inject(func(op crashfs.Op) error {
			if op.Kind == crashfs.Open {
				if opens++; opens == n {
					return unix.EMFILE
				}
			}
			return nil
		})
		err := durable.WriteFile(fsys, "/f", []byte("new"), 0o600)
		fsys.Inject(nil)
		if opens < n {
			if n < 3 {
				t.Fatalf("only %d opens", opens)
			}
			return
		}
		if !errors.Is(err, unix.EMFILE) || errors.Is(err, durable.ErrSync) {
			t.Errorf("open %d: %v", n, err)
		}
		if got, err := durable.ReadFile(fsys, "/f"); err != nil || string(got) != "old" {
			t.Errorf("open %d: %q, %v", n, got, err)
		}
		if _, err := durable.ReadFile(fsys, "/f.tmp"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("open %d: a part is left: %v", n, err)
		}
	}
}
