package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/object"
)

const (
	// askAgain is how long the store's word counts that a file whose lock has ended is
	// still there. After that a copy of it here may outlive it.
	askAgain = time.Hour
	// asking bounds the questions that are put to the store at a time.
	asking = 16
)

// version is one version of an object.
type version struct{ key, id string }

// expired tells whether the store may delete f: its lock has ended.
func (c *Cache) expired(f *athena.File) bool {
	return !f.RetainUntil.IsZero() && c.o.Now().After(f.RetainUntil)
}

// expire finds out which files have expired and are gone, and removes what is here of
// them: data that the archive was allowed to forget must not live on in a cache.
func (c *Cache) expire(ctx context.Context, files []athena.File) (gone []bool, _ error) {
	gone = make([]bool, len(files))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(asking)
	for i := range files {
		if f := &files[i]; c.expired(f) {
			g.Go(func() (err error) {
				gone[i], err = c.isGone(ctx, f)
				return err
			})
		}
	}
	return gone, g.Wait()
}

func (c *Cache) isGone(ctx context.Context, f *athena.File) (bool, error) {
	name := version{f.Key, f.VersionID}
	c.mu.Lock()
	gone, seen := c.gone[name], c.there[name]
	c.mu.Unlock()
	if gone || !seen.IsZero() && c.o.Now().Sub(seen) < askAgain {
		return gone, nil
	}
	_, err := c.o.Store.Head(ctx, f.Key, f.VersionID)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return true, c.bury(f)
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case err != nil: // nobody knows; what is here still serves
		c.o.Log.WarnContext(ctx, "cannot ask whether an expired file is still there", "key", f.Key, "version", f.VersionID, "error", err)
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there[name] = c.o.Now()
	return false, nil
}

// bury remembers for good that f is gone: a version never comes back.
func (c *Cache) bury(f *athena.File) error {
	path, err := c.path(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := version{f.Key, f.VersionID}
	c.gone[name] = true
	delete(c.there, name)
	e := c.entries[path]
	if e == nil || e.pins > 0 || e.busy != nil { // who reads it may finish; it is the next to be evicted
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove %s, which has expired: %w", f.Key, err)
	}
	c.forget(e)
	return nil
}

// missing says what it means that the store does not have f.
func (c *Cache) missing(f *athena.File, err error) error {
	if c.expired(f) {
		return fmt.Errorf("%w: it has expired and was deleted at this moment; ask again", err)
	}
	return fmt.Errorf("%w: its lock ends at %s only; archiver verify tells what else is missing: %w", athena.ErrMissing, f.RetainUntil.UTC().Format(time.RFC3339), err)
}
