// Package streams runs the streams of one node, one after the other.
//
// A stream is a log with its archiver, a key, and a certificate that ends. The
// promise: events are taken by one stream at a time; what one has acknowledged is in
// its own commits, or, when it cannot go on, in those of its successor, each event
// once; and a successor begins only after the stream before it takes nothing more.
// The sockets stay open meanwhile, and who sends is asked to come again for as long as
// one seal and a few objects take.
package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/receipt"
)

// ErrNotReady: no events are taken now. Nothing was stored.
var ErrNotReady = errors.New("no events are taken now")

// Reasons of ErrNotReady.
var (
	errNotStarted = errors.New("the bucket has not confirmed yet that this is the stream's only writer")
	errRotating   = errors.New("the stream is being closed, and its successor begins")
	errEnded      = errors.New("the stream's certificate has ended: what is sealed now would outlive its proofs; make a successor with `archiver stream next`")
)

// ErrNoSuccessor: a stream has to end, and none waits that could go on.
var ErrNoSuccessor = errors.New("no successor waits: make one with `archiver stream next`, where the root key is, and put its folder into stream.next_dir")

// Options say which streams to run, where, and as whom.
type Options struct {
	Folder // the caller holds the lock of Dir
	Store  object.Store
	Prefix string // key prefix in the bucket, "" or without a trailing slash

	// RotateBefore is how long before a stream's end its successor takes over.
	RotateBefore time.Duration
	// AheadMost is archive.Options.AheadMost.
	AheadMost time.Duration
	// Make, when set, makes a successor wait when one is needed. Otherwise somebody
	// with the root key has to.
	Make  func(ctx context.Context, previous uuid.UUID) error
	Prove func(context.Context) ([]ledger.Note, error) // see archive.Options

	Buffer       buffer.Options // of every log, but for Dir, Stream, FS, Now and Log
	Identity     func(walDir string) (archive.Identity, error)
	Writer       string // name and version of this program, for the manifests
	StartOffline bool   // acknowledge before the bucket was reached

	ShipInterval, ShipRetention time.Duration // interval 0: nothing is shipped

	// Archiving, when set, is told how many rows the batch has that is archived next,
	// and 0 when nothing is left to archive.
	Archiving func(rows int64)

	Now func() time.Time
	Log *slog.Logger

	// Of tests; zero: the real ones.
	pause func(context.Context, time.Duration) error
	look  time.Duration
}

// Stream is one stream while it is current.
type Stream struct {
	Open     ledger.Open
	Buffer   *buffer.Buffer
	Archiver *archive.Archiver
	Acks     *archive.Acks
	Shipper  *archive.Shipper // nil: nothing is shipped
	Ended    <-chan struct{}  // closed once another one is current

	certified *certified
	metrics   *prometheus.Registry
	receipts  *receipt.Issuer
	gate      gate
	ended     chan struct{}
}

// Ends is when the stream's life is over.
func (s *Stream) Ends() time.Time { return s.certified.ends() }

// gate lets appends in, until it is shut.
type gate struct {
	inside sync.RWMutex          // held for reading by each of them
	why    atomic.Pointer[error] // nil: open
}

// reason is why it is shut; nil: it is open. Whoever asks waits for nobody.
func (g *gate) reason() error {
	if why := g.why.Load(); why != nil {
		return *why
	}
	return nil
}

// enter returns nil when the caller may append; then it has to leave.
func (g *gate) enter() error {
	g.inside.RLock()
	why := g.reason()
	if why != nil {
		g.inside.RUnlock()
	}
	return why
}

func (g *gate) leave() { g.inside.RUnlock() }

// shut waits for those who are inside. The reason is there first: nobody is turned away
// without one.
func (g *gate) shut(why error) {
	g.why.Store(&why)
	g.inside.Lock()
	defer g.inside.Unlock()
}

func (g *gate) open() { g.why.Store(nil) }

// Line is the streams of a node. Its methods are safe for concurrent use; Run is
// called once.
type Line struct {
	o       Options
	current atomic.Pointer[Stream]
	ask     chan struct{} // capacity 1: somebody wants the stream to be rotated
	served  atomic.Bool   // some stream of this process has started

	mu       sync.Mutex
	archived map[uuid.UUID]bool     // earlier streams of this process, all of which is archived
	switched func(old, now *Stream) // see OnSwitch
	waiting  error                  // why a rotation that is due does not happen
}

// Open opens the current stream. It changes nothing in the bucket.
func Open(o Options) (*Line, error) {
	l := newLine(o)
	c, err := l.o.begin()
	if err != nil {
		return nil, err
	}
	s, err := l.open(c.Stream)
	if err != nil {
		return nil, err
	}
	l.current.Store(s)
	return l, nil
}

// newLine is a Line without a current stream.
func newLine(o Options) *Line {
	if o.pause == nil {
		o.pause, o.look = pause, look
	}
	o.Buffer.FS, o.Buffer.Now, o.Buffer.Log = o.FS, o.Now, o.Log.With("part", "buffer")
	return &Line{o: o, ask: make(chan struct{}, 1), archived: make(map[uuid.UUID]bool), switched: func(*Stream, *Stream) {}}
}

