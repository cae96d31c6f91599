// Package archive moves sealed batches from our disk into the locked bucket.
//
// The promise: a batch is released from the WAL only after its files and its
// signed commit were confirmed in the bucket, locked. Each step may be cut short
// by a crash or a lost answer and is repeated with the same names and bytes, so
// a batch is archived exactly once. No error of the store is final, except one:
// a foreign object under our own key stops the stream until a human has looked.
package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

const (
	planName         = "plan.json"
	noteType         = "text/plain; charset=utf-8" // C2SP signed notes are UTF-8 text
	parquetType      = "application/vnd.apache.parquet"
	spoolBufferBytes = 1 << 20
	// redateMargin is how long before its end a retention date counts as passed:
	// the upload itself takes time, and our clock may be behind the store's.
	redateMargin = 15 * time.Minute
	aheadMost    = 24 * time.Hour // see Options.AheadMost
	// uploadsAtOnce bounds the concurrent uploads of one batch's files.
	uploadsAtOnce = 4
	// spoolAhead is how many batches may stand between the two halves of Run. With the
	// one that is committed and the one that was just made, two more may be on disk as
	// Parquet. It bounds the disk that they take beside the WAL, also while the bucket
	// is away for long.
	spoolAhead = 4
	// compareWorkers is how many goroutines share the columns of a file that is read back. More would take more
	// memory, and processors from those who wait for an answer.
	compareWorkers = 2
	// journalRoom is what a batch that is spooled ahead must leave free: with less,
	// those before it could not be journaled, and nothing would ever make room again.
	journalRoom = 1 << 20

	backoffFirst = 200 * time.Millisecond
	backoffMost  = 30 * time.Second
)

// ErrMixed: WAL and journal are not of the same time. Going on would give seqs
// a second time, or leave some out.
var ErrMixed = errors.New("data folder is mixed")

// ErrUnfit stops a start for good: the bucket does not keep what the archive rests
// on. Prove says so.
var ErrUnfit = errors.New("the bucket is not fit for an archive")

// Queue hands over sealed batches, oldest first. *buffer.Buffer satisfies it.
type Queue interface {
	// Next blocks until there is a sealed batch whose number is greater than
	// after, and returns the oldest of them. It can be read until it is released.
	Next(ctx context.Context, after int64) (*buffer.Batch, error)
	// Release forgets a batch that is in the bucket.
	Release(ctx context.Context, b *buffer.Batch) error
}

