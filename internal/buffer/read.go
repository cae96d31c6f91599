package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// Ref is the place of one row in the log. It is small and comparable, and valid
// as long as the Batch or the Snapshot that it came from can be read.
type Ref struct {
	seq      int64
	received int64 // Unix milliseconds
	segment  uint32
	offset   uint32
}

// Seq is the seq of the row.
func (r Ref) Seq() int64 { return r.seq }

// Entry is one row of a Scan, and the Ref with which a RowReader finds it again.
type Entry struct {
	Ref Ref
	Row event.Row
}

// Outline is what Outlines says of one row.
type Outline struct {
	Ref         Ref
	TimestampNS int64
	Class       []byte
}

// span is a readable range of the log.
type span struct {
	b           *Buffer
	start, end  position // of its first frame; where its frames end
	first, last int64    // seq
	batch       int64    // number; -1: not sealed
	snapshot    *Snapshot
}

// pin keeps segments from being recycled.
type pin struct{ segment int64 }

// acquire pins the span for one read.
func (s *span) acquire() (*pin, error) {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.snapshot != nil && s.snapshot.pin == nil || s.snapshot == nil && s.batch >= 0 && s.batch <= b.released.batch {
		return nil, ErrReleased
	}
	p := &pin{s.start.segment}
	b.pins[p] = true
	return p, nil
}

func (b *Buffer) unpin(p *pin) {
	b.mu.Lock()
	delete(b.pins, p)
	b.mu.Unlock()
	poke(b.keeperGo)
}

// Scan implements Rows.
func (s *span) Scan(ctx context.Context) iter.Seq2[Entry, error] {
	return entries(s.b.o.Stream, s.first, func(visit visitor) error { return s.scan(ctx, visit) })
}

// Outlines implements Rows.
func (s *span) Outlines(ctx context.Context) iter.Seq2[Outline, error] {
	return outlines(s.first, func(visit visitor) error { return s.scan(ctx, visit) })
}

// visitor is given one record after the other. Its bytes are valid until it returns.
type visitor func(Ref, []byte) error

// entries makes a sequence of a walk over records.
func entries(stream uuid.UUID, first int64, walk func(visitor) error) iter.Seq2[Entry, error] {
	return sequence(first, walk, func(ref Ref, raw []byte) (Entry, error) {
		row, err := rowOf(stream, ref, string(raw))
		return Entry{ref, row}, err
	})
}

func outlines(first int64, walk func(visitor) error) iter.Seq2[Outline, error] {
	return sequence(first, walk, func(ref Ref, raw []byte) (Outline, error) {
		class, ns, err := event.PartitionOfBinary(raw)
		if err != nil {
			err = fmt.Errorf("seq %d: %w", ref.seq, err)
		}
		return Outline{ref, ns, class}, err
	})
}

