package buffer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/audit-archiver/archiver/internal/durable"
)

// Open reads the log in o.Dir back, or begins a new one. The caller holds the
// lock of the folder (durable.Lock) from before Open until after Close.
//
// What follows the last whole frame was never acknowledged: Open copies it to
// the folder quarantine, unless it is zeros, and goes on in its place. Any other
// damage is a *CorruptError, and Open changed nothing; neither did it when it is
// ErrNewer.
func Open(o Options) (*Buffer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open buffer: %w", err)
	}
	b := &Buffer{
		o: o, control: make(chan control),
		wake: make(chan struct{}, 1), pressure: make(chan struct{}, 1),
		keeperGo: make(chan struct{}, 1), spareGo: make(chan struct{}, 1),
		damaged: make(chan struct{}), gone: make(chan struct{}), changed: make(chan struct{}),
		pins: make(map[*pin]bool), inFlight: none,
	}
	b.files.open = func(number int64) (durable.File, error) {
		return o.FS.OpenFile(b.path(segmentName(number)), os.O_RDONLY, 0)
	}
	b.w.parts = make(map[partition]bool)
	b.recent = newRecent(o.RetryIDs, int64(o.QueueEvents), o.RetryAge)
	if err := b.recover(); err != nil {
		return nil, fmt.Errorf("open buffer %s: %w", o.Dir, errors.Join(err, b.Close()))
	}
	return b, nil
}

// recovery is what is known while the log is read back.
type recovery struct {
	b        *Buffer
	note     released
	numbers  []int64  // of the segments that are there
	leftover []string // spares of the last run
	tail     tail
	stored   int64 // size of the last segment's file, which damage may have cut
}

func (b *Buffer) recover() error {
	if err := durable.MkdirAll(b.o.FS, b.o.Dir, 0o700); err != nil {
		return err
	}
	var err error
	if b.dir, err = b.o.FS.OpenDir(b.o.Dir); err != nil {
		return err
	}
	r := recovery{b: b}
	// Reading only: up to here and no further when the log is corrupt.
	if err := r.list(); err != nil {
		return err
	}
	if r.note, err = b.readNote(); err != nil {
		return err
	}
	b.marks.load(b, r.note.nextSeq)
	if err := r.readSegments(); err != nil {
		return err
	}
	if err := r.settle(); err != nil {
		return err
	}
	b.recent.expire(b.w.state.received) // and not by the clock, which may be ahead for a moment
	// From here on the log is known to be good.
	if err := r.prepare(); err != nil {
		return err
	}
	if b.w.state.received > 0 { // the last run may have promised as much
		b.promised = b.w.state.received + 1
	}
	if b.recent.next != b.w.state.nextSeq { // a new log, or nothing is remembered
		b.recent.restart(b.w.state.nextSeq)
	}
	return nil
}

// list sorts the names in the folder.
func (r *recovery) list() error {
	entries, err := r.b.o.FS.ReadDir(r.b.o.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok || e.IsDir() {
			continue
		}
		if strings.HasPrefix(base, sparePrefix) {
			r.leftover = append(r.leftover, r.b.path(e.Name()))
			continue
		}
		n, err := strconv.ParseInt(base, 10, 64)
		if err != nil || segmentName(n) != e.Name() {
			continue
		}
		r.numbers = append(r.numbers, n)
	}
	return nil
}

// readSegments reads and checks every frame there is.
func (r *recovery) readSegments() error {
	b := r.b
	for i, number := range r.numbers {
		if err := r.readSegment(i, number); err != nil {
			return err
		}
		if i+1 < len(r.numbers) && r.numbers[i+1] != number+1 {
			return corrupt(segmentName(number+1), 0, b.w.state.nextSeq, "segment is missing")
		}
	}
	return nil
}

func (r *recovery) readSegment(i int, number int64) error {
	b, name := r.b, segmentName(number)
	f, err := b.o.FS.OpenFile(b.path(name), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	w := &window{r: f, size: size}
	raw, err := w.at(0, headerBytes)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt(name, 0, b.w.state.nextSeq, "file of %d bytes has no header", size)
	}
	if err != nil {
		return err
	}
	h, seed, err := decodeHeader(raw)
	if errors.Is(err, ErrNewer) {
		return fmt.Errorf("segment %s: %w", name, err)
	}
	if err != nil {
		// Also when it is zeros: a segment gets its name when its header is on the
		// disk, which has lost it since, and perhaps frames that were acknowledged.
		return corrupt(name, 0, b.w.state.nextSeq, "%w", err)
	}
	if err := r.checkHeader(i, number, &h); err != nil {
		return err
	}
	b.w.state, b.w.header = h.state, h
	b.w.state.chain = seed
	b.segments = append(b.segments, &segment{h, b.path(name)})
	r.stored = size
	r.tail, err = walk(w, &h, headerBytes, min(size, h.size), &b.w.state, r.visit)
	if err != nil {
		return err
	}
	return r.checkEnd(w, i == len(r.numbers)-1)
}

