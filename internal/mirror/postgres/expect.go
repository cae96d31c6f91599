package postgres

import (
	"context"
	"crypto/sha256"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror"
)

// windowRows is how many seqs of a commit are compared at a time: 34 MB. Batches
// larger than that have their files read once per window.
const windowRows = 1 << 20

// state is what the table should hold of one seq.
type state byte

const (
	stateNone    state = iota // no row: the archive has none
	stateHere                 // this row
	stateAhead                // this row, later: the mirror has not come so far
	stateOld                  // this row or none: its month was dropped
	stateUnknown              // the archive's file has expired: nothing can be said
)

// window is what the archive holds of a range of seqs within one commit.
type window struct {
	first  int64
	states []state
	hashes [][sha256.Size]byte
}

func (w *window) end() int64 { return w.first + int64(len(w.states)) }

// load fills the window with seqs [first, end) of commit m. at is the mirror's
// position in the stream, horizon the Unix second before which no month is expected.
func (w *window) load(ctx context.Context, source *mirror.Source, m *ledger.Manifest, first, end int64, at mirror.Position, horizon int64) error {
	n := int(end - first)
	if cap(w.states) < n {
		w.states, w.hashes = make([]state, n), make([][sha256.Size]byte, n)
	}
	w.first, w.states, w.hashes = first, w.states[:n], w.hashes[:n]
	clear(w.states)
	c, err := source.Commit(ctx, m)
	if err != nil {
		return err
	}
	if len(c.Gone) > 0 { // a seq that no file has may be one of theirs
		for i := range w.states {
			w.states[i] = stateUnknown
		}
	}
	for r, err := range c.From(ctx, 0) {
		if err != nil {
			return err
		}
		if r.Seq < first || r.Seq >= end {
			continue
		}
		i := r.Seq - first
		w.hashes[i] = event.LeafHash(&r.Row)
		switch {
		case c.Index == at.Index && r.Number >= at.Row:
			w.states[i] = stateAhead
		case monthOf(r.TimestampMS()) < horizon:
			w.states[i] = stateOld
		default:
			w.states[i] = stateHere
		}
	}
	return nil
}
