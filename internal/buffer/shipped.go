package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
)

// Shipped puts a log together again from pieces of it that were kept elsewhere. It
// cuts the batches that the log's own seals cut, and seals what none covers. All
// that it decides follows from the pieces, so whoever does it again gets the same.
//
// It believes the pieces to be the log's, which is for the caller to verify.
type Shipped struct {
	o       ShippedOptions
	next    int64 // seq that comes next
	first   int64 // … of the batch that is being put together
	pieces  []io.ReaderAt
	sums    map[int64]uint32 // checksum of the frame that begins with a seq
	open    []shippedPart
	classes map[string]bool // that are in it
	batches []*ShippedBatch

	// What the seal of the next batch must not fall behind.
	sealedAt, through, received int64
}

// ShippedOptions say where a log is to be taken up, and whose it is.
type ShippedOptions struct {
	Stream  uuid.UUID
	NextSeq int64     // all before it is archived
	Through time.Time // of the last batch that is archived
	// Retention says how long a class is locked, for what the log did not seal.
	Retention func(class string) (time.Duration, bool)
}

// ShippedBatch is a batch that was put together, or a part of one: where something is
// lost it is cut, so that rows and what is lost are in batches of their own. The log's
// writer may have sent the files of the whole batch. Files with some of its rows must
// not have their names.
type ShippedBatch struct {
	*Batch
	Lost   bool // its range is in no piece: Count is 0
	Sealed bool // by the log itself, as a whole or as a part of it
}

// shippedPart is a part of the batch that is being put together: rows that follow each
// other, or what is lost between such.
type shippedPart struct {
	first int64
	count int64 // of rows; 0: it is lost
	runs  []shippedRun
}

// shippedRun is a part of a piece: frames of events that follow each other.
type shippedRun struct {
	piece      uint32
	start, end int64 // offsets
}

// NewShipped begins to put a log together.
func NewShipped(o ShippedOptions) *Shipped {
	return &Shipped{o: o, next: o.NextSeq, first: o.NextSeq, sums: make(map[int64]uint32),
		classes: make(map[string]bool), through: o.Through.UnixMilli()}
}

// ErrContradiction: two pieces tell the same part of the log differently. At least
// two writers had the same log: a copy of the folder, or one from a backup.
var ErrContradiction = errors.New("pieces contradict each other")

// Add takes the next piece, in order of the places where they begin; an earlier one
// may have a part of it. at is when it was shipped. frames has size bytes, and stays
// readable as long as the batches are read.
func (s *Shipped) Add(ctx context.Context, from Place, at time.Time, frames io.ReaderAt, size int64) error {
	if size > segmentMax {
		return fmt.Errorf("piece from seq %d: %d bytes, at most %d", from.NextSeq, size, segmentMax)
	}
	if from.BatchFirst > s.first {
		if err := s.cutUnsealed(from.BatchFirst, at); err != nil {
			return err
		}
	}
	s.pieces = append(s.pieces, frames)
	piece := uint32(len(s.pieces) - 1)
	st := state{nextSeq: from.NextSeq, nextBatch: from.NextBatch, batchFirst: from.BatchFirst}
	err := eachFrame(ctx, frames, 0, size, func(f *frame) error {
		st.chain = f.prev // what chains the pieces is their places
		sl, err := st.apply(f)
		switch {
		case err != nil:
			return err
		case sl != nil:
			return s.addSeal(sl, at)
		default:
			return s.addEvents(f, piece)
		}
	})
	if err != nil {
		return fmt.Errorf("piece from seq %d: %w", from.NextSeq, err)
	}
	return nil
}

// addEvents takes a frame of events, unless it is there already.
func (s *Shipped) addEvents(f *frame, piece uint32) error {
	end := f.firstSeq + f.count
	switch known, ok := s.sums[f.firstSeq]; {
	case end <= s.o.NextSeq: // archived
		return nil
	case end <= s.next && ok && known == f.sum:
		return nil
	case f.firstSeq < s.next:
		return fmt.Errorf("%w: about seq %d to %d", ErrContradiction, f.firstSeq, end-1)
	}
	s.lose(f.firstSeq)
	seq := f.firstSeq
	err := f.records(func(_ int64, raw []byte) error {
		e, err := event.DecodeBinary(raw)
		if err != nil {
			return fmt.Errorf("seq %d: %w", seq, err)
		}
		seq++
		s.classes[e.Retention] = true
		return nil
	})
	if err != nil {
		return err
	}
	if n := len(s.open); n == 0 || s.open[n-1].count == 0 {
		s.open = append(s.open, shippedPart{first: f.firstSeq})
	}
	part := &s.open[len(s.open)-1]
	if n := len(part.runs); n > 0 && part.runs[n-1].piece == piece && part.runs[n-1].end == f.offset {
		part.runs[n-1].end = f.next()
	} else {
		part.runs = append(part.runs, shippedRun{piece, f.offset, f.next()})
	}
	part.count += f.count
	s.sums[f.firstSeq] = f.sum
	s.next, s.received = end, f.received
	return nil
}

// addSeal cuts a batch where the log did.
func (s *Shipped) addSeal(sl *seal, at time.Time) error {
	if sl.last < s.first { // archived, cut already, or empty: it says nothing about rows
		return nil
	}
	if sl.first > s.first { // the seal before it is lost
		if err := s.cutUnsealed(sl.first, at); err != nil {
			return err
		}
	}
	// A recovery that was cut short may have archived the first parts of the batch.
	if rest := s.first == s.o.NextSeq && sl.first < s.first; sl.first != s.first && !rest || sl.last+1 < s.next {
		return fmt.Errorf("%w: about batch %d, seq %d to %d", ErrContradiction, sl.number, sl.first, sl.last)
	}
	s.lose(sl.last + 1)
	s.cut(sl, true)
	return nil
}

