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
)

const (
	// look is the pause between two looks at whether a rotation is due.
	look = time.Second
	// quiesceTime is how long events may be refused for a rotation. When the bucket
	// takes longer, they are taken again, and the rotation waits.
	quiesceTime = 30 * time.Second
	// rest is how long it waits then, and the longest pause after other errors: each try
	// lists the bucket, or reads files of it.
	rest = time.Minute
	// unfitRest is the pause after the bucket was shown not to be fit: asking it again
	// puts objects that are locked.
	unfitRest = 10 * time.Minute
	// settleMargin is added to the age at which batches are sealed: what another writer
	// needs to archive one.
	settleMargin = time.Minute
	// idsTries is how often it is tried to save ids while events are refused. With the
	// pauses between, which double from look on, that takes about as long as quiesceTime.
	idsTries = 6
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
// Behind the close there is no way back: what fails there is repeated until it is done.
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
		now, err := l.succeed(ctx, s, next)
		if err != nil {
			return fmt.Errorf("go on with stream %s: %w", next.open.Stream, err)
		}
		if now == nil {
			return nil
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
	err := g.Wait() // first: it is when next is set
	return next, err
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
	case next != nil:
		return next, nil
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Cause(ctx))): // it was told to stop
		return nil, nil
	case ctx.Err() != nil: // and could not have gone on
		return nil, err
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
	if err := s.Archiver.Rotate(ctx, s.named(next)); err != nil {
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
	asked, found, wait, heard := false, false, l.o.look, ""
	for {
		select {
		case <-turn.C:
		case <-l.ask:
			asked = true
		case <-ctx.Done():
			return nil, nil
		}
		wanted, err := l.wanted(s)
		if !wanted && !asked {
			l.sayWaiting(err)
			found, wait = false, l.o.look
			continue
		}
		if wish, err := l.o.wish(s.Open.Stream); err == nil && wish != heard {
			heard, wait = wish, l.o.look
		}
		next, err := l.choose(ctx, s)
		if err == nil && !found {
			found, wait = true, l.o.look // something else is in the way now, if anything is
		}
		if err == nil {
			err = l.prepare(ctx, next)
		}
		if err == nil {
			err = l.quiesce(ctx, s)
		}
		switch {
		case ctx.Err() != nil:
			return nil, nil
		case err == nil:
			return next, nil
		case final(err):
			return nil, err
		}
		l.sayWaiting(err)
		again, err := l.rest(ctx, s, restAfter(err, wait), heard)
		if err != nil {
			return nil, nil
		}
		asked, wait = asked || again, min(2*wait, rest)
		if again {
			wait = l.o.look
		}
	}
}

// rest is a pause between two tries. It ends early when somebody asks for a rotation:
// what was in the way may be mended. again says that it was by Rotate. heard is the wish that there was
// before the try. When events are refused because the stream has ended it is not longer
// than rest.
func (l *Line) rest(ctx context.Context, s *Stream, d time.Duration, heard string) (again bool, _ error) {
	if left := s.Ends().Sub(l.o.Now()); left < d {
		d = max(left, min(d, rest))
	}
	pause, end := context.WithCancel(ctx)
	defer end()
	var g errgroup.Group
	g.Go(func() error {
		defer end()
		turn := time.NewTicker(l.o.look)
		defer turn.Stop()
		for {
			select {
			case <-l.ask:
				again = true
				return nil
			case <-turn.C:
				if wish, err := l.o.wish(s.Open.Stream); err == nil && wish != "" && wish != heard {
					return nil
				}
			case <-pause.Done():
				return nil
			}
		}
	})
	err := l.o.pause(pause, d)
	end()
	_ = g.Wait() // it has no errors
	if ctx.Err() == nil {
		err = nil
	}
	return again, err
}

// restAfter is the pause after an error of watch, which is wait where that says nothing else.
func restAfter(err error, wait time.Duration) time.Duration {
	switch {
	case errors.Is(err, archive.ErrUnfit):
		return unfitRest
	case errors.Is(err, errBusy):
		return rest
	default:
		return wait
	}
}

// final: an error after which nobody knows what is on the disk.
func final(err error) bool {
	return errors.Is(err, durable.ErrSync) || errors.Is(err, buffer.ErrDamaged) || errors.Is(err, buffer.ErrCorrupt)
}

