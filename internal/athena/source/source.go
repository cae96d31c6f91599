// Package source says which files the table consists of at one instant.
//
// The promise: a set of files has every event that was acknowledged before it was
// asked for, exactly once, also while batches move from the log to the bucket, while
// the bucket is away, and while one stream takes over from another. [Bucket] promises
// it of what is committed; [Live] of everything, because it adds the rows that are
// still in this process's log. While another writer has this process's stream, Live
// promises it of what this process acknowledged, and says so. The price: the ledger is
// listed for every query, and rows of the log are encoded once more.
//
// What no verified commit names is not in the table, whatever the bucket holds.
package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// Bucket is the table as the bucket holds it: the files that verified commits name,
// and nothing else.
type Bucket struct {
	reader *ledger.Reader
	prefix string // of keys; "" or without a trailing slash
	log    *slog.Logger
	teller Teller
}

// NewBucket returns the table of the archive that reader reads.
func NewBucket(reader *ledger.Reader, prefix string, log *slog.Logger) *Bucket {
	return &Bucket{reader: reader, prefix: prefix, log: log}
}

// Files implements athena.Source.
func (s *Bucket) Files(ctx context.Context, _ athena.Bounds) (*athena.FileSet, error) {
	view, err := s.reader.Refresh(ctx)
	if view == nil {
		return nil, away(err)
	}
	s.teller.Tell(ctx, s.log, view, err)
	set := &athena.FileSet{}
	for i := range view.Streams {
		s.add(set, &view.Streams[i], noEnd)
		holdBack(set, &view.Streams[i])
	}
	if err != nil {
		promiseNothing(set)
	}
	return set, nil
}

// away marks the error of a bucket that should be there.
func away(err error) error {
	if errors.Is(err, object.ErrNotFound) { // it is there, and has no archive
		return err
	}
	return fmt.Errorf("%w: %w", athena.ErrAway, err)
}

const noEnd = int64(1<<63 - 1)

// add adds a stream's files from batches that begin below end.
func (s *Bucket) add(set *athena.FileSet, of *ledger.Stream, end int64) {
	for i := range of.Manifests {
		m := &of.Manifests[i]
		if m.First >= end {
			break
		}
		for j := range m.Files {
			f := &m.Files[j]
			set.Files = append(set.Files, athena.File{
				Key: ledger.Join(s.prefix, f.Key), VersionID: f.VersionID, Size: f.Size, SHA256: f.SHA256, Class: f.Class, Day: f.Day,
				Rows: f.Rows, RetainUntil: f.RetainUntil, MinTimestampNS: f.MinTimestampNS, MaxTimestampNS: f.MaxTimestampNS,
			})
		}
	}
}

// holdBack lets a stream of which only the bucket is known limit complete_through.
func holdBack(set *athena.FileSet, of *ledger.Stream) {
	if !of.Head.Closed {
		limit(set, of.Open.Stream, of.Head.Through)
	}
}

// limit lets a set be complete only through where that stream is.
func limit(set *athena.FileSet, stream uuid.UUID, through time.Time) {
	name := stream.String()
	switch {
	case set.CompleteThrough.IsZero() || through.Before(set.CompleteThrough):
		set.CompleteThrough, set.Laggards = through, []string{name}
	case through.Equal(set.CompleteThrough):
		set.Laggards = append(set.Laggards, name)
	}
}

// promiseNothing is for a view with objects that could not be read: it is true,
// but there may be a stream that it does not know.
func promiseNothing(set *athena.FileSet) { set.CompleteThrough, set.Laggards = time.Time{}, nil }

// Teller remembers what the log was told, so that a finding that stays is told once.
// The zero value has told nothing.
type Teller struct {
	mu    sync.Mutex
	lines map[string]bool
}

// Tell logs what does not belong into the bucket, and what could not be read. It
// has no influence on answers.
func (t *Teller) Tell(ctx context.Context, log *slog.Logger, view *ledger.View, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := make(map[string]bool, len(view.Findings))
	for _, f := range view.Findings {
		if now[f.String()] = true; !t.lines[f.String()] {
			log.WarnContext(ctx, "finding in the ledger", "kind", f.Kind, "key", f.Key, "version", f.Version, "detail", f.Detail)
		}
	}
	t.lines = now // bounded as the findings of a view are
	if err != nil {
		log.WarnContext(ctx, "objects of the ledger cannot be read: answers do not say how complete they are", "error", err)
	}
}
