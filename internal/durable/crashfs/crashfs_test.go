package crashfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
)

func rng(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, fsys *crashfs.FS, name string, data []byte) durable.File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	_, err = f.WriteAt(data, 0)
	must(t, err)
	return f
}

func TestSyncedSurvives(t *testing.T) {
	fsys := crashfs.New()
	f := create(t, fsys, "/a", []byte("hello"))
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	got, err := durable.ReadFile(fsys.Crash(rng(1), 0), "/a")
	if err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestUnsyncedIsLost(t *testing.T) {
	fsys := crashfs.New()
	f := create(t, fsys, "/named", []byte("x")) // neither content nor name
	must(t, f.Sync())                           // a synced file does not sync its name
	if _, err := durable.ReadFile(fsys.Crash(rng(1), 0), "/named"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name survived without SyncDir: %v", err)
	}
	must(t, fsys.SyncDir("/"))
	_, err := f.WriteAt([]byte("yz"), 0)
	must(t, err)
	for _, tt := range []struct {
		keep int
		want string
	}{{0, "x"}, {100, "yz"}} {
		got, err := durable.ReadFile(fsys.Crash(rng(1), tt.keep), "/named")
		if err != nil || string(got) != tt.want {
			t.Errorf("keep %d%%: %q, %v, want %q", tt.keep, got, err, tt.want)
		}
	}
}

// Sectors survive one by one: at 50 percent there are crashes that keep a later
// sector and lose an earlier one.
func TestSectorsSurviveAlone(t *testing.T) {
	fsys := crashfs.New()
	f := create(t, fsys, "/a", make([]byte, 2*crashfs.Sector))
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	_, err := f.WriteAt(bytes.Repeat([]byte{1}, 2*crashfs.Sector), 0)
	must(t, err)
	seen := make(map[[2]byte]bool)
	for seed := range uint64(100) {
		got, err := durable.ReadFile(fsys.Crash(rng(seed), 50), "/a")
		must(t, err)
		seen[[2]byte{got[0], got[crashfs.Sector]}] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d of 4 outcomes", len(seen))
	}
}

func TestRenameIsOneChange(t *testing.T) {
	fsys := crashfs.New()
	must(t, create(t, fsys, "/old", []byte("1")).Sync())
	must(t, fsys.SyncDir("/"))
	must(t, fsys.Rename("/old", "/new"))
	both := make(map[bool]int)
	for seed := range uint64(100) {
		after := fsys.Crash(rng(seed), 50)
		_, oldErr := durable.ReadFile(after, "/old")
		_, newErr := durable.ReadFile(after, "/new")
		if (oldErr == nil) == (newErr == nil) {
			t.Fatalf("seed %d: old %v, new %v", seed, oldErr, newErr)
		}
		both[newErr == nil]++
	}
	if both[true] == 0 || both[false] == 0 {
		t.Errorf("always the same outcome: %v", both)
	}
}

// A change of a name that builds on a lost one is lost too.
func TestChangesOfOneNameKeepTheirOrder(t *testing.T) {
	fsys := crashfs.New()
	must(t, create(t, fsys, "/a", []byte("1")).Sync())
	must(t, fsys.Rename("/a", "/b"))
	for seed := range uint64(100) {
		after := fsys.Crash(rng(seed), 50)
		_, aErr := durable.ReadFile(after, "/a")
		_, bErr := durable.ReadFile(after, "/b")
		if aErr == nil && bErr == nil {
			t.Fatalf("seed %d: both names", seed)
		}
	}
}

// TestUnsyncedFolders: a folder that is made or removed is as uncertain as a file until
// its parent is synced, and takes with it what was synced in it.
func TestUnsyncedFolders(t *testing.T) {
	fsys := crashfs.New()
	must(t, fsys.Mkdir("/d", 0o700))
	must(t, create(t, fsys, "/d/f", []byte("x")).Sync())
	must(t, fsys.SyncDir("/d"))
	want := func(what string, keep int, there bool) {
		t.Helper()
		_, err := durable.ReadFile(fsys.Crash(rng(1), keep), "/d/f")
		if there && err != nil || !there && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s, %d %% survive: %v", what, keep, err)
		}
	}
	want("made", 0, false)
	want("made", 100, true)
	must(t, fsys.SyncDir("/"))
	want("made and synced", 0, true)

	if err := fsys.Remove("/d"); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("remove a folder with a file: %v", err)
	}
	must(t, fsys.Remove("/d/f"))
	must(t, fsys.Remove("/d"))
	want("removed", 0, true)
	want("removed", 100, false)
	must(t, fsys.Mkdir("/d", 0o700)) // another one under its name
	want("made again", 0, true)
	want("made again", 100, false)
	must(t, fsys.SyncDir("/"))
	want("made again and synced", 0, false)
	if _, err := fsys.Crash(rng(1), 0).ReadDir("/d"); err != nil {
		t.Errorf("the new one: %v", err)
	}
}