// End seals what no seal covers, as of when the last piece was shipped, and returns
// all batches.
func (s *Shipped) End(at time.Time) ([]*ShippedBatch, error) {
	if s.next > s.first {
		if err := s.cutUnsealed(s.next, at); err != nil {
			return nil, err
		}
	}
	return s.batches, nil
}

// lose notes that what lies before next is in no piece.
func (s *Shipped) lose(next int64) {
	if next > s.next {
		s.open = append(s.open, shippedPart{first: s.next})
		s.next = next
	}
}

// cutUnsealed ends a batch before next, whose seal is in no piece.
func (s *Shipped) cutUnsealed(next int64, at time.Time) error {
	if next < s.next {
		return fmt.Errorf("%w: a batch begins with seq %d, but there is a seq %d in the one before", ErrContradiction, next, s.next-1)
	}
	s.lose(next)
	// What was received in the same millisecond as its last event may be lost, so the
	// millisecond before is the last one that is complete.
	sl := &seal{first: s.first, last: next - 1,
		sealedAt: max(at.Unix(), s.sealedAt), through: max(s.through, s.received-1)}
	for class := range s.classes {
		period, ok := s.o.Retention(class)
		if !ok {
			return fmt.Errorf("seal seq %d to %d: retention class %q is not known", s.first, next-1, class)
		}
		seconds := int64((period + time.Second - 1) / time.Second)
		sl.retain = append(sl.retain, retainUntil{class, sl.sealedAt + seconds})
	}
	s.cut(sl, false)
	return nil
}

// cut ends a batch. Only its last part is complete up to what the seal says.
func (s *Shipped) cut(sl *seal, sealed bool) {
	for i, part := range s.open {
		last := sl.last
		if i+1 < len(s.open) {
			last = s.open[i+1].first - 1
		} else {
			s.through = sl.through
		}
		s.batches = append(s.batches, &ShippedBatch{Lost: part.count == 0, Sealed: sealed, Batch: &Batch{
			Stream: s.o.Stream, Number: int64(len(s.batches)), First: part.first, Last: last, Count: part.count,
			SealedAt: time.Unix(sl.sealedAt, 0).UTC(), Through: time.UnixMilli(s.through).UTC(), RetainUntil: sl.retainUntil(),
			Rows: &shippedRows{stream: s.o.Stream, pieces: slices.Clip(s.pieces), runs: part.runs, first: part.first},
		}})
	}
	s.first, s.next = sl.last+1, sl.last+1
	s.sealedAt = sl.sealedAt
	s.open, s.classes = nil, make(map[string]bool)
}

// eachFrame walks over the frames in r from start to end, each checked by itself.
// None may be missing there.
func eachFrame(ctx context.Context, r io.ReaderAt, start, end int64, visit func(*frame) error) error {
	w := &window{r: r, size: end}
	for start < end {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		head, err := w.at(start, sector)
		if err != nil {
			return fmt.Errorf("frame at %d: %w", start, err)
		}
		f, err := parseFrame(w.at, start, end, le.Uint64(head[8:])) // of whatever segment
		if err == nil && f.next() > end {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("%w: frame at %d: %w", ErrCorrupt, start, err)
		}
		if err := visit(&f); err != nil {
			return err
		}
		start = f.next()
	}
	return nil
}

// shippedRows implements Rows.
type shippedRows struct {
	stream uuid.UUID
	pieces []io.ReaderAt
	runs   []shippedRun
	first  int64
}

// Scan implements Rows.
func (s *shippedRows) Scan(ctx context.Context) iter.Seq2[Entry, error] {
	return entries(s.stream, s.first, func(visit visitor) error { return s.eachRecord(ctx, visit) })
}

// Outlines implements Rows.
func (s *shippedRows) Outlines(ctx context.Context) iter.Seq2[Outline, error] {
	return outlines(s.first, func(visit visitor) error { return s.eachRecord(ctx, visit) })
}

func (s *shippedRows) eachRecord(ctx context.Context, visit visitor) error {
	for _, run := range s.runs {
		err := eachFrame(ctx, s.pieces[run.piece], run.start, run.end, func(f *frame) error {
			seq := f.firstSeq
			return f.records(func(at int64, raw []byte) error {
				ref := Ref{seq: seq, received: f.received, segment: run.piece, offset: uint32(at)}
				seq++
				return visit(ref, raw)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// RowReader implements Rows: the pieces are files that nobody recycles.
func (s *shippedRows) RowReader() (RowReader, error) { return s, nil }

// Close implements RowReader.
func (s *shippedRows) Close() error { return nil }

// Read implements RowReader.
func (s *shippedRows) Read(ref Ref, row *event.Row) error {
	if int64(ref.segment) >= int64(len(s.pieces)) {
		return fmt.Errorf("read seq %d: ref is of another batch", ref.seq)
	}
	raw, err := readRecord(s.pieces[ref.segment], int64(ref.offset))
	if err == nil {
		err = setRow(row, s.stream, ref, string(raw))
	}
	if err != nil {
		return fmt.Errorf("read seq %d: %w", ref.seq, err)
	}
	return nil
}
