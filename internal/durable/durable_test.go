package durable_test

import (
	"bytes"
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
	if err := durable.MkdirAll(fsys, dir, 0o700); err != nil {
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

// TestWriteZeros: zeros replace what was there and nothing beside it, and what is
// written afterwards may lie anywhere again. Sizes and places that cannot go past the
// page cache go through it.
func TestWriteZeros(t *testing.T) {
	const room = 3 << 12
	for _, fsys := range []durable.FS{durable.OS(), crashfs.New()} {
		dir := "/"
		if fsys == durable.OS() {
			dir = t.TempDir()
		}
		f, err := fsys.OpenFile(filepath.Join(dir, "f"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for _, place := range []struct{ off, size int64 }{{0, 4096}, {4096, 8192}, {8192, 4096}, {100, 5000}, {4096, 77}, {room, 9 << 20}} {
			noise := bytes.Repeat([]byte{0xa5}, room)
			if _, err := f.WriteAt(noise, 0); err != nil {
				t.Fatalf("write after zeros: %v", err)
			}
			if err := errors.Join(f.WriteZeros(place.off, place.size), f.Sync()); err != nil {
				t.Fatalf("%+v: %v", place, err)
			}
			if _, err := f.WriteAt([]byte("x"), 1); err != nil {
				t.Fatalf("a byte after zeros: %v", err)
			}
			want = append(want[:0], noise...)
			want = append(want, make([]byte, max(0, int(place.off+place.size)-room))...)
			clear(want[place.off:][:place.size])
			want[1] = 'x'
			got, err := durable.ReadFile(fsys, filepath.Join(dir, "f"))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%+v: %d bytes are not what they must be, %v", place, len(got), err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
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
