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
	path   ledger.Path
}

// Proof returns the proof of the event: see [ledger.CheckProof].
func (f *Found) Proof() ([]byte, error) { return f.stream.Prove(f.Commit, f.file, &f.path, &f.Row) }

// Find looks an event up. It reads the whole file that has it, and keeps a few
// hashes of it. The error is an *Absence, or the context's.
func (f *Finder) Find(ctx context.Context, e Event) (*Found, error) {
	p, absent := f.locate(e)
	if absent != nil {
		return nil, absent
	}
	for _, i := range p.files {
		found := &Found{Commit: p.manifest.Index, File: &p.manifest.Files[i], stream: p.stream, file: i}
		here := false
		err := f.scan(ctx, found.File, func(row *event.Row, leaf ledger.Hash) {
			if row.Seq == e.Seq {
				here = true
				found.Row = clone(row)
				found.path.Mark()
			}
			found.path.Add(leaf)
		})
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, f.unopened(e, p.manifest, found.File, err)
		case here && found.path.Root() != found.File.Root:
			return nil, &Absence{e, Altered, p.manifest.Index, fmt.Sprintf("the rows of %s have another root than the commit says", found.File.Key)}
		case here:
			return found, nil
		}
	}
	return nil, notInFiles(e, p.manifest)
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