// checkHeader compares a header with its file's name and the segment before it.
func (r *recovery) checkHeader(i int, number int64, h *header) error {
	b, name, want := r.b, segmentName(number), r.b.w.state
	switch {
	case h.stream != b.o.Stream:
		return corrupt(name, 0, want.nextSeq, "segment is of stream %s, want %s", h.stream, b.o.Stream)
	case h.number != number:
		return corrupt(name, 0, want.nextSeq, "segment has number %d in its header", h.number)
	case i > 0 && h.state != want:
		// The frames before it ended too early, or it is of another run.
		return corrupt(segmentName(number-1), r.tail.end, want.nextSeq,
			"segment ends here (%w), but the next one begins with seq %d of batch %d", r.tail.stop, h.nextSeq, h.nextBatch)
	case i == 0 && number > 0 && (h.nextBatch > r.note.batch+1 || h.nextBatch == r.note.batch+1 && h.nextSeq != r.note.nextSeq):
		return corrupt(segmentName(number-1), 0, r.note.nextSeq,
			"segment is missing: the first one begins with seq %d of batch %d", h.nextSeq, h.nextBatch)
	}
	return nil
}

// checkEnd decides whether a segment may end where its frames do.
func (r *recovery) checkEnd(w *window, last bool) error {
	h, t, seq := &r.b.w.header, &r.tail, r.b.w.state.nextSeq
	name := segmentName(h.number)
	if at, found, err := later(w, h, t.end+sector); err != nil {
		return err
	} else if found {
		return corrupt(name, t.end, seq, "damaged frame (%w) before an intact one at %d", t.stop, at)
	}
	if !last {
		return nil // the next header pins the end
	}
	// Segments are written in full before they are used. A short one was cut; if
	// its end mark is gone, acknowledged frames may be gone with it.
	if w.size < h.size && !(errors.Is(t.stop, errEnd) && t.end+sector <= w.size) {
		return corrupt(name, t.end, seq, "file was cut to %d of %d bytes before its end mark", w.size, h.size)
	}
	return nil
}

// visit keeps what the rest of the program needs to know of a frame.
func (r *recovery) visit(f *frame, s *seal) error {
	b, open := r.b, &r.b.w.open
	at := position{b.w.header.number, f.offset}
	b.written += padded(f.length)
	if s == nil {
		if err := r.remember(f); err != nil {
			return err
		}
		if open.rows == 0 {
			open.start, open.since = at, f.received
		}
		open.rows += f.count
		open.bytes += padded(f.length)
		return nil
	}
	done := sealedBatch{
		number: s.number, first: s.first, last: s.last, sealedAt: s.sealedAt,
		start: open.start, end: at, written: b.written, payload: string(f.payload),
	}
	if open.rows == 0 {
		done.start = at
	}
	*open = openBatch{}
	if s.number > r.note.batch {
		b.sealed = append(b.sealed, done)
		return nil
	}
	if s.number == r.note.batch && s.last+1 != r.note.nextSeq {
		return fmt.Errorf("%w: %s: batch %d ends at seq %d, the note says %d",
			ErrCorrupt, noteName, s.number, s.last, r.note.nextSeq-1)
	}
	b.released.written = b.written
	return nil
}

// settle compares the whole log with the release note.
func (r *recovery) settle() error {
	b := r.b
	if len(r.numbers) == 0 {
		if r.note.batch >= 0 {
			return fmt.Errorf("%w: %s: batch %d is released, but there is no segment", ErrCorrupt, noteName, r.note.batch)
		}
		return nil
	}
	if r.note.batch < 0 {
		if first := b.segments[0]; first.number > 0 {
			return corrupt(segmentName(0), 0, 0, "segment is missing, and nothing was released")
		}
		r.note.nextSeq = b.segments[0].nextSeq
	}
	if r.note.batch >= b.w.state.nextBatch {
		return fmt.Errorf("%w: %s: batch %d is released, but the log ends before batch %d",
			ErrCorrupt, noteName, r.note.batch, b.w.state.nextBatch)
	}
	b.released.batch, b.released.nextSeq = r.note.batch, r.note.nextSeq
	return nil
}
