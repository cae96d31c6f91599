package streams

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
)

// leave goes over to a successor when this stream cannot go on: it is closed, another
// writer has it, or something foreign is under a name of its own. What it could not
// archive is moved. Without a successor the stream stays as it is: at the start of a
// process that is an error, and later it waits for one, while queries are answered.
func (l *Line) leave(ctx context.Context, s *Stream, why error) (*certified, error) {
	s.gate.shut(fmt.Errorf("the stream is stopped: %w", why))
	found, wait := false, l.o.look
	for told := false; ; told = true {
		next, err := l.choose(ctx, s)
		if err == nil && !found {
			found, wait = true, l.o.look // something else is in the way now, if anything is
		}
		if err == nil {
			s.gate.shut(fmt.Errorf("the stream is stopped, and stream %s is to go on: %w", next.open.Stream, why))
			err = l.move(ctx, s, next, why)
		}
		switch {
		case ctx.Err() != nil:
			return nil, why
		case err == nil:
			return next, nil
		case final(err), errors.Is(err, ErrNoSuccessor) && !l.served.Load():
			return nil, fmt.Errorf("%w; %w", why, err)
		case !told:
			l.o.Log.ErrorContext(ctx, "the stream is stopped: events are refused, queries are still answered", "error", why, "next", err)
		default:
			l.o.Log.DebugContext(ctx, "the stream is stopped", "next", err)
		}
		l.sayWaiting(err)
		s.gate.shut(fmt.Errorf("the stream is stopped: %w; %w", why, err))
		if err := l.o.pause(ctx, wait); err != nil {
			return nil, why
		}
		wait = min(2*wait, rest)
	}
}

// move closes the stream, if its name is still ours, and brings what it could not
// archive to its successor's log.
func (l *Line) move(ctx context.Context, s *Stream, next *certified, why error) error {
	ours := !errors.Is(why, archive.ErrTaken) && !errors.Is(why, archive.ErrRecovered) && !errors.Is(why, archive.ErrClosed)
	if ours && s.Archiver.Status().Index >= 0 {
		err := s.Archiver.Rotate(ctx, s.named(next))
		if err != nil && !errors.Is(err, archive.ErrConflict) { // then somebody else has it by now
			return err
		}
	}
	if err := s.Buffer.Flush(ctx); err != nil { // whoever gave up waiting may have events in the queue
		return err
	}
	if err := buffer.DropCutIDs(l.o.FS, filepath.Join(next.dir, idsName)); err != nil { // of a process that died in a rotation
		l.o.Log.WarnContext(ctx, "left over from the last rotation", "error", err)
	}
	moved, err := archive.Move(ctx, archive.MoveOptions{
		FS: l.o.FS, Store: l.o.Store, Prefix: l.o.Prefix, Root: l.o.Root,
		Stream: s.Open.Stream, Dir: s.certified.dir, Log: s.Buffer, Index: s.Archiver.Status().Index,
		To: next.dir, Into: l.bufferOptions(next), Settle: l.sealAge() + settleMargin,
		Now: l.o.Now, Logger: l.o.Log.With("part", "move"), Pause: l.o.pause,
	})
	if err != nil {
		return fmt.Errorf("move to stream %s: %w", next.open.Stream, err)
	}
	l.o.Log.WarnContext(ctx, "moved to another stream what this one could not archive", "from", s.Open.Stream, "to", next.open.Stream,
		"events", moved.Rows(), "orphans", len(moved.Orphans))
	return nil
}

func (l *Line) sealAge() time.Duration {
	if age := l.o.Buffer.SealAge; age > 0 {
		return age
	}
	return 15 * time.Minute // the log's default
}
