package buffer

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/durable"
)

// earlier remembers the last events of the logs that this one continues, so that
// what was acknowledged by one of them is recognised when it is sent again. It only
// gets less: with age, and as events of this log fill the window that both have. Within, an event is known by its place, from 0 on; to the outside the
// place is a negative seq, which Origin explains.
type earlier struct {
	ids     *recent
	origins []origin // oldest first
}

// origin says that the events from place on were those of stream from seq on.
type origin struct {
	place  int64
	stream uuid.UUID
	seq    int64
}

func (e *earlier) find(key *[12]byte) (seq int64, held mark, ok bool) {
	place, ok := e.ids.index[key[8]].find(e.ids, key)
	if !ok {
		return 0, mark{}, false
	}
	return -1 - place, *e.ids.at(place), true
}

// runEnd is one past the last place of the origin with that index.
func (e *earlier) runEnd(i int) int64 {
	if i+1 < len(e.origins) {
		return e.origins[i+1].place
	}
	return e.ids.next
}

// Origin explains a seq that Append returned, or that is in a ConflictError: a
// negative one stands for an event that an earlier log took (see LoadIDs).
func (b *Buffer) Origin(seq int64) (stream uuid.UUID, at int64) {
	if seq >= 0 {
		return b.o.Stream, seq
	}
	place, origins := -1-seq, b.recent.earlier.origins
	for i := len(origins) - 1; ; i-- {
		if o := origins[i]; o.place <= place {
			return o.stream, o.seq + place - o.place
		}
	}
}

// SaveIDs writes what a retry is recognised by to a file, for the log that continues
// this one: all of it, or nothing. Run must be over. As with the ids of this log (see
// markFiles), what lasts is no error of it, but is said in the log of the program. After
// any other error but ErrSync the call may be repeated.
func (b *Buffer) SaveIDs(name string) error {
	err := b.saveIDs(name)
	switch {
	case err == nil:
		return nil
	case lasts(err) && !errors.Is(err, durable.ErrSync):
		b.o.Log.Warn("ids not kept: a retry of an event of the stream before may be stored twice", "file", name, "error", err)
		return nil
	default:
		return fmt.Errorf("save ids to %s: %w", name, err)
	}
}

// idsTemp is what is behind the name of a file of SaveIDs until it is whole.
const idsTemp = ".new"

// DropCutIDs removes what a SaveIDs has left that was cut short: it takes the room that is
// needed until the next one.
func DropCutIDs(fsys durable.FS, name string) error {
	if err := fsys.Remove(name + idsTemp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove unfinished ids: %w", err)
	}
	return nil
}

func (b *Buffer) saveIDs(name string) (err error) {
	dir, err := b.o.FS.OpenDir(filepath.Dir(name)) // while there is a descriptor
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	need := b.idsBytes() + idsRoom
	free, err := b.o.FS.Free(filepath.Dir(name))
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("%d bytes are free, and %d are needed: %w", free, need, unix.ENOSPC)
	}
	temp := name + idsTemp
	f, err := b.o.FS.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := idsWriter{file: f}
	err = b.writeIDs(&w)
	if err == nil {
		if err = f.Sync(); err != nil {
			err = fmt.Errorf("%w: %w", durable.ErrSync, err)
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = b.o.FS.Rename(temp, name)
	}
	if err != nil { // the room that it took is needed for what a rotation must write
		return errors.Join(err, DropCutIDs(b.o.FS, name))
	}
	return dir.Sync()
}

// idsRoom is what ids leave free: what the next stream must write to begin is worth more.
const idsRoom = 1 << 20

// idsBytes is about what writeIDs writes.
func (b *Buffer) idsBytes() int64 {
	t := b.recent
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.held()
	if t.earlier != nil {
		n += t.earlier.ids.held()
	}
	return n * markBytes
}

