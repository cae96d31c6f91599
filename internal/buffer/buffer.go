// Package buffer holds accepted audit events until they are archived.
//
// The promise: once [Buffer.Append] returns nil, its events survive a crash of
// this process and of this machine, exactly once, in seq order, unchanged, and
// all of them or none. The price: Append waits for an fdatasync, which it shares
// with every other Append that arrived in the meantime.
//
// A failed write or sync is final. The kernel may have dropped the dirty pages,
// so asking again proves nothing: the Buffer answers [ErrDamaged] from then on,
// Run returns, and the process is expected to exit and to recover by reading
// back what is really there. Nothing that was acknowledged is ever deleted or
// repaired away: a log that is damaged before its end is refused by [Open] with
// [ErrCorrupt].
//
// docs/format/wal.md describes the files byte by byte.
package buffer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
)

// Errors that callers decide on.
var (
	// ErrFull: a bound is reached (queue, high-water mark, disk). Nothing was
	// stored; try again later.
	ErrFull = errors.New("buffer full")
	// ErrDamaged: a write or a sync failed. The outcome of what was in flight is
	// unknown. Nothing works any more; exit and recover.
	ErrDamaged = errors.New("buffer damaged")
	// ErrStopped: Run is over. What Append was given was not stored.
	ErrStopped = errors.New("buffer stopped")
	// ErrRefused: this Append can never succeed (too large, unknown class, too
	// many partitions). Nothing was stored.
	ErrRefused = errors.New("buffer refuses")
	// ErrConflict: an id is taken by an event with other content. Nothing was
	// stored. The error is a *ConflictError.
	ErrConflict = errors.New("id is taken")
	// ErrCorrupt: the log is damaged before its end or is not of this stream.
	// Open changed nothing.
	ErrCorrupt = errors.New("log corrupt")
	// ErrNewer: a newer program wrote a part of the log, so it is not damaged, and there is
	// nothing to salvage: this program cannot read it. Open changed nothing.
	ErrNewer = errors.New("log is of a newer program")
	// ErrReleased: the batch or snapshot was given back and cannot be read.
	ErrReleased = errors.New("already released")
)

// Buffer is safe for concurrent use.
type Buffer struct {
	o        Options
	control  chan control  // Flush, Seal and Heartbeat -> Run
	wake     chan struct{} // capacity 1: the queue is not empty
	pressure chan struct{} // capacity 1: the log is full, and what is open has to be sealed
	keeperGo chan struct{} // capacity 1: segments were released or taken
	spareGo  chan struct{} // capacity 1: the keeper tried to make a spare
	damaged  chan struct{} // closed by the first fail
	gone     chan struct{} // closed when Run is over: nobody will answer
	requests sync.Pool     // *request that nobody waits for
	files    handles       // open segments of the readers
	dir      durable.Dir   // of the log, which goes on when no descriptor is left
	recent   *recent       // what a retry is recognised by

	// Owned by Run. No lock, because nothing else may touch them.
	w writer

	// releasing serialises Release: it is held across its writes. It guards marks.
	releasing sync.Mutex
	marks     markFiles

	// mu guards what follows. Hold it for memory only: never across a read, a
	// write, a sync or a wait.
	mu       sync.Mutex
	running  bool
	draining bool  // Run takes no more work
	broken   error // first unrecoverable error; set once, never cleared

	// Set by the keeper: why nothing is taken, and why there is no spare. The
	// active segment may be filled up without a spare; exhausted says that it is.
	full, noSpare string
	exhausted     bool
	refusing      time.Time // since when whyFull is not ""; zero while it is
	denied        int64     // bytes of the largest request that found no room, within bounds; 0 since there is
	growth        growth    // of what is not released

	queue                     []*request
	queuedEvents, queuedBytes int64
	taken                     int64 // requests that left the queue, since Open

	segments []*segment    // contiguous numbers, oldest first; the last one is written to
	spares   []spare       // ready to become a segment
	pins     map[*pin]bool // readers; what they pin is not recycled

	synced              state         // after the last synced frame
	inFlight            int64         // received_at, Unix milliseconds, of the events that are being written; none: nothing is
	promised            int64         // the least received_at that Snapshots leave to later events
	end                 position      // behind the last synced frame
	written             int64         // bytes of all frames since Open
	repeated, conflicts int64         // events since Open
	sealed              []sealedBatch // not released, oldest first; never changed, only added and left behind
	open                openBatch     // synced, but not sealed
	released            released
	changed             chan struct{} // closed and replaced when sealed, broken or gone change
}

// none is no instant.
const none = -1

// position is a place in the log.
type position struct {
	segment int64 // number
	offset  int64
}

