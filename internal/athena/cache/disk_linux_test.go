package cache

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/testenv/proc"
)

// TestNoSpace: a file that the disk has no room for is an error that says so, leaves
// nothing behind, and does not concern other files; with room it is fetched.
func TestNoSpace(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		proc.Missing(t, "mounting needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	b := &bucket{}
	small, big := b.add("small", []byte("hello")), b.add("big", bytes.Repeat([]byte("big"), 200<<10))
	c := open(t, dir, b, 1<<20)
	for range 2 {
		if _, _, err := c.Pin(t.Context(), []athena.File{big}); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, athena.ErrForged) {
			t.Errorf("error %v, want ENOSPC", err)
		}
		if left := onDisk(t, dir); len(left) > 1 {
			t.Errorf("left behind: %v", left)
		}
		path, release := pinOne(t, c, small)
		mustHold(t, path, "hello")
		release()
		checkAccounts(t, c)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=2m"); err != nil {
		t.Fatal(err)
	}
	path, release := pinOne(t, c, big)
	defer release()
	if info, err := os.Stat(path); err != nil || info.Size() != big.Size {
		t.Errorf("%v, %v", info, err)
	}
}

// envKilled makes this test program one that fetches a file and does not come to its end.
const envKilled = "CACHE_TEST_KILLED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(envKilled); dir != "" {
		fetchForever(dir)
	}
	os.Exit(m.Run())
}

// half gives half of what it should, says so, and waits.
type half struct{ *bucket }

func (h half) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	body, err := h.bucket.Get(ctx, key, version)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		_, _ = io.CopyN(w, body, 3)
		_, _ = os.Stdout.WriteString("half\n")
		select {}
	}()
	return r, nil
}

func fetchForever(dir string) {
	b := &bucket{}
	f := b.add("k", []byte("hello"))
	c, err := Open(Options{Dir: dir, Store: half{b}, MaxBytes: 10, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, _, err = c.Pin(context.Background(), []athena.File{f})
	}
	panic(err)
}

// TestKilledWhileFetching: what a process has fetched when it is killed is no file, and
// takes no room.
func TestKilledWhileFetching(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), envKilled+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err := errors.Join(err, child.Process.Kill()); err != nil || line != "half\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_ = child.Wait() // killed
	if left := onDisk(t, dir); len(left) != 1 {
		t.Errorf("it was killed at another moment: %v", left)
	}
	b := &bucket{}
	f := b.add("k", []byte("hello"))
	c := open(t, dir, b, 5)
	if left := onDisk(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	path, release := pinOne(t, c, f)
	defer release()
	mustHold(t, path, "hello")
	checkAccounts(t, c)
}
