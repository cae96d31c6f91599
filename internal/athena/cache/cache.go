// Package cache keeps committed files on the local disk, so that an SQL engine can read them.
//
// The promise: a path that [Cache.Pin] returns holds exactly the bytes that the
// signed manifest names. A file is fetched by key and version id, and becomes
// visible only after its size and SHA-256 were compared with the manifest; so a
// newer version on top of it, a delete marker, or a forged neighbour in the
// bucket changes nothing.
//
// A file that was already here is hashed when it is first used by this process;
// later uses compare its identity, size and times with what was hashed. Who can
// write to the folder and set a file's change time, which takes more than the
// rights of its owner, can still deceive a running process until it restarts.
//
// The folder is bounded: what was not used for the longest time goes first,
// never what a running query holds. It may be deleted while nothing runs. Of a file
// that has expired and is gone from the store nothing is kept either.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/object"
)

// Store is the part of object.Store that the cache needs.
type Store interface {
	// Get opens one version of key. object.ErrNotFound when there is none.
	Get(ctx context.Context, key, versionID string) (io.ReadCloser, error)
	// Head describes it.
	Head(ctx context.Context, key, versionID string) (object.Info, error)
}

// Options are a cache's parts and bounds. All are required but Parallel.
type Options struct {
	Dir      string // used by nobody else; created when it does not exist
	Store    Store
	MaxBytes int64 // of file content, running queries included
	Parallel int   // fetches at a time; default 4
	Now      func() time.Time
	Log      *slog.Logger
}

// Cache is safe for concurrent use.
type Cache struct {
	o     Options
	slots chan struct{} // one per fetch or check that runs

	fetched atomic.Int64 // bytes

	// mu guards the fields below and those of the entries. Under it files are
	// looked at and removed, never read or written.
	mu      sync.Mutex
	entries map[string]*entry // by path
	bytes   int64             // of all entries
	clock   uint64            // counts uses

	// Of files whose lock has ended. Both are bounded as the ledger is.
	gone  map[version]bool
	there map[version]time.Time // when the store said so
}

// entry is a file that is here or on its way.
type entry struct {
	path string
	size int64
	pins int
	used uint64        // clock at the last use
	busy chan struct{} // closed when the fetch or check that runs has ended; nil when none runs
	seen *stamp        // what was hashed; nil: not checked by this process
}