// Options say what to archive, where, and as whom.
type Options struct {
	Dir    string // spool/ and ledger/ live in it; the caller holds its lock
	FS     durable.FS
	Store  object.Store
	Queue  Queue
	Prefix string // key prefix in the bucket, "" or without a trailing slash

	// FirstSeq and OpenSeq are what the WAL holds: the first seq that it has not
	// released, and the first that no seal covers yet.
	FirstSeq, OpenSeq int64

	Stream uuid.UUID
	Open   []byte        // the stream's certificate, signed by the root key
	Root   string        // the root verifier key, from our own configuration
	Signer ledger.Signer // the stream's key

	Identity Identity
	Writer   string // name and version of this program, for the manifests

	// Ship, when set, tells whoever copies the log to the bucket to do it now. It is
	// called once before the files of a batch are sent: who recovers this stream then
	// knows where the batch was cut, and finds its files rather than double them.
	// Whether it worked makes no difference.
	Ship func(context.Context)

	// Prove, when set, is asked at a start before anything is sent, and again until it
	// says yes. An error that is ErrUnfit ends the start; every other is retried. Its
	// notes say what the operator let go, and stand beside a start note, also when
	// this run continues the last one.
	Prove func(context.Context) ([]ledger.Note, error)

	// AheadMost is how far our clock may have been set back since a batch was sealed.
	// Retention counts from the seal: a clock that was years ahead for a moment would lock
	// for years too long, and nobody could undo it. Default: 24 h.
	AheadMost time.Duration

	Now     func() time.Time
	Pause   func(context.Context, time.Duration) error // between tries. Default: it waits
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Identity tells whether this run continues the last one on the same disk: a
// copied or restored folder has another inode, another machine other ids.
type Identity struct {
	Machine string `json:"machine"` // hash of the machine id
	Boot    string `json:"boot"`
	Inode   string `json:"inode"` // device and inode of the WAL folder
	Host    string `json:"host"`
}

// Archiver commits one stream. Run and Start are for one goroutine; the other
// methods are safe for concurrent use.
type Archiver struct {
	// Immutable after New.
	dir      string
	fs       durable.FS
	bucket   // with the store and the log
	queue    Queue
	ship     func(context.Context)
	prove    func(context.Context) ([]ledger.Note, error)
	prefix   string
	stream   uuid.UUID
	open     ledger.Open
	openRaw  []byte
	signer   ledger.Signer
	root     string
	identity Identity
	writer   string
	origins  Moved // where the first rows of the stream come from
	ahead    time.Duration
	now      func() time.Time
	pause    func(context.Context, time.Duration) error
	metrics  *metrics

	// Owned by Start and by the committing half of Run.
	state     state
	pending   *pending    // signed for state.Head.Index+1; nil: nothing is
	journaled bool        // pending is on our disk
	announced bool        // this run has signed its start note
	about     object.Info // the version of the archive object that checkBucket found

	mu       sync.Mutex
	status   Status
	failures [stages]failure
	moved    chan struct{} // closed and replaced whenever one of them changed
}

// Status is what /readyz and metrics tell about the way to the bucket.
type Status struct {
	Started   bool      // the start note is in the bucket: acknowledging is allowed
	NextBatch int64     // number of the next batch to commit
	Index     int64     // index of the last commit, -1 when there is none
	NextSeq   int64     // all before it is committed
	Committed time.Time // when the last commit was confirmed
	Failing   time.Time // since when a step has been failing; zero: none is
	Err       error     // why it is failing
	Stopped   bool      // Err is final: a foreign object is under our key, say
}

// New loads the durable state of a stream. It does not touch the bucket.
func New(o Options) (*Archiver, error) {
	open, err := ledger.ParseOpen(o.Open, o.Root)
	if err != nil {
		return nil, fmt.Errorf("stream certificate: %w", err)
	}
	if open.Stream != o.Stream {
		return nil, fmt.Errorf("stream certificate is for %s, the WAL belongs to %s", open.Stream, o.Stream)
	}
	if o.Signer.VKey() != open.VKey {
		return nil, errors.New("the stream's signing key is not the one that its certificate names")
	}
	m := newMetrics(o.Metrics)
	a := &Archiver{
		dir: o.Dir, fs: o.FS, bucket: bucket{o.Store, o.Log, m.foreign}, queue: o.Queue, ship: o.Ship, prove: o.Prove, prefix: o.Prefix,
		stream: o.Stream, open: open, openRaw: o.Open, signer: o.Signer, root: o.Root,
		identity: o.Identity, writer: o.Writer, ahead: cmp.Or(o.AheadMost, aheadMost), now: o.Now, pause: orPause(o.Pause),
		metrics: m, moved: make(chan struct{}),
	}
	if err := a.makeFolders(); err != nil {
		return nil, err
	}
	if err := a.loadState(); err != nil {
		return nil, err
	}
	if a.origins, err = loadMoved(a.fs, a.dir); err != nil {
		return nil, err
	}
	// What is archived was sealed before. A WAL that has not sealed it would cut the
	// same seqs into other batches, and release new events as archived ones.
	if at := a.state.Head.NextSeq; o.OpenSeq < at || o.FirstSeq > at {
		return nil, fmt.Errorf("%w: the WAL has released the seqs below %d and sealed those below %d, but %s says that %d is the next to archive: one of the two was restored from a backup or lost",
			ErrMixed, o.FirstSeq, o.OpenSeq, a.statePath(), at)
	}
	if err := a.clearSpool(); err != nil {
		return nil, err
	}
	a.showState(time.Time{})
	return a, nil
}

func (a *Archiver) makeFolders() error {
	for _, dir := range []string{filepath.Join(a.dir, "spool"), filepath.Join(a.dir, "ledger")} {
		if err := durable.MkdirAll(a.fs, dir, 0o700); err != nil {
			return fmt.Errorf("create %s: %w", dir, err)
		}
	}
	return nil
}

// Start makes sure that this process is the stream's only writer, and blocks
// until the bucket says so or ctx ends. Nothing may be acknowledged before it
// returned nil, except by a service that was told to start offline.
func (a *Archiver) Start(ctx context.Context) error {
	return a.retry(ctx, committing, a.start)
}

func (a *Archiver) start(ctx context.Context) error {
	if a.state.Head.Closed {
		return ErrClosed
	}
	var remarks []ledger.Note
	if a.prove != nil {
		var err error
		if remarks, err = a.prove(ctx); err != nil {
			return err
		}
	}
	if err := a.checkBucket(ctx); err != nil {
		return err
	}
	a.extendArchive(ctx)
	if err := a.publishOpen(ctx); err != nil {
		return err
	}
	if err := a.resume(ctx); err != nil {
		return err
	}
	if a.state.Head.Closed { // we died before we knew that the closing commit was there
		return ErrClosed
	}
	if a.state.Identity == a.identity && (a.announced || len(remarks) == 0) {
		if err := a.checkNext(ctx); err != nil {
			return err
		}
	} else if err := a.announce(ctx, remarks); err != nil {
		return err
	}
	a.setStatus(func(s *Status) { s.Started = true })
	return nil
}

// announce commits the start note of this run, once.
func (a *Archiver) announce(ctx context.Context, remarks []ledger.Note) error {
	start := ledger.Note{Kind: ledger.NoteStart, Machine: a.identity.Machine,
		Boot: a.identity.Boot, Inode: a.identity.Inode, Host: a.identity.Host}
	m := a.manifest(nil, append([]ledger.Note{start}, remarks...)...)
	err := a.publish(ctx, m, a.state.NextBatch, a.identity)
	a.announced = err == nil || a.pending != nil // signed: whoever resumes it sends it
	return err
}

// job is a batch on its way: spooled by one half of Run, committed by the other.
type job struct {
	batch *buffer.Batch
	plan  plan
	notes []ledger.Note // for its manifest
	sent  bool          // we have begun to send it
}

// Run archives sealed batches until ctx ends, and then returns nil. Start must
// have returned nil. It returns an error only when the stream cannot go on.
//
// One half spools, some batches ahead and whether or not the bucket is there;
// the other half uploads and commits, in order.
func (a *Archiver) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan *job, spoolAhead)
	g.Go(func() error { return ended(ctx, a.spoolAll(ctx, jobs)) })
	g.Go(func() error { return ended(ctx, a.commitAll(ctx, jobs)) })
	return g.Wait()
}