func TestFaults(t *testing.T) {
	boom := errors.New("boom")
	fsys := crashfs.New()
	f := create(t, fsys, "/a", []byte("0123456789"))
	must(t, f.Sync())
	must(t, fsys.SyncDir("/"))
	hit := func(kind crashfs.Kind, err error) {
		fsys.Inject(func(op crashfs.Op) error {
			if op.Kind == kind && op.Name == "/a" {
				return err
			}
			return nil
		})
	}
	hit(crashfs.Write, &crashfs.Fault{Err: boom, Part: 3})
	if n, err := f.WriteAt([]byte("abcdef"), 0); n != 3 || !errors.Is(err, boom) {
		t.Errorf("short write: %d, %v", n, err)
	}
	hit(crashfs.Sync, boom)
	if err := f.Sync(); !errors.Is(err, boom) {
		t.Errorf("sync: %v", err)
	}
	if got, _ := durable.ReadFile(fsys.Crash(rng(1), 0), "/a"); string(got) != "0123456789" {
		t.Errorf("a failed sync synced: %q", got)
	}
	hit(crashfs.Sync, &crashfs.Fault{Err: boom, Done: true})
	if err := f.Sync(); !errors.Is(err, boom) {
		t.Errorf("sync: %v", err)
	}
	if got, _ := durable.ReadFile(fsys.Crash(rng(1), 0), "/a"); string(got) != "abc3456789" {
		t.Errorf("a sync that was done is lost: %q", got)
	}
	_, err := f.WriteAt([]byte("XYZ"), 0)
	must(t, err)
	hit(crashfs.Sync, &crashfs.Fault{Err: boom, Lost: true})
	if err := f.Sync(); !errors.Is(err, boom) {
		t.Errorf("sync: %v", err)
	}
	fsys.Inject(nil)
	must(t, f.Sync()) // says yes, and does nothing
	if now, _ := durable.ReadFile(fsys, "/a"); string(now) != "XYZ3456789" {
		t.Errorf("the pages can be read: %q", now)
	}
	if got, _ := durable.ReadFile(fsys.Crash(rng(1), 100), "/a"); string(got) != "abc3456789" {
		t.Errorf("lost pages came back: %q", got)
	}
}

func TestCapacity(t *testing.T) {
	fsys := crashfs.New()
	fsys.SetCapacity(1000)
	f := create(t, fsys, "/a", make([]byte, 600))
	if free, err := fsys.Free("/"); err != nil || free != 400 {
		t.Errorf("free %d, %v", free, err)
	}
	if n, err := f.WriteAt(make([]byte, 600), 600); n != 400 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write beyond the capacity: %d, %v", n, err)
	}
	if _, err := f.WriteAt(make([]byte, 1000), 0); err != nil {
		t.Errorf("overwriting needs no space: %v", err)
	}
	must(t, fsys.Remove("/a"))
	if free, _ := fsys.Free("/"); free != 1000 {
		t.Errorf("free %d after remove", free)
	}
}
