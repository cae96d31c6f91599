package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// readLedger reads and verifies the ledger: level 1. ok is false when nothing of it
// could be read; the report says so then. The error is that of ctx.
func (r *run) readLedger(ctx context.Context) (ok bool, _ error) {
	view, err := r.reader.Refresh(ctx)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("verify: %w", context.Cause(ctx))
	case errors.Is(err, object.ErrNotFound) && view == nil && r.memory.object != (ledger.Hash{}):
		r.find(Finding{Kind: Missing, Level: 1, Key: ledger.ArchiveKey(r.Prefix), First: -1, Last: -1, Detail: "there is no archive object; there was one before"})
		for id := range r.memory.streams {
			r.vanished(id)
		}
		return false, nil
	case view == nil && r.view != nil: // the first reading holds, for what was there
		r.unread, r.stale = err, true
		return true, nil
	case view == nil:
		r.unable(Unchecked{Level: 1, Key: ledger.ArchiveKey(r.Prefix), Why: err.Error()})
		return false, nil
	}
	r.view, r.unread, r.stale = view, err, false
	for i := range view.Streams {
		s := &view.Streams[i]
		known := r.streams[s.Open.Stream]
		if known == nil {
			known = &stream{remembered: r.memory.streams[s.Open.Stream]}
			r.streams[s.Open.Stream] = known
		}
		known.Stream = s
		known.stuckUnread = s.Stuck != "" && err != nil
	}
	return true, nil
}

// judgeLedger turns what the last reading found into findings, and compares it
// with what this verifier remembers.
func (r *run) judgeLedger() {
	r.count(1, func(l *LevelReport) { l.Objects = 1 })
	for _, f := range r.view.Findings {
		r.find(r.ledgerFinding(f))
	}
	r.overflow(r.view.MoreFindings)
	if r.unread != nil {
		r.unable(Unchecked{Level: 1, Why: r.unread.Error()})
		r.blind(2, 3, 4) // there may be more that is committed
	}
	if known := r.memory.object; known != (ledger.Hash{}) && known != r.view.Object.SHA256 {
		r.find(Finding{Kind: Fork, Level: 1, Key: ledger.ArchiveKey(r.Prefix), Version: r.view.Object.VersionID, First: -1, Last: -1,
			Detail: fmt.Sprintf("the archive object has SHA-256 %s; this verifier accepted %s", r.view.Object.SHA256, known)})
	}
	for id, known := range r.memory.streams {
		if r.streams[id] == nil && known.Checkpoint.Size > 0 {
			r.vanished(id)
		}
	}
	for i := range r.view.Streams {
		s := r.streams[r.view.Streams[i].Open.Stream]
		r.count(1, func(l *LevelReport) { l.Objects += 1 + int64(len(s.Commits)) })
		r.judgeStream(s)
	}
	r.judgeMoves()
	if r.unread == nil { // else a stream may only not have been read
		for _, f := range r.view.Reconcile(r.Prefix, r.now) {
			r.find(r.ledgerFinding(f))
		}
	}
}

// ledgerFinding adds to what the reader found which seqs it is about.
func (r *run) ledgerFinding(f ledger.Finding) Finding {
	out := Finding{Kind: Kind(f.Kind), Level: 1, Key: f.Key, Version: f.Version, Stream: f.Stream, First: -1, Last: -1, Detail: f.Detail}
	if f.Kind == ledger.FindingShortLocked { // the manifest itself says so
		out.Level = 2
	}
	s := r.streams[f.Stream]
	if s != nil && r.over(s.Open.RetainUntil) && (out.Kind == Missing || out.Kind == Hidden) {
		out.Kind = Expired // as a lifecycle rule does it, the oldest first
	}
	switch {
	case s == nil || f.Index < 0:
		return r.forgive(out, nil)
	case f.Index >= int64(len(s.Manifests)):
		out.First = s.Head.NextSeq // and whatever comes after it
		return out
	}
	out.First, out.Last = seqs(&s.Manifests[f.Index])
	return r.forgive(out, &s.Commits[f.Index])
}

// forgive makes information of a foreign version of a ledger object that a signed
// repair has covered.
func (r *run) forgive(f Finding, is *ledger.Accepted) Finding {
	if is == nil {
		if s := r.streams[f.Stream]; s != nil && f.Key == ledger.OpenKey(r.Prefix, f.Stream) {
			is = &s.Object
		} else if f.Key == ledger.ArchiveKey(r.Prefix) {
			is = &r.view.Object
		}
	}
	if is == nil || f.Kind != Replaced && f.Kind != Injected && f.Kind != Hidden {
		return f
	}
	if by := r.repairs.cover(f.Key, f.Version, is.VersionID, is.SHA256); by != "" {
		f.Kind, f.Detail = Repaired, "covered by a repair that "+by+" signed"
	}
	return f
}

// seqs is the range of a commit, for a finding: none for a commit of notes.
func seqs(m *ledger.Manifest) (first, last int64) {
	if m.Last < m.First {
		return -1, -1
	}
	return m.First, m.Last
}

// over reports whether a lock's time is over.
func (r *run) over(until time.Time) bool { return !until.IsZero() && !until.After(r.now) }

