package durable_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

func TestMkdirAll(t *testing.T) {
	for name, at := range map[string]struct {
		fsys durable.FS
		dir  string
	}{"os": {durable.OS(), t.TempDir()}, "crashfs": {crashfs.New(), "/"}} {
		dir := filepath.Join(at.dir, "a", "b", "c")
		for range 2 {
			if err := durable.MkdirAll(at.fsys, dir+"/", 0o700); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if entries, err := at.fsys.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 || !entries[0].IsDir() {
				t.Errorf("%s: %v, %v", name, entries, err)
			}
		}
		file := filepath.Join(dir, "f")
		if err := durable.WriteFile(at.fsys, file, nil, 0o600); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, wrong := range []string{file, filepath.Join(file, "d"), filepath.Join(file, "d", "e")} {
			if err := durable.MkdirAll(at.fsys, wrong, 0o700); !errors.Is(err, unix.ENOTDIR) {
				t.Errorf("%s: a folder in place of a file, or in one: %v", name, err)
			}
		}
	}
}

// TestMkdirAllCrash dies before every operation of a MkdirAll: by kill, so that the next
// process sees what was made and is not on the disk, or by a loss of power. What the next
// one puts there is there for good.
func TestMkdirAllCrash(t *testing.T) {
	const dir = "/a/b/c"
	dead := errors.New("dead")
	for n := 1; ; n++ {
		fsys := crashfs.New()
		fsys.Inject(func(op crashfs.Op) error {
			if op.N >= n {
				return dead
			}
			return nil
		})
		err := durable.MkdirAll(fsys, dir, 0o700)
		fsys.Inject(nil)
		next := map[string]*crashfs.FS{"killed": fsys}
		for name, keep := range map[string]int{"nothing survives": 0, "half survives": 50, "all survives": 100} {
			next[name] = fsys.Crash(rand.New(rand.NewPCG(uint64(n), 1)), keep)
		}
		for name, after := range next {
			if err == nil { // the folder is there, whatever survived
				if _, err := after.ReadDir(dir); err != nil {
					t.Errorf("made, %s: %v", name, err)
				}
			}
			if err := errors.Join(durable.MkdirAll(after, dir, 0o700), durable.WriteFile(after, dir+"/f", []byte("x"), 0o600)); err != nil {
				t.Fatalf("op %d, %s: %v", n, name, err)
			}
			if got, err := durable.ReadFile(after.Crash(rand.New(rand.NewPCG(1, 1)), 0), dir+"/f"); err != nil || string(got) != "x" {
				t.Errorf("op %d, %s: %q, %v", n, name, got, err)
			}
		}
		if err == nil {
			if n < 6 {
				t.Errorf("only %d operations", n-1)
			}
			return
		}
	}
}

// TestMkdirAllFaults makes each operation fail, done or not: nothing is made in a folder
// that is not on the disk, and a sync that failed is told as one.
func TestMkdirAllFaults(t *testing.T) {
	boom := errors.New("boom")
	for _, done := range []bool{false, true} {
		for n := 1; ; n++ {
			fsys, hit := crashfs.New(), crashfs.Op{}
			fsys.Inject(func(op crashfs.Op) error {
				if op.N != n {
					return nil
				}
				hit = op
				return &crashfs.Fault{Err: boom, Done: done}
			})
			err := durable.MkdirAll(fsys, "/a/b", 0o700)
			if hit.N == 0 {
				if n < 5 {
					t.Fatalf("only %d operations", n-1)
				}
				break
			}
			if done && hit.Kind == crashfs.ReadDir {
				continue // says that there is no such folder, as it would without the fault
			}
			if final := hit.Kind == crashfs.SyncDir; !errors.Is(err, boom) || errors.Is(err, durable.ErrSync) != final || fsys.Ops() != n {
				t.Errorf("%s %s, done %v: %v after %d operations, want to stop at %d", hit.Kind, hit.Name, done, err, fsys.Ops(), n)
			}
		}
	}
}

// TestMkdirAllWithoutRights: who may not read the parent of a folder that is there did
// not make it, and need not sync it.
func TestMkdirAllWithoutRights(t *testing.T) {
	fsys := crashfs.New()
	if err := fsys.Mkdir("/a", 0o700); err != nil {
		t.Fatal(err)
	}
	fsys.Inject(func(op crashfs.Op) error {
		if op.Kind == crashfs.Open {
			return fs.ErrPermission
		}
		return nil
	})
	if err := durable.MkdirAll(fsys, "/a", 0o700); err != nil {
		t.Errorf("a folder that is there: %v", err)
	}
	if err := durable.MkdirAll(fsys, "/b", 0o700); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a new one: %v", err)
	}
}

// TestMkdirAllOfASecret: a folder that is there may be one that only others may list.
func TestMkdirAllOfASecret(t *testing.T) {
	fsys := crashfs.New()
	if err := fsys.Mkdir("/a", 0o700); err != nil {
		t.Fatal(err)
	}
	fsys.Inject(func(op crashfs.Op) error {
		if op.Kind == crashfs.ReadDir && op.Name == "/a" {
			return fs.ErrPermission
		}
		return nil
	})
	if err := durable.MkdirAll(fsys, "/a/b", 0o700); err != nil {
		t.Error(err)
	}
	if err := durable.MkdirAll(fsys, "/a", 0o700); err != nil {
		t.Error(err)
	}
}
