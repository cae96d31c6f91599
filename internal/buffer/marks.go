package buffer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/durable"
)

// markFiles keeps the marks of released batches, which are no longer in the log.
//
// They are not evidence: without them a retry after a restart may be stored a
// second time, under the same id. So what cannot be written for want of room or rights,
// or not be read, stops nothing: it is said in the log of the program, and the window is
// shorter. What else stands in the way of a write passes, and the release waits for
// that. A failed sync is as final as any other.
type markFiles struct {
	file   durable.File // the one that is appended to; nil: begin another
	offset int64
	held   []markFile // oldest first; the last one is file, if there is one
}

type markFile struct {
	name string
	next int64 // one past the last seq in it
}

const (
	marksDir      = "ids"
	marksSuffix   = ".ids"
	marksMagic    = "AUDITIDS"
	marksHead     = 52
	marksPiece    = 1 << 16 // marks in one record, which is read and written at once
	marksFileSize = 32 << 20
)

// save writes what recent has of a batch that is about to be released. What lasts is no
// error of it.
func (m *markFiles) save(ctx context.Context, b *Buffer, batch *Batch) error {
	if b.o.RetryIDs <= 0 || batch.Count == 0 {
		return nil
	}
	if err := m.append(b, batch); errors.Is(err, durable.ErrSync) || err != nil && !lasts(err) {
		return err
	} else if err != nil {
		b.o.Log.WarnContext(ctx, "ids not kept: a retry after a restart may be stored twice", "first", batch.First, "last", batch.Last, "error", err)
	}
	m.prune(ctx, b)
	return nil
}

// lasts tells whether err stays what it is while the release waits: it is what makes room,
// and rights and kinds of files are as somebody left them.
func lasts(err error) bool {
	for _, e := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG, fs.ErrPermission, unix.EROFS, unix.ENOTDIR, unix.EISDIR, unix.ELOOP} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (m *markFiles) append(b *Buffer, batch *Batch) (err error) {
	if m.file == nil || m.offset >= marksFileSize {
		if err := m.begin(b, batch.First); err != nil {
			return err
		}
	}
	file, start := m.file, m.offset
	defer func() {
		if err != nil { // the room that it took is needed for the release
			err = errors.Join(err, file.Truncate(start), file.Close())
			m.file = nil
		}
	}()
	var marks []mark
	var buf []byte
	for from := batch.First; ; {
		var first, received int64
		marks, first, received = b.recent.copyOut(marks[:0], from, batch.Last+1)
		if len(marks) == 0 {
			break // what is left, if anything is, is older than the window
		}
		from = first + int64(len(marks))
		buf = appendMarks(buf[:0], b.o.Stream, first, received, marks)
		if err := writeAll(file, buf, m.offset); err != nil {
			return fmt.Errorf("write ids: %w", err)
		}
		m.offset += int64(len(buf))
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("ids: %w: %w", durable.ErrSync, err)
	}
	m.held[len(m.held)-1].next = batch.Last + 1
	return nil
}

// begin starts another file.
func (m *markFiles) begin(b *Buffer, first int64) error {
	if m.file != nil {
		err := m.file.Close()
		if m.file = nil; err != nil {
			return fmt.Errorf("close ids: %w", err)
		}
	}
	dir := b.path(marksDir)
	if err := durable.MkdirAll(b.o.FS, dir, 0o700); err != nil {
		return fmt.Errorf("ids: %w", err)
	}
	name := filepath.Join(dir, fmt.Sprintf("%020d%s", first, marksSuffix))
	f, err := b.o.FS.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create ids: %w", err)
	}
	if err := b.o.FS.SyncDir(dir); err != nil {
		return errors.Join(fmt.Errorf("ids: %w", err), f.Close())
	}
	m.held = slices.DeleteFunc(m.held, func(h markFile) bool { return h.name == name })
	m.file, m.offset, m.held = f, 0, append(m.held, markFile{name: name, next: first})
	return nil
}

// prune deletes files all of whose marks are forgotten.
func (m *markFiles) prune(ctx context.Context, b *Buffer) {
	b.recent.mu.Lock()
	first := b.recent.first
	b.recent.mu.Unlock()
	for len(m.held) > 1 && m.held[0].next <= first {
		if err := b.o.FS.Remove(m.held[0].name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.o.Log.WarnContext(ctx, "old ids not deleted", "error", err)
			return
		}
		m.held = m.held[1:]
	}
}

