package durable_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

func TestOS(t *testing.T) {
	fsys, dir := durable.OS(), filepath.Join(t.TempDir(), "a", "b")
	if err := fsys.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("folder: %v, %v", info, err)
	}
	name := filepath.Join(dir, "f")
	if err := durable.WriteFile(fsys, name, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(fsys, name, []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := durable.ReadFile(fsys, name); err != nil || string(got) != "three" {
		t.Fatalf("%q, %v", got, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("file: %v, %v", info, err)
	}
	if entries, err := fsys.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Fatalf("leftovers: %v, %v", entries, err)
	}
	if free, err := fsys.Free(dir); err != nil || free <= 0 {
		t.Fatalf("free %d, %v", free, err)
	}
	if _, err := durable.ReadFile(fsys, name+"x"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing file: %v", err)
	}
	if err := os.Symlink(name, name+"-link"); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.OpenFile(name+"-link", os.O_RDWR, 0); err == nil {
		t.Fatal("a symbolic link was followed")
	}
}

// TestWriteFileCrash dies before every operation of a WriteFile, with every kind
// of luck. The file is the old one or the new one; after a nil it is the new one.
func TestWriteFileCrash(t *testing.T) {
	dead := errors.New("dead")
	for n := 1; ; n++ {
		for seed := range uint64(20) {
			fsys := crashfs.New()
			if err := durable.WriteFile(fsys, "/f", []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			last := fsys.Ops() + n
			fsys.Inject(func(op crashfs.Op) error {
				if op.N >= last {
					return dead
				}
				return nil
			})
			err := durable.WriteFile(fsys, "/f", []byte("new, longer"), 0o600)
			got, readErr := durable.ReadFile(fsys.Crash(rand.New(rand.NewPCG(seed, 1)), int(seed*5)), "/f")
			if readErr != nil || string(got) != "new, longer" && (string(got) != "old" || err == nil) {
				t.Fatalf("op %d, seed %d: %q, %v after %v", n, seed, got, readErr, err)
			}
			if err == nil && seed == 19 {
				return
			}
		}
	}
}

func TestWriteFileFaults(t *testing.T) {
	boom := errors.New("boom")
	for _, kind := range []crashfs.Kind{
		crashfs.Open, crashfs.Write, crashfs.Sync, crashfs.Close, crashfs.Rename, crashfs.SyncDir,
	} {
		fsys := crashfs.New()
		fsys.Inject(func(op crashfs.Op) error {
			if op.Kind == kind {
				return boom
			}
			return nil
		})
		err := durable.WriteFile(fsys, "/f", []byte("x"), 0o600)
		if !errors.Is(err, boom) {
			t.Errorf("%s: %v", kind, err)
		}
		if final := kind == crashfs.Sync || kind == crashfs.SyncDir; errors.Is(err, durable.ErrSync) != final {
			t.Errorf("%s: final is not %v: %v", kind, final, err)
		}
	}
	// A write that is cut short without an error is an error all the same.
	fsys := crashfs.New()
	fsys.SetCapacity(2)
	if err := durable.WriteFile(fsys, "/f", []byte("xyz"), 0o600); err == nil {
		t.Error("short write passed")
	}
	if free, _ := fsys.Free("/"); free != 2 {
		t.Errorf("the partial file was left: %d bytes free", free)
	}
}

// TestLock takes one lock from two processes: the second is this test binary.
func TestLock(t *testing.T) {
	if dir := os.Getenv("DURABLE_TEST_LOCK"); dir != "" {
		_, err := durable.Lock(dir)
		if err == nil || !errors.Is(err, durable.ErrLocked) {
			os.Exit(3)
		}
		os.Stdout.WriteString(err.Error())
		os.Exit(0)
	}
	dir := t.TempDir()
	lock, err := durable.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLock$")
	cmd.Env = append(os.Environ(), "DURABLE_TEST_LOCK="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("second process: %v %s", err, out)
	}
	if want := "pid " + strconv.Itoa(os.Getpid()); !strings.Contains(string(out), want) {
		t.Errorf("error %q does not name %q", out, want)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if lock, err = durable.Lock(dir); err != nil {
		t.Fatalf("lock again: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}
