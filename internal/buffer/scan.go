package buffer

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// CorruptError says where a log is damaged. It matches ErrCorrupt.
type CorruptError struct {
	Segment string // file name
	Offset  int64  // in it
	Seq     int64  // the first seq that cannot be read
	Err     error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: segment %s at offset %d, seq %d: %v", ErrCorrupt, e.Segment, e.Offset, e.Seq, e.Err)
}

func (e *CorruptError) Unwrap() []error { return []error{ErrCorrupt, e.Err} }

// readAhead is what one read of a window takes at least.
const readAhead = 256 << 10

// window reads a file front to back with few system calls.
type window struct {
	r    io.ReaderAt
	size int64
	buf  []byte
	off  int64 // of buf in the file
}

// at returns n bytes at off. They are valid until the next call.
func (w *window) at(off, n int64) ([]byte, error) {
	if off >= w.off && off+n <= w.off+int64(len(w.buf)) {
		return w.buf[off-w.off:][:n], nil
	}
	if off < 0 || off+n > w.size {
		return nil, io.ErrUnexpectedEOF
	}
	want := min(max(n, readAhead), w.size-off)
	if int64(cap(w.buf)) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.off = w.buf[:want], off
	if got, err := w.r.ReadAt(w.buf, off); got < len(w.buf) {
		w.buf = w.buf[:0]
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return w.buf[:n], nil
}

// tail is where the frames of a segment end, and why.
type tail struct {
	last, end int64 // offsets of the last frame (0: none) and behind it
	stop      error // errEnd, or why what is at end is no frame
}

// walk reads the frames of a segment from offset while they continue st. What
// stops it may be the end of the log or damage: the caller knows. Its error is
// of reading, of visit, or says that an intact frame does not belong there.
func walk(w *window, h *header, offset, limit int64, st *state, visit func(*frame, *seal) error) (tail, error) {
	t := tail{end: offset}
	for {
		f, err := parseFrame(w.at, t.end, limit, h.salt())
		var bad badFrame
		if errors.Is(err, errEnd) || errors.As(err, &bad) {
			t.stop = err
			return t, nil
		}
		if err != nil {
			return t, err
		}
		sl, err := st.apply(&f)
		if err != nil {
			return t, &CorruptError{segmentName(h.number), t.end, st.nextSeq, err}
		}
		if err := visit(&f, sl); err != nil {
			return t, err
		}
		t.last, t.end = f.offset, f.next()
	}
}

// later looks for an intact frame of this use of the segment behind from. After
// a crash there is none: a frame is written only when the one before it is
// synced. So if there is one, what lies before it was acknowledged and is lost.
func later(w *window, h *header, from int64) (offset int64, found bool, err error) {
	for off := from; off+sector <= w.size; off += sector {
		b, err := w.at(off, sector)
		if err != nil {
			return 0, false, err
		}
		if le.Uint64(b[8:]) != h.salt() {
			continue
		}
		var bad badFrame
		if _, err := parseFrame(w.at, off, w.size, h.salt()); err == nil {
			return off, true, nil
		} else if !errors.Is(err, errEnd) && !errors.As(err, &bad) {
			return 0, false, err
		}
	}
	return 0, false, nil
}

// junkEnd is the end of the bytes at from that are not zero: a sector of zeros,
// or the end of the file.
func junkEnd(w *window, from int64) (int64, error) {
	for off := from; off < w.size; off += sector {
		b, err := w.at(off, min(sector, w.size-off))
		if err != nil {
			return 0, err
		}
		if isZero(b) {
			return off, nil
		}
	}
	return w.size, nil
}

// corrupt makes the error for a segment that was opened under name.
func corrupt(name string, offset, seq int64, format string, args ...any) error {
	return &CorruptError{filepath.Base(name), offset, seq, fmt.Errorf(format, args...)}
}
