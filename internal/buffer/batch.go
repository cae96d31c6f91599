package buffer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// Batch is a contiguous range of seqs that was sealed together: the unit of
// archiving. Everything about it was fixed by its seal, for ever.
type Batch struct {
	Stream             uuid.UUID
	Number             int64                // 0, 1, 2, … per stream, empty ones included
	First, Last, Count int64                // Count 0: a heartbeat; then First is the next seq and Last = First-1
	SealedAt           time.Time            // whole UTC seconds; never goes back
	Through            time.Time            // milliseconds; every event received at or before it is in this batch or an earlier one
	RetainUntil        map[string]time.Time // of each class in it: SealedAt + retention, whole UTC seconds. Read only.

	Rows // that it holds
}

// Rows are the rows of a range of a log, wherever it is read.
type Rows interface {
	// Scan yields the rows in seq order, each checked against its checksums. The
	// sequence ends at the first error. It may be run several times and concurrently.
	Scan(ctx context.Context) iter.Seq2[Entry, error]
	// Outlines is a Scan that does not decode the rows: where each is, and what decides
	// in which file it goes, and where in it. The Class is valid until the next one.
	Outlines(ctx context.Context) iter.Seq2[Outline, error]
	// RowReader returns a reader of single rows. The caller closes it.
	RowReader() (RowReader, error)
}

// RowReader reads rows by their Refs, in any order; those of neighbours are cheap. It
// is for one goroutine, and keeps the range that it reads from being recycled until
// Close.
type RowReader interface {
	// Read sets row to the one at ref, which a Scan or Outlines of the range yielded. Its
	// strings share memory with the rows around it: clone what is kept for long. After an
	// error row is of no use.
	Read(ref Ref, row *event.Row) error
	Close() error
}

func (b *Buffer) batch(s *sealedBatch, of *Snapshot) (*Batch, error) {
	sl, err := decodeSeal([]byte(s.payload))
	if err != nil {
		return nil, fmt.Errorf("%w: batch %d: %w", ErrCorrupt, s.number, err)
	}
	out := &Batch{
		Stream: b.o.Stream, Number: s.number, First: s.first, Last: s.last, Count: sl.count,
		SealedAt: time.Unix(sl.sealedAt, 0).UTC(), Through: time.UnixMilli(sl.through).UTC(),
		RetainUntil: sl.retainUntil(),
		Rows:        &span{b: b, start: s.start, end: s.end, first: s.first, last: s.last, batch: s.number, snapshot: of},
	}
	return out, nil
}

// Next returns the oldest sealed batch that is not released and whose number is
// greater than after; -1 asks for the oldest. It waits for one.
func (b *Buffer) Next(ctx context.Context, after int64) (*Batch, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, fmt.Errorf("next batch: %w", err)
		}
		b.mu.Lock()
		var next *Batch
		changed, err := b.changed, b.broken
		if err == nil && len(b.sealed) > 0 {
			// Numbers are contiguous.
			if i := max(after+1-b.sealed[0].number, 0); i < int64(len(b.sealed)) {
				next, err = b.batch(&b.sealed[i], nil)
			}
		}
		b.mu.Unlock()
		if err != nil {
			return nil, fmt.Errorf("next batch: %w", err)
		}
		if next != nil {
			return next, nil
		}
		select {
		case <-changed:
		case <-b.gone:
			return nil, fmt.Errorf("next batch: %w", b.stopped())
		case <-ctx.Done():
		}
	}
}

// Release forgets the oldest batch: it is archived. It returns after the note of
// that is durable. The segments are recycled later, by Run: if we die in
// between, the note says on the next start that they can be.
//
// After an error that is not ErrDamaged the batch is as it was; try again.
func (b *Buffer) Release(ctx context.Context, batch *Batch) error {
	if err := b.release(ctx, batch); err != nil {
		return fmt.Errorf("release batch %d: %w", batch.Number, err)
	}
	return nil
}

