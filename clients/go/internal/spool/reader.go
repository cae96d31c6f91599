package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Line is one line of a segment. Its bytes are valid until the next call of
// Reader.Next.
type Line struct {
	JSON []byte // the event; nil when the line is damaged
	Raw  []byte // the whole line without its line feed
	end  position
}

// Reader hands out the lines of a folder in order. It is for one goroutine.
type Reader struct {
	dir      string
	segments *segments
	settle   func(bytes, events int64) // of a live spool; nil: an orphan's reader

	at   position // everything before it is delivered
	file *os.File // of segment at.Segment, or nil
	buf  []byte
}

// Reader returns the reader of a live spool. There may be only one.
func (s *Spool) Reader() *Reader {
	return &Reader{dir: s.dir, segments: s.segments, settle: s.settle}
}

// Next returns the lines that follow what was committed, all of one segment: at
// most so many, and no more bytes than asked for unless one line alone has more.
// No lines and no error means that there is nothing at the moment.
func (r *Reader) Next(events int, size int64) ([]Line, error) {
	for {
		seg, ended := r.segments.from(r.at.Segment)
		if seg == nil {
			return nil, nil
		}
		if err := r.enter(seg); err != nil {
			return nil, fmt.Errorf("read %s: %w", seg.name, err)
		}
		if left := seg.size() - r.at.Offset; left > 0 {
			lines, err := r.read(seg, left, events, size)
			if err != nil || len(lines) > 0 {
				return lines, err
			}
			// No line feed to the end: an Append that never returned.
		}
		if !ended {
			return nil, nil
		}
		// A cursor that lags behind is no reason to stop: going on frees the disk.
		// Commit tells of one that cannot be written.
		_ = r.move(position{Segment: seg.n + 1})
	}
}

// enter opens seg, if it is not the one that is being read already.
func (r *Reader) enter(seg *segment) error {
	if r.file != nil && r.at.Segment == seg.n {
		return nil
	}
	f, err := os.Open(seg.name)
	if err != nil {
		return err
	}
	if r.file != nil {
		_ = r.file.Close() // only read
	}
	r.file = f
	if r.at.Segment != seg.n { // the cursor's segment is gone: it was delivered
		r.at = position{Segment: seg.n}
	}
	// A cursor that was damaged must not cut a line in two: start over then.
	if at := r.at.Offset; at > 0 && at <= seg.size() {
		var b [1]byte
		if _, err := f.ReadAt(b[:], at-1); err != nil {
			return err
		}
		if b[0] != '\n' {
			r.at.Offset = 0
		}
	}
	return nil
}

// read takes lines off the rest of seg, which is left bytes long. It returns
// none if there is no line feed in all of it.
func (r *Reader) read(seg *segment, left int64, events int, size int64) ([]Line, error) {
	for n := min(left, size); ; n = min(left, 2*n) {
		if int64(cap(r.buf)) < n {
			r.buf = make([]byte, n)
		}
		b := r.buf[:n]
		if _, err := r.file.ReadAt(b, r.at.Offset); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // somebody cut the file
			}
			return nil, fmt.Errorf("read %s: %w", seg.name, err)
		}
		var lines []Line
		for offset := r.at.Offset; len(lines) < events; {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				break
			}
			offset += int64(i) + 1
			line := Line{Raw: b[:i], end: position{seg.n, offset}}
			if json, ok := unframe(b[:i]); ok {
				line.JSON = json
			}
			lines = append(lines, line)
			b = b[i+1:]
		}
		if len(lines) == 0 && n == left && r.settle != nil {
			// We wrote nothing but whole lines here: the disk lost a line feed.
			lines = []Line{{Raw: b, end: position{seg.n, r.at.Offset + n}}}
		}
		if len(lines) > 0 || n == left {
			return lines, nil
		}
	}
}

// Commit says that the lines, which are the first ones of what Next returned and
// was not committed yet, are delivered or dead-lettered. An error means that
// they may be sent again after a crash, not that anything is lost.
func (r *Reader) Commit(lines []Line) error {
	if len(lines) == 0 {
		return nil
	}
	before, end := r.at, lines[len(lines)-1].end
	err := r.move(end)
	if r.settle != nil {
		r.settle(end.Offset-before.Offset, int64(len(lines)))
	}
	return err
}

// move advances the cursor and deletes the segments that it is past.
//
// What is true if we die on the way: before the rename of the cursor, the lines
// are sent again; before the deletion, the next reader skips the segment and
// deletes it.
func (r *Reader) move(to position) error {
	next := to.Segment != r.at.Segment
	r.at = to
	err := to.write(r.dir)
	if next {
		_ = r.file.Close() // only read
		r.file = nil
		// Also without a new cursor, which finds no segment then and takes the
		// next one: on a full disk this is what makes room.
		err = errors.Join(err, r.segments.removeBefore(to.Segment))
	}
	return err
}

// Close releases the reader's file. The folder stays as it is.
func (r *Reader) Close() {
	if r.file != nil {
		_ = r.file.Close() // only read
		r.file = nil
	}
}
