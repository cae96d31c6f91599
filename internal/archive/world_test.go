package archive

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

const prefix = "audit-logs"

// clock is moved by hand and by the archiver's pauses, which take no time. (A
// synctest bubble does not do here: the Parquet library keeps encoders, with
// their channels, from one test to the next.)
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a bucket, a disk, and what clients were promised.
type world struct {
	t     *testing.T
	clock *clock
	dir   string
	fs    durable.FS
	store *memstore.Store
	wrap  func(*memstore.Store) object.Store // what the archiver sees; nil: store itself
	id    Identity
	ships bool                                         // processes copy their log to the bucket
	prove func(context.Context) ([]ledger.Note, error) // nil: nobody asks whether the bucket is fit
	ahead time.Duration                                // see Options.AheadMost
	log   *slog.Logger
	// stored, when set, is called by the log between two groups; see buffer.Options.
	stored func([]buffer.Stored)

	archive ledger.Archive
	root    ledger.Signer
	stream  ledger.Signer
	openRaw []byte
	open    ledger.Open

	sent   []event.Event   // acknowledged, in seq order
	unsure [][]event.Event // after them, by sync: whose outcome is unknown
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, func(name string) ledger.Signer { return must(ledger.NewKey(name)) })
}

// newECDSAWorld has keys that sign the same text differently each time. For whatever
// must be the same after a crash, that is the harder case.
func newECDSAWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, func(name string) ledger.Signer { return newECDSAKey(name, nil) })
}

// outage is a key that is not always there, as one in a KMS.
type outage struct {
	crypto.Signer
	away func() error // nil: it is there
}

func (o outage) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := o.away(); err != nil {
		return nil, err
	}
	return o.Signer.Sign(r, digest, opts)
}

func newECDSAKey(name string, away func() error) ledger.Signer {
	var key crypto.Signer = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	if away != nil {
		key = outage{key, away}
	}
	return must(ledger.NewECDSASigner(name, key))
}

func newWorldOf(t *testing.T, newKey func(name string) ledger.Signer) *world {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	w := &world{t: t, clock: c, dir: t.TempDir(), fs: durable.OS(), store: memstore.New(t, c.now), id: Identity{Machine: "m", Boot: "b", Inode: "i"},
		log: slog.New(slog.DiscardHandler)}
	archive, stream := uuid.New(), uuid.New()
	w.root = newKey(ledger.RootName(archive))
	w.stream = newKey(ledger.StreamName(archive, stream))
	now := c.now()
	w.archive = ledger.Archive{ID: archive, Created: now, Floor: now.AddDate(-10, 0, 0), Default: "standard",
		Classes: []ledger.Class{{Name: "standard", Days: 1}, {Name: longClass, Days: 3}}}
	w.archive = must(ledger.ParseArchive(must(ledger.SignArchive(w.archive, w.root)), w.root.VKey()))
	w.openRaw = must(ledger.SignOpen(ledger.Open{Archive: archive, Stream: stream, VKey: w.stream.VKey(),
		OpenedAt: now, RetainUntil: w.archive.RetainUntil(now)}, w.root))
	w.open = must(ledger.ParseOpen(w.openRaw, w.root.VKey()))
	w.putArchive()
	return w
}

