package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/hot"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// bucketSource is the table as the bucket holds it: the files that verified
// commits name, and nothing else.
type bucketSource struct {
	reader *ledger.Reader
	prefix string
	log    *slog.Logger

	said said
}

func (s *bucketSource) Files(ctx context.Context, _ athena.Bounds) (*athena.FileSet, error) {
	view, err := s.reader.Refresh(ctx)
	if view == nil {
		return nil, err
	}
	s.said.tell(ctx, s.log, view, err)
	set := &athena.FileSet{}
	for i := range view.Streams {
		addStream(set, s.prefix, &view.Streams[i], noEnd)
	}
	if err != nil {
		promiseNothing(set)
	}
	return set, nil
}

// promiseNothing is for a view with objects that could not be read: it is true,
// but there may be a stream that it does not know.
func promiseNothing(set *athena.FileSet) { set.CompleteThrough, set.Laggards = time.Time{}, nil }

// said remembers what the log was told, so that a finding that stays is told once.
type said struct {
	mu    sync.Mutex
	lines map[string]bool
}

// tell logs what does not belong into the bucket, and what could not be read. It
// has no influence on answers.
func (s *said) tell(ctx context.Context, log *slog.Logger, view *ledger.View, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := make(map[string]bool, len(view.Findings))
	for _, f := range view.Findings {
		if now[f.String()] = true; !s.lines[f.String()] {
			log.WarnContext(ctx, "finding in the ledger", "kind", f.Kind, "key", f.Key, "version", f.Version, "detail", f.Detail)
		}
	}
	s.lines = now // bounded as the findings of a view are
	if err != nil {
		log.WarnContext(ctx, "objects of the ledger cannot be read: answers do not say how complete they are", "error", err)
	}
}

const noEnd = int64(1<<63 - 1)

// addStream adds a stream's files from batches that begin below end, and lets
// the stream hold complete_through back, unless end says that somebody else
// knows about its latest rows.
func addStream(set *athena.FileSet, prefix string, s *ledger.Stream, end int64) {
	for i := range s.Manifests {
		m := &s.Manifests[i]
		if m.First >= end {
			break
		}
		for j := range m.Files {
			f := &m.Files[j]
			set.Files = append(set.Files, athena.File{
				Key: ledger.Join(prefix, f.Key), VersionID: f.VersionID, Size: f.Size, SHA256: f.SHA256, Class: f.Class, Day: f.Day,
				MinTimestampNS: f.MinTimestampNS, MaxTimestampNS: f.MaxTimestampNS,
			})
		}
	}
	if end == noEnd && !s.Head.Closed {
		holdBack(set, s.Head.Through, s.Open.Stream.String())
	}
}

func holdBack(set *athena.FileSet, through time.Time, stream string) {
	switch {
	case set.CompleteThrough.IsZero() || through.Before(set.CompleteThrough):
		set.CompleteThrough, set.Laggards = through, []string{stream}
	case through.Equal(set.CompleteThrough):
		set.Laggards = append(set.Laggards, stream)
	}
}

// liveSource adds the rows that are still in our WAL. It looks at the WAL first
// and at the bucket afterwards: a batch leaves the WAL only after its commit, so
// whatever is gone from the WAL is in the view; and of the view it leaves out
// the batches that it took from the WAL.
type liveSource struct {
	bucketSource
	dir string // for hot files

	mu     sync.Mutex // held from the snapshot to the end of encoding: one query does it for all
	buffer *buffer.Buffer
	chunks []*chunk // ordered, contiguous
}

// follow takes the rows from the log of another stream. All that the one before it
// acknowledged is in the bucket, or in the new one. When it returns, nobody reads the
// old log any more.
func (s *liveSource) follow(b *buffer.Buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer = b
	s.drop(func(*chunk) bool { return true })
}

// chunk is a range of WAL rows as Parquet files. It never crosses the end of a
// batch, so it is needed as a whole or not at all.
type chunk struct {
	first, next int64
	set         *hot.Set
	users       int  // queries that read it; guarded by liveSource.mu
	stale       bool // no longer in chunks: the last user closes it
}

// chunksMost is how many chunks one batch may be in before they are made one:
// each query that finds new rows adds one.
const chunksMost = 16