// writeIDs writes the ids of earlier logs, and ours.
func (b *Buffer) writeIDs(w *idsWriter) error {
	t := b.recent
	if e := t.earlier; e != nil {
		for i, o := range e.origins {
			if err := w.write(e.ids, o.stream, o.seq-o.place, o.place, e.runEnd(i)); err != nil {
				return err
			}
		}
	}
	return w.write(t, b.o.Stream, 0, t.first, t.next)
}

// idsWriter writes records of marks one after the other.
type idsWriter struct {
	file   durable.File
	offset int64
	marks  []mark
	buf    []byte
}

// write writes the marks [from, to) of t, whose seqs in stream are more by shift.
func (w *idsWriter) write(t *recent, stream uuid.UUID, shift, from, to int64) error {
	for {
		var first, received int64
		w.marks, first, received = t.copyOut(w.marks[:0], from, to)
		if len(w.marks) == 0 {
			return nil
		}
		from = first + int64(len(w.marks))
		w.buf = appendMarks(w.buf[:0], stream, first+shift, received, w.marks)
		if err := writeAll(w.file, w.buf, w.offset); err != nil {
			return err
		}
		w.offset += int64(len(w.buf))
	}
}

// LoadIDs reads what SaveIDs of the log before this one wrote. Call it before Run. As
// with the ids of this log (see markFiles), what cannot be read stops nothing. A file
// that was read, and has nothing that is still in the window, is deleted. An error says
// that no descriptor was left: nothing was read, and the call may be repeated.
func (b *Buffer) LoadIDs(name string) error {
	if b.o.RetryIDs <= 0 {
		return nil
	}
	e, err := b.readEarlier(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return fmt.Errorf("load ids: %w", err)
	case err != nil:
		b.o.Log.Warn("ids of the stream before not read to the end: a retry may be stored twice", "file", name, "error", err)
	}
	e.ids.expire(b.w.state.received)
	if e.ids.held() > 0 {
		b.recent.earlier = e
		return nil
	}
	if err == nil { // or else the next start may be able to read it
		if err := b.o.FS.Remove(name); err != nil {
			b.o.Log.Warn("old ids not deleted", "error", err)
		}
	}
	return nil
}

// readEarlier reads the newest ids of a file, as many as the window has room for. What was
// moved to this log is in the file too: it is known already, and must not count twice, or
// as many other ids would have to go. With an error it returns what it read before.
func (b *Buffer) readEarlier(name string) (*earlier, error) {
	total := int64(0)
	err := b.eachUnknown(name, func(*marksRecord, int64) error {
		total++
		return nil
	})
	room := min(total, b.recent.most-b.recent.held())
	skip := total - room
	e := &earlier{ids: newRecent(room, 0, b.o.RetryAge)}
	e.ids.wanes = true
	again := b.eachUnknown(name, func(r *marksRecord, i int64) error {
		switch {
		case skip > 0:
			skip--
		case e.ids.held() == room: // what could not be read before can be read now
			return errors.New("changes while it is read")
		default:
			e.take(r, i)
		}
		return nil
	})
	return e, cmp.Or(err, again)
}

// eachUnknown visits the marks of a file that this log has not: the i-th of its record.
func (b *Buffer) eachUnknown(name string, visit func(r *marksRecord, i int64) error) error {
	return eachMarks(b.o.FS, name, func(r *marksRecord) error {
		for i := range r.count() {
			m := r.mark(i)
			if _, known := b.recent.index[m.key[8]].find(b.recent, &m.key); known {
				continue
			}
			if err := visit(r, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// take remembers the i-th mark of r.
func (e *earlier) take(r *marksRecord, i int64) {
	if n := len(e.origins); n == 0 || !e.origins[n-1].reaches(e.ids.next, r.stream, r.first+i) {
		e.origins = append(e.origins, origin{e.ids.next, r.stream, r.first + i})
	}
	e.ids.receivedFrom(r.received)
	e.ids.restore(r.mark(i), r.received)
}

// reaches reports whether it says already that the event at place is that one.
func (o *origin) reaches(place int64, stream uuid.UUID, seq int64) bool {
	return o.stream == stream && o.seq+place-o.place == seq
}
