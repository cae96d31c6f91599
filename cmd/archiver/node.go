package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/receipt"
	"github.com/audit-archiver/archiver/internal/s3store"
)

const (
	// hangUpTime and drainTime together bound an orderly end: requests in flight,
	// then the rest of the archiving. What is left then is archived by the next
	// start: it is in the WAL. Kubernetes kills after 30 s.
	hangUpTime = 8 * time.Second
	drainTime  = 16 * time.Second
)

// node is the write path of one archiver: WAL, seal, commit. serve and dev add
// the doors to it.
type node struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *prometheus.Registry

	store    *s3store.Store
	about    ledger.Archive // what the bucket's archive object says
	open     ledger.Open    // our stream's certificate
	lock     io.Closer
	receipts *receipt.Issuer
	buffer   *buffer.Buffer
	archiver *archive.Archiver
	acks     *archive.Acks
	shipper  *archive.Shipper // nil unless wal.ship_interval is set
	fitness  *fitness
}

// openNode opens everything and changes nothing in the bucket.
func openNode(ctx context.Context, c config.Config, log *slog.Logger) (_ *node, err error) {
	n := &node{cfg: c, log: log, metrics: prometheus.NewRegistry()}
	if n.store, err = openStore(ctx, c); err != nil {
		return nil, err
	}
	if err := durable.OS().MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if n.lock, err = durable.Lock(c.DataDir); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if n.about, err = readArchive(ctx, n.store, c); err != nil {
		return nil, err
	}
	for _, t := range c.Tokens {
		if _, ok := n.about.Class(t.Retention); t.Retention != "" && !ok {
			return nil, fmt.Errorf("token %s: the archive has no retention class %q", t.Name, t.Retention)
		}
	}
	openRaw, err := os.ReadFile(c.Stream.OpenFile)
	if err != nil {
		return nil, fmt.Errorf("stream certificate (init makes it): %w", err)
	}
	if n.open, err = ledger.ParseOpen(openRaw, c.Archive.RootVKey); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Stream.OpenFile, err)
	}
	key, err := streamSigner(ctx, c, n.open.VKey)
	if err != nil {
		return nil, err
	}
	n.receipts, err = receipt.New(receipt.Options{Open: openRaw, Stream: n.open, Signer: key,
		Now: time.Now, Log: log.With("part", "receipts"), Metrics: n.metrics})
	if err != nil {
		return nil, err
	}
	if n.buffer, err = n.openBuffer(); err != nil {
		return nil, fmt.Errorf("open WAL: %w", err)
	}
	identity, err := identify(n.walDir())
	if err != nil {
		return nil, err
	}
	var ship func(context.Context)
	if c.WAL.ShipInterval > 0 {
		if n.shipper, err = n.newShipper(key); err != nil {
			return nil, err
		}
		ship = n.shipper.Flush
	}
	if n.fitness, err = newFitness(c, doctorOptions(c, n.store, n.about), log.With("part", "doctor")); err != nil {
		return nil, err
	}
	held := n.buffer.Stats()
	n.archiver, err = archive.New(archive.Options{
		FirstSeq: held.FirstSeq, OpenSeq: held.NextSeq - held.OpenRows,
		Dir: c.DataDir, FS: durable.OS(), Store: n.store, Queue: n.buffer, Prefix: c.S3.Prefix,
		Stream: n.open.Stream, Open: openRaw, Root: c.Archive.RootVKey, Signer: key,
		Identity: identity, Writer: writer(), Ship: ship, Prove: n.fitness.prove,
		Now: time.Now, Log: log.With("part", "archive"), Metrics: n.metrics,
	})
	if err != nil {
		return nil, err
	}
	n.acks = archive.NewAcks(n.archiver, n.buffer)
	n.registerMetrics()
	if left := time.Until(n.streamEnds()); left < streamWarning {
		n.log.Warn("the stream's certificate ends soon: what is sealed later outlives its proofs", "stream", n.open.Stream, "ends", n.streamEnds())
	}
	return n, nil
}

// writer names this program in manifests.
func writer() string { return "archiver " + readBuild(debug.ReadBuildInfo()).Version }

func (n *node) newShipper(key ledger.Signer) (*archive.Shipper, error) {
	return archive.NewShipper(archive.ShipOptions{
		Dir: n.cfg.DataDir, FS: durable.OS(), Store: n.store, Prefix: n.cfg.S3.Prefix, Open: n.open, Signer: key, Log: n.buffer,
		Every: n.cfg.WAL.ShipInterval, Retention: n.cfg.WAL.ShipRetention,
		Now: time.Now, Logger: n.log.With("part", "ship"), Metrics: n.metrics,
	})
}

// streamWarning is how long before a stream's end every start warns of it.
const streamWarning = 36 * 24 * time.Hour

func (n *node) streamEnds() time.Time { return n.open.OpenedAt.Add(ledger.StreamLife) }

func (n *node) walDir() string { return filepath.Join(n.cfg.DataDir, "wal") }

func (n *node) openBuffer() (*buffer.Buffer, error) {
	c := n.cfg
	return buffer.Open(buffer.Options{
		Dir: n.walDir(), FS: durable.OS(), Stream: n.open.Stream, Now: time.Now, Log: n.log.With("part", "buffer"),
		SegmentBytes: int64(c.WAL.SegmentBytes), SealRows: int64(c.Seal.Rows), SealBytes: int64(c.Seal.Bytes), SealAge: c.Seal.Age,
		Heartbeat: c.Heartbeat, Reserve: reserve(c.WAL), HighWater: int64(c.WAL.HighWaterBytes),
		QueueEvents: c.WAL.QueueEvents, RetryIDs: int64(c.WAL.RetryIDs), RetryAge: c.WAL.RetryAge,
		Retention: func(name string) (time.Duration, bool) {
			class, ok := n.about.Class(name)
			return time.Duration(class.Days) * 24 * time.Hour, ok
		},
		Stored: n.receipts.Stored,
	})
}

