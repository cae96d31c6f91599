package source

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// Live is the table of a running node: what the bucket holds, and the rows that are
// still in the node's log. It looks at the log first and at the bucket afterwards: a
// batch leaves the log only after its commit, so whatever is gone from the log is in
// the view; and of the view it leaves out the batches that it took from the log.
//
// When another writer has the stream (a copy of the folder, say), what that one commits
// is not in our log, and is left out too until this process goes on with another stream:
// the log may have some of the same rows. Then the answer is complete only through the
// last commit before.
type Live struct {
	Bucket
	hot hotRows

	mu  sync.Mutex // held from the snapshot to the end of encoding: one query does it for all
	own []life     // the streams that this process has written, in order; the last one is current
	at  time.Time  // of the last snapshot
}

// life is a stream that this process writes or has written.
type life struct {
	stream uuid.UUID
	theirs Theirs
	log    *buffer.Buffer // nil once another stream has taken over
	next   int64          // then: all that it archived is before this seq
}

// Theirs says which of a stream's commits, given from index 0, is the first that another
// writer has made; their number when there is none. The commits were read before.
type Theirs func(context.Context, []ledger.Manifest) (int, error)

// Options are the parts of a Live. All but Hold are required.
type Options struct {
	Reader *ledger.Reader
	Prefix string // of keys; "" or without a trailing slash
	Dir    string // for files of rows that are still in the log; must exist at the first query
	Log    *slog.Logger

	Stream uuid.UUID      // that takes events now
	Buffer *buffer.Buffer // its log
	Theirs Theirs         // of its commits

	// Hold, when set, is told how many bytes of this process are taken, and (below 0)
	// given back, for rows that are still in the log. Safe for concurrent use.
	Hold func(bytes int64)
}

// NewLive returns the table of a node.
func NewLive(o Options) *Live {
	return &Live{Bucket: Bucket{reader: o.Reader, prefix: o.Prefix, log: o.Log}, hot: hotRows{dir: o.Dir, log: o.Log, hold: o.Hold},
		own: []life{{stream: o.Stream, theirs: o.Theirs, log: o.Buffer}}}
}

// Follow takes the rows from the log of another stream. All that the one before it
// acknowledged is in the bucket, or in the new one, which takes no events before it
// returns. Then nobody reads the old log any more.
func (s *Live) Follow(stream uuid.UUID, log *buffer.Buffer, theirs Theirs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := &s.own[len(s.own)-1]
	was.next, was.log = was.log.Stats().FirstSeq, nil
	s.own = append(s.own, life{stream: stream, theirs: theirs, log: log})
	log.ReceiveAfter(s.at)
	s.hot.drop(func(*chunk) bool { return true })
}

// cut is where a query divides the rows between log and bucket.
type cut struct {
	stream  uuid.UUID
	theirs  Theirs
	first   int64  // seq; from here on the rows are from the log
	earlier []life // those that the stream continues
}

// Files implements athena.Source.
func (s *Live) Files(ctx context.Context, _ athena.Bounds) (*athena.FileSet, error) {
	set := &athena.FileSet{}
	at, err := s.addHot(ctx, set)
	if err != nil {
		return nil, fmt.Errorf("rows of the WAL: %w", err)
	}
	if err := s.addCommitted(ctx, set, at); err != nil {
		set.Release()
		return nil, err
	}
	return set, nil
}

// addHot adds everything that the log holds.
func (s *Live) addHot(ctx context.Context, set *athena.FileSet) (cut, error) {
	// The lock comes first, so that snapshots come in order: no query meets chunks
	// that reach further than its own.
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.own[len(s.own)-1]
	snap, err := now.log.Snapshot(ctx)
	if err != nil {
		return cut{}, err
	}
	defer snap.Close()
	if set.Files, set.Release, err = s.hot.take(ctx, snap); err != nil {
		return cut{}, err
	}
	s.at, set.CompleteThrough = snap.At, snap.At
	return cut{stream: snap.Stream, theirs: now.theirs, first: snap.FirstSeq, earlier: slices.Clone(s.own[:len(s.own)-1])}, nil
}

// addCommitted adds what is in the bucket and not in the log. While the bucket is
// away, the last view serves if it has all that left our logs.
func (s *Live) addCommitted(ctx context.Context, set *athena.FileSet, at cut) error {
	view, err := s.reader.Refresh(ctx)
	switch {
	case view != nil:
		s.teller.Tell(ctx, s.log, view, err)
	case s.reader.View() != nil:
		view = s.reader.View()
	default:
		return away(err)
	}
	switch missing := at.reached(view); {
	case missing != nil && err != nil:
		return away(fmt.Errorf("%w; %w", missing, err))
	case missing != nil:
		return missing
	}
	for i := range view.Streams {
		of := &view.Streams[i]
		switch {
		case of.Open.Stream == at.stream:
			s.add(set, of, at.first) // its latest rows are known from its log
			if err := at.holdBack(ctx, set, of); err != nil {
				return err
			}
		case s.isLater(at, of.Open.Stream):
			// It took over since: what it has was acknowledged after the cut, or was moved
			// there from the log that was looked at.
		default:
			s.add(set, of, noEnd)
			holdBack(set, of)
		}
	}
	if err != nil { // there may be streams that we do not know
		promiseNothing(set)
	}
	return nil
}

// holdBack lets the stream of the cut limit complete_through to where it was when another
// writer took it over.
func (at cut) holdBack(ctx context.Context, set *athena.FileSet, of *ledger.Stream) error {
	theirs, err := at.theirs(ctx, of.Manifests)
	if err != nil || theirs == len(of.Manifests) {
		return err
	}
	through := time.Unix(0, 0).UTC() // as that of a stream without commits
	if theirs > 0 {
		through = of.Manifests[theirs-1].Through
	}
	limit(set, at.stream, through)
	return nil
}

// reached says what the view does not have of what left our logs.
func (at cut) reached(view *ledger.View) error {
	for _, l := range append(at.earlier, life{stream: at.stream, next: at.first}) {
		known := int64(0)
		for i := range view.Streams {
			if view.Streams[i].Open.Stream == l.stream {
				known = view.Streams[i].Head.NextSeq
			}
		}
		if known < l.next {
			return fmt.Errorf("what is known of the bucket does not reach seq %d of stream %s, up to which events have left the WAL", l.next-1, l.stream)
		}
	}
	return nil
}

// isLater tells whether this process went on with that stream after the one of the cut.
func (s *Live) isLater(at cut, stream uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.own[len(at.earlier)+1:], func(l life) bool { return l.stream == stream })
}
