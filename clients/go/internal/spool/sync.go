package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// segment is one file of lines.
type segment struct {
	n    uint64
	name string
	file File         // nil when it is only read
	end  atomic.Int64 // bytes of complete lines

	// mu is held across Sync, so that one call serves everyone who waits for it.
	mu     sync.Mutex
	synced int64
	broken error // of a Sync; final, since the kernel may have dropped the pages
}

func (g *segment) size() int64        { return g.end.Load() }
func (g *segment) grow(n int64) int64 { return g.end.Add(n) }

// syncTo returns once the first n bytes are durable.
func (g *segment) syncTo(n int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.syncLocked(n)
}

func (g *segment) syncLocked(n int64) error {
	switch {
	case g.synced >= n:
		return nil
	case g.broken != nil:
		return g.broken
	}
	upTo := g.size() // before the call: what is written during it may be left out
	if err := g.file.Sync(); err != nil {
		g.broken = err
		return err
	}
	g.synced = upTo
	return nil
}

// finish makes durable what is left and closes the file. A failure that was
// reported before is not reported again.
func (g *segment) finish() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var err error
	if g.broken == nil {
		err = g.syncLocked(g.size())
	}
	return errors.Join(err, g.file.Close())
}

// Run makes what is appended durable, every Interval, until ctx ends. With
// Always it has only to close the segments that are full.
func (s *Spool) Run(ctx context.Context) {
	for {
		select {
		case <-s.dirty:
		case <-ctx.Done():
			return // Close does the rest
		}
		if !s.o.Always {
			t := time.NewTimer(s.o.Interval)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
		}
		if err := s.sync(); err != nil {
			s.o.OnError(err)
		}
	}
}

// sync makes durable what was appended so far, and closes retired segments.
func (s *Spool) sync() error {
	s.mu.Lock()
	active, retired := s.active, s.retired
	s.retired = nil
	s.mu.Unlock()
	var errs []error
	for _, seg := range retired {
		if err := seg.finish(); err != nil {
			errs = append(errs, fmt.Errorf("sync %s: %w", seg.name, err))
		}
	}
	if active != nil && !s.o.Always {
		if err := active.syncTo(active.size()); err != nil {
			errs = append(errs, fmt.Errorf("sync %s: %w", active.name, err))
			s.drop(active)
		}
	}
	err := errors.Join(errs...)
	if err != nil && !s.o.Always { // with Always each Append has had its own answer
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
	}
	return err
}

// syncDir makes the names in a folder durable.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