// reserve is what the buffer shall leave free. To the configuration 0 is no
// reserve; to the buffer it is the default.
func reserve(c config.WAL) int64 {
	if c.ReserveBytes == 0 {
		return -1
	}
	return int64(c.ReserveBytes)
}

// readArchive reads the archive object. A copy that was verified before serves
// while the bucket is away: it never changes, and the root key signed it.
func readArchive(ctx context.Context, store *s3store.Store, c config.Config) (ledger.Archive, error) {
	copyFile := archiveFile(c)
	if raw, err := os.ReadFile(copyFile); err == nil {
		about, err := ledger.ParseArchive(raw, c.Archive.RootVKey)
		if err != nil {
			return ledger.Archive{}, fmt.Errorf("%s is not of the archive that archive.root_vkey stands for: %w", copyFile, err)
		}
		return about, nil
	}
	about, raw, err := fetchArchive(ctx, store, c)
	if err != nil {
		return ledger.Archive{}, err
	}
	if err := durable.WriteFile(durable.OS(), copyFile, raw, 0o600); err != nil {
		return ledger.Archive{}, fmt.Errorf("keep a copy of the archive object: %w", err)
	}
	return about, nil
}

// fetchArchive reads the archive object from the bucket: the version that the
// root key of the configuration has signed, whatever lies on top of it. It writes
// nothing.
func fetchArchive(ctx context.Context, store object.Store, c config.Config) (ledger.Archive, []byte, error) {
	key := ledger.ArchiveKey(c.S3.Prefix)
	var foreign []error
	for info, err := range store.Versions(ctx, key) {
		if err != nil {
			return ledger.Archive{}, nil, fmt.Errorf("look for %s: %w", key, err)
		}
		if info.Key != key || info.DeleteMarker {
			continue
		}
		about, raw, err := readArchiveVersion(ctx, store, info, c.Archive.RootVKey)
		if err == nil {
			return about, raw, nil
		}
		foreign = append(foreign, fmt.Errorf("%s version %s: %w", key, info.VersionID, err))
	}
	if len(foreign) > 0 {
		return ledger.Archive{}, nil, errors.Join(foreign...)
	}
	return ledger.Archive{}, nil, fmt.Errorf("archive object (init makes it): %s: %w", key, object.ErrNotFound)
}

func readArchiveVersion(ctx context.Context, store object.Store, info object.Info, root string) (ledger.Archive, []byte, error) {
	body, err := store.Get(ctx, info.Key, info.VersionID)
	if err != nil {
		return ledger.Archive{}, nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, ledger.MaxCommitBytes))
	if err != nil {
		return ledger.Archive{}, nil, err
	}
	about, err := ledger.ParseArchive(raw, root)
	return about, raw, err
}

// run does the node's work until ctx ends, and then ends in order: no more
// requests, seal, archive what can be archived in time. doors serves requests
// until its context ends. A stream that cannot go on is an error at the start;
// later it only closes the door for events, and is the error in the end.
func (n *node) run(ctx context.Context, doors func(context.Context) error) error {
	// The work outlives ctx: it is what draining waits for.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, work := errgroup.WithContext(work)
	g.Go(func() error { return n.buffer.Run(work) })
	g.Go(func() error { return n.acks.Run(work) })
	g.Go(func() error { return n.receipts.Run(work) })
	g.Go(func() error {
		if err := n.archiver.Start(work); err != nil {
			if work.Err() != nil {
				return nil //nolint:nilerr // it was told to stop
			}
			return err
		}
		err := n.archive(work)
		if errors.Is(err, archive.ErrConflict) {
			// Events are refused from here on (see gate), but whoever has to find out
			// what happened can still ask.
			n.log.Error("the stream is stopped: events are refused, queries are still answered", "error", err)
			<-work.Done()
		}
		return err
	})
	g.Go(func() error {
		defer stop() // whatever ended the doors ends the work, after the drain
		serving, hangUp := context.WithCancel(work)
		defer hangUp()
		defer context.AfterFunc(ctx, hangUp)()
		err := doors(serving)
		if work.Err() == nil {
			n.drain(work)
		}
		return err
	})
	return g.Wait()
}

// archive archives and ships, until ctx ends or the stream cannot go on. Only a
// stream's only writer ships: Start has returned.
func (n *node) archive(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.archiver.Run(ctx) })
	if n.shipper != nil {
		g.Go(func() error { return n.shipper.Run(ctx) })
	}
	return g.Wait()
}

// drain may be cut short at any line: what was acknowledged is on disk, and the
// next start archives it.
func (n *node) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	err := n.buffer.Seal(ctx)
	if s := n.archiver.Status(); err == nil && s.Stopped {
		err = s.Err
	}
	if err == nil {
		err = n.archiver.Drain(ctx, func() bool { return n.buffer.Stats().SealedBatches == 0 })
	}
	if err != nil {
		n.log.Warn("stopped before everything was archived; the next start goes on", "error", err)
	}
}

// Close releases files and the folder lock. run must have returned.
func (n *node) Close() error {
	var errs []error
	if n.buffer != nil {
		errs = append(errs, n.buffer.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}
