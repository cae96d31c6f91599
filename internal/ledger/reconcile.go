package ledger

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	// succession is how long a successor may take from the note that names it to its
	// first object.
	succession = 24 * time.Hour
	// aheadMost is how far a writer's clock may have been ahead of ours: unless its
	// operator lets it, a writer commits what it sealed up to a day ahead of its own.
	aheadMost = 25 * time.Hour
)

// Reconcile compares the streams with each other and with the clock of whoever looks:
// what no stream can be blamed for alone. A stream's key signs whatever its holder
// wants, and so does the root key once it is stolen. Prefix is that of the archive in
// its bucket, for the keys in the findings.
//
// Nobody follows Previous from stream to stream, so a circle of them harms nobody.
func (v *View) Reconcile(prefix string, now time.Time) (findings []Finding) {
	r := reconciler{prefix: prefix, now: now, archive: &v.Archive, streams: make(map[uuid.UUID]*Stream, len(v.Streams))}
	for i := range v.Streams {
		r.streams[v.Streams[i].Open.Stream] = &v.Streams[i]
	}
	for i := range v.Streams {
		s := &v.Streams[i]
		r.clock(s)
		r.before(s)
		r.after(s)
	}
	return r.findings
}

type reconciler struct {
	prefix   string
	now      time.Time
	archive  *Archive
	streams  map[uuid.UUID]*Stream
	findings []Finding
}

// find is about a commit of s, or with index -1 about its open object.
func (r *reconciler) find(kind FindingKind, s *Stream, index int64, format string, args ...any) {
	f := Finding{Kind: kind, Key: OpenKey(r.prefix, s.Open.Stream), Version: s.Object.VersionID, Stream: s.Open.Stream,
		Index: index, Detail: fmt.Sprintf(format, args...)}
	if index >= 0 {
		f.Key, f.Version = CommitKey(r.prefix, s.Open.Stream, index), s.Commits[index].VersionID
	}
	r.findings = append(r.findings, f)
}

// clock: whoever promises a complete future hides that it falls silent.
func (r *reconciler) clock(s *Stream) {
	if h := &s.Head; h.Index >= 0 && h.Through.After(r.now.Add(aheadMost)) {
		r.find(FindingGap, s, h.Index, "says that everything received through %s is committed, which has not come yet",
			h.Through.Format(time.RFC3339))
	}
}

// before looks for the stream that s continues.
func (r *reconciler) before(s *Stream) {
	id := s.Open.Previous
	switch previous := r.streams[id]; {
	case id == uuid.Nil:
	case previous == nil:
		// What went before was opened earlier, so its locks end no later than this.
		if r.archive.RetainUntil(s.Open.OpenedAt).After(r.now) {
			r.find(FindingMissing, s, -1, "continues stream %s, which is not there, or which the root key did not certify", id)
		}
	case previous.Open.OpenedAt.After(s.Open.OpenedAt):
		r.find(FindingFork, s, -1, "continues stream %s, which was opened later", id)
	}
}

// after looks for the stream that continues s.
func (r *reconciler) after(s *Stream) {
	if !s.Head.Closed {
		return
	}
	last := &s.Manifests[s.Head.Index]
	for _, n := range last.Notes {
		if n.Kind != NoteRotate || n.Stream == uuid.Nil {
			continue
		}
		switch next := r.streams[n.Stream]; {
		case next == nil:
			if last.SealedAt.Add(succession).Before(r.now) {
				r.find(FindingMissing, s, last.Index, "closes the stream in favour of %s, which is not there, or which the root key did not certify", n.Stream)
			}
		case next.Open.Previous != s.Open.Stream:
			r.find(FindingFork, s, last.Index, "closes the stream in favour of %s, whose certificate does not say so", n.Stream)
		}
	}
}
