package streams

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// choose finds the successor: the one that was intended before, or the oldest that
// waits. One that has commits already is somebody else's, or the folder came from a
// backup. When it returns, stream.json says what is intended.
func (l *Line) choose(ctx context.Context, s *Stream) (*certified, error) {
	c, err := l.o.load()
	if err != nil {
		return nil, err
	}
	if c.Next != uuid.Nil {
		next, err := l.o.find(c.Next)
		if err != nil {
			return nil, err
		}
		if fresh, err := l.fresh(ctx, s, &next.open); err != nil || fresh {
			return next, err
		}
	}
	if c.Next, err = l.oldest(ctx, s); err != nil {
		return nil, err
	}
	if err := l.o.save(c); err != nil {
		return nil, err
	}
	return l.o.find(c.Next)
}

// oldest is the oldest successor that can be used. It lies where its log will be.
func (l *Line) oldest(ctx context.Context, s *Stream) (uuid.UUID, error) {
	for made := l.o.Make == nil; ; made = true {
		all, err := l.o.Waiting()
		if err != nil {
			return uuid.Nil, err
		}
		unusable := ErrNoSuccessor
		for i := range all {
			w := &all[i]
			if w.Err != nil {
				unusable = fmt.Errorf("%w (%s cannot be used: %w)", ErrNoSuccessor, w.Path, w.Err)
				continue
			}
			if fresh, err := l.fresh(ctx, s, &w.Open); err != nil {
				return uuid.Nil, err
			} else if fresh {
				return w.Open.Stream, l.o.adopt(w)
			}
		}
		if made {
			return uuid.Nil, unusable
		}
		if err := l.o.Make(ctx, s.Open.Stream); err != nil {
			return uuid.Nil, fmt.Errorf("make a successor: %w", err)
		}
	}
}

// fresh tells whether a stream can continue s: it lives at least as long, and nobody
// has begun it.
func (l *Line) fresh(ctx context.Context, s *Stream, next *ledger.Open) (bool, error) {
	if next.OpenedAt.Before(s.Open.OpenedAt) || next.Stream == s.Open.Stream {
		return false, nil
	}
	key := ledger.CommitKey(l.o.Prefix, next.Stream, 0)
	for v, err := range l.o.Store.Versions(ctx, key) {
		if err != nil {
			return false, fmt.Errorf("look whether stream %s has begun: %w", next.Stream, err)
		}
		if v.Key == key {
			return false, nil
		}
	}
	return true, nil
}
