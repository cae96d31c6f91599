package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

const (
	backoffFirst = time.Second
	backoffMost  = time.Minute
)

// Options say what to feed, from where. All are required but Wake.
type Options struct {
	Name   string // of the target, in the log and in metrics; one of a closed set
	Reader *ledger.Reader
	Store  object.Store
	Prefix string // key prefix in the bucket
	Target Target

	// Interval is how often the bucket is asked for new commits. Each time it is
	// listed.
	Interval time.Duration
	// Wake, if any, asks at once. It should have room for one value.
	Wake <-chan struct{}

	Dir     string // of one temporary file at a time, as large as a file of the archive
	Log     *slog.Logger
	Now     func() time.Time
	Metrics prometheus.Registerer
}

// Feed keeps one target equal to the archive. Run and Once are for one goroutine;
// Status is safe for concurrent use.
type Feed struct {
	o       Options
	source  Source
	metrics *metrics
	pause   func(ctx context.Context, d time.Duration, wake <-chan struct{}) error

	// Owned by Run.
	next map[uuid.UUID]place // of the target in each stream

	mu     sync.Mutex
	status Status
}

// place is the commit that a target needs next, as we last knew it.
type place struct {
	index int64
	sure  bool // nothing has failed since
}

// Status is how a feed is doing.
type Status struct {
	// Failing is since when no round has succeeded, and Err why; zero while all is
	// well.
	Failing time.Time
	Err     error
	// BehindRows and BehindCommits are what the target lacks of the commits that the
	// last look at the bucket has found.
	BehindRows, BehindCommits int64
	// InStep is when the target last had everything that the bucket had; zero before that.
	InStep time.Time
}

// New checks the options. It calls neither the bucket nor the target.
func New(o Options) (*Feed, error) {
	if o.Name == "" || o.Reader == nil || o.Store == nil || o.Target == nil || o.Dir == "" ||
		o.Interval <= 0 || o.Log == nil || o.Now == nil || o.Metrics == nil {
		return nil, errors.New("mirror: name, reader, store, target, dir, interval, log, now and metrics must be set")
	}
	f := &Feed{o: o, source: Source{Store: o.Store, Prefix: o.Prefix, Dir: o.Dir, Now: o.Now},
		pause: pause, next: make(map[uuid.UUID]place)}
	f.metrics = newMetrics(o.Metrics, o.Name, f.Status)
	return f, nil
}

// Run feeds the target until ctx ends, and returns why it ended. No other error
// ends it: a bucket, a ledger or a target that fails is tried again, with
// growing pauses, and is told in the log whenever it changes.
func (f *Feed) Run(ctx context.Context) error {
	wait := backoffFirst
	for {
		err := f.Once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rest, wake := f.o.Interval, f.o.Wake
		if err == nil {
			wait = backoffFirst
		} else {
			// Full jitter on the upper half, as in the archiver. News from the bucket do
			// not mend what failed, so they do not shorten it.
			rest, wake = wait/2+rand.N(wait/2), nil
			wait = min(2*wait, backoffMost)
		}
		if err := f.pause(ctx, rest, wake); err != nil {
			return err
		}
	}
}

// Once brings the target up to what the bucket holds now.
func (f *Feed) Once(ctx context.Context) error {
	err := f.round(ctx)
	if ctx.Err() == nil {
		f.settle(ctx, err)
	}
	return err
}

// Status returns a copy of the current state.
func (f *Feed) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// settle records how a round ended and logs what has changed.
func (f *Feed) settle(ctx context.Context, err error) {
	f.mu.Lock()
	before, now := f.status, f.o.Now()
	f.status.Err = err
	switch {
	case err == nil:
		f.status.Failing, f.status.InStep = time.Time{}, now
	case before.Err == nil:
		f.status.Failing = now
	}
	f.mu.Unlock()
	switch {
	case err != nil:
		f.metrics.failures.Inc()
		if before.Err == nil || withoutNumbers(before.Err) != withoutNumbers(err) {
			f.o.Log.WarnContext(ctx, "mirror fails and will try again", "target", f.o.Name, "error", err)
		}
	case before.Err != nil:
		f.o.Log.InfoContext(ctx, "mirror works again", "target", f.o.Name, "failed_for", now.Sub(before.Failing).Round(time.Second))
	}
}

