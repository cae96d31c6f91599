package streams

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// choose finds the successor: the one that was intended before, or the oldest that
// waits and fits. One that has commits already is somebody else's, or the folder came
// from a backup. When it returns, stream.json says what is intended.
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
		if why, err := l.unfit(ctx, s, &next.open); err != nil || why == "" {
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

// named is what the note that closes s may say of the stream that goes on: verifiers
// demand of a successor that is named there that its certificate names s.
func (s *Stream) named(next *certified) uuid.UUID {
	if next.open.Previous != s.Open.Stream {
		return uuid.Nil
	}
	return next.open.Stream
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
			why, err := l.unfit(ctx, s, &w.Open)
			if err != nil {
				return uuid.Nil, err
			}
			if why == "" {
				return w.Open.Stream, l.o.adopt(w)
			}
			unusable = fmt.Errorf("%w (%s %s)", ErrNoSuccessor, w.Path, why)
		}
		if made {
			return uuid.Nil, unusable
		}
		if err := l.o.Make(ctx, s.Open.Stream); err != nil {
			return uuid.Nil, fmt.Errorf("make a successor: %w", err)
		}
	}
}

// unfit says why a stream cannot go on instead of s; "" when it can: it comes after s,
// lives at least as long, and nobody has begun it.
func (l *Line) unfit(ctx context.Context, s *Stream, next *ledger.Open) (why string, _ error) {
	if next.OpenedAt.Before(s.Open.OpenedAt) {
		return "was made before stream " + s.Open.Stream.String(), nil
	}
	if follows, err := l.follows(ctx, s, next.Previous); err != nil {
		return "", err
	} else if !follows {
		return fmt.Sprintf("continues stream %s: make one for this with `archiver stream next --previous %s`", next.Previous, s.Open.Stream), nil
	}
	key := ledger.CommitKey(l.o.Prefix, next.Stream, 0)
	for v, err := range l.o.Store.Versions(ctx, key) {
		if err != nil {
			return "", fmt.Errorf("look whether stream %s has begun: %w", next.Stream, err)
		}
		if v.Key == key {
			return "has begun already", nil
		}
	}
	return "", nil
}

// follows tells whether a stream whose certificate names that one as previous comes
// after s, so that verifiers take it for a successor, and believe what it says of files
// under the name of s: it continues s, or a stream that has begun and comes after s, as
// when a copy of this folder has gone on with the successor that both had.
func (l *Line) follows(ctx context.Context, s *Stream, previous uuid.UUID) (bool, error) {
	for seen := map[uuid.UUID]bool{}; previous != s.Open.Stream; {
		if seen[previous] { // in a circle
			return false, nil
		}
		seen[previous] = true
		open, err := l.begun(ctx, previous)
		if err != nil || open == nil {
			return false, err
		}
		previous = open.Previous
	}
	return true, nil
}

// begun returns the certificate of a stream as the bucket has it; nil when there is none.
func (l *Line) begun(ctx context.Context, stream uuid.UUID) (*ledger.Open, error) {
	key := ledger.OpenKey(l.o.Prefix, stream)
	for v, err := range l.o.Store.Versions(ctx, key) {
		var raw []byte
		if err == nil && v.Key == key && !v.DeleteMarker {
			raw, err = l.fetch(ctx, v)
		}
		if err != nil {
			return nil, fmt.Errorf("look for the certificate of stream %s: %w", stream, err)
		}
		if open, err := ledger.ParseOpen(raw, l.o.Root); err == nil && open.Stream == stream {
			return &open, nil
		}
	}
	return nil, nil
}

// fetch reads a version of a note; of what is longer it reads the beginning.
func (l *Line) fetch(ctx context.Context, v object.Info) ([]byte, error) {
	body, err := l.o.Store.Get(ctx, v.Key, v.VersionID)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(body, ledger.MaxNoteBytes))
	return raw, errors.Join(err, body.Close())
}