// Open looks at what the folder holds. Files are checked when they are used.
func Open(o Options) (*Cache, error) {
	if o.Dir == "" || o.Store == nil || o.MaxBytes <= 0 || o.Now == nil || o.Log == nil {
		return nil, errors.New("open cache: dir, store, max bytes, now and log must be set")
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	c := &Cache{o: o, slots: make(chan struct{}, o.Parallel), entries: make(map[string]*entry),
		gone: make(map[version]bool), there: make(map[version]time.Time)}
	if err := c.scan(); err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	return c, nil
}

// Fetched is how many bytes have come from the store since Open.
func (c *Cache) Fetched() int64 { return c.fetched.Load() }

// Pin makes files readable and returns their paths in the same order. They stay
// until release is called. The path of a file that has outlived its lock and is gone
// from the store is "". Errors: athena.ErrForged when the store's bytes are not the
// manifest's, athena.ErrMissing when a file is gone that is locked, athena.ErrTooBig
// when the files pass the cache's bound.
func (c *Cache) Pin(ctx context.Context, files []athena.File) (paths []string, release func(), err error) {
	gone, err := c.expire(ctx, files)
	if err != nil {
		return nil, nil, err
	}
	var total int64
	for i := range files {
		if !gone[i] {
			total += files[i].Size
		}
	}
	if total > c.o.MaxBytes {
		return nil, nil, &athena.Error{Kind: athena.ErrTooBig, Detail: fmt.Sprintf("the query reads %d bytes of files and the cache holds %d; narrow it by timestamp or dt, or raise query.cache_bytes", total, c.o.MaxBytes)}
	}
	paths = make([]string, len(files))
	pinned := make([]*entry, len(files))
	release = func() {
		for _, e := range pinned {
			if e != nil {
				c.unpin(e)
			}
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * c.o.Parallel) // the slots bound the work; this bounds the goroutines
	for i := range files {
		if gone[i] {
			continue
		}
		g.Go(func() error {
			e, err := c.pin(gctx, &files[i])
			if err != nil {
				return err
			}
			paths[i], pinned[i] = e.path, e
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		release()
		return nil, nil, err
	}
	return paths, sync.OnceFunc(release), nil
}

// pin makes one file readable. Whoever finds it neither here nor on its way
// fetches it; the others wait for that.
func (c *Cache) pin(ctx context.Context, f *athena.File) (*entry, error) {
	path, err := c.path(f)
	if err != nil {
		return nil, err
	}
	for {
		e, busy, err := c.claim(path, f.Size)
		switch {
		case err != nil:
			return nil, err
		case e != nil && busy == nil:
			return e, nil
		case e != nil:
			err := c.provide(ctx, e, f)
			if errors.Is(err, object.ErrNotFound) {
				err = c.missing(f, err)
			}
			if err != nil {
				return nil, fmt.Errorf("fetch %s version %s: %w", f.Key, f.VersionID, err)
			}
			return e, nil
		}
		select {
		case <-busy: // look again: it may have failed for the other one's reasons
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// claim has three answers: the entry, pinned and ready; the entry, pinned, with
// busy, which the caller has to provide; or only busy, which is closed when
// somebody else has provided it.
func (c *Cache) claim(path string, size int64) (_ *entry, busy chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	e := c.entries[path]
	switch {
	case e != nil && e.busy != nil:
		return nil, e.busy, nil
	case e != nil && e.seen != nil && e.seen.holds(path):
		e.pins++
		e.used = c.clock
		return e, nil, nil
	case e == nil:
		if err := c.room(size); err != nil {
			return nil, nil, err
		}
		e = &entry{path: path, size: size}
		c.entries[path] = e
		c.bytes += size
	case size > e.size: // what was found here is not what belongs here
		e.pins++
		err := c.room(size - e.size)
		e.pins--
		if err != nil {
			return nil, nil, err
		}
		c.bytes += size - e.size
		e.size = size
	}
	e.busy, e.used = make(chan struct{}), c.clock
	e.pins++
	return e, e.busy, nil
}

// room evicts until size more bytes fit.
func (c *Cache) room(size int64) error {
	for c.bytes+size > c.o.MaxBytes {
		var oldest *entry
		for _, e := range c.entries {
			if e.pins == 0 && e.busy == nil && (oldest == nil || e.used < oldest.used) {
				oldest = e
			}
		}
		if oldest == nil {
			return fmt.Errorf("%w: the file cache is full of files that running queries read", athena.ErrBusy)
		}
		if err := os.Remove(oldest.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("evict: %w", err)
		}
		c.forget(oldest)
	}
	return nil
}

func (c *Cache) forget(e *entry) {
	delete(c.entries, e.path)
	c.bytes -= e.size
}

// provide checks or fetches the file of an entry that the caller claimed. On an
// error the entry is not pinned any more.
func (c *Cache) provide(ctx context.Context, e *entry, f *athena.File) error {
	var seen *stamp
	var err error
	select {
	case c.slots <- struct{}{}:
		seen, err = c.load(ctx, e.path, f)
		<-c.slots
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	close(e.busy)
	e.busy, e.seen = nil, seen
	if err == nil {
		c.bytes += f.Size - e.size // what was found here may have been longer
		e.size = f.Size
		return nil
	}
	e.pins--
	// What is still on the disk counts, and can be evicted.
	if _, statErr := os.Lstat(e.path); e.pins == 0 && errors.Is(statErr, os.ErrNotExist) {
		c.forget(e)
	}
	return err
}

func (c *Cache) unpin(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.pins--
}

// path is where the content of f belongs. The names come from a signed
// manifest, but a path is no place for trust.
func (c *Cache) path(f *athena.File) (string, error) {
	if !isName(f.Class) || !isName(f.Day) || f.Size <= 0 {
		return "", fmt.Errorf("cache %s: class %q, day %q or size %d is impossible", f.Key, f.Class, f.Day, f.Size)
	}
	return filepath.Join(c.o.Dir, "retention="+f.Class, "dt="+f.Day, fmt.Sprintf("%x.parquet", f.SHA256)), nil
}

func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, b := range []byte(s) {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' {
			return false
		}
	}
	return true
}
