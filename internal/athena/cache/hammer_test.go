package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/audit-archiver/archiver/internal/athena"
)

// checkAccounts demands that the cache holds what it believes to hold, and no more than
// it may.
func checkAccounts(t *testing.T, c *Cache) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum int64
	for _, e := range c.entries {
		sum += e.size
	}
	if sum != c.bytes || c.bytes > c.o.MaxBytes {
		t.Errorf("files of %d bytes, %d are accounted for, of %d", sum, c.bytes, c.o.MaxBytes)
	}
}

// onDisk returns what lies in the cache's folder, by path.
func onDisk(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	sizes := make(map[string]int64)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sizes[path] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sizes
}

// TestHammer pins, reads and releases from many sides in a cache that holds a fraction
// of what is asked for: what is pinned stays and is right, and the bound holds.
func TestHammer(t *testing.T) {
	const files, most, rounds, workers = 120, 10 << 10, 150, 8
	b := &bucket{}
	var all []athena.File
	contents := make([][]byte, files)
	for i := range files {
		contents[i] = bytes.Repeat([]byte{byte(i)}, 1+rand.IntN(most/16))
		all = append(all, b.add(fmt.Sprint("k", i), contents[i]))
	}
	dir := t.TempDir()
	c := open(t, dir, b, most)
	var pinned, busy atomic.Int64
	var work sync.WaitGroup
	for range workers {
		work.Go(func() {
			for range rounds {
				var want []int
				var query []athena.File
				for _, i := range rand.Perm(files)[:1+rand.IntN(3)] {
					want, query = append(want, i), append(query, all[i])
				}
				paths, release, err := c.Pin(t.Context(), query)
				if errors.Is(err, athena.ErrBusy) {
					busy.Add(1)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				pinned.Add(1)
				for range 3 { // while others want its place
					for n, i := range want {
						if got, err := os.ReadFile(paths[n]); err != nil || !bytes.Equal(got, contents[i]) {
							t.Errorf("file %d is pinned, and is not right: %v", i, err)
						}
					}
					checkAccounts(t, c)
				}
				release()
			}
		})
	}
	work.Wait()
	checkAccounts(t, c)
	found := onDisk(t, dir)
	for path, e := range c.entries {
		if found[path] != e.size || e.pins != 0 || e.busy != nil {
			t.Errorf("%s: %d bytes on the disk; %+v", path, found[path], e)
		}
		delete(found, path)
	}
	if len(found) > 0 {
		t.Errorf("nobody knows of %v", found)
	}
	t.Logf("%d times pinned, %d times busy, %d fetches", pinned.Load(), busy.Load(), b.gets.Load())
	if pinned.Load() < workers*rounds/2 || b.gets.Load() <= files {
		t.Error("too little has happened to prove anything")
	}
}

// TestTruncatedFilesTakeTheirRoom: files that were found shorter than they are do not
// let the cache grow over its bound.
func TestTruncatedFilesTakeTheirRoom(t *testing.T) {
	b := &bucket{}
	files := []athena.File{b.add("a", []byte("aaaa")), b.add("b", []byte("bbbb")), b.add("c", []byte("cccc"))}
	dir := t.TempDir()
	c := open(t, dir, b, 12)
	_, release, err := c.Pin(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	release()
	for path := range onDisk(t, dir) {
		if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, 1)); err != nil {
			t.Fatal(err)
		}
	}
	c = open(t, dir, b, 8)
	for _, f := range files {
		_, release := pinOne(t, c, f)
		release()
		checkAccounts(t, c)
	}
	var sum int64
	for _, size := range onDisk(t, dir) {
		sum += size
	}
	if sum > 8 {
		t.Errorf("%d bytes on the disk, 8 are allowed", sum)
	}
}
