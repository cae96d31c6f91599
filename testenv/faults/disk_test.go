//go:build linux

package faults

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// disk is a small file system of a test.
type disk struct {
	dir     string // where it is mounted
	backing string // the tmpfs that an image lies on; "" if the disk is a tmpfs itself
	loop    string // the loop device of an image
}

// tmpfs mounts one of so many bytes.
func tmpfs(t testing.TB, size string) *disk {
	t.Helper()
	if os.Getenv(envMounts) == "" {
		lacks(t, "mounting needs root")
	}
	d := &disk{dir: t.TempDir()}
	mount(t, d.dir, "-t", "tmpfs", "-o", "size="+size, "tmpfs")
	return d
}

// ext4 mounts an image on a tmpfs that is smaller than the image says: a write is
// taken, and writing it back fails, as on a disk that goes bad.
func ext4(t testing.TB, image, space string) *disk {
	t.Helper()
	below := tmpfs(t, space)
	file := filepath.Join(below.dir, "image")
	for _, argv := range [][]string{{"truncate", "-s", image, file}, {"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", file}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			lacks(t, strings.Join(argv, " ")+": "+string(out))
		}
	}
	d := &disk{dir: t.TempDir(), backing: below.dir}
	if out, err := exec.Command("losetup", "--find", "--show", file).Output(); err != nil {
		lacks(t, "no loop device: "+err.Error())
	} else {
		d.loop = strings.TrimSpace(string(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", d.loop).CombinedOutput(); err != nil {
			t.Errorf("detach %s: %s", d.loop, out)
		}
	})
	d.mountLoop(t)
	return d
}

func (d *disk) mountLoop(t testing.TB) {
	t.Helper()
	mount(t, d.dir, "-t", "ext4", "-o", "errors=remount-ro", d.loop)
}

// mount mounts on dir until the end of the test.
func mount(t testing.TB, dir string, args ...string) {
	t.Helper()
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		t.Fatalf("mount %s: %v: %s", args, err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: the test did it
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// repair replaces the bad disk below by one with room, and mounts again, as after
// a reboot.
func (d *disk) repair(t testing.TB) {
	t.Helper()
	if err := unix.Unmount(d.dir, 0); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=100%", d.backing).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("e2fsck", "-p", d.loop).CombinedOutput(); err != nil {
		t.Logf("e2fsck: %v: %s", err, out) // 1: it corrected something
	}
	d.mountLoop(t)
}

// grow makes a tmpfs larger.
func (d *disk) grow(t testing.TB) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "remount,size=128m", d.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// fill leaves so many bytes free and returns the file that takes the others.
func (d *disk) fill(t testing.TB, leave int64) string {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(d.dir, "somebody-else")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	left := int64(st.Bavail)*st.Bsize - leave
	for left > 0 {
		n, err := f.Write(make([]byte, min(left, 1<<20)))
		if left -= int64(n); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// contents is every file below dir with its content, to see that none went away
// or changed.
func contents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		all[name] = raw
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// kept demands that each of the files is as it was. New ones are fine.
func kept(t testing.TB, dir string, before map[string][]byte) {
	t.Helper()
	after := contents(t, dir)
	for name, raw := range before {
		now, ok := after[name]
		if !ok {
			t.Errorf("%s is gone", name)
		} else if !bytes.Equal(now, raw) && filepath.Base(name) != "lock" { // holds the pid
			t.Errorf("%s is changed", name)
		}
	}
}
