// Package spool keeps encoded events in files until they are delivered.
//
// The promise: once [Spool.Append] returns nil, the event survives the end of
// this process, however it ends; with [Options.Always] it survives a power
// failure too. The price: one write to a file, and with Always an fsync that is
// shared with every other Append that arrived in the meantime.
//
// A folder is written by the process that holds its lock, and read by that
// process or, when the lock is free, by the one that takes it over with [Adopt].
// The format is that of clients/README.md, "The spool"; other languages write
// the same one.
package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Decisions that callers branch on.
var (
	ErrFull   = errors.New("spool is full")
	ErrClosed = errors.New("spool is closed")
)

// maxSegment is the longest segment, in bytes.
const maxSegment = 8 << 20

// Options say how a spool behaves. All fields but OnError and Open are needed.
type Options struct {
	Dir      string        // folder of all spools of an application
	Language string        // first part of the sub-folder's name
	ID       func() string // makes a UUID for the name of the sub-folder
	MaxBytes int64         // most bytes that are not delivered yet
	Always   bool          // fsync before Append returns
	Interval time.Duration // between fsyncs, without Always
	OnError  func(error)   // told what no Append can return; must not block
	Open     Opener        // opens segments; nil: the operating system's
}

// File is what a spool does with a segment that it writes.
type File interface {
	Write(p []byte) (int, error)
	Sync() error
	Close() error
}

// Opener creates a segment, which must not exist, for appending.
type Opener func(name string) (File, error)

func openFile(name string) (File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
}

// Spool is a sub-folder that this process appends to. It is safe for concurrent
// use, except that only one goroutine may use its Reader.
type Spool struct {
	o        Options     // immutable
	dir      string      // immutable: the sub-folder
	lock     *folderLock // immutable
	segBytes int64       // immutable: longest segment
	segments *segments   // guards itself
	dirty    chan struct{}

	// mu guards what follows. It is held across the one write of an Append: the
	// order of the lines is the order of the calls.
	mu      sync.Mutex
	active  *segment   // nil: the next Append opens one
	retired []*segment // no longer appended to, not closed yet
	next    uint64     // number of the next segment
	failed  error      // of an fsync that no Append waited for; the next one reports it
	closed  bool
	bytes   int64         // not delivered
	events  int64         // not delivered
	room    chan struct{} // closed, and made anew, when bytes become less
	waiting *threshold    // of Notify
	total   int64         // bytes ever appended
	settled int64         // of these, delivered or dead-lettered
	moved   chan struct{} // closed, and made anew, when settled grows
}

type threshold struct {
	events, bytes int64
	reached       chan struct{}
}

// Create makes a sub-folder and locks it.
func Create(o Options) (*Spool, error) {
	if o.Open == nil {
		o.Open = openFile
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if err := makeDurable(o.Dir); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	dir, lock, err := newFolder(o.Dir, o.Language, o.ID)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	return &Spool{
		o: o, dir: dir, lock: lock, next: 1,
		// A quarter, so that a small spool frees its files long before it is full.
		segBytes: max(min(maxSegment, o.MaxBytes/4), 1),
		segments: &segments{dir: dir},
		dirty:    make(chan struct{}, 1),
		room:     make(chan struct{}),
		moved:    make(chan struct{}),
	}, nil
}

// Dir returns the sub-folder.
func (s *Spool) Dir() string { return s.dir }

// Append writes one line, which [Frame] has made. When there is no room it waits
// for as long as wait says, and for as long as ctx lives. With room, ctx does not
// matter: the event is kept also when the request that it tells of was cancelled.
//
// What is true if we die on the way: before the write, nothing; during it, the
// segment has a last line without a line feed, which readers ignore; after it,
// the event is delivered by whoever adopts the folder.
func (s *Spool) Append(ctx context.Context, line []byte, wait time.Duration) error {
	if err := s.awaitRoom(ctx, int64(len(line)), wait); err != nil {
		return err
	}
	seg, end, err := s.write(line) // unlocks
	if err != nil {
		return err
	}
	if !s.o.Always {
		poke(s.dirty)
		return nil
	}
	if err := seg.syncTo(end); err != nil {
		s.drop(seg)
		return &UnknownError{fmt.Errorf("sync %s: %w", seg.name, err)}
	}
	return nil
}

// UnknownError is the error of an Append whose line may be delivered all the
// same: it was written, but could not be made durable.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string { return e.Err.Error() }
func (e *UnknownError) Unwrap() error { return e.Err }

// awaitRoom returns nil with mu locked, or an error with mu unlocked.
func (s *Spool) awaitRoom(ctx context.Context, n int64, wait time.Duration) error {
	var timeout <-chan time.Time
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return ErrClosed
		}
		if s.bytes+n <= s.o.MaxBytes {
			return nil
		}
		held, room := s.bytes, s.room
		s.mu.Unlock()
		if timeout == nil {
			t := time.NewTimer(wait)
			defer t.Stop()
			timeout = t.C
		}
		full := func(cause string) error {
			return fmt.Errorf("append to %s: %w: %d of %d bytes are waiting for delivery, %s",
				s.dir, ErrFull, held, s.o.MaxBytes, cause)
		}
		select {
		case <-room:
		case <-timeout:
			return full(fmt.Sprintf("after %v", wait))
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", full("and the caller gave up"), context.Cause(ctx))
		}
	}
}

