package prove

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// Found is an event at its place.
type Found struct {
	Row    event.Row
	Commit int64 // index
	File   *ledger.File

	stream *ledger.Stream
	file   int
	paths  *ledger.Paths // of all events that were looked for in the file
	mark   int
}

// Proof returns the proof of the event: see [ledger.CheckProof].
func (f *Found) Proof() ([]byte, error) {
	return f.stream.Prove(f.Commit, f.file, f.paths, f.mark, &f.Row)
}

// Find looks an event up: under its own name, and if it is not there under those that
// other streams gave it when they took it over. The error is an *Absence, or the context's.
func (f *Finder) Find(ctx context.Context, e Event) (*Found, error) {
	names := e.names(f.moves(e.Stream))
	found, absent, err := f.FindAll(ctx, names)
	if err != nil {
		return nil, err
	}
	best := absent[0]
	for i := range names {
		switch {
		case found[i] != nil:
			return found[i], nil
		case rank(absent[i].State) < rank(best.State):
			best = absent[i]
		}
	}
	if best.State == Missing && !f.Complete {
		best.State, best.Detail = Unknown, incomplete+best.Detail
	}
	return nil, best
}

// source is a file that has to be read.
type source struct {
	place place
	file  int
	want  map[int64][]int // by seq: which of the events
}

func (s *source) about() *ledger.File { return &s.place.manifest.Files[s.file] }

// FindAll looks events up, each of which is found or absent. It reads every file
// that may have some of them once and as a whole, and keeps a few hashes for each
// event. An error is the context's.
func (f *Finder) FindAll(ctx context.Context, events []Event) (found []*Found, absent []*Absence, err error) {
	found, absent = make([]*Found, len(events)), make([]*Absence, len(events))
	sources := f.sources(events, absent)
	for _, s := range sources {
		if err := f.findIn(ctx, s, events, found, absent); err != nil {
			return nil, nil, err
		}
	}
	for i := range events {
		if found[i] != nil {
			absent[i] = nil
		}
	}
	return found, absent, nil
}

// sources says which files have to be read for events, in order, and makes each of
// them absent until it is found.
func (f *Finder) sources(events []Event, absent []*Absence) (order []*source) {
	byFile := map[*ledger.File]*source{}
	for i, e := range events {
		p, a := f.locate(e)
		if a != nil {
			absent[i] = a
			continue
		}
		absent[i] = notInFiles(e, p.manifest)
		for _, file := range p.files {
			key := &p.manifest.Files[file]
			if byFile[key] == nil {
				byFile[key] = &source{p, file, map[int64][]int{}}
				order = append(order, byFile[key])
			}
			byFile[key].want[e.Seq] = append(byFile[key].want[e.Seq], i)
		}
	}
	return order
}

// findIn reads one file.
func (f *Finder) findIn(ctx context.Context, s *source, events []Event, found []*Found, absent []*Absence) error {
	file, paths := s.about(), &ledger.Paths{}
	here := map[int]*Found{}
	err := f.scan(ctx, file, func(row *event.Row, leaf ledger.Hash) {
		if want := s.want[row.Seq]; want != nil {
			one := &Found{Row: clone(row), Commit: s.place.manifest.Index, File: file, stream: s.place.stream, file: s.file, paths: paths, mark: paths.Mark()}
			for _, i := range want {
				here[i] = one
			}
		}
		paths.Add(leaf)
	})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, want := range s.want {
		for _, i := range want {
			switch {
			case err != nil:
				absent[i] = f.unopened(events[i], s.place.manifest, file, err)
			case here[i] == nil:
			case paths.Root() != file.Root:
				absent[i] = &Absence{events[i], Altered, s.place.manifest.Index, fmt.Sprintf("the rows of %s have another root than the commit says", file.Key)}
			default:
				found[i] = here[i]
			}
		}
	}
	return nil
}

func notInFiles(e Event, m *ledger.Manifest) *Absence {
	return &Absence{e, Missing, m.Index, fmt.Sprintf("commit %d covers seq %d to %d, and none of its files has it", m.Index, m.First, m.Last)}
}

// scan hands over the rows of a file with their leaf hashes, in order.
func (f *Finder) scan(ctx context.Context, file *ledger.File, take func(row *event.Row, leaf ledger.Hash)) (err error) {
	r, err := f.Open(ctx, file)
	if err != nil {
		return fmt.Errorf("open %s version %s: %w", file.Key, file.VersionID, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	rows, err := parquet.Open(r, file.Size, file.Class)
	if err != nil {
		return fmt.Errorf("%s version %s: %w", file.Key, file.VersionID, err)
	}
	for row, err := range rows.Rows() {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s version %s: %w", file.Key, file.VersionID, err)
		}
		take(&row, event.LeafHash(&row))
	}
	return nil
}

// clone keeps a row beyond the page that it shares memory with.
func clone(row *event.Row) event.Row {
	kept := *row
	for _, s := range []*string{&kept.ID, &kept.Action, &kept.ActorID, &kept.ActorType, &kept.ActorEmail.S, &kept.ResourceType,
		&kept.ResourceID.S, &kept.Outcome, &kept.Reason.S, &kept.Details.S, &kept.RequestID.S, &kept.IP.S, &kept.UserAgent.S,
		&kept.OrganizationID.S, &kept.Producer, &kept.Retention} {
		*s = strings.Clone(*s)
	}
	return kept
}