// vanished reports a stream that this verifier remembers and that is not there. Whether
// it is not there, or only could not be read, the reading says.
func (r *run) vanished(id uuid.UUID) {
	known := r.memory.streams[id].Checkpoint
	f := Finding{Kind: Truncated, Level: 1, Key: ledger.OpenKey(r.Prefix, id), Stream: id, First: 0, Last: known.NextSeq - 1,
		Detail: fmt.Sprintf("the whole stream is gone; this verifier accepted %d commits, through %s", known.Size, known.Through.Format(time.RFC3339))}
	switch {
	case r.over(known.RetainUntil):
		f.Kind = Expired
	case r.unread != nil:
		r.unable(Unchecked{Level: 1, Key: f.Key, Why: "the stream is not in what could be read of the ledger"})
		return
	}
	r.find(f)
}

// judgeStream compares a stream with the checkpoint that this verifier remembers,
// and reports the losses that it admits.
func (r *run) judgeStream(s *stream) {
	known, h := s.remembered.Checkpoint, &s.Head
	key := ledger.OpenKey(r.Prefix, h.Stream)
	switch {
	case known.Size > h.Tree.Size() && s.Stuck == "":
		r.find(Finding{Kind: Truncated, Level: 1, Key: ledger.CommitKey(r.Prefix, h.Stream, h.Index+1), Stream: h.Stream, First: h.NextSeq, Last: known.NextSeq - 1,
			Detail: fmt.Sprintf("the stream has %d commits; this verifier accepted %d", h.Tree.Size(), known.Size)})
	case known.Size > h.Tree.Size(): // why it is stuck was reported, or could not be read
	case known.Size > 0 && s.Commits[known.Size-1].Says != known.Root:
		r.find(Finding{Kind: Fork, Level: 1, Key: key, Stream: h.Stream, First: -1, Last: -1,
			Detail: fmt.Sprintf("the log of %d commits has root %s; this verifier accepted %s", known.Size, s.Commits[known.Size-1].Says, known.Root)})
	}
	for i := range s.Manifests {
		m := &s.Manifests[i]
		for j := range m.Notes {
			if n := &m.Notes[j]; n.Kind == ledger.NoteGap {
				r.find(Finding{Kind: Gap, Level: 1, Key: ledger.CommitKey(r.Prefix, h.Stream, m.Index), Version: s.Commits[i].VersionID, Stream: h.Stream,
					First: n.Range.First, Last: n.Range.Last, Detail: "acknowledged and lost: " + n.Text})
			}
		}
	}
}

// move is one moved note.
type move struct {
	to    *stream
	index int64
	n     *ledger.Note
}

// judgeMoves reconciles the moved notes: what was acknowledged as seqs of one
// stream became seqs of another, once, and both are streams of this archive.
func (r *run) judgeMoves() {
	from := make(map[uuid.UUID][]move)
	for i := range r.view.Streams {
		s := r.streams[r.view.Streams[i].Open.Stream]
		for j := range s.Manifests {
			m := &s.Manifests[j]
			for k := range m.Notes {
				if n := &m.Notes[k]; n.Kind == ledger.NoteMoved {
					from[n.Stream] = append(from[n.Stream], move{s, m.Index, n})
				}
			}
		}
	}
	for id, moves := range from {
		slices.SortFunc(moves, func(a, b move) int { return cmp.Compare(a.n.Range.First, b.n.Range.First) })
		next := int64(0)
		for _, m := range moves {
			f := Finding{Level: 1, Key: ledger.CommitKey(r.Prefix, m.to.Open.Stream, m.index), Version: m.to.Commits[m.index].VersionID,
				Stream: m.to.Open.Stream, First: m.n.To.First, Last: m.n.To.Last}
			switch {
			case r.streams[id] == nil:
				f.Kind, f.Detail = UnknownKey, fmt.Sprintf("says that these were seqs of stream %s, which the root key did not certify", id)
				r.find(f)
			case m.n.Range.First < next:
				f.Kind, f.Detail = Fork, fmt.Sprintf("says that these were seqs %d to %d of stream %s, and another commit says so too: they may be there twice", m.n.Range.First, m.n.Range.Last, id)
				r.find(f)
			}
			next = max(next, m.n.Range.Last+1)
		}
	}
}

// remember writes down what was accepted. A stream of which not everything could be
// looked at stays as it was, and so does one that contradicts what is remembered.
func (r *run) remember() error {
	if r.view == nil || r.vague[uuid.Nil] {
		return nil
	}
	if r.memory.object == (ledger.Hash{}) || r.memory.object == r.view.Object.SHA256 {
		if err := r.memory.saveArchive(r.view.Object.SHA256); err != nil {
			return err
		}
	}
	for id, s := range r.streams {
		known, h := s.remembered.Checkpoint, &s.Head
		if s.stuckUnread || r.vague[id] || known.Size > h.Tree.Size() || h.Index < 0 || known.Size > 0 && s.Commits[known.Size-1].Says != known.Root {
			continue
		}
		s.remembered.Stream = h.Stream
		s.remembered.Checkpoint = checkpoint{h.Tree.Size(), h.Tree.Root(), h.NextSeq, h.Through, h.RetainUntil}
		if err := r.memory.save(s.remembered); err != nil {
			return err
		}
	}
	return nil
}