// ended makes the end of ctx no error, unless the stream could not go on when it
// came. The buffer, which ends with the same context, may say so before we see it.
func ended(ctx context.Context, err error) error {
	if final(err) {
		return err
	}
	if ctx.Err() != nil || errors.Is(err, buffer.ErrStopped) {
		return nil //nolint:nilerr // it was told to stop
	}
	return err
}

func (a *Archiver) spoolAll(ctx context.Context, jobs chan<- *job) error {
	for after := int64(-1); ; {
		b, err := a.queue.Next(ctx, after)
		if err != nil {
			return fmt.Errorf("next batch: %w", err)
		}
		after = b.Number
		j := &job{batch: b}
		err = a.retry(ctx, spooling, func(ctx context.Context) error { return a.prepare(ctx, j) })
		if err != nil {
			return fmt.Errorf("spool batch %d: %w", b.Number, err)
		}
		select {
		case jobs <- j:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *Archiver) commitAll(ctx context.Context, jobs <-chan *job) error {
	for {
		select {
		case j := <-jobs:
			err := a.retry(ctx, committing, func(ctx context.Context) error { return a.commit(ctx, j) })
			if err != nil {
				return fmt.Errorf("archive batch %d: %w", j.batch.Number, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Drain waits until done says so. It asks at once, and again whenever a batch
// was released or a step began to fail.
func (a *Archiver) Drain(ctx context.Context, done func() bool) error {
	for {
		a.mu.Lock()
		moved := a.moved
		a.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not everything is archived yet: %w", context.Cause(ctx)), a.Status().Err)
		}
	}
}

// Status returns a copy of the current state.
func (a *Archiver) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	for _, f := range a.failures {
		if s.Err == nil || f.final {
			s.Failing, s.Err, s.Stopped = f.since, f.err, f.final
		}
	}
	return s
}

func (a *Archiver) setStatus(change func(*Status)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.status)
	close(a.moved)
	a.moved = make(chan struct{})
}

// showState copies the state to the status.
func (a *Archiver) showState(committed time.Time) {
	a.setStatus(func(s *Status) {
		s.Index, s.NextSeq, s.NextBatch = a.state.Head.Index, a.state.Head.NextSeq, a.state.NextBatch
		s.Committed = committed
	})
}

func (a *Archiver) spoolDir(number int64) string {
	return filepath.Join(a.dir, "spool", fmt.Sprintf("%020d", number))
}
