package streams

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
)

const (
	// look is the pause between two looks at whether a rotation is due.
	look = time.Second
	// quiesceTime is how long events may be refused for a rotation. When the bucket
	// takes longer, they are taken again, and the rotation waits.
	quiesceTime = 30 * time.Second
	// rest is how long it waits then.
	rest = time.Minute
	// settleMargin is added to the age at which batches are sealed: what another writer
	// needs to archive one.
	settleMargin = time.Minute
)

// Run runs the current stream and its successors until ctx ends, and then returns nil.
// An error is one after which this process cannot go on. It does not drain: call
// Drain before ctx ends.
//
// What is true if we die, in a rotation:
//
//	intend   the successor's key and certificate are in its folder, and stream.json
//	         names it beside the current stream. The next start tries again.
//	drain    everything is archived, nothing more is taken
//	close    the stream's last commit names its successor. The next start finds the
//	         stream closed, and goes on with the one that stream.json names.
//	move     (only if not everything could be archived) the rows are in the successor's
//	         log too. Nobody uses that before stream.json says so; it is made anew.
//	switch   stream.json names the successor alone: it is current.
//
// When another writer has taken the stream, there is no close: nothing is uploaded
// under its name any more.
func (l *Line) Run(ctx context.Context) error {
	for {
		s := l.Current()
		next, err := l.live(ctx, s)
		if err != nil || next == nil {
			return err
		}
		if err := l.succeed(s, next); err != nil {
			return fmt.Errorf("go on with stream %s: %w", next.open.Stream, err)
		}
	}
}

// live runs one stream until ctx ends or it has a successor.
func (l *Line) live(ctx context.Context, s *Stream) (next *certified, _ error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Buffer.Run(ctx) })
	g.Go(func() error { return s.Acks.Run(ctx) })
	g.Go(func() error { return s.receipts.Run(ctx) })
	g.Go(func() (err error) {
		if next, err = l.write(ctx, s); next != nil {
			stop()
		}
		return err
	})
	return next, g.Wait()
}

// write archives until ctx ends, the stream has a successor, or it cannot go on.
func (l *Line) write(ctx context.Context, s *Stream) (*certified, error) {
	err := s.Archiver.Start(ctx)
	var next *certified
	if err == nil {
		l.served.Store(true)
		next, err = l.archive(ctx, s)
	}
	switch {
	case next != nil || ctx.Err() != nil:
		return next, nil //nolint:nilerr // it was told to stop
	case errors.Is(err, archive.ErrClosed), errors.Is(err, archive.ErrConflict):
		return l.leave(ctx, s, err)
	default:
		return nil, err
	}
}

// archive archives and ships until everything is archived and the stream is closed,
// because a successor is to go on.
func (l *Line) archive(ctx context.Context, s *Stream) (next *certified, _ error) {
	run, halt := context.WithCancel(ctx)
	defer halt()
	g, run := errgroup.WithContext(run)
	g.Go(func() error { return s.Archiver.Run(run) })
	if s.Shipper != nil { // only a stream's only writer ships: Start has returned
		g.Go(func() error { return s.Shipper.Run(run) })
	}
	g.Go(func() (err error) {
		if next, err = l.watch(run, s); next != nil {
			halt()
		}
		return err
	})
	if err := g.Wait(); err != nil || next == nil {
		return nil, err
	}
	if err := s.Archiver.Rotate(ctx, next.open.Stream); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.archived[s.Open.Stream] = true
	l.mu.Unlock()
	return next, nil
}

// watch returns a successor once one is wanted and this stream is at rest: everything
// is archived, and nothing more is taken.
func (l *Line) watch(ctx context.Context, s *Stream) (*certified, error) {
	turn := time.NewTicker(l.o.look)
	defer turn.Stop()
	asked := false
	for {
		select {
		case <-turn.C:
		case <-l.ask:
			asked = true
		case <-ctx.Done():
			return nil, nil
		}
		wanted := asked || l.wanted(s)
		if !wanted {
			l.sayWaiting(nil)
			continue
		}
		next, err := l.choose(ctx, s)
		if err == nil {
			err = l.prepare(ctx, next)
		}
		if err == nil {
			err = l.quiesce(ctx, s)
		}
		switch {
		case ctx.Err() != nil:
			return nil, nil //nolint:nilerr // it was told to stop
		case err == nil:
			return next, nil
		case final(err):
			return nil, err
		}
		l.sayWaiting(err)
		if errors.Is(err, errBusy) {
			if err := l.o.pause(ctx, rest); err != nil {
				return nil, nil //nolint:nilerr // it was told to stop
			}
		}
	}
}

