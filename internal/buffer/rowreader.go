package buffer

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
)

// logReader is a RowReader. Refs that are near to each other in the log cost one
// system call together.
type logReader struct {
	s      *span
	pin    *pin
	files  map[int64]durable.File // by segment, at most readFiles
	blocks [readBlocks]readBlock
	clock  int64
	texts  rowTexts
}

// Rows come in order of their timestamps, which is nearly that of their seqs: a few
// blocks are enough for those that overtake each other.
const (
	readBlocks     = 8
	readBlockBytes = 256 << 10
	readFiles      = 4
)

// readBlock is a piece of a segment.
type readBlock struct {
	segment, offset int64
	data            []byte // empty until a second row of it is read
	used            int64  // clock of the last use; 0: empty
}

// RowReader implements Rows.
func (s *span) RowReader() (RowReader, error) {
	p, err := s.acquire()
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	return &logReader{s: s, pin: p, files: make(map[int64]durable.File)}, nil
}

// Close implements RowReader. Closing twice is an error of the caller.
func (r *logReader) Close() error {
	var errs []error
	for segment := range r.files {
		errs = append(errs, r.s.b.files.release(segment))
	}
	r.s.b.unpin(r.pin)
	return errors.Join(errs...)
}

// Read implements RowReader.
func (r *logReader) Read(ref Ref, row *event.Row) error {
	if err := r.read(ref, row); err != nil {
		return fmt.Errorf("read seq %d: %w", ref.seq, err)
	}
	return nil
}

func (r *logReader) read(ref Ref, row *event.Row) error {
	if err := r.s.covers(ref); err != nil {
		return err
	}
	segment, offset := int64(ref.segment), int64(ref.offset)
	b, err := r.block(segment, offset)
	if err != nil {
		return err
	}
	if at := offset - b.offset; at < int64(len(b.data)) {
		if raw, err := cutRecord(b.data[at:]); err == nil {
			return setRow(row, r.s.b.o.Stream, ref, r.texts.add(raw))
		}
	}
	// The block was not read, or the row goes on behind it, or it is damaged.
	file, err := r.file(segment)
	if err != nil {
		return err
	}
	raw, err := readRecord(file, offset)
	if err != nil {
		return &CorruptError{segmentName(segment), offset, ref.seq, err}
	}
	return setRow(row, r.s.b.o.Stream, ref, r.texts.add(raw))
}

// rowTextBytes is how much memory rows share: so much does one of them keep at most.
const rowTextBytes = 64 << 10

// rowTexts copies rows one behind the other. Rows that were parts of the blocks that were
// read would keep whole blocks, and rows of their own cost an allocation each.
type rowTexts struct{ b strings.Builder }

func (t *rowTexts) add(raw []byte) string {
	if len(raw) > rowTextBytes/4 {
		return string(raw)
	}
	if t.b.Cap()-t.b.Len() < len(raw) {
		t.b.Reset()
		t.b.Grow(rowTextBytes)
	}
	from := t.b.Len()
	t.b.Write(raw)
	return t.b.String()[from:]
}

// block returns the piece that offset lies in. It is read for the second row of it that
// is wanted soon after another: where timestamps go forth and back there is none, and
// each row would cost a whole piece.
func (r *logReader) block(segment, offset int64) (*readBlock, error) {
	at := offset - offset%readBlockBytes
	r.clock++
	oldest := &r.blocks[0]
	for i := range r.blocks {
		b := &r.blocks[i]
		if b.used > 0 && b.segment == segment && b.offset == at {
			b.used = r.clock
			if len(b.data) > 0 {
				return b, nil
			}
			return b, r.load(b)
		}
		if b.used < oldest.used {
			oldest = b
		}
	}
	*oldest = readBlock{segment: segment, offset: at, data: oldest.data[:0], used: r.clock}
	return oldest, nil
}

func (r *logReader) load(b *readBlock) error {
	file, err := r.file(b.segment)
	if err != nil {
		return err
	}
	if b.data == nil {
		b.data = make([]byte, readBlockBytes)
	}
	n, err := file.ReadAt(b.data[:readBlockBytes], b.offset)
	b.data = b.data[:n]
	if err != nil && !errors.Is(err, io.EOF) {
		b.data = b.data[:0]
		return fmt.Errorf("read segment %d at %d: %w", b.segment, b.offset, err)
	}
	return nil
}

func (r *logReader) file(segment int64) (durable.File, error) {
	if f := r.files[segment]; f != nil {
		return f, nil
	}
	if len(r.files) == readFiles {
		// The first one in the log: rows move forward through it.
		first := slices.Min(slices.Collect(maps.Keys(r.files)))
		delete(r.files, first)
		if err := r.s.b.files.release(first); err != nil {
			return nil, err
		}
	}
	f, err := r.s.b.files.acquire(segment)
	if err != nil {
		return nil, err
	}
	r.files[segment] = f
	return f, nil
}
