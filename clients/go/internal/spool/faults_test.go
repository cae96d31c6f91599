package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestWriteFails half way, as on a full disk: that Append fails, what was before
// and what comes after is there, and the disk does not fill with empty files.
func TestWriteFails(t *testing.T) {
	d := new(disk)
	s := create(t, d)
	if err := appendText(s, "before"); err != nil {
		t.Fatal(err)
	}
	d.failWrite(func(f *os.File, p []byte) (int, error) {
		n, err := f.Write(p[:len(p)/2])
		return n, errors.Join(err, syscall.ENOSPC)
	})
	for range 10 {
		if err := appendText(s, "lost"); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("got %v", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.spool"))
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	d.mend()
	if err := appendText(s, "after"); err != nil {
		t.Fatal(err)
	}
	if got := rest(t, s.Reader()); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("the live reader got %q", got)
	}
	if err := os.Remove(filepath.Join(s.dir, cursorName)); err != nil {
		t.Fatal(err)
	}
	if got := adopted(t, s); !slices.Equal(got, []string{"after"}) {
		t.Errorf("the adopter got %q", got) // the first segment is deleted already
	}
}

// TestOpenFails: no segment can be made, then it can.
func TestOpenFails(t *testing.T) {
	d := new(disk)
	fail := true
	s := create(t, d, func(o *Options) {
		o.Open = func(name string) (File, error) {
			if fail {
				return nil, syscall.EMFILE
			}
			return d.open(name)
		}
	})
	if err := appendText(s, "lost"); !errors.Is(err, syscall.EMFILE) {
		t.Fatal(err)
	}
	fail = false
	if err := appendText(s, "a"); err != nil {
		t.Fatal(err)
	}
	if got := adopted(t, s); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
}

// TestSyncFailsAlways: the outcome is unknown, and the segment is not used again.
func TestSyncFailsAlways(t *testing.T) {
	d := new(disk)
	s := create(t, d, func(o *Options) { o.Always = true })
	if err := appendText(s, "a"); err != nil || d.syncs.Load() != 1 {
		t.Fatalf("%v after %d syncs", err, d.syncs.Load())
	}
	d.failSync(func() error { return syscall.EIO })
	var unknown *UnknownError
	if err := appendText(s, "b"); !errors.Is(err, syscall.EIO) || !errors.As(err, &unknown) {
		t.Fatalf("got %v", err)
	}
	d.mend()
	if err := appendText(s, "c"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.spool"))
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a failure that was reported is reported again: %v", err)
	}
	if got := adopted(t, &Spool{dir: s.dir, lock: &folderLock{mustOpen(t, s.dir)}}); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("%q", got)
	}
}

func mustOpen(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSyncFailsInterval: nobody waited for it, so the next Append says so.
func TestSyncFailsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(disk)
		var told atomic.Int64
		s := create(t, d, func(o *Options) { o.OnError = func(error) { told.Add(1) } })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		syncs := func(want int64, when string) {
			t.Helper()
			if n := d.syncs.Load(); n != want {
				t.Errorf("%d syncs %s, want %d", n, when, want)
			}
		}
		if err := appendText(s, "a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(49 * time.Millisecond)
		syncs(0, "before the interval")
		time.Sleep(2 * time.Millisecond)
		syncs(1, "after the interval")
		time.Sleep(time.Hour)
		syncs(1, "with nothing new")
		d.failSync(func() error { return syscall.EIO })
		if err := appendText(s, "b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.mend()
		if err := appendText(s, "refused"); !errors.Is(err, syscall.EIO) || told.Load() != 1 {
			t.Errorf("got %v, told %d times", err, told.Load())
		}
		for _, text := range []string{"c", "d"} {
			if err := appendText(s, text); err != nil || told.Load() != 1 {
				t.Errorf("got %v, told %d times", err, told.Load())
			}
			time.Sleep(time.Second)
		}
		if got := adopted(t, s); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("%q", got)
		}
	})
}

// TestDamageLive: the disk changes a line feed under us; what can be told apart
// is delivered, and nobody waits for ever.
func TestDamageLive(t *testing.T) {
	s := create(t, new(disk))
	for _, text := range []string{"a", "b", "c"} {
		if err := appendText(s, text); err != nil {
			t.Fatal(err)
		}
	}
	name := segmentName(s.dir, 1)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] = 'x'
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := rest(t, s.Reader()); !slices.Equal(got, []string{"a", "b", "damaged"}) {
		t.Errorf("%q", got)
	}
	if err := s.AwaitSettled(t.Context(), s.Appended()); err != nil {
		t.Error(err)
	}
}

// TestCursorInALine is damage of the cursor: the segment is read from its start.
func TestCursorInALine(t *testing.T) {
	s := create(t, new(disk))
	for _, text := range []string{"a", "b"} {
		if err := appendText(s, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := (position{Segment: 1, Offset: 5}).write(s.dir); err != nil {
		t.Fatal(err)
	}
	if got := adopted(t, s); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}

// TestReadFails: a segment that is gone is an error, not an empty one.
func TestReadFails(t *testing.T) {
	s := create(t, new(disk))
	if err := appendText(s, "a"); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(segmentName(s.dir, 1), 3); err != nil {
		t.Fatal(err)
	}
	if lines, err := s.Reader().Next(1, 1); err == nil {
		t.Errorf("got %v", lines)
	}
	if err := os.Remove(segmentName(s.dir, 1)); err != nil {
		t.Fatal(err)
	}
	if lines, err := s.Reader().Next(1, 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v", lines, err)
	}
}

// FuzzTornSegment cuts a segment anywhere, or changes one byte of it: a reader
// gives a part of what was written, in order, and never anything else.
func FuzzTornSegment(f *testing.F) {
	f.Add("login", "logout", uint16(13), uint16(0), byte(0))
	f.Add("a", "b", uint16(500), uint16(12), byte('\n'))
	f.Fuzz(func(t *testing.T, first, second string, cut, at uint16, to byte) {
		dir := t.TempDir()
		all := append(line(first), line(second)...)
		whole := slices.Clone(all[:min(int(cut), len(all))])
		if int(at) < len(whole) {
			whole[at] = to
		}
		if err := os.WriteFile(segmentName(dir, 1), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := Adopt(dir)
		if err != nil || o == nil {
			t.Fatal(err)
		}
		defer func() { _ = o.Release() }()
		want := [][]byte{line(first), line(second)}
		for lines, err := o.Next(9, 1); len(lines) > 0 || err != nil; lines, err = o.Next(9, 1) {
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if l.JSON == nil {
					continue
				}
				i := slices.IndexFunc(want, func(w []byte) bool {
					return string(w[Prefix:len(w)-1]) == string(l.JSON)
				})
				if i < 0 {
					t.Fatalf("got %q, which was not written", l.JSON)
				}
				want = want[i+1:]
			}
			if err := o.Commit(lines); err != nil {
				t.Fatal(err)
			}
		}
	})
}