// wanted tells whether the stream is to be rotated now. With an error it may be: what
// says so cannot be read.
func (l *Line) wanted(s *Stream) (bool, error) {
	wish, err := l.o.wish(s.Open.Stream)
	if wish != "" || s.Ends().Sub(l.o.Now()) < l.o.RotateBefore {
		return true, nil
	}
	c, unread := l.o.load()
	if err = errors.Join(err, unread); err != nil {
		err = fmt.Errorf("look whether it is to be: %w", err)
	}
	return unread == nil && c.Next != uuid.Nil, err
}

// sayWaiting notes why a rotation that is wanted, or may be, does not happen, and tells it
// once.
func (l *Line) sayWaiting(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if why != nil && (l.waiting == nil || l.waiting.Error() != why.Error()) {
		l.o.Log.Warn("the stream is not rotated", "error", why)
	}
	l.waiting = why
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
// while events are still taken: all that is there when it begins. Under load there is
// always more by then, and that is what senders wait for.
func (l *Line) quiesce(ctx context.Context, s *Stream) error {
	known := s.Buffer.Stats().NextSeq
	err := l.drainIn(ctx, s, rest, func() bool { return s.Archiver.Status().NextSeq >= known })
	if err != nil {
		return err
	}
	s.gate.shut(errRotating)
	err = l.drainIn(ctx, s, quiesceTime, func() bool { return s.Buffer.Stats().SealedBatches == 0 })
	if err != nil {
		s.gate.open()
	}
	return err
}

// drainIn seals, and waits until that much is archived. It gives up soon: after most, or
// when a step fails.
func (l *Line) drainIn(ctx context.Context, s *Stream, most time.Duration, archived func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := s.Buffer.Seal(ctx)
	if err == nil {
		err = s.Archiver.Drain(ctx, func() bool { return s.Archiver.Status().Err != nil || archived() })
	}
	if err == nil {
		err = s.Archiver.Status().Err
	}
	if err != nil && !final(err) {
		err = fmt.Errorf("%w: %w", errBusy, err)
	}
	return err
}

// succeed makes next the current stream. Run of the old log is over. It returns nil when
// ctx ends before that is done: the next start does the rest.
func (l *Line) succeed(ctx context.Context, s *Stream, next *certified) (now *Stream, _ error) {
	err := l.insist(ctx, s, next,
		l.saveIDs(s, next),
		func() error { return l.o.save(current{Stream: next.open.Stream}) },
		func() (err error) { now, err = l.open(next.open.Stream); return err })
	if err != nil || now == nil {
		return nil, err
	}
	l.sayWaiting(nil)
	l.switched(s, now) // before it is current: with start_offline it takes events at once then
	l.current.Store(now)
	close(s.ended)
	l.o.Log.Info("another stream has taken over", "from", s.Open.Stream, "to", now.Open.Stream, "ends", now.Ends())
	if err := s.Buffer.Close(); err != nil {
		l.o.Log.Warn("close the log of the stream before", "error", err)
	}
	return now, nil
}

// insist takes steps that lead from s to next, each again and again until it succeeds:
// there is no other way on, and most of what can be in this one passes, as when no
// descriptor is left for a moment. It ends early with an error that is final, and without
// one when ctx ends.
func (l *Line) insist(ctx context.Context, s *Stream, next *certified, steps ...func() error) error {
	for _, step := range steps {
		for wait := l.o.look; ; wait = min(2*wait, rest) {
			err := step()
			if err == nil {
				break
			}
			if final(err) {
				return err
			}
			l.sayWaiting(err)
			s.gate.shut(fmt.Errorf("stream %s is to go on, and cannot yet: %w", next.open.Stream, err))
			if l.o.pause(ctx, wait) != nil {
				return nil //nolint:nilerr // the next start sees to it
			}
		}
	}
	return nil
}

// saveIDs is a step that saves by what retries of events of s are recognised. They are no
// evidence, so events are not refused for them for ever.
func (l *Line) saveIDs(s *Stream, next *certified) func() error {
	left := idsTries
	return func() error {
		err := s.Buffer.SaveIDs(filepath.Join(next.dir, idsName))
		if left--; err == nil || final(err) || left > 0 {
			return err
		}
		l.o.Log.Warn("ids not kept: a retry of an event of the stream before may be stored twice", "error", err)
		return nil
	}
}