// withoutNumbers is what makes an error news: another port or process is none.
func withoutNumbers(err error) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
}

// round feeds every stream. What is wrong with one stream does not hold back the
// others; what is wrong with the target ends the round.
func (f *Feed) round(ctx context.Context) (err error) {
	// A mirror is an extra: a defect in it must not take the archiver down.
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("bug: %v\n%s", cause, debug.Stack())
		}
	}()
	view, unread := f.o.Reader.Refresh(ctx)
	if view == nil {
		return unread
	}
	errs := []error{unread}
	f.measure(view)
	for i := range view.Streams {
		err := f.catchUp(ctx, view, &view.Streams[i])
		errs = append(errs, err)
		if err != nil && (ctx.Err() != nil || !errors.As(err, new(*streamError))) {
			return errors.Join(errs...)
		}
	}
	if t, ok := f.o.Target.(Tidier); ok {
		if err := t.Tidy(ctx); err != nil {
			errs = append(errs, fmt.Errorf("tidy up: %w", err))
		}
	}
	return errors.Join(errs...)
}

// streamError is about one stream's own data, not about the target.
type streamError struct{ error }

func (e *streamError) Unwrap() error { return e.error }

// catchUp writes what the target lacks of one stream.
func (f *Feed) catchUp(ctx context.Context, view *ledger.View, s *ledger.Stream) error {
	stream := s.Open.Stream
	end := s.Head.Index + 1
	if at := f.next[stream]; at.sure && at.index == end {
		return nil
	}
	at, err := f.o.Target.Position(ctx, stream)
	if err != nil {
		return fmt.Errorf("position in stream %s: %w", stream, err)
	}
	f.next[stream] = place{index: at.Index} // not sure before a Write succeeds
	f.measure(view)
	if at.Index > end {
		return &streamError{fmt.Errorf("stream %s: the target has commits up to %d, the ledger in the bucket only up to %d", stream, at.Index-1, end-1)}
	}
	for ; at.Index < end; at = (Position{Index: at.Index + 1}) {
		c, err := f.source.Commit(ctx, &s.Manifests[at.Index])
		if err != nil {
			return &streamError{err}
		}
		var broken error
		c.Rows = watch(c.Rows, &broken)
		switch err := f.o.Target.Write(ctx, c); {
		case broken != nil:
			return &streamError{broken}
		case err != nil:
			return fmt.Errorf("write commit %d of stream %s: %w", c.Index, stream, err)
		}
		f.metrics.commits.Inc()
		f.metrics.rows.Add(float64(c.Count - c.GoneRows()))
		f.metrics.gone.Add(float64(c.GoneRows()))
		f.next[stream] = place{at.Index + 1, true}
		f.measure(view)
	}
	f.next[stream] = place{end, true}
	return nil
}

// watch remembers an error of rows, so that it is told from one of the target
// whatever the target makes of it.
func watch(rows func(context.Context) iter.Seq2[event.Row, error], broken *error) func(context.Context) iter.Seq2[event.Row, error] {
	return func(ctx context.Context) iter.Seq2[event.Row, error] {
		return func(yield func(event.Row, error) bool) {
			for row, err := range rows(ctx) {
				*broken = err
				if !yield(row, err) {
					return
				}
			}
		}
	}
}

// measure says how far behind the target is. A stream of which nothing is known
// yet counts as a whole.
func (f *Feed) measure(view *ledger.View) {
	var rows, commits int64
	for i := range view.Streams {
		s := &view.Streams[i]
		if next := f.next[s.Open.Stream].index; next < int64(len(s.Manifests)) {
			commits += int64(len(s.Manifests)) - next
			rows += s.Head.NextSeq - s.Manifests[next].First
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.BehindRows, f.status.BehindCommits = rows, commits
}

// pause waits until d has passed or somebody wakes us, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