func sequence[T any](first int64, walk func(visitor) error, of func(Ref, []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped := errors.New("stopped")
		err := walk(func(ref Ref, raw []byte) error {
			v, err := of(ref, raw)
			if err != nil {
				return err
			}
			if !yield(v, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, stopped) {
			var none T
			yield(none, fmt.Errorf("scan log from seq %d: %w", first, err))
		}
	}
}

func (s *span) scan(ctx context.Context, visit visitor) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.b.unpin(p)
	return s.eachRecord(ctx, visit)
}

// eachRecord walks the frames between start and end.
func (s *span) eachRecord(ctx context.Context, visit visitor) error {
	next := s.first
	for at := s.start; next <= s.last; at = (position{at.segment + 1, headerBytes}) {
		if at.segment > s.end.segment {
			return fmt.Errorf("%w: log ends before seq %d", ErrCorrupt, next)
		}
		h, err := s.b.segmentHeader(at.segment)
		if err != nil {
			return err
		}
		limit := h.size
		if at.segment == s.end.segment {
			limit = s.end.offset // behind it a frame may be in flight
		}
		file, err := s.b.files.acquire(at.segment)
		if err != nil {
			return err
		}
		err = s.walkSegment(ctx, file, h, at.offset, limit, &next, visit)
		if err := errors.Join(err, s.b.files.release(at.segment)); err != nil {
			return err
		}
	}
	return nil
}

func (s *span) walkSegment(
	ctx context.Context, file io.ReaderAt, h *header, offset, limit int64, next *int64, visit visitor,
) error {
	w := &window{r: file, size: limit}
	for *next <= s.last {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		f, err := parseFrame(w.at, offset, limit, h.salt())
		if errors.Is(err, errEnd) {
			return nil // goes on in the next segment
		}
		if err == nil && f.kind != typeEvents || err == nil && f.firstSeq != *next {
			err = badFrame("frame is not the next one")
		}
		if err != nil {
			return &CorruptError{segmentName(h.number), offset, *next, err}
		}
		err = f.records(func(at int64, raw []byte) error {
			ref := Ref{seq: *next, received: f.received, segment: uint32(h.number), offset: uint32(at)}
			*next++
			return visit(ref, raw)
		})
		if err != nil {
			return err
		}
		offset = f.next()
	}
	return nil
}

// rowOf makes a row of a record of the log. Its strings are parts of raw.
func rowOf(stream uuid.UUID, ref Ref, raw string) (row event.Row, err error) {
	err = setRow(&row, stream, ref, raw)
	return row, err
}

// setRow is rowOf into row, which is a tenth of reading many rows cheaper.
func setRow(row *event.Row, stream uuid.UUID, ref Ref, raw string) error {
	if err := row.DecodeBinary(raw); err != nil {
		return fmt.Errorf("seq %d: %w", ref.seq, err)
	}
	row.ReceivedAtMS, row.Fingerprint = ref.received, 0
	row.Stream, row.Seq = stream, ref.seq
	return nil
}

// covers refuses a Ref of another batch.
func (s *span) covers(ref Ref) error {
	segment := int64(ref.segment)
	if ref.seq < s.first || ref.seq > s.last || segment < s.start.segment || segment > s.end.segment {
		return errors.New("ref is of another batch")
	}
	return nil
}

const (
	// readGuess is what readRecord takes at once; most events are shorter.
	readGuess = 1 << 10
	// recordMost is longer than any event: those of a megabyte are the longest that a
	// configuration allows, and take about as much in the log.
	recordMost = 16 << 20
)

func readRecord(r io.ReaderAt, offset int64) ([]byte, error) {
	var room [readGuess]byte
	n, err := r.ReadAt(room[:], offset)
	if n < recordHead {
		return nil, fmt.Errorf("read: %w", err)
	}
	size := int64(le.Uint32(room[:])) + recordHead
	if size <= int64(n) {
		return cutRecord(room[:n])
	}
	if size > recordMost { // a damaged length must not become an allocation
		return nil, fmt.Errorf("event of %d bytes: no event is that long", size)
	}
	whole := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, offset, size), whole); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return cutRecord(whole)
}

// segmentHeader returns the header of a segment that is still there.
func (b *Buffer) segmentHeader(number int64) (*header, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := number - b.segments[0].number; i >= 0 && i < int64(len(b.segments)) {
		return &b.segments[i].header, nil
	}
	return nil, ErrReleased
}

// handlesMax bounds the files that readers hold open.
const handlesMax = 8

// handles shares open segments between readers.
type handles struct {
	open func(number int64) (durable.File, error)

	mu    sync.Mutex
	files map[int64]*handle
	clock int64
}

type handle struct {
	file durable.File
	refs int
	used int64 // clock of the last release
}

func (h *handles) acquire(number int64) (durable.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.files[number]; f != nil {
		f.refs++
		return f.file, nil
	}
	// Opening under the lock: it is rare, and two readers must not open twice.
	file, err := h.open(number)
	if err != nil {
		return nil, err
	}
	if h.files == nil {
		h.files = make(map[int64]*handle)
	}
	h.files[number] = &handle{file: file, refs: 1}
	return file, nil
}

// release gives a file back and closes the one that was used longest ago if
// there are too many.
func (h *handles) release(number int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	h.files[number].refs--
	h.files[number].used = h.clock
	if len(h.files) <= handlesMax {
		return nil
	}
	oldest, at := int64(-1), h.clock+1
	for n, f := range h.files {
		if f.refs == 0 && f.used < at {
			oldest, at = n, f.used
		}
	}
	if oldest < 0 {
		return nil
	}
	return h.drop(oldest)
}

func (h *handles) drop(number int64) error {
	f := h.files[number]
	delete(h.files, number)
	return f.file.Close()
}

// evict closes a segment that is about to be recycled; nobody reads it.
func (h *handles) evict(number int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files[number] == nil {
		return nil
	}
	return h.drop(number)
}

func (h *handles) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for n := range h.files {
		errs = append(errs, h.drop(n))
	}
	return errors.Join(errs...)
}