func (b *Buffer) release(ctx context.Context, batch *Batch) error {
	b.releasing.Lock()
	defer b.releasing.Unlock()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	broken, past := b.broken, batch.Number <= b.released.batch
	oldest := len(b.sealed) > 0 && b.sealed[0].number == batch.Number
	b.mu.Unlock()
	switch {
	case broken != nil:
		return broken
	case past:
		return ErrReleased
	case !oldest:
		return errors.New("not the oldest batch")
	}
	// Before the note: once that is there, the log may lose the ids.
	if err := b.marks.save(ctx, b, batch); errors.Is(err, durable.ErrSync) {
		return b.fail(err)
	} else if err != nil {
		return err
	}
	r := released{batch: batch.Number, nextSeq: batch.Last + 1}
	if err := b.writeNote(r); errors.Is(err, durable.ErrSync) {
		return b.fail(err)
	} else if err != nil {
		return err
	}
	b.mu.Lock()
	r.written = b.sealed[0].written
	b.released = r
	b.sealed = b.sealed[1:] // what is in the array stays as it is: a Snapshot may be reading it
	if len(b.sealed) == 0 {
		b.sealed = nil // after a long backlog it is large
	}
	b.mu.Unlock()
	poke(b.keeperGo)
	return nil
}

// Snapshot is everything that was on disk and not released when it was taken. It
// stays readable until Close: what is released meanwhile is not recycled.
//
// To join it with committed files, take the Snapshot FIRST and the list of the
// committed files after it, and leave out of the files everything from FirstSeq
// on. A batch is released only after its commit, so all that is below FirstSeq
// is in that list; all from FirstSeq on is in the Snapshot, committed or not.
type Snapshot struct {
	Stream   uuid.UUID
	FirstSeq int64 // first seq that is not released; equal to NextSeq when there are no rows
	NextSeq  int64 // one past the last row
	// At: every event received at or before it is in here or was released before, and
	// every later one is received after it. It does not go back while the process runs. The
	// next one knows no more than the log: the last event and the last seal. If the clock
	// was set back while nothing ran, to before this, later events may be received before it.
	At time.Time

	Batches []*Batch // sealed, oldest first
	Open    *Tail    // not sealed; never nil

	b   *Buffer
	pin *pin // nil after Close
}

// Tail is the part of a Snapshot that no seal covers yet.
type Tail struct {
	First, Last, Count int64 // Count 0: Last = First-1

	span
}

// Snapshot takes one. The caller closes it, soon: it keeps the disk from being
// freed.
func (b *Buffer) Snapshot(ctx context.Context) (*Snapshot, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	s, sealed, err := b.snapshot()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	s.Batches = make([]*Batch, 0, len(sealed))
	for i := range sealed {
		batch, err := b.batch(&sealed[i], s)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		s.Batches = append(s.Batches, batch)
	}
	return s, nil
}

// snapshot is what there is of a Snapshot to do under mu: the seals of its batches, of which
// there may be very many, are decoded later.
func (b *Buffer) snapshot() (*Snapshot, []sealedBatch, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return nil, nil, b.broken
	}
	// An answer follows its publication, which holds mu. So what was answered
	// until this moment was published before we got mu.
	s := &Snapshot{
		Stream: b.o.Stream, FirstSeq: b.released.nextSeq, NextSeq: b.synced.nextSeq, At: time.UnixMilli(b.reach()).UTC(),
		b: b, pin: &pin{b.firstHeld()},
	}
	first, last := b.synced.batchFirst, b.synced.nextSeq-1
	s.Open = &Tail{
		First: first, Last: last, Count: last - first + 1,
		span: span{b: b, start: b.open.start, end: b.end, first: first, last: last, batch: -1, snapshot: s},
	}
	b.pins[s.pin] = true
	return s, b.sealed[:len(b.sealed):len(b.sealed)], nil
}

// Close lets the segments go. The Snapshot and its Batches cannot be read
// afterwards. Closing twice is fine.
func (s *Snapshot) Close() {
	s.b.mu.Lock()
	p := s.pin
	s.pin = nil
	delete(s.b.pins, p)
	s.b.mu.Unlock()
	poke(s.b.keeperGo)
}
