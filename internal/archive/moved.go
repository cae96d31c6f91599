package archive

import (
	"fmt"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// Moved says where the first rows of a stream come from: its node had acknowledged
// them in another stream, which could not go on. It is ledger/moved in the stream's
// folder, written before the stream begins, and becomes signed notes of the commits
// that hold the rows.
type Moved struct {
	Version int      `json:"version"`
	Runs    []Run    `json:"runs"`    // in order of To
	Orphans []Orphan `json:"orphans"` // at most orphansMost
}

// Run is a range of seqs that was moved as a whole.
type Run struct {
	Stream uuid.UUID    `json:"stream"` // where it was acknowledged
	Range  ledger.Range `json:"range"`  // … as these seqs
	To     ledger.Range `json:"to"`
}

// Orphan is an object under the name of the other stream that no commit names.
type Orphan struct {
	Key       string `json:"key"` // relative to the archive's prefix
	VersionID string `json:"version_id"`
}

// Rows is how many rows were moved.
func (m *Moved) Rows() int64 {
	rows, next := int64(0), int64(0)
	for _, r := range m.Runs { // a row that was moved before is in two runs
		if r.To.Last >= next {
			rows += r.To.Last - max(r.To.First, next) + 1
			next = r.To.Last + 1
		}
	}
	return rows
}

// notes are those of a commit that holds the seqs first to last.
func (m *Moved) notes(first, last int64) (notes []ledger.Note) {
	for _, r := range m.Runs {
		from, to := max(r.To.First, first), min(r.To.Last, last)
		if from > to {
			continue
		}
		shift := r.Range.First - r.To.First
		notes = append(notes, ledger.Note{Kind: ledger.NoteMoved, Stream: r.Stream,
			Range: &ledger.Range{First: from + shift, Last: to + shift}, To: &ledger.Range{First: from, Last: to}})
	}
	return notes
}

func (m *Moved) orphans() (notes []ledger.Note) {
	for _, o := range m.Orphans {
		notes = append(notes, ledger.Note{Kind: ledger.NoteOrphan, Key: o.Key, VersionID: o.VersionID,
			Text: "under the name of the stream before, and named by none of its commits"})
	}
	return notes
}

func movedPath(dir string) string { return filepath.Join(dir, "ledger", "moved") }

func loadMoved(fsys durable.FS, dir string) (m Moved, _ error) {
	found, err := readJSON(fsys, movedPath(dir), &m)
	if err == nil && found && m.Version != stateVersion {
		err = fmt.Errorf("%s: version %d, want %d", movedPath(dir), m.Version, stateVersion)
	}
	return m, err
}
