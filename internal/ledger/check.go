package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/object"
)

// check holds the invariants of a manifest that continues h. They are the same
// for the writer, before it signs, and for the reader.
func (h *Head) check(m *Manifest) error {
	switch {
	case m.Version != formatVersion:
		return fmt.Errorf("version is %d, want %d", m.Version, formatVersion)
	case h.Closed:
		return errors.New("the stream is closed")
	case m.Archive != h.Archive:
		return fmt.Errorf("archive is %s, want %s", m.Archive, h.Archive)
	case m.Stream != h.Stream:
		return fmt.Errorf("stream is %s, want %s", m.Stream, h.Stream)
	case m.Index != h.Index+1:
		return fmt.Errorf("index is %d, want %d", m.Index, h.Index+1)
	case m.Prev != h.Prev:
		return fmt.Errorf("prev is %s, want %s", m.Prev, h.Prev)
	case m.First != h.NextSeq:
		return fmt.Errorf("first is %d, want %d", m.First, h.NextSeq)
	case m.Last < m.First-1 || m.Last >= maxInt:
		return fmt.Errorf("last is %d, first is %d", m.Last, m.First)
	case m.Through.Before(h.Through):
		return fmt.Errorf("through %s is before the last one, %s", m.Through, h.Through)
	case len(m.Files) == 0 && len(m.Notes) == 0:
		return errors.New("neither files nor notes")
	}
	if err := checkTime(m.Through, time.Millisecond); err != nil {
		return fmt.Errorf("through %w", err)
	}
	if err := checkTime(m.SealedAt, time.Second); err != nil {
		return fmt.Errorf("sealed_at %w", err)
	}
	if err := checkProse(m.Writer, true); err != nil {
		return fmt.Errorf("writer %w", err)
	}
	missing, err := checkNotes(m)
	if err != nil {
		return err
	}
	if want := m.Last - m.First + 1 - missing; m.Count != want {
		return fmt.Errorf("count is %d, want %d", m.Count, want)
	}
	return checkFiles(m)
}

func checkFiles(m *Manifest) error {
	if len(m.Files) > MaxFiles {
		return fmt.Errorf("%d files, want at most %d", len(m.Files), MaxFiles)
	}
	rows := int64(0)
	for i := range m.Files {
		f := &m.Files[i]
		if err := checkFile(m, f); err != nil {
			return fmt.Errorf("file %d: %w", i, err)
		}
		if i > 0 && f.Key <= m.Files[i-1].Key {
			return fmt.Errorf("file %d: key is not in order", i)
		}
		rows += f.Rows // cannot overflow: MaxFiles * maxInt < 2^63
	}
	if rows != m.Count {
		return fmt.Errorf("the files have %d rows, count is %d", rows, m.Count)
	}
	return nil
}

func checkFile(m *Manifest, f *File) error {
	if !validClass(f.Class) {
		return fmt.Errorf("class %q is not [a-z][a-z0-9-]{0,31}", clip(f.Class))
	}
	first, err := time.Parse(time.DateOnly, f.Day)
	if err != nil || first.Format(time.DateOnly) != f.Day {
		return fmt.Errorf("day %q is not yyyy-MM-dd", clip(f.Day))
	}
	if want := DataName(f.Class, f.Day, m.Stream, m.First, m.Last); f.Key != want {
		return fmt.Errorf("key is %q, want %q", clip(f.Key), want)
	}
	switch {
	case f.Rows < 1 || f.Rows > maxInt:
		return fmt.Errorf("rows is %d", f.Rows)
	case f.FirstSeq < m.First || f.LastSeq > m.Last || f.FirstSeq > f.LastSeq:
		return fmt.Errorf("seq range %d-%d is not within %d-%d", f.FirstSeq, f.LastSeq, m.First, m.Last)
	case f.Rows > f.LastSeq-f.FirstSeq+1:
		return fmt.Errorf("%d rows in the seq range %d-%d", f.Rows, f.FirstSeq, f.LastSeq)
	case f.MinTimestampNS > f.MaxTimestampNS:
		return errors.New("min_timestamp_ns is after max_timestamp_ns")
	case dayOf(f.MinTimestampNS) != f.Day || dayOf(f.MaxTimestampNS) != f.Day:
		return fmt.Errorf("the timestamps %d to %d are not on %s", f.MinTimestampNS, f.MaxTimestampNS, f.Day)
	case f.Root == Hash{}:
		return errors.New("root is missing")
	case len(f.Aux) > maxAux:
		return fmt.Errorf("%d auxiliary objects, want at most %d", len(f.Aux), maxAux)
	}
	if err := checkObject(f.VersionID, f.Size, f.SHA256, f.Mode, f.RetainUntil); err != nil {
		return err
	}
	for i := range f.Aux {
		a := &f.Aux[i]
		if !validClass(a.Kind) || checkText(a.Key, true) != nil || strings.HasPrefix(a.Key, "events/") {
			return fmt.Errorf("auxiliary object %d: kind %q, key %q", i, clip(a.Kind), clip(a.Key))
		}
		if err := checkObject(a.VersionID, a.Size, a.SHA256, a.Mode, a.RetainUntil); err != nil {
			return fmt.Errorf("auxiliary object %d: %w", i, err)
		}
	}
	return nil
}