func (s *liveSource) Files(ctx context.Context, _ athena.Bounds) (*athena.FileSet, error) {
	set := &athena.FileSet{}
	first, stream, err := s.addHot(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("rows of the WAL: %w", err)
	}
	if err := s.addCommitted(ctx, set, first, stream); err != nil {
		set.Release()
		return nil, err
	}
	return set, nil
}

// addCommitted adds what is in the bucket and not in the WAL. While the bucket
// is away, the last view serves if it reaches the WAL.
func (s *liveSource) addCommitted(ctx context.Context, set *athena.FileSet, first int64, own string) error {
	view, err := s.reader.Refresh(ctx)
	switch {
	case view != nil:
		s.said.tell(ctx, s.log, view, err)
	case s.reader.View() != nil:
		view = s.reader.View()
	default:
		return err
	}
	reaches := first == 0
	for i := range view.Streams {
		st := &view.Streams[i]
		if st.Open.Stream.String() != own {
			addStream(set, s.prefix, st, noEnd)
			continue
		}
		addStream(set, s.prefix, st, first)
		reaches = reaches || st.Head.NextSeq >= first
	}
	if !reaches {
		return errors.Join(fmt.Errorf("the ledger in the bucket does not reach seq %d, where the WAL begins", first), err)
	}
	if err != nil { // there may be streams that we do not know
		promiseNothing(set)
	}
	return nil
}

// addHot adds everything that the WAL holds and returns where that begins.
func (s *liveSource) addHot(ctx context.Context, set *athena.FileSet) (first int64, stream string, _ error) {
	// The lock comes first, so that snapshots come in order: no query meets chunks
	// that reach further than its own.
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.buffer.Snapshot(ctx)
	if err != nil {
		return 0, "", err
	}
	defer snap.Close()
	s.drop(func(c *chunk) bool { return c.next <= snap.FirstSeq }) // in the bucket by now
	for _, b := range snap.Batches {
		if err := s.cover(ctx, b.First, b.Last+1, b.Scan); err != nil {
			return 0, "", err
		}
	}
	if err := s.cover(ctx, snap.Open.First, snap.Open.Last+1, snap.Open.Scan); err != nil {
		return 0, "", err
	}
	used := slices.Clone(s.chunks)
	for _, c := range used {
		set.Files = append(set.Files, c.set.Files...)
		c.users++
	}
	set.Release = sync.OnceFunc(func() { s.release(used) })
	set.CompleteThrough = snap.At
	return snap.FirstSeq, snap.Stream.String(), nil
}

// cover makes sure that the rows [first, next) of one batch are in chunks.
func (s *liveSource) cover(ctx context.Context, first, next int64, scan func(context.Context) iter.Seq2[buffer.Entry, error]) error {
	from, held := first, 0
	for _, c := range s.chunks {
		if c.first >= first && c.next <= next {
			from = max(from, c.next)
			held++
		}
	}
	if from >= next || first >= next {
		return nil
	}
	if held >= chunksMost {
		s.drop(func(c *chunk) bool { return c.first >= first && c.next <= next })
		from = first
	}
	rows := func(yield func(event.Row, error) bool) {
		for e, err := range scan(ctx) {
			if err == nil && e.Row.Seq < from {
				continue
			}
			if !yield(e.Row, err) {
				return
			}
		}
	}
	encoded, err := hot.Encode(ctx, rows, s.dir)
	if err != nil {
		return err
	}
	s.chunks = append(s.chunks, &chunk{first: from, next: next, set: encoded})
	return nil
}

// drop takes chunks out; the caller holds mu.
func (s *liveSource) drop(which func(*chunk) bool) {
	kept := s.chunks[:0]
	for _, c := range s.chunks {
		if !which(c) {
			kept = append(kept, c)
			continue
		}
		c.stale = true
		s.closeUnused(c)
	}
	clear(s.chunks[len(kept):])
	s.chunks = kept
}

func (s *liveSource) release(used []*chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range used {
		c.users--
		s.closeUnused(c)
	}
}

func (s *liveSource) closeUnused(c *chunk) {
	if !c.stale || c.users > 0 {
		return
	}
	if err := c.set.Close(); err != nil {
		s.log.Warn("hot files stay behind until the next start", "error", err)
	}
}
