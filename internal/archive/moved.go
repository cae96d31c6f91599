package archive

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// Moved says where the first rows of a stream come from: its node had acknowledged
// them in another stream, which could not go on. It is ledger/moved in the stream's
// folder, written before the stream begins, and becomes signed notes of the commits
// that hold the rows.
type Moved struct {
	Version int               `json:"version"`
	Runs    []ledger.MovedRun `json:"runs"`    // in order of To
	Orphans []Orphan          `json:"orphans"` // at most orphansMost
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

// within are the parts of the runs that are first to last.
func (m *Moved) within(first, last int64) (runs []ledger.MovedRun) {
	for _, r := range m.Runs {
		from, to := max(r.To.First, first), min(r.To.Last, last)
		if from > to {
			continue
		}
		shift := r.Range.First - r.To.First
		runs = append(runs, ledger.MovedRun{Stream: r.Stream,
			Range: ledger.Range{First: from + shift, Last: to + shift}, To: ledger.Range{First: from, Last: to}})
	}
	return runs
}

// notes are those of a commit that holds the seqs first to last.
func (m *Moved) notes(first, last int64) (notes []ledger.Note) {
	for _, r := range m.within(first, last) {
		notes = append(notes, ledger.Note{Kind: ledger.NoteMoved, Stream: r.Stream, Range: &r.Range, To: &r.To})
	}
	return notes
}

// learn adds what a shipment says. Shipments come in order of where they begin, and a
// later one may have a part of an earlier one again.
func (m *Moved) learn(runs []ledger.MovedRun) {
	for _, r := range runs {
		known := slices.IndexFunc(m.Runs, func(k ledger.MovedRun) bool {
			return k.Stream == r.Stream && k.Range.First-k.To.First == r.Range.First-r.To.First &&
				k.To.First <= r.To.First && r.To.First <= k.To.Last+1
		})
		if known < 0 {
			m.Runs = append(m.Runs, r)
		} else if k := &m.Runs[known]; k.To.Last < r.To.Last {
			k.Range.Last, k.To.Last = r.Range.Last, r.To.Last
		}
	}
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
