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
	"log/slog"
	"time"

	"github.com/google/uuid"

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
	// ErrStopped: Run has returned; nothing was stored.
	ErrStopped = errors.New("buffer stopped")
	// ErrRefused: this call can never succeed (too large, unknown class, too many
	// partitions). Nothing was stored.
	ErrRefused = errors.New("buffer refuses")
	// ErrCorrupt: the log is damaged before its end, or belongs to another
	// stream. Open changed nothing.
	ErrCorrupt = errors.New("log corrupt")
	// ErrReleased: the batch or snapshot was given back and cannot be read.
	ErrReleased = errors.New("already released")
)

// Options say where the log is and when its batches are sealed. Zero numbers
// mean the default.
type Options struct {
	Dir    string // a local disk; created when missing; its other files are left alone
	FS     durable.FS
	Stream uuid.UUID
	Now    func() time.Time
	Log    *slog.Logger // nil: silent

	SegmentBytes int64         // size of a new segment file; default 64 MiB
	SealRows     int64         // a batch is sealed before it has more rows; default 1,000,000
	SealBytes    int64         // … or more WAL bytes; default 256 MiB
	SealAge      time.Duration // … or when its oldest event waited that long; default 15 min
	Partitions   int           // … or more (class, day) partitions; default 64, at most 128
	Heartbeat    time.Duration // an empty batch after that long without a seal; default 1 h; negative: never

	// Retention says how long a class is locked. It must know every class that
	// is appended, also the next time the log is opened.
	Retention func(class string) (time.Duration, bool)

	Reserve     int64 // bytes that stay free on the disk; below: ErrFull; default 64 MiB, negative: none
	HighWater   int64 // most unreleased WAL bytes; above: ErrFull; default 8 GiB
	QueueEvents int   // most events that wait for the group commit; default 65,536
	QueueBytes  int64 // most encoded bytes that wait for it; default 64 MiB

	FirstSeq int64 // seq of the first event of a new log
}