// final: an error after which nobody knows what is on the disk.
func final(err error) bool {
	return errors.Is(err, durable.ErrSync) || errors.Is(err, buffer.ErrDamaged) || errors.Is(err, buffer.ErrCorrupt)
}

// wanted tells whether the stream is to be rotated now.
func (l *Line) wanted(s *Stream) bool {
	if s.Ends().Sub(l.o.Now()) < l.o.RotateBefore || l.o.asked(s.Open.Stream) {
		return true
	}
	c, err := l.o.load()
	return err == nil && c.Next != uuid.Nil
}

// sayWaiting notes why a rotation that is wanted does not happen, and tells it once.
func (l *Line) sayWaiting(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if why != nil && (l.waiting == nil || l.waiting.Error() != why.Error()) {
		l.o.Log.Warn("the stream is to be rotated, and is not yet", "error", why)
	}
	l.waiting = why
}

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

// prepare does what it can of the successor's start while events are still taken: the
// bucket is shown to be fit again, if that was long ago, and its log is made.
func (l *Line) prepare(ctx context.Context, next *certified) error {
	if l.o.Prove != nil {
		if _, err := l.o.Prove(ctx); err != nil {
			return err
		}
	}
	if err := archive.Unmove(l.o.FS, next.dir, next.walDir()); err != nil {
		return err
	}
	b, err := buffer.Open(l.bufferOptions(next))
	if err != nil {
		return fmt.Errorf("log of the successor: %w", err)
	}
	return b.Close()
}

// errBusy: the bucket does not keep up.
var errBusy = errors.New("not everything could be archived in time")

// quiesce brings everything to the bucket and lets nothing more in. Most of it is done
// while events are still taken.
func (l *Line) quiesce(ctx context.Context, s *Stream) error {
	if err := l.drainIn(ctx, s, rest); err != nil {
		return err
	}
	s.gate.shut(true)
	err := l.drainIn(ctx, s, quiesceTime)
	if err != nil {
		s.gate.shut(false)
	}
	return err
}

// drainIn is Drain that gives up soon: after that time, or when a step fails.
func (l *Line) drainIn(ctx context.Context, s *Stream, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := s.Buffer.Seal(ctx)
	if err == nil {
		err = s.Archiver.Drain(ctx, func() bool { return s.Archiver.Status().Err != nil || s.Buffer.Stats().SealedBatches == 0 })
	}
	if err == nil {
		err = s.Archiver.Status().Err
	}
	if err != nil && !final(err) {
		err = fmt.Errorf("%w: %w", errBusy, err)
	}
	return err
}

// leave goes over to a successor when this stream cannot go on: it is closed, another
// writer has it, or something foreign is under a name of its own. What it could not
// archive is moved. Without a successor the stream stays as it is: at the start of a
// process that is an error, and later it waits for one, while queries are answered.
func (l *Line) leave(ctx context.Context, s *Stream, why error) (*certified, error) {
	s.gate.shut(true)
	for told := false; ; told = true {
		next, err := l.choose(ctx, s)
		if err == nil {
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
		if err := l.o.pause(ctx, l.o.look); err != nil {
			return nil, why
		}
	}
}

// move closes the stream, if its name is still ours, and brings what it could not
// archive to its successor's log.
func (l *Line) move(ctx context.Context, s *Stream, next *certified, why error) error {
	ours := !errors.Is(why, archive.ErrTaken) && !errors.Is(why, archive.ErrRecovered) && !errors.Is(why, archive.ErrClosed)
	if ours && s.Archiver.Status().Index >= 0 {
		err := s.Archiver.Rotate(ctx, next.open.Stream)
		if err != nil && !errors.Is(err, archive.ErrConflict) { // then somebody else has it by now
			return err
		}
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

// succeed makes next the current stream. Run of the old log is over.
func (l *Line) succeed(s *Stream, next *certified) error {
	if err := s.Buffer.SaveIDs(filepath.Join(next.dir, idsName)); final(err) {
		return err
	} else if err != nil {
		l.o.Log.Warn("ids not kept: a retry may be stored twice", "error", err)
	}
	if err := l.o.save(current{Stream: next.open.Stream}); err != nil {
		return err
	}
	now, err := l.open(next.open.Stream)
	if err != nil {
		return err
	}
	l.sayWaiting(nil)
	l.current.Store(now)
	l.switched(s, now)
	close(s.ended)
	l.o.Log.Info("another stream has taken over", "from", s.Open.Stream, "to", now.Open.Stream, "ends", now.Ends())
	if err := s.Buffer.Close(); err != nil {
		l.o.Log.Warn("close the log of the stream before", "error", err)
	}
	return nil
}
