package buffer

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// Batch is a contiguous seq range that was sealed together: the unit of
// archiving. Everything in it was fixed by the seal, for ever.
type Batch struct {
	Stream             uuid.UUID
	Number             int64                // 0, 1, 2, … per stream, empty ones included
	First, Last, Count int64                // Count 0: a heartbeat; then First is the next seq and Last = First-1
	SealedAt           time.Time            // whole UTC seconds, never goes back
	Through            time.Time            // milliseconds: every event received at or before it is in this batch or an earlier one
	RetainUntil        map[string]time.Time // per class in the batch: SealedAt + retention, whole UTC seconds. Do not change it.

	span
}

// Ref is the place of one row in the log. It is comparable, 24 bytes small, and
// valid as long as the Batch or Snapshot that it came from can be read.
type Ref struct {
	seq      int64
	received int64 // Unix milliseconds
	segment  uint32
	offset   uint32
}

// Seq is the row's seq.
func (r Ref) Seq() int64 { return r.seq }

// Entry is one row of a Scan and the Ref with which Read finds it again.
type Entry struct {
	Ref Ref
	Row event.Row
}

// span is a readable range of the log.
type span struct{}

// Scan yields the rows in seq order. Every row was checked against its frame's
// checksum. The sequence ends at the first error. It may run several times, also
// concurrently.
func (s *span) Scan(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { yield(Entry{}, errors.ErrUnsupported) }
}

// Read returns the row at ref, which a Scan yielded. It may be called concurrently.
func (s *span) Read(ref Ref) (event.Row, error) { return event.Row{}, errors.ErrUnsupported }

// Snapshot is everything that was synced and not released when it was taken. It
// pins its segments until Close: a Release in the meantime changes nothing in it.
//
// To join it with committed files, take the Snapshot FIRST and the list of
// committed files after it, and keep of the files only what is below FirstSeq.
// A batch is released only after its commit, so what is below FirstSeq is in the
// list; what is at or above it is in the Snapshot, committed or not.
type Snapshot struct {
	Stream   uuid.UUID
	FirstSeq int64     // first seq that is not released; equals NextSeq when the Snapshot is empty
	NextSeq  int64     // one past the last row
	At       time.Time // every event acknowledged at or before it is in the Snapshot or was released before

	Batches []*Batch // sealed, oldest first
	Open    *Tail    // not sealed yet; never nil
}

// Tail is the part of a Snapshot that no seal covers yet.
type Tail struct {
	First, Last, Count int64 // Last = First-1 when empty

	span
}

// Close unpins the segments. The Snapshot and its Batches cannot be read afterwards.
func (s *Snapshot) Close() error { return errors.ErrUnsupported }