func (m *markFiles) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// load reads what was saved of the seqs below next. It changes nothing on disk.
func (m *markFiles) load(b *Buffer, next int64) {
	if b.o.RetryIDs <= 0 {
		return
	}
	entries, err := b.o.FS.ReadDir(b.path(marksDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.o.Log.Warn("ids not read: a retry may be stored twice", "error", err)
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), marksSuffix)
		first, err := strconv.ParseInt(base, 10, 64)
		if !ok || err != nil {
			continue
		}
		m.held = append(m.held, markFile{name: filepath.Join(b.path(marksDir), e.Name()), next: first})
	}
	slices.SortFunc(m.held, func(a, b markFile) int { return cmp.Compare(a.next, b.next) })
	for i := range m.held {
		err := m.loadFile(b, &m.held[i], next)
		if err != nil {
			b.o.Log.Warn("ids not read to the end: a retry may be stored twice", "file", m.held[i].name, "error", err)
		} else if i == len(m.held)-1 {
			m.resume(b, m.held[i].name)
		}
	}
}

// resume goes on with a file that is whole: one that is started again and again would
// otherwise have as many files. What cannot be opened is left alone, and so is an empty
// file: whoever made it may have died before its name was on the disk.
func (m *markFiles) resume(b *Buffer, name string) {
	f, err := b.o.FS.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return
	}
	if m.offset, err = f.Size(); err != nil || m.offset == 0 {
		_ = f.Close() // nothing was written
		return
	}
	m.file = f
}

func (m *markFiles) loadFile(b *Buffer, held *markFile, next int64) (err error) {
	return eachMarksOf(b.o.FS, held.name, b.recent.expect, func(r *marksRecord) error {
		if err := b.recent.load(b.o.Stream, r, next); err != nil {
			return err
		}
		held.next = max(held.next, r.first+r.count())
		return nil
	})
}

// marksRecord is what one record of a file of marks says.
type marksRecord struct {
	stream          uuid.UUID
	first, received int64
	marks           []byte // markBytes each; valid during the visit
}

func (r *marksRecord) count() int64 { return int64(len(r.marks) / markBytes) }

func (r *marksRecord) mark(i int64) mark {
	p := r.marks[i*markBytes:]
	return mark{key: [12]byte(p[:12]), print: [8]byte(p[12:20])}
}

// eachMarks visits the records of a file, up to the first that is damaged.
func eachMarks(fsys durable.FS, name string, visit func(*marksRecord) error) error {
	return eachMarksOf(fsys, name, func(int64) {}, visit)
}

// eachMarksOf says first how many there are at most.
func eachMarksOf(fsys durable.FS, name string, most func(int64), visit func(*marksRecord) error) (err error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return err
	}
	most(size / markBytes)
	w := window{r: f, size: size}
	for off := int64(0); off < size; {
		length, err := visitMarks(&w, off, visit)
		if err != nil {
			return fmt.Errorf("record at %d: %w", off, err)
		}
		off += length
	}
	return nil
}

func visitMarks(w *window, off int64, visit func(*marksRecord) error) (length int64, _ error) {
	head, err := w.at(off, marksHead)
	if err != nil {
		return 0, err
	}
	n := int64(le.Uint32(head[44:]))
	if n > marksPiece {
		return 0, fmt.Errorf("has %d ids", n)
	}
	length = marksHead + n*markBytes + 4
	raw, err := w.at(off, length)
	if err != nil {
		return 0, err
	}
	r, err := parseMarks(raw)
	if err != nil {
		return 0, err
	}
	return length, visit(&r)
}

func parseMarks(raw []byte) (r marksRecord, _ error) {
	body := raw[:len(raw)-4]
	switch {
	case string(raw[:8]) != marksMagic:
		return r, errors.New("not ids")
	case checksum(body) != le.Uint32(raw[len(raw)-4:]):
		return r, errors.New("checksum is wrong")
	}
	if err := readable(le.Uint32(raw[8:])); err != nil {
		return r, err
	}
	return marksRecord{stream: uuid.UUID(raw[12:28]), first: int64(le.Uint64(raw[28:])),
		received: int64(le.Uint64(raw[36:])), marks: body[marksHead:]}, nil
}

// load takes over a record, as far as it is about seqs below next. What does not
// continue the marks that are held replaces them.
func (t *recent) load(stream uuid.UUID, r *marksRecord, next int64) error {
	if r.stream != stream {
		return fmt.Errorf("ids of stream %s", r.stream)
	}
	if r.first > t.next {
		t.restart(r.first)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := t.next - r.first // those before it are held, or forgotten
	if fresh >= min(r.count(), next-r.first) {
		return nil
	}
	t.receivedFrom(r.received)
	for i := fresh; i < min(r.count(), next-r.first); i++ {
		t.restore(r.mark(i), r.received)
	}
	return nil
}

func appendMarks(p []byte, stream uuid.UUID, first, received int64, marks []mark) []byte {
	p = append(p, marksMagic...)
	p = le.AppendUint32(p, formatVersion)
	p = append(p, stream[:]...)
	p = le.AppendUint64(p, uint64(first))
	p = le.AppendUint64(p, uint64(received))
	p = le.AppendUint32(p, uint32(len(marks)))
	p = append(p, 0, 0, 0, 0)
	for i := range marks {
		p = append(p, marks[i].key[:]...)
		p = append(p, marks[i].print[:]...)
	}
	return le.AppendUint32(p, checksum(p))
}
