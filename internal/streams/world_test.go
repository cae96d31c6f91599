package streams

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

const prefix = "audit-logs"

// clock is moved by hand and by pauses, which take no time.
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

// world is a bucket, the disk of a node, and what clients were promised.
type world struct {
	t     *testing.T
	clock *clock
	fs    durable.FS
	dir   string
	store *memstore.Store
	wrap  func(*memstore.Store) object.Store // what the node sees; nil: store itself
	id    archive.Identity
	make  bool // the root key is there: successors make themselves
	// offline: events are taken before the bucket was reached.
	offline bool
	// ships, when set, is how often the log is copied to the bucket.
	ships time.Duration
	// sealRows, when set, is how many rows a batch has at most.
	sealRows  int64
	opened    func(*Line)      // when set, is called before it runs
	archiving func(rows int64) // see Options
	// paused is called in every pause, which takes no time: what happens meanwhile.
	paused func(time.Duration)

	archive ledger.Archive
	root    ledger.Key
	first   uuid.UUID

	sent   map[string]sent // acknowledged, by id
	unsure map[string]event.Event
	log    *slog.Logger
	power  *atomic.Pointer[context.CancelFunc] // ends the process that runs
}

// sent is an event and where its node said that it is.
type sent struct {
	event  event.Event
	stream uuid.UUID
	seq    int64
}

// sealAge is the one of every log.
const sealAge = 15 * time.Minute