// write appends line to the active segment. mu is locked, and is unlocked when
// it returns.
func (s *Spool) write(line []byte) (*segment, int64, error) {
	defer s.mu.Unlock()
	if err := s.failed; err != nil {
		s.failed = nil
		return nil, 0, fmt.Errorf("append: an earlier %w", err)
	}
	n := int64(len(line))
	if s.active != nil && s.active.size()+n > s.segBytes && s.active.size() > 0 {
		s.retire()
	}
	if s.active == nil {
		if err := s.open(); err != nil {
			return nil, 0, fmt.Errorf("append: %w", err)
		}
	}
	seg := s.active
	if _, err := seg.file.Write(line); err != nil {
		// What was written has no line feed and ends the segment for its readers.
		s.retire()
		if seg.size() == 0 {
			s.segments.forget(seg) // do not leave a file for every call on a full disk
		}
		return nil, 0, fmt.Errorf("append to %s: %w", seg.name, err)
	}
	end := seg.grow(n)
	s.total += n
	s.bytes += n
	s.events++
	if w := s.waiting; w != nil && (s.events >= w.events || s.bytes >= w.bytes) {
		close(w.reached)
		s.waiting = nil
	}
	return seg, end, nil
}

// open starts a segment. Its name is durable before the first line is in it.
func (s *Spool) open() error {
	seg := &segment{n: s.next, name: segmentName(s.dir, s.next)}
	f, err := s.o.Open(seg.name)
	if err != nil {
		return fmt.Errorf("open segment: %w", err)
	}
	s.next++
	if err := syncDir(s.dir); err != nil {
		return errors.Join(fmt.Errorf("open segment %s: %w", seg.name, err), f.Close(), os.Remove(seg.name))
	}
	seg.file = f
	s.segments.add(seg)
	s.active = seg
	return nil
}

// retire ends the active segment; Run syncs and closes it. mu is locked.
func (s *Spool) retire() {
	s.retired = append(s.retired, s.active)
	s.active = nil
	poke(s.dirty)
}

// drop makes the next Append open a new segment, because seg cannot be trusted.
func (s *Spool) drop(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == seg {
		s.retire()
	}
}

// Notify returns a channel that is closed once at least so many events, or so
// many bytes, wait for delivery. There is one such channel: the next call
// abandons it.
func (s *Spool) Notify(events, bytes int64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	reached := make(chan struct{})
	if s.events >= events || s.bytes >= bytes {
		close(reached)
		s.waiting = nil
		return reached
	}
	s.waiting = &threshold{events: events, bytes: bytes, reached: reached}
	return reached
}

// Appended returns how many bytes were ever appended: a position for AwaitSettled.
func (s *Spool) Appended() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// AwaitSettled returns once everything up to the position is delivered or
// dead-lettered, or with the cause of ctx.
func (s *Spool) AwaitSettled(ctx context.Context, position int64) error {
	for {
		s.mu.Lock()
		done, moved := s.settled >= position, s.moved
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// settle is told by the Reader that lines are done with.
func (s *Spool) settle(bytes, events int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled += bytes
	s.bytes -= bytes
	s.events -= events
	if s.bytes == 0 {
		s.events = 0 // a damaged line feed makes one line of two
	}
	close(s.room)
	s.room = make(chan struct{})
	close(s.moved)
	s.moved = make(chan struct{})
}

// Pending returns what is not delivered yet.
func (s *Spool) Pending() (bytes, events int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes, s.events
}

// Stop makes every further Append return ErrClosed, also those that wait for room.
func (s *Spool) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.room)
	s.room = make(chan struct{})
}

// Close gives the folder back: removed if everything in it is delivered,
// otherwise durable and free to be adopted. Stop, and the ends of Run and of
// the Reader's use, come before it.
func (s *Spool) Close() error {
	err := s.sync()
	s.mu.Lock()
	if s.active != nil {
		s.retire()
	}
	left := s.bytes
	s.mu.Unlock()
	err = errors.Join(err, s.sync()) // closes what was retired
	if left == 0 {
		err = errors.Join(err, removeFolder(s.dir))
	}
	if err = errors.Join(err, s.lock.release()); err != nil {
		return fmt.Errorf("close spool %s: %w", filepath.Base(s.dir), err)
	}
	return nil
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