// open opens one stream and removes what is left of how it came to be.
func (l *Line) open(stream uuid.UUID) (*Stream, error) {
	at, err := l.o.find(stream)
	if err != nil {
		return nil, err
	}
	key, err := l.o.LoadKey(at.keyFile, at.open.VKey)
	if err != nil {
		return nil, fmt.Errorf("stream key: %w", err)
	}
	ended := make(chan struct{})
	s := &Stream{Open: at.open, certified: at, metrics: prometheus.NewRegistry(), ended: ended, Ended: ended}
	s.receipts, err = receipt.New(receipt.Options{Open: at.raw, Stream: at.open, Signer: key,
		Now: l.o.Now, Log: l.o.Log.With("part", "receipts"), Metrics: s.metrics})
	if err != nil {
		return nil, err
	}
	log := l.bufferOptions(at)
	log.Stored = s.receipts.Stored
	if s.Buffer, err = buffer.Open(log); errors.Is(err, buffer.ErrCorrupt) {
		return nil, fmt.Errorf("open WAL: %w; `archiver stream salvage` archives what is intact and signs for what is not", err)
	} else if err != nil {
		return nil, fmt.Errorf("open WAL: %w", err)
	}
	err = s.Buffer.LoadIDs(filepath.Join(at.dir, idsName))
	if err == nil {
		err = l.openArchiver(s, key)
	}
	if err != nil {
		return nil, errors.Join(err, s.Buffer.Close())
	}
	for _, tidy := range []func() error{func() error { return l.o.forget(stream) }, func() error { return l.o.answered(stream) }} {
		if err := tidy(); err != nil {
			l.o.Log.Warn("left over from the last rotation", "error", err)
		}
	}
	return s, nil
}

func (l *Line) bufferOptions(at *certified) buffer.Options {
	b := l.o.Buffer
	b.Dir, b.Stream = at.walDir(), at.open.Stream
	return b
}

func (l *Line) openArchiver(s *Stream, key ledger.Signer) (err error) {
	at := s.certified
	identity, err := l.o.Identity(at.walDir())
	if err != nil {
		return err
	}
	var ship func(context.Context)
	if l.o.ShipInterval > 0 {
		s.Shipper, err = archive.NewShipper(archive.ShipOptions{
			Dir: at.dir, FS: l.o.FS, Store: l.o.Store, Prefix: l.o.Prefix, Open: at.open, Signer: key, Log: s.Buffer,
			Every: l.o.ShipInterval, Retention: l.o.ShipRetention,
			Now: l.o.Now, Logger: l.o.Log.With("part", "ship"), Metrics: s.metrics,
		})
		if err != nil {
			return err
		}
		ship = s.Shipper.Flush
	}
	held := s.Buffer.Stats()
	s.Archiver, err = archive.New(archive.Options{
		FirstSeq: held.FirstSeq, OpenSeq: held.NextSeq - held.OpenRows,
		Dir: at.dir, FS: l.o.FS, Store: l.o.Store, Queue: l.o.queue(s.Buffer), Prefix: l.o.Prefix,
		Stream: at.open.Stream, Open: at.raw, Root: l.o.Root, Signer: key,
		Identity: identity, Writer: l.o.Writer, Ship: ship, Prove: l.o.Prove, AheadMost: l.o.AheadMost, Pause: l.o.pause,
		Now: l.o.Now, Log: l.o.Log.With("part", "archive"), Metrics: s.metrics,
	})
	if err != nil {
		return err
	}
	s.Acks = archive.NewAcks(s.Archiver, s.Buffer)
	return nil
}

// Current is the stream that takes events.
func (l *Line) Current() *Stream { return l.current.Load() }

// OnSwitch sets what is called when another stream becomes current: before it takes
// events, and before the log of the one before it is closed. Call it before Run.
func (l *Line) OnSwitch(switched func(old, now *Stream)) { l.switched = switched }

// Rotate asks for a rotation: soon, if a successor waits.
func (l *Line) Rotate() {
	select {
	case l.ask <- struct{}{}:
	default:
	}
}

// Close releases the files. Run must have returned.
func (l *Line) Close() error { return l.Current().Buffer.Close() }

// Archived returns once the event with that seq of a stream that Append named is in
// the bucket.
func (l *Line) Archived(ctx context.Context, stream uuid.UUID, seq int64) error {
	if s := l.Current(); s.Open.Stream == stream {
		return s.Acks.Wait(ctx, seq)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.archived[stream] {
		return nil
	}
	return fmt.Errorf("stream %s could not go on, and its successor has the event", stream)
}

// Await waits until done says so. It asks at once, and again whenever a batch was
// archived, a step began to fail, or another stream is current.
func (l *Line) Await(ctx context.Context, done func() bool) error {
	for {
		s := l.Current()
		turn, cancel := context.WithCancel(ctx)
		go func() {
			defer cancel()
			select {
			case <-s.Ended:
			case <-turn.Done():
			}
		}()
		err := s.Archiver.Drain(turn, done)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// Warning says why the stream is not rotated, when somebody has asked for that or it ends
// soon; "" when nothing is in the way.
func (l *Line) Warning() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		return ""
	}
	return fmt.Sprintf("the stream, which ends at %s, is not rotated: %v", l.Current().Ends().UTC().Format(time.RFC3339), l.waiting)
}

// Drain seals what was acknowledged, and waits until it is archived, or cannot be.
func (l *Line) Drain(ctx context.Context) error {
	s := l.Current()
	err := s.drain(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.archived[s.Open.Stream] { // its log is over because a successor begins, which has nothing yet
		return nil
	}
	return err
}

func (s *Stream) drain(ctx context.Context) error {
	if err := s.Buffer.Seal(ctx); err != nil {
		return err
	}
	err := s.Archiver.Drain(ctx, func() bool { return s.Archiver.Status().Stopped || s.Buffer.Stats().SealedBatches == 0 })
	if st := s.Archiver.Status(); err == nil && st.Stopped {
		err = st.Err
	}
	return err
}

// Describe implements prometheus.Collector: which metrics there are depends on the
// stream.
func (l *Line) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (l *Line) Collect(to chan<- prometheus.Metric) { l.Current().metrics.Collect(to) }

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