func newWorld(t *testing.T, fsys durable.FS, dir string) *world {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	w := &world{t: t, clock: c, fs: fsys, dir: dir, store: memstore.New(t, c.now), id: archive.Identity{Machine: "m", Boot: "b"},
		sent: make(map[string]sent), unsure: make(map[string]event.Event), log: slog.New(slog.DiscardHandler),
		power: new(atomic.Pointer[context.CancelFunc])}
	id, first := uuid.New(), uuid.New()
	w.root, w.first = must(ledger.NewKey(ledger.RootName(id))), first
	key := must(ledger.NewKey(ledger.StreamName(id, first)))
	now := c.now()
	raw := must(ledger.SignArchive(ledger.Archive{ID: id, Created: now, Floor: now.AddDate(-10, 0, 0), Default: "standard",
		Classes: []ledger.Class{{Name: "long", Days: 3}, {Name: "standard", Days: 1}}}, w.root))
	w.archive = must(ledger.ParseArchive(raw, w.root.VKey()))
	until := w.archive.RetainUntil(now)
	must(w.store.Put(t.Context(), object.Put{Key: ledger.ArchiveKey(prefix), Body: bytes.NewReader(raw), Size: int64(len(raw)),
		SHA256: sha256.Sum256(raw), ContentType: "text/plain", RetainUntil: until}))
	open := must(ledger.SignOpen(ledger.Open{Archive: id, Stream: first, VKey: key.VKey(), OpenedAt: now, RetainUntil: until}, w.root))
	temp := filepath.Join(t.TempDir(), keyName)
	must(0, ledger.SaveKey(temp, key))
	w.put(keyName, must(os.ReadFile(temp)))
	w.put(openName, open)
	return w
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// put writes a file of the data folder.
func (w *world) put(name string, raw []byte) {
	name = filepath.Join(w.dir, name)
	must(0, durable.MkdirAll(w.fs, filepath.Dir(name), 0o700))
	must(0, durable.WriteFile(w.fs, name, raw, 0o600))
}

func (w *world) folder() Folder {
	return Folder{Dir: w.dir, FS: w.fs, Root: w.root.VKey(), KeyFile: filepath.Join(w.dir, keyName),
		OpenFile: filepath.Join(w.dir, openName), NextDir: filepath.Join(w.dir, "next"),
		LoadKey: func(file, _ string) (ledger.Signer, error) {
			raw, err := durable.ReadFile(w.fs, file)
			if err != nil {
				return nil, err
			}
			return ledger.ParseKey(string(raw))
		}}
}

// successor makes one wait.
func (w *world) successor(previous uuid.UUID) uuid.UUID {
	made := must(Make(w.t.TempDir(), w.archive, w.root, KeyInFile, previous, w.clock.now()))
	id := made.Open.Stream
	for _, name := range []string{keyName, openName} {
		w.put(filepath.Join("next", id.String(), name), must(os.ReadFile(filepath.Join(made.Path, name))))
	}
	return id
}

// process is one life of the node.
type process struct {
	w    *world
	line *Line
	ctx  context.Context
	stop context.CancelFunc
	err  chan error
}

func (w *world) options() Options {
	store := object.Store(w.store)
	if w.wrap != nil {
		store = w.wrap(w.store)
	}
	var paused atomic.Int64
	o := Options{
		Folder: w.folder(), Store: store, Prefix: prefix, RotateBefore: 30 * 24 * time.Hour,
		Buffer: buffer.Options{SegmentBytes: 64 << 10, SealAge: sealAge, SealRows: w.sealRows, Heartbeat: -1, Reserve: -1,
			Retention: func(name string) (time.Duration, bool) {
				c, ok := w.archive.Class(name)
				return time.Duration(c.Days) * 24 * time.Hour, ok
			}},
		Identity: func(dir string) (archive.Identity, error) {
			id := w.id
			id.Inode = dir + id.Inode
			return id, nil
		},
		Writer: "test", Now: w.clock.now, Log: w.log,
		look: time.Millisecond, ShipInterval: w.ships, ShipRetention: 72 * time.Hour, Archiving: w.archiving, StartOffline: w.offline,
		pause: func(ctx context.Context, d time.Duration) error {
			if time.Duration(paused.Add(int64(d))) < 2*time.Hour { // whoever fails for ever must not run time away
				w.clock.advance(d)
			}
			if w.paused != nil {
				w.paused(d)
			}
			runtime.Gosched()
			return context.Cause(ctx)
		},
	}
	if w.make {
		o.Make = func(_ context.Context, previous uuid.UUID) error {
			w.successor(previous)
			return nil
		}
	}
	return o
}

// start opens the streams and runs them.
func (w *world) start() (*process, error) {
	o := w.options()
	running := w.checkRefusals(&o)
	line, err := Open(o)
	if err != nil {
		return nil, err
	}
	running.Store(line)
	if w.opened != nil {
		w.opened(line)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &process{w: w, line: line, ctx: ctx, stop: stop, err: make(chan error, 1)}
	w.power.Store(&stop)
	go func() {
		err := line.Run(ctx)
		stop()
		p.err <- err
	}()
	return p, nil
}

// ready waits until events are taken, by that stream unless it is Nil.
func (p *process) ready(stream uuid.UUID) error {
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	err := p.line.Await(ctx, func() bool {
		return (stream == uuid.Nil || p.line.Current().Open.Stream == stream) && p.line.MayTake() == nil // in this order: it may be about to change
	})
	if err != nil && p.ctx.Err() != nil {
		got := <-p.err
		p.err <- got
		return errors.Join(err, got)
	}
	return err
}

// send appends events and remembers what was acknowledged.
func (p *process) send(events ...event.Event) error {
	batch := slices.Clone(events)
	stored, err := p.line.Append(context.Background(), batch)
	if errors.Is(err, ErrNotReady) || errors.Is(err, buffer.ErrFull) || errors.Is(err, buffer.ErrStopped) {
		return err // nothing is stored
	}
	for i := range batch {
		switch _, known := p.w.sent[batch[i].ID]; {
		case err != nil && !known:
			p.w.unsure[batch[i].ID] = batch[i]
		case err == nil:
			delete(p.w.unsure, batch[i].ID)
			at := sent{event: batch[i], stream: stored.Stream, seq: stored.Seqs[i]}
			if stream, ok := stored.Earlier[i]; ok {
				at.stream = stream
			}
			if was, known := p.w.sent[batch[i].ID]; known {
				at.event.ReceivedAtMS = was.event.ReceivedAtMS
			}
			p.w.sent[batch[i].ID] = at
		}
	}
	return err
}

func (p *process) drain() error {
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	return p.line.Drain(ctx)
}

// end stops the process and returns what it said.
func (p *process) end() error {
	p.stop()
	return errors.Join(<-p.err, p.line.Close())
}

// finish runs a fresh process until everything that survived is archived.
func (w *world) finish() {
	w.t.Helper()
	p, err := w.start()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(p.ready(uuid.Nil), p.drain(), p.end()); err != nil {
		w.t.Fatal(err)
	}
}

// dieAt makes the disk work no more from its n-th operation on, and ends the process
// then; hit is that operation.
func (w *world) dieAt(disk *crashfs.FS, n int) (hit *atomic.Pointer[crashfs.Op]) {
	at := disk.Ops() + n
	return w.dieWhen(disk, func(op crashfs.Op) bool { return op.N >= at })
}

// dieWhen does it from the first operation on that is as it says.
func (w *world) dieWhen(disk *crashfs.FS, is func(crashfs.Op) bool) (hit *atomic.Pointer[crashfs.Op]) {
	hit = new(atomic.Pointer[crashfs.Op])
	disk.Inject(func(op crashfs.Op) error {
		if hit.Load() == nil && !is(op) {
			return nil
		}
		if hit.CompareAndSwap(nil, &op) {
			if stop := w.power.Load(); stop != nil {
				(*stop)()
			}
		}
		switch op.Kind {
		case crashfs.Read, crashfs.Open, crashfs.Size, crashfs.Close:
			return nil // what was read before can be read still
		}
		return errors.New("the machine is off")
	})
	return hit
}
