package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/object"
)

// bucket holds versions: key@version -> bytes.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	gets    atomic.Int64
	gate    chan struct{} // when set, Get waits for it or for its context
	heads   atomic.Int64
	away    error // of Head, when set
	torn    error // of the second half of what Get gives, when set
}

func (b *bucket) Head(_ context.Context, key, version string) (object.Info, error) {
	b.heads.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away != nil {
		return object.Info{}, b.away
	}
	if _, ok := b.objects[key+"@"+version]; !ok {
		return object.Info{}, object.ErrNotFound
	}
	return object.Info{Key: key, VersionID: version}, nil
}

func (b *bucket) drop(f athena.File) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, f.Key+"@"+f.VersionID)
}

func (b *bucket) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	b.gets.Add(1)
	if b.gate != nil {
		select {
		case <-b.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.objects[key+"@"+version]
	if !ok {
		return nil, object.ErrNotFound
	}
	if b.torn != nil {
		return io.NopCloser(io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(b.torn))), nil
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (b *bucket) add(key string, data []byte) athena.File {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.objects == nil {
		b.objects = make(map[string][]byte)
	}
	b.objects[key+"@v1"] = data
	return athena.File{Key: key, VersionID: "v1", Size: int64(len(data)), SHA256: sha256.Sum256(data), Class: "standard", Day: "2026-11-24",
		RetainUntil: time.Now().Add(24 * time.Hour)}
}

func open(t *testing.T, dir string, b *bucket, maxBytes int64) *Cache {
	t.Helper()
	c, err := Open(Options{Dir: dir, Store: b, MaxBytes: maxBytes, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pinOne(t *testing.T, c *Cache, f athena.File) (path string, release func()) {
	t.Helper()
	paths, release, err := c.Pin(t.Context(), []athena.File{f})
	if err != nil {
		t.Fatal(err)
	}
	return paths[0], release
}

func mustHold(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %q, want %q", path, got, want)
	}
}

func TestFetchesOnceAndKeeps(t *testing.T) {
	b := &bucket{}
	f := b.add("k", []byte("hello"))
	dir := t.TempDir()
	c := open(t, dir, b, 100)
	path, release := pinOne(t, c, f)
	mustHold(t, path, "hello")
	if want := filepath.Join(dir, "retention=standard", "dt=2026-11-24", fmt.Sprintf("%x.parquet", f.SHA256)); path != want {
		t.Errorf("path %s, want %s", path, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v; want 0444", info.Mode(), err)
	}
	release()
	release() // harmless
	if n := c.Fetched(); n != 5 {
		t.Errorf("%d bytes fetched, want 5", n)
	}
	_, release = pinOne(t, c, f)
	release()
	_, release = pinOne(t, open(t, dir, b, 100), f) // another process
	release()
	if n := b.gets.Load(); n != 1 {
		t.Errorf("fetched %d times, want 1", n)
	}
}

func TestRefusesWhatTheManifestDoesNotName(t *testing.T) {
	for name, forge := range map[string]func(b *bucket, f *athena.File){
		"other bytes":   func(b *bucket, _ *athena.File) { b.objects["k@v1"] = []byte("hellO") },
		"longer":        func(b *bucket, _ *athena.File) { b.objects["k@v1"] = []byte("hello world") },
		"shorter":       func(b *bucket, _ *athena.File) { b.objects["k@v1"] = []byte("hell") },
		"empty":         func(b *bucket, _ *athena.File) { b.objects["k@v1"] = nil },
		"other version": func(b *bucket, f *athena.File) { b.objects["k@v2"] = []byte("forged"); f.VersionID = "v2" },
	} {
		t.Run(name, func(t *testing.T) {
			b := &bucket{}
			f := b.add("k", []byte("hello"))
			forge(b, &f)
			dir := t.TempDir()
			_, _, err := open(t, dir, b, 100).Pin(t.Context(), []athena.File{f})
			if !errors.Is(err, athena.ErrForged) {
				t.Errorf("error %v, want ErrForged", err)
			}
			var left []string
			_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					left = append(left, path)
				}
				return err
			})
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestATransferThatBreaksIsTheStoresFault: it says nothing about the content, and can be tried again.
func TestATransferThatBreaksIsTheStoresFault(t *testing.T) {
	b := &bucket{torn: io.ErrUnexpectedEOF}
	f := b.add("k", []byte("hello"))
	dir := t.TempDir()
	c := open(t, dir, b, 100)
	if _, _, err := c.Pin(t.Context(), []athena.File{f}); !errors.Is(err, athena.ErrAway) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want ErrAway and why", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	b.torn = nil
	path, release := pinOne(t, c, f)
	defer release()
	mustHold(t, path, "hello")
}

func TestForgedCachedFileIsReplaced(t *testing.T) {
	for name, forge := range map[string]func(path string) error{
		"other bytes of the same length": func(p string) error { return os.WriteFile(p, []byte("hellO"), 0o600) },
		"truncated":                      func(p string) error { return os.Truncate(p, 2) },
		"symbolic link":                  func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p)) },
		"gone":                           os.Remove,
		"longer":                         func(p string) error { return os.WriteFile(p, []byte("hello world"), 0o600) },
		"another file of the same length, renamed": func(p string) error {
			return errors.Join(os.WriteFile(p+".new", []byte("hellO"), 0o444), os.Rename(p+".new", p))
		},
		"a hard link to another file": func(p string) error {
			return errors.Join(os.WriteFile(p+".other", []byte("hellO"), 0o444), os.Remove(p), os.Link(p+".other", p))
		},
		"written through another hard link": func(p string) error {
			return errors.Join(os.Link(p, p+".link"), os.WriteFile(p+".link", []byte("hellO"), 0o600))
		},
		"written, and its time of writing set back": func(p string) error {
			info, err := os.Stat(p)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(p, []byte("hellO"), 0o600), os.Chtimes(p, info.ModTime(), info.ModTime()))
		},
		"a folder that is not empty": func(p string) error {
			return errors.Join(os.Remove(p), os.Mkdir(p, 0o700), os.WriteFile(filepath.Join(p, "x"), nil, 0o600))
		},
		"a folder above it is another one": func(p string) error {
			dir := filepath.Dir(p)
			return errors.Join(os.Rename(dir, dir+"-moved"), os.Mkdir(dir, 0o700), os.WriteFile(p, []byte("hellO"), 0o444))
		},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart %v", name, restart), func(t *testing.T) {
				b := &bucket{}
				f := b.add("k", []byte("hello"))
				dir := t.TempDir()
				c := open(t, dir, b, 100)
				path, release := pinOne(t, c, f)
				release()
				if err := os.Chmod(path, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := forge(path); err != nil {
					t.Fatal(err)
				}
				if restart {
					c = open(t, dir, b, 100)
				}
				path, release = pinOne(t, c, f)
				defer release()
				mustHold(t, path, "hello")
			})
		}
	}
}

func TestForeignFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	stranger := filepath.Join(dir, "retention=standard", "dt=2026-11-24", "evil.parquet")
	if err := os.MkdirAll(filepath.Dir(stranger), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{stranger, filepath.Join(dir, tempPrefix+"1")} {
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir, &bucket{}, 100)
	if _, err := os.Stat(stranger); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("foreign file: %v, want it removed", err)
	}
	if _, err := os.Stat(filepath.Join(dir, tempPrefix+"1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("interrupted fetch: %v, want it removed", err)
	}
}

func TestEvictsTheLeastRecentlyUsedButNothingPinned(t *testing.T) {
	b := &bucket{}
	a, second, third := b.add("a", []byte("aaaa")), b.add("b", []byte("bbbb")), b.add("c", []byte("cccc"))
	c := open(t, t.TempDir(), b, 8)
	pathA, releaseA := pinOne(t, c, a)
	pathB, releaseB := pinOne(t, c, second)
	if _, _, err := c.Pin(t.Context(), []athena.File{third}); !errors.Is(err, athena.ErrBusy) {
		t.Errorf("error %v while everything is pinned, want ErrBusy", err)
	}
	releaseB()
	pathC, releaseC := pinOne(t, c, third)
	defer releaseC()
	mustHold(t, pathA, "aaaa")
	mustHold(t, pathC, "cccc")
	if _, err := os.Stat(pathB); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("b: %v, want it evicted", err)
	}
	releaseA()
	big := []athena.File{a, second, third}
	if _, _, err := c.Pin(t.Context(), big); !errors.Is(err, athena.ErrTooBig) {
		t.Errorf("error %v for more than the cache holds, want ErrTooBig", err)
	}
}

func TestConcurrentPinsFetchOnce(t *testing.T) {
	b := &bucket{gate: make(chan struct{})}
	f := b.add("k", []byte("hello"))
	c := open(t, t.TempDir(), b, 100)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			paths, release, err := c.Pin(t.Context(), []athena.File{f})
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			mustHold(t, paths[0], "hello")
		})
	}
	close(b.gate)
	wg.Wait()
	if n := b.gets.Load(); n != 1 {
		t.Errorf("fetched %d times, want 1", n)
	}
}

func TestCancelledFetchDoesNotFailOthers(t *testing.T) {
	b := &bucket{gate: make(chan struct{})}
	f := b.add("k", []byte("hello"))
	c := open(t, t.TempDir(), b, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := c.Pin(ctx, []athena.File{f}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled pin: %v", err)
		}
	})
	for b.gets.Load() == 0 { // until the first one fetches
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	wg.Go(func() {
		path, release := pinOne(t, c, f)
		defer release()
		mustHold(t, path, "hello")
	})
	cancel()
	close(b.gate)
	wg.Wait()
}

func TestImpossibleNamesAreRefused(t *testing.T) {
	b := &bucket{}
	for _, class := range []string{"", "../x", "a/b", "A"} {
		f := b.add("k", []byte("hello"))
		f.Class = class
		if _, _, err := open(t, t.TempDir(), b, 100).Pin(t.Context(), []athena.File{f}); err == nil {
			t.Errorf("class %q is accepted", class)
		}
	}
}
