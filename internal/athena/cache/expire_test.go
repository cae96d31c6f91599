package cache

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/object"
)

// TestLockedFileIsGone: a file that must be there and is not is no file to leave out.
func TestLockedFileIsGone(t *testing.T) {
	b := &bucket{}
	f := b.add("k", []byte("hello"))
	b.drop(f)
	_, _, err := open(t, t.TempDir(), b, 100).Pin(t.Context(), []athena.File{f})
	if !errors.Is(err, athena.ErrMissing) || !errors.Is(err, object.ErrNotFound) || errors.Is(err, athena.ErrForged) || !strings.Contains(err.Error(), "archiver verify") {
		t.Errorf("error %v, want ErrMissing", err)
	}
}

// TestExpired: a file whose lock has ended is read while it is there, and left out once
// it is gone, also of this disk. The store is asked seldom.
func TestExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{}
		old, young := b.add("old", []byte("old")), b.add("young", []byte("young"))
		old.RetainUntil = time.Now().Add(time.Minute)
		c := open(t, t.TempDir(), b, 8)
		pin := func() (paths []string) {
			t.Helper()
			paths, release, err := c.Pin(t.Context(), []athena.File{old, young})
			if err != nil {
				t.Fatal(err)
			}
			mustHold(t, paths[1], "young")
			release()
			return paths
		}
		pin()
		if n := b.heads.Load(); n != 0 {
			t.Errorf("asked %d times about files that are locked", n)
		}
		time.Sleep(2 * time.Minute) // the lock ends
		for range 3 {
			mustHold(t, pin()[0], "old")
		}
		if n := b.heads.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		time.Sleep(askAgain)
		b.away = errors.New("away")
		mustHold(t, pin()[0], "old") // nobody knows
		b.away = nil
		b.drop(old)
		kept, release := pinOne(t, c, young)
		for range 3 {
			if paths := pin(); paths[0] != "" {
				t.Errorf("an expired file that is gone is read from %s", paths[0])
			}
		}
		release()
		if n := b.heads.Load(); n != 3 {
			t.Errorf("asked %d times, want 3", n)
		}
		mustHold(t, kept, "young")
		var left []string
		_ = fs.WalkDir(os.DirFS(c.o.Dir), ".", func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				left = append(left, path)
			}
			return err
		})
		if len(left) != 1 {
			t.Errorf("the cache holds %v, want young alone", left)
		}
	})
}

// TestExpiredTakeNoRoom: what is gone does not count against the bound.
func TestExpiredTakeNoRoom(t *testing.T) {
	b := &bucket{}
	old, young := b.add("old", []byte("12345678")), b.add("young", []byte("12345678"))
	old.RetainUntil = time.Now().Add(-time.Minute)
	b.drop(old)
	paths, release, err := open(t, t.TempDir(), b, 8).Pin(t.Context(), []athena.File{old, young})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if paths[0] != "" {
		t.Errorf("paths %q", paths)
	}
	mustHold(t, paths[1], "12345678")
}

// TestExpiredAtThisMoment: a file that goes between the question and the fetch is an
// error that passes.
func TestExpiredAtThisMoment(t *testing.T) {
	b := &bucket{away: errors.New("away")}
	f := b.add("k", []byte("hello"))
	f.RetainUntil = time.Now().Add(-time.Minute)
	b.drop(f)
	c := open(t, t.TempDir(), b, 100)
	_, _, err := c.Pin(t.Context(), []athena.File{f})
	if errors.Is(err, athena.ErrMissing) || !errors.Is(err, object.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	b.away = nil
	paths, release, err := c.Pin(t.Context(), []athena.File{f})
	if err != nil || paths[0] != "" {
		t.Errorf("asked again: %q, %v", paths, err)
	}
	release()
}