// segment is a file of the log.
type segment struct {
	header
	name string
}

// spare is a file of the right size, all of whose blocks were written before.
type spare struct {
	file durable.File
	name string
}

// released says how much of the log is archived.
type released struct {
	batch   int64 // number of the last released batch; -1: none
	nextSeq int64 // first seq that is not released
	written int64 // Buffer.written at its end
}

// openBatch is what the next seal will cover.
type openBatch struct {
	start position // of its first frame
	rows  int64
	bytes int64
	since int64 // received_at of its first event, Unix milliseconds
}

// fail records the first unrecoverable error and returns it, marked ErrDamaged.
func (b *Buffer) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken == nil {
		b.broken = fmt.Errorf("%w: %w", ErrDamaged, err)
		close(b.damaged)
		b.broadcast()
	}
	return b.broken
}

// broadcast wakes everybody who waits for a change. The caller holds mu.
func (b *Buffer) broadcast() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// poke sends without waiting: one signal in the channel is as good as two.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close gives back the open files. Call it after Run returned; batches and
// snapshots cannot be read afterwards.
func (b *Buffer) Close() error {
	b.mu.Lock()
	spares := b.spares
	b.spares = nil
	b.mu.Unlock()
	errs := []error{b.files.close(), b.marks.close()}
	if b.w.file != nil {
		errs = append(errs, b.w.file.Close())
	}
	if b.dir != nil {
		errs = append(errs, b.dir.Close())
	}
	for _, s := range spares {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// Stats is a picture of the buffer for metrics and readiness.
type Stats struct {
	FirstSeq, NextSeq         int64 // seqs from FirstSeq to before NextSeq are on disk and not released
	QueuedEvents, QueuedBytes int64 // waiting for the group commit
	UnreleasedBytes           int64
	FreeBytes                 int64     // on the disk; -1: unknown
	Segments, Spares          int       // files
	SealedBatches             int       // not released
	OpenRows, OpenBytes       int64     // not sealed
	OldestUnsealed            time.Time // received_at; zero when there is none
	OldestSealed              time.Time // SealedAt of the oldest batch that is not released; zero when there is none
	Through                   time.Time // of the last seal; zero before the first one
	RecentIDs                 int64     // a retry of one of these is recognised
	RecentSince               time.Time // received_at of the oldest of them; zero when there is none
	Repeated                  int64     // events that were recognised and not stored again, since Open
	Conflicts                 int64     // events that were refused because their id is taken, since Open
	// Ahead is how far received_at is ahead of the clock, which was set back.
	Ahead     time.Duration
	Full      string    // why Append answers ErrFull, at least to requests as large as one that got it; "" when it does not
	FullSince time.Time // zero when it does not, or has not been noticed yet
	// RoomBytes is how much can be taken until it does, and RoomFor how long that
	// lasts at the rate of the last minute; negative: for ever, as far as one can see.
	RoomBytes int64
	RoomFor   time.Duration
	Damaged   error
}

// Stats returns the present state. It asks the disk for its free space.
func (b *Buffer) Stats() Stats {
	free, err := b.o.FS.Free(b.o.Dir)
	if err != nil {
		free = -1
	}
	now := b.o.Now()
	ids, since := b.recent.reach(now.UnixMilli())
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Stats{
		RecentIDs: ids, RecentSince: since, Repeated: b.repeated, Conflicts: b.conflicts,
		FirstSeq: b.released.nextSeq, NextSeq: b.synced.nextSeq,
		QueuedEvents: b.queuedEvents, QueuedBytes: b.queuedBytes,
		UnreleasedBytes: b.written - b.released.written, FreeBytes: free,
		Segments: len(b.segments), Spares: len(b.spares),
		SealedBatches: len(b.sealed), OpenRows: b.open.rows, OpenBytes: b.open.bytes,
		Full: b.whyFull(), FullSince: b.refusing, Damaged: b.broken,
	}
	s.RoomBytes = b.room(free)
	if s.RoomFor = b.growth.lasts(s.RoomBytes); s.Full != "" && s.Full != fullQueue {
		s.RoomFor = 0 // what is full does not grow
	}
	if b.open.rows > 0 {
		s.OldestUnsealed = time.UnixMilli(b.open.since).UTC()
	}
	if len(b.sealed) > 0 {
		s.OldestSealed = time.Unix(b.sealed[0].sealedAt, 0).UTC()
	}
	if b.synced.nextBatch > 0 {
		s.Through = time.UnixMilli(b.synced.through).UTC()
	}
	s.Ahead = max(0, time.UnixMilli(b.synced.received).Sub(now))
	return s
}
