// Package prove looks single events up in an archive: where they are, what proves it, and what it means when they are not there.
//
// It works on what a [ledger.Reader] has verified and on files whose bytes were
// compared with the manifest, so that its answers are as good as the root key. What
// could not be looked at is never called missing, and never there.
package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// Event is the name of one event.
type Event struct {
	Stream uuid.UUID
	Seq    int64 // from 0
}

func (e Event) String() string { return fmt.Sprintf("seq %d of stream %s", e.Seq, e.Stream) }

// State is what is known of an event.
type State string

// The states.
const (
	Archived     State = "archived"      // committed, with the content that it should have
	NotCommitted State = "not-committed" // no commit reaches it yet
	Missing      State = "missing"       // committed past it, without it
	Altered      State = "altered"       // committed with other content
	Expired      State = "expired"       // committed, and its file is gone since its lock ended
	Unknown      State = "unknown"       // it could not be looked at
)

// Absence is the error of an event that was not found, and says what that means.
type Absence struct {
	Event  Event
	State  State
	Commit int64  // index of the commit that covers it; -1 when there is none
	Detail string // for people
}

func (a *Absence) Error() string { return fmt.Sprintf("%s: %s: %s", a.Event, a.State, a.Detail) }

// ErrContent is the error of an [Opener] for a file whose bytes are not those that
// the manifest names.
var ErrContent = errors.New("content is not what the manifest says")

// File is an open file of the archive.
type File interface {
	io.ReaderAt
	io.Closer
}

// Opener opens the version of a file that a manifest names, after its size and
// SHA-256 were compared. A version that is not there is object.ErrNotFound.
type Opener func(ctx context.Context, f *ledger.File) (File, error)

// Finder finds events. All fields are required.
type Finder struct {
	View *ledger.View
	// Complete says that View was read without errors: what is not in it is not in
	// the archive.
	Complete bool
	Open     Opener
	Now      func() time.Time
}

// place is where an event must be: in one of some files of a commit.
type place struct {
	stream   *ledger.Stream
	manifest *ledger.Manifest
	files    []int // that may have it
}

// locate says which commit covers an event.
func (f *Finder) locate(e Event) (place, *Absence) {
	absent := func(state State, commit int64, format string, args ...any) (place, *Absence) {
		return place{}, &Absence{e, state, commit, fmt.Sprintf(format, args...)}
	}
	s := f.stream(e.Stream)
	switch {
	case s == nil && !f.Complete:
		return absent(Unknown, -1, "the ledger could not be read completely, and what was read does not have the stream")
	case s == nil:
		return absent(Missing, -1, "the archive has no such stream")
	case e.Seq >= s.Head.NextSeq:
		return f.beyond(e, s)
	}
	i, _ := slices.BinarySearchFunc(s.Manifests, e.Seq, func(m ledger.Manifest, seq int64) int { return cmp.Compare(m.Last, seq) })
	m := &s.Manifests[i] // the first one that ends at or behind it: they are contiguous
	for _, n := range m.Notes {
		if n.Kind == ledger.NoteGap && n.Range.First <= e.Seq && e.Seq <= n.Range.Last {
			return absent(Missing, m.Index, "commit %d says itself that seq %d to %d were acknowledged and are lost: %s", m.Index, n.Range.First, n.Range.Last, n.Text)
		}
	}
	p := place{stream: s, manifest: m}
	for i := range m.Files {
		if m.Files[i].FirstSeq <= e.Seq && e.Seq <= m.Files[i].LastSeq {
			p.files = append(p.files, i)
		}
	}
	if len(p.files) == 0 {
		return absent(Missing, m.Index, "commit %d covers seq %d to %d, and none of its files reaches it", m.Index, m.First, m.Last)
	}
	return p, nil
}

// beyond is for an event that no trusted commit reaches.
func (f *Finder) beyond(e Event, s *ledger.Stream) (place, *Absence) {
	a := &Absence{Event: e, State: NotCommitted, Commit: -1}
	switch {
	case s.Stuck != "":
		a.State, a.Detail = Unknown, "the commits that follow cannot be trusted: "+s.Stuck
	case s.Head.Closed:
		a.State, a.Detail = Missing, fmt.Sprintf("the stream was closed by commit %d, before seq %d", s.Head.Index, s.Head.NextSeq)
	case !f.Complete:
		a.State, a.Detail = Unknown, "the ledger could not be read completely"
	default:
		a.Detail = fmt.Sprintf("the stream is committed up to seq %d, complete through %s", s.Head.NextSeq-1, s.Head.Through.Format(time.RFC3339Nano))
	}
	return place{}, a
}

func (f *Finder) stream(id uuid.UUID) *ledger.Stream {
	for i := range f.View.Streams {
		if f.View.Streams[i].Open.Stream == id {
			return &f.View.Streams[i]
		}
	}
	return nil
}

// unopened says what it means that a file of a commit could not be opened.
func (f *Finder) unopened(e Event, m *ledger.Manifest, file *ledger.File, err error) *Absence {
	a := &Absence{Event: e, State: Unknown, Commit: m.Index, Detail: err.Error()}
	switch {
	case errors.Is(err, ErrContent):
		a.State = Altered
	case !errors.Is(err, object.ErrNotFound):
	case f.Now().After(file.RetainUntil):
		a.State, a.Detail = Expired, fmt.Sprintf("%s is gone; its lock ended at %s", file.Key, file.RetainUntil.Format(time.RFC3339))
	default:
		a.State, a.Detail = Missing, fmt.Sprintf("%s version %s is gone, and was locked until %s", file.Key, file.VersionID, file.RetainUntil.Format(time.RFC3339))
	}
	return a
}
