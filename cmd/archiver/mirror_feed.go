package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/postgres"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/streams"
)

// fedMirror is one target with the feed that keeps it equal to the archive.
type fedMirror struct {
	name  string
	feed  *mirror.Feed
	wake  chan struct{} // room for one
	close func() error
}

// mirrors are the targets that a configuration names.
type mirrors []fedMirror

// openMirrors opens the mirrors of a server. They read what its queries read.
func (n *node) openMirrors(reader *ledger.Reader) (mirrors, error) {
	o := mirrorOpener{cfg: n.cfg, store: n.store, reader: reader, archive: n.about.ID, metrics: n.metrics, log: n.log.With("part", "mirror")}
	if n.cfg.Mirror.Postgres.DSN != "" {
		to := configuredConnection(n.cfg)
		o.postgres = &to
	}
	if n.cfg.Mirror.CloudWatch.LogGroup != "" {
		var err error
		if o.logs, err = newLogsTarget(o.cfg, o.metrics, o.log); err != nil {
			return nil, err
		}
	}
	return o.open()
}

// mirrorOpener is what mirrors are made of.
type mirrorOpener struct {
	cfg     config.Config
	store   object.Store
	reader  *ledger.Reader
	archive uuid.UUID
	metrics prometheus.Registerer
	log     *slog.Logger

	postgres *postgres.Connection // nil: no mirror there
	logs     *logsTarget          // nil: no mirror there; it is closed with the mirrors
}

// open connects to nothing: a target that is away is tried again by its feed. Each
// target has a feed of its own, so what is wrong with one never disturbs another.
func (o mirrorOpener) open() (ms mirrors, err error) {
	defer func() {
		if err != nil {
			err, ms = errors.Join(err, ms.Close()), nil
		}
	}()
	if o.postgres != nil {
		target, err := postgres.New(postgres.Options{Connection: *o.postgres, Schema: o.cfg.Mirror.Postgres.Schema,
			Archive: o.archive, Now: time.Now, Metrics: o.metrics})
		if err != nil {
			return ms, usageError{fmt.Errorf("mirror.postgres.dsn: %w", err)} // nothing was connected to
		}
		if ms, err = o.add(ms, targetPostgres, target, target.Close); err != nil {
			return ms, err
		}
	}
	if o.logs != nil {
		return o.add(ms, targetCloudWatch, o.logs, o.logs.Close)
	}
	return ms, nil
}

// add gives a target its feed. The target is closed with the mirrors, whatever the error.
func (o mirrorOpener) add(ms mirrors, name string, target mirror.Target, hangUp func() error) (mirrors, error) {
	m := fedMirror{name: name, wake: make(chan struct{}, 1), close: hangUp}
	ms = append(ms, m)
	dir := filepath.Join(o.cfg.DataDir, "mirror")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ms, fmt.Errorf("mirror folder: %w", err)
	}
	feed, err := mirror.New(mirror.Options{Name: name, Reader: o.reader, Store: o.store, Prefix: o.cfg.S3.Prefix, Target: target,
		Interval: o.cfg.Mirror.Interval, Wake: m.wake, Dir: dir, Log: o.log, Now: time.Now, Metrics: o.metrics})
	ms[len(ms)-1].feed = feed
	return ms, err
}

func configuredConnection(c config.Config) postgres.Connection {
	return postgres.Connection{DSN: c.Mirror.Postgres.DSN, PasswordFile: c.Mirror.Postgres.PasswordFile}
}

// start runs the feeds until ctx ends. None of them ever ends the group.
func (ms mirrors) start(ctx context.Context, g *errgroup.Group, line *streams.Line) {
	g.Go(func() error {
		ms.run(ctx)
		return nil
	})
	if len(ms) > 0 {
		g.Go(func() error {
			ms.wakeAfterCommits(ctx, line)
			return nil
		})
	}
}

// run runs the feeds until ctx ends.
func (ms mirrors) run(ctx context.Context) {
	var feeds sync.WaitGroup
	for _, m := range ms {
		feeds.Go(func() { _ = m.feed.Run(ctx) }) // why it ended is known: ctx did
	}
	feeds.Wait()
}

// once brings every target up to what the bucket holds, whatever the others do.
func (ms mirrors) once(ctx context.Context) error {
	errs := make([]error, len(ms))
	var feeds sync.WaitGroup
	for i, m := range ms {
		feeds.Go(func() {
			if err := m.feed.Once(ctx); err != nil {
				errs[i] = fmt.Errorf("mirror %s: %w", m.name, err)
			}
		})
	}
	feeds.Wait()
	return errors.Join(errs...)
}

// wakeAfterCommits tells the feeds whenever a stream of ours has a new commit.
func (ms mirrors) wakeAfterCommits(ctx context.Context, line *streams.Line) {
	type head struct {
		stream uuid.UUID
		index  int64
	}
	last := func() head {
		s := line.Current()
		return head{s.Open.Stream, s.Archiver.Status().Index}
	}
	seen := last()
	moved := func() bool {
		now := last()
		defer func() { seen = now }()
		return now != seen
	}
	for line.Await(ctx, moved) == nil {
		for _, m := range ms {
			select {
			case m.wake <- struct{}{}:
			default: // it will look anyway
			}
		}
	}
}

// checks tell in /readyz what fails. Events are taken all the same.
func (ms mirrors) checks() []ingest.Check {
	var all []ingest.Check
	for _, m := range ms {
		all = append(all, ingest.Check{Name: "mirror " + m.name, Ready: func(context.Context) error {
			if s := m.feed.Status(); s.Err != nil {
				return ingest.Degraded{Reason: fmt.Sprintf("failing since %s: %v", s.Failing.UTC().Format(time.RFC3339), s.Err)}
			}
			return nil
		}})
	}
	return all
}

// Close hangs up. The feeds must have ended.
func (ms mirrors) Close() error {
	var errs []error
	for _, m := range ms {
		errs = append(errs, m.close())
	}
	return errors.Join(errs...)
}