// checkObject checks what is said about any locked object.
func checkObject(version string, size int64, sum Hash, mode object.Mode, until time.Time) error {
	if err := checkText(version, true); err != nil {
		return fmt.Errorf("version_id %w", err)
	}
	if size < 1 || size > maxInt {
		return fmt.Errorf("size is %d", size)
	}
	if sum == (Hash{}) {
		return errors.New("sha256 is missing")
	}
	if mode != object.Compliance {
		return fmt.Errorf("mode is %q, want %q", clip(string(mode)), object.Compliance)
	}
	if err := checkTime(until, time.Second); err != nil {
		return fmt.Errorf("retain_until %w", err)
	}
	return nil
}

// checkNotes returns how many seqs of the commit's range the gap notes name.
func checkNotes(m *Manifest) (missing int64, err error) {
	if len(m.Notes) > MaxNotes {
		return 0, fmt.Errorf("%d notes, want at most %d", len(m.Notes), MaxNotes)
	}
	next := m.First // gaps are in order and do not overlap
	for i := range m.Notes {
		n := &m.Notes[i]
		if err := checkNote(m, n); err != nil {
			return 0, fmt.Errorf("note %d: %w", i, err)
		}
		if n.Kind != NoteGap {
			continue
		}
		if n.Range.First < next {
			return 0, fmt.Errorf("note %d: gap %d-%d is not in order", i, n.Range.First, n.Range.Last)
		}
		next = n.Range.Last + 1
		missing += next - n.Range.First
	}
	return missing, nil
}

func checkNote(m *Manifest, n *Note) error {
	if !validClass(string(n.Kind)) {
		return fmt.Errorf("kind %q is not [a-z][a-z0-9-]{0,31}", clip(string(n.Kind)))
	}
	for _, s := range []string{n.Text, n.Machine, n.Boot, n.Inode, n.Host} {
		if err := checkProse(s, false); err != nil {
			return fmt.Errorf("a text %w", err)
		}
	}
	for _, s := range []string{n.Key, n.VersionID} { // names, as the store has them
		if err := checkText(s, false); err != nil {
			return fmt.Errorf("a name %w", err)
		}
	}
	for _, r := range []*Range{n.Range, n.To} {
		if r != nil && (r.First < 0 || r.Last < r.First || r.Last >= maxInt) {
			return fmt.Errorf("range %d-%d", r.First, r.Last)
		}
	}
	other := n.Stream != uuid.Nil && n.Stream != m.Stream
	switch n.Kind {
	case NoteGap:
		if n.Range == nil || !n.Range.within(m) {
			return errors.New("gap: needs a range within the commit's")
		}
	case NoteMoved:
		if !other || n.Range == nil || n.To == nil || !n.To.within(m) ||
			n.To.Last-n.To.First != n.Range.Last-n.Range.First {
			return errors.New("moved: needs another stream, its range, and as long a range of this commit")
		}
	case NoteOrphan:
		if n.Key == "" && (!other || n.Range == nil) {
			return errors.New("orphan: needs a key, or another stream and a range")
		}
	case NoteRotate:
		if n.Stream == m.Stream {
			return errors.New("rotate: a stream does not continue itself")
		}
	}
	return nil
}

func (r *Range) within(m *Manifest) bool { return m.First <= r.First && r.Last <= m.Last }

// dayOf returns the UTC date of an instant.
func dayOf(ns int64) string { return time.Unix(0, ns).UTC().Format(time.DateOnly) }
