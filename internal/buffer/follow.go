package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Place is a place between two frames of a log, told by what is before it. Unlike
// the offset in a file it means the same wherever the frames are kept.
type Place struct {
	NextSeq    int64 // of the next event
	NextBatch  int64 // number of the batch that is open
	BatchFirst int64 // first seq of that batch
}

// less orders the places of one log: every frame moves one of the two on.
func (p Place) less(q Place) bool {
	return p.NextSeq < q.NextSeq || p.NextSeq == q.NextSeq && p.NextBatch < q.NextBatch
}

func (s *state) place() Place { return Place{s.nextSeq, s.nextBatch, s.batchFirst} }

// Piece is a run of whole frames.
type Piece struct {
	From, To Place
	Frames   []byte // as they are in the log, but for what lies between segments; valid until the next call of Next
	Full     bool   // more followed, but did not fit
}

// Last is the seq of the last event of a piece; From.NextSeq-1 when it has none.
func (p *Piece) Last() int64 { return p.To.NextSeq - 1 }

// Follower reads the frames of a log in order, as they become durable. It is for
// one goroutine.
type Follower struct {
	b     *Buffer
	after Place    // what is before it was read
	at    position // of the frame after that; zero: not known yet
	last  struct { // before the last piece
		after Place
		at    position
	}
	buf []byte
}

// Follow returns a Follower of what comes after a place, which an earlier one, of
// an earlier process perhaps, has come to; the zero Place is the beginning.
func (b *Buffer) Follow(after Place) *Follower { return &Follower{b: b, after: after} }

// ErrPlace: the log has no such place. It was rolled back, or is another one.
var ErrPlace = errors.New("not a place of this log")

// Next returns the next frames that are durable and not released, as many as have
// most bytes, but at least one; what was released meanwhile is left out. It
// returns nil when there is nothing that is worth keeping: no event, and no seal of
// events. A piece does not begin with what is not: seals of nothing (heartbeats) say
// nothing about rows, and enough of them would fill it.
func (f *Follower) Next(ctx context.Context, most int64) (*Piece, error) {
	b := f.b
	b.mu.Lock()
	from, place := b.held()
	end, last := b.end, b.synced.place()
	broken := b.broken
	if last.less(f.after) {
		b.mu.Unlock()
		return nil, fmt.Errorf("follow log: %w: it ends before seq %d of batch %d, the place is seq %d of batch %d",
			ErrPlace, last.NextSeq, last.NextBatch, f.after.NextSeq, f.after.NextBatch)
	}
	if f.at != (position{}) && place.less(f.after) {
		from, place = f.at, f.after
	}
	p := &pin{from.segment}
	b.pins[p] = true
	b.mu.Unlock()
	defer b.unpin(p)
	if broken != nil {
		return nil, fmt.Errorf("follow log: %w", broken)
	}
	r := gathering{b: b, after: f.after, most: most, at: from, end: end, buf: f.buf[:0],
		st: state{nextSeq: place.NextSeq, nextBatch: place.NextBatch, batchFirst: place.BatchFirst}}
	err := r.gather(ctx)
	f.buf = r.buf
	if err != nil {
		return nil, fmt.Errorf("follow log from seq %d: %w", place.NextSeq, err)
	}
	f.at, f.after = r.at, r.st.place()
	if len(r.buf) == 0 {
		return nil, nil
	}
	f.last.after, f.last.at = r.from, r.fromAt
	return &Piece{From: r.from, To: f.after, Frames: r.buf, Full: r.full}, nil
}

// Place is where it has come to: what is before it was in a piece, is released, or is
// not worth keeping.
func (f *Follower) Place() Place { return f.after }

// Back makes the last piece come again, less what is released by then.
func (f *Follower) Back() { f.after, f.at = f.last.after, f.last.at }

// held is where that begins which is not released. The caller holds mu.
func (b *Buffer) held() (position, Place) {
	switch {
	case len(b.sealed) > 0:
		s := &b.sealed[0]
		return s.start, Place{s.first, s.number, s.first}
	case b.open.rows > 0:
		first := b.synced.batchFirst
		return b.open.start, Place{first, b.synced.nextBatch, first}
	}
	return b.end, b.synced.place()
}

// gathering is one Next under way.
type gathering struct {
	b     *Buffer
	after Place // leave out the frames before it
	most  int64
	at    position // of the next frame
	end   position // behind the last one
	st    state    // before the frame at at

	from   Place // of the first frame in buf
	fromAt position
	buf    []byte
	full   bool
}

func (r *gathering) gather(ctx context.Context) error {
	for {
		h, err := r.b.segmentHeader(r.at.segment)
		if err != nil {
			return err
		}
		limit := h.size
		if r.at.segment == r.end.segment {
			limit = r.end.offset
		}
		file, err := r.b.files.acquire(r.at.segment)
		if err != nil {
			return err
		}
		err = r.segment(ctx, file, h, limit)
		if err := errors.Join(err, r.b.files.release(r.at.segment)); err != nil {
			return err
		}
		if r.full || r.at.segment >= r.end.segment {
			return nil
		}
		r.at = position{r.at.segment + 1, headerBytes}
	}
}

// segment gathers frames of one segment, until the piece is full or the segment ends.
func (r *gathering) segment(ctx context.Context, file io.ReaderAt, h *header, limit int64) error {
	w := &window{r: file, size: limit}
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		f, err := parseFrame(w.at, r.at.offset, limit, h.salt())
		if errors.Is(err, errEnd) {
			return nil
		}
		size := padded(f.length)
		if err == nil && len(r.buf) > 0 && int64(len(r.buf))+size > r.most {
			r.full = true
			return nil
		}
		before := r.st.place()
		var s *seal
		if err == nil {
			r.st.chain = f.prev // of its segment; recovery has checked it, and we wrote the rest
			s, err = r.st.apply(&f)
		}
		if err != nil {
			return &CorruptError{segmentName(h.number), r.at.offset, r.st.nextSeq, err}
		}
		switch {
		case before.less(r.after):
			if r.after.less(r.st.place()) {
				return fmt.Errorf("%w: seq %d of batch %d is within a frame", ErrPlace, r.after.NextSeq, r.after.NextBatch)
			}
		case len(r.buf) == 0 && s != nil && s.count == 0: // no piece begins with a heartbeat
		default:
			raw, err := w.at(r.at.offset, size)
			if err != nil {
				return err
			}
			if len(r.buf) == 0 {
				r.from, r.fromAt = before, r.at
			}
			r.buf = append(r.buf, raw...)
		}
		r.at.offset += size
	}
}
