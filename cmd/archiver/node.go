package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/internal/streams"
)

const (
	// hangUpTime and drainTime together bound an orderly end: requests in flight,
	// then the rest of the archiving. What is left then is archived by the next
	// start: it is in the WAL. Kubernetes kills after 30 s.
	hangUpTime = 8 * time.Second
	drainTime  = 16 * time.Second
)

// node is the write path of one archiver: its streams, one after the other. serve and
// dev add the doors to it.
type node struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *prometheus.Registry

	store   *s3store.Store
	about   ledger.Archive // what the bucket's archive object says
	heap    *heap
	lock    io.Closer
	fitness *fitness
	line    *streams.Line
}

// openNode opens everything and changes nothing in the bucket.
func openNode(ctx context.Context, c config.Config, log *slog.Logger, successor makeFunc) (_ *node, err error) {
	n := &node{cfg: c, log: log, metrics: prometheus.NewRegistry(), heap: newHeap(c)}
	if n.store, err = openStore(ctx, c); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(durable.OS(), c.DataDir, 0o700); err != nil {
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
	if err := n.checkTokens(); err != nil {
		return nil, err
	}
	if n.fitness, err = newFitness(c, doctorOptions(c, n.store, n.about), log.With("part", "doctor")); err != nil {
		return nil, err
	}
	if n.line, err = streams.Open(n.streamOptions(ctx, successor)); err != nil {
		return nil, err
	}
	n.registerMetrics()
	return n, nil
}

func (n *node) checkTokens() error {
	for _, t := range n.cfg.Tokens {
		if _, ok := n.about.Class(t.Retention); t.Retention != "" && !ok {
			return fmt.Errorf("token %s: the archive has no retention class %q", t.Name, t.Retention)
		}
	}
	return nil
}

// writer names this program in manifests.
func writer() string { return "archiver " + readBuild(debug.ReadBuildInfo()).Version }

// streamFolder is where a configuration says that the streams of its node are.
func streamFolder(ctx context.Context, c config.Config) streams.Folder {
	return streams.Folder{Dir: c.DataDir, FS: durable.OS(), Root: c.Archive.RootVKey,
		KeyFile: c.Stream.KeyFile, OpenFile: c.Stream.OpenFile, NextDir: c.Stream.NextDir,
		LoadKey: func(file, vkey string) (ledger.Signer, error) {
			if file == c.Stream.KeyFile { // of the first stream
				return streamSigner(ctx, c, vkey)
			}
			return placeOf(file).signer(ctx, c, vkey)
		}}
}

// makeFunc makes a successor of a stream, which then waits in stream.next_dir.
type makeFunc func(ctx context.Context, previous uuid.UUID) error

func (n *node) streamOptions(ctx context.Context, successor makeFunc) streams.Options {
	c := n.cfg
	return streams.Options{
		Folder: streamFolder(ctx, c), Store: n.store, Prefix: c.S3.Prefix, RotateBefore: c.Stream.RotateBefore, AheadMost: c.Seal.AheadMost, Make: successor,
		Buffer: buffer.Options{
			SegmentBytes: int64(c.WAL.SegmentBytes), SealRows: int64(c.Seal.Rows), SealBytes: int64(c.Seal.Bytes), SealAge: c.Seal.Age,
			Heartbeat: c.Heartbeat, Reserve: reserve(c.WAL), HighWater: int64(c.WAL.HighWaterBytes),
			QueueEvents: c.WAL.QueueEvents, RetryIDs: int64(c.WAL.RetryIDs), RetryAge: c.WAL.RetryAge,
			Retention: func(name string) (time.Duration, bool) {
				class, ok := n.about.Class(name)
				return time.Duration(class.Days) * 24 * time.Hour, ok
			},
		},
		Identity: identify, Writer: writer(), StartOffline: c.Archive.StartOffline, Prove: n.fitness.prove,
		ShipInterval: c.WAL.ShipInterval, ShipRetention: c.WAL.ShipRetention,
		Archiving: n.heap.archiving,
		Now:       time.Now, Log: n.log,
	}
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
	g.Go(func() error { return n.line.Run(work) })
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

// drain may be cut short at any line: what was acknowledged is on disk, and the
// next start archives it.
func (n *node) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	err := n.line.Drain(ctx)
	if err != nil {
		n.log.Warn("stopped before everything was archived; the next start goes on", "error", err)
	}
}

// Close releases files and the folder lock. run must have returned.
func (n *node) Close() error {
	var errs []error
	if n.line != nil {
		errs = append(errs, n.line.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}