// putArchive puts what init would into the bucket.
func (w *world) putArchive() {
	raw := must(ledger.SignArchive(w.archive, w.root))
	u := upload{}
	u.Key, u.Body, u.Size, u.SHA256 = ledger.ArchiveKey(prefix), bytes.NewReader(raw), int64(len(raw)), sha(raw)
	u.ContentType, u.RetainUntil = noteType, w.open.RetainUntil
	must(w.store.Put(context.Background(), u.Put))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// process is one life of the writer.
type process struct {
	w        *world
	buffer   *buffer.Buffer
	archiver *Archiver
	ships    *Shipper // nil unless the world says so
	metrics  *prometheus.Registry
	ctx      context.Context // until the process ends
	stop     context.CancelFunc
	bufErr   chan error
	arcErr   chan error
}

func (w *world) bufferOptions() buffer.Options {
	return buffer.Options{Dir: filepath.Join(w.dir, "wal"), FS: w.fs, Stream: w.open.Stream, Now: w.clock.now,
		SegmentBytes: 64 << 10, SealAge: time.Hour, Heartbeat: -1, Reserve: -1, Stored: w.stored,
		Retention: func(name string) (time.Duration, bool) {
			c, ok := w.archive.Class(name)
			return time.Duration(c.Days) * 24 * time.Hour, ok
		}}
}

// start opens WAL and archiver and runs both.
func (w *world) start() (*process, error) {
	buf, err := buffer.Open(w.bufferOptions())
	if err != nil {
		return nil, fmt.Errorf("open WAL: %w", err)
	}
	if next := buf.Stats().NextSeq; next > int64(len(w.sent)) {
		for _, group := range w.unsure { // they did become durable in order, each as a whole or not at all
			if next > int64(len(w.sent)) {
				w.sent = append(w.sent, group...)
			}
		}
		if next != int64(len(w.sent)) {
			return nil, errors.Join(fmt.Errorf("the WAL goes to seq %d, sent were %d events", next, len(w.sent)), buf.Close())
		}
	}
	w.unsure = nil
	p := &process{w: w, buffer: buf, metrics: prometheus.NewRegistry(), bufErr: make(chan error, 1), arcErr: make(chan error, 1)}
	var ship func(context.Context)
	if w.ships {
		p.ships = p.shipper()
		ship = p.ships.Flush
	}
	var store object.Store = w.store
	if w.wrap != nil {
		store = w.wrap(w.store)
	}
	a, err := New(Options{Dir: w.dir, FS: w.fs, Store: store, Queue: buf, Prefix: prefix, Stream: w.open.Stream,
		FirstSeq: buf.Stats().FirstSeq, OpenSeq: buf.Stats().NextSeq - buf.Stats().OpenRows,
		Open: w.openRaw, Root: w.root.VKey(), Signer: w.stream, Identity: w.id, Writer: "test", Ship: ship, Prove: w.prove, AheadMost: w.ahead,
		Now: w.clock.now, Log: w.log, Metrics: p.metrics})
	if err != nil {
		return nil, errors.Join(err, buf.Close())
	}
	var paused atomic.Int64
	a.pause = func(ctx context.Context, d time.Duration) error {
		if time.Duration(paused.Add(int64(d))) < 2*time.Hour { // a half that fails for ever must not run time away from the other
			w.clock.advance(d)
		}
		return context.Cause(ctx)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.archiver, p.ctx, p.stop = a, ctx, stop
	go func() { p.bufErr <- buf.Run(ctx) }()
	go func() {
		err := a.Start(ctx)
		if err == nil {
			var g errgroup.Group
			if w.ships {
				g.Go(func() error { return p.ships.Run(ctx) })
			}
			g.Go(func() error { return a.Run(ctx) })
			err = g.Wait()
		}
		p.arcErr <- err
	}()
	return p, nil
}

// together returns the process as one of which no part outlives another: as in the
// program, what ends one ends all.
func (p *process) together() *process {
	q := *p
	q.arcErr, q.bufErr = make(chan error, 1), make(chan error, 1)
	join := func(from, to chan error) {
		err := <-from
		p.stop()
		to <- err
	}
	go join(p.arcErr, q.arcErr)
	go join(p.bufErr, q.bufErr)
	return &q
}

// end stops the process and returns what the archiver said.
func (p *process) end() error {
	p.stop()
	err := <-p.arcErr
	<-p.bufErr
	return errors.Join(err, p.buffer.Close())
}

// send appends events and seals them; it remembers what was acknowledged.
func (p *process) send(events ...event.Event) error {
	seqs, err := p.buffer.Append(context.Background(), events)
	if err != nil {
		p.w.unsure = [][]event.Event{events}
		return err
	}
	if seqs[0] != int64(len(p.w.sent)) {
		return fmt.Errorf("first seq is %d, want %d", seqs[0], len(p.w.sent))
	}
	p.w.sent = append(p.w.sent, events...)
	return p.buffer.Seal(p.ctx)
}

// drain waits until everything is archived.
func (p *process) drain() error {
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	return p.archiver.Drain(ctx, func() bool { return p.archiver.Status().Started && p.buffer.Stats().SealedBatches == 0 })
}

// finish runs a fresh process until everything that survived is archived, and returns
// it, ended.
func (w *world) finish() *process {
	w.t.Helper()
	p, err := w.start()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(p.buffer.Seal(p.ctx), p.drain()); err != nil {
		w.t.Fatal(err)
	}
	if err := p.end(); err != nil && !errors.Is(err, context.Canceled) {
		w.t.Fatal(err)
	}
	return p
}

// longClass is the second class. Its name is that of the first one and a hyphen and more:
// by its name it comes after it, by the keys of its files before.
const longClass = "standard-long"

// events makes n events over three days and two classes.
func (w *world) events(n int) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		class := "standard"
		if i%3 == 0 {
			class = longClass
		}
		events[i] = event.Event{ID: uuid.NewString(), Action: "order.create", ActorID: fmt.Sprint("user-", i), ActorType: "user",
			ResourceType: "order", Outcome: "success", Producer: "test", Retention: class,
			Details:     event.Str(fmt.Sprintf(`{"n":%d}`, i)),
			TimestampNS: w.clock.now().Add(time.Duration(i%3) * -24 * time.Hour).UnixNano()}
	}
	return events
}
