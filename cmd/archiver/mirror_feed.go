package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/cloudwatch"
	"github.com/audit-archiver/archiver/internal/mirror/postgres"
	"github.com/audit-archiver/archiver/internal/object"
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
func (n *node) openMirrors(ctx context.Context, reader *ledger.Reader) (mirrors, error) {
	return openMirrors(ctx, mirrorSources{cfg: n.cfg, postgres: configuredConnection(n.cfg), store: n.store, reader: reader,
		archive: n.about.ID, registry: n.metrics, log: n.log.With("part", "mirror")}, "")
}

// mirrorSources is what targets and their feeds are made of.
type mirrorSources struct {
	cfg      config.Config
	postgres postgres.Connection // without a DSN there is no such mirror
	store    object.Store
	reader   *ledger.Reader
	archive  uuid.UUID
	registry prometheus.Registerer
	log      *slog.Logger
}

// The names of targets, in flags, metrics and /readyz.
const (
	targetPostgres   = "postgres"
	targetCloudWatch = "cloudwatch"
)

// openMirrors opens every target that is configured, or only the one of that name.
// It connects to nothing: a target that is away is tried again by its feed.
func openMirrors(ctx context.Context, from mirrorSources, only string) (ms mirrors, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, ms.Close())
			ms = nil
		}
	}()
	if from.postgres.DSN != "" && only != targetCloudWatch {
		target, err := postgres.New(postgres.Options{Connection: from.postgres, Schema: from.cfg.Mirror.Postgres.Schema,
			Archive: from.archive, Now: time.Now, Metrics: from.registry})
		if err != nil {
			return ms, usageError{fmt.Errorf("mirror.postgres.dsn: %w", err)} // nothing was connected to
		}
		if ms, err = ms.add(from, targetPostgres, target, target.Close); err != nil {
			return ms, err
		}
	}
	if c := from.cfg.Mirror.CloudWatch; c.LogGroup != "" && only != targetPostgres {
		target, unlock, err := openCloudWatch(ctx, from)
		if err != nil {
			return ms, err
		}
		if ms, err = ms.add(from, targetCloudWatch, target, unlock); err != nil {
			return ms, err
		}
	}
	return ms, nil
}

// add makes the feed of a target, which the mirrors own from here on.
func (ms mirrors) add(from mirrorSources, name string, target mirror.Target, closeTarget func() error) (mirrors, error) {
	m := fedMirror{name: name, wake: make(chan struct{}, 1), close: closeTarget}
	ms = append(ms, m)
	dir := filepath.Join(from.cfg.DataDir, "mirror")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ms, fmt.Errorf("mirror folder: %w", err)
	}
	feed, err := mirror.New(mirror.Options{Name: name, Reader: from.reader, Store: from.store, Prefix: from.cfg.S3.Prefix, Target: target,
		Interval: from.cfg.Mirror.Interval, Wake: m.wake, Dir: dir, Log: from.log, Now: time.Now, Metrics: from.registry})
	ms[len(ms)-1].feed = feed
	return ms, err
}

// openCloudWatch takes the lock of the folder with the cursors: what two processes
// send is there twice.
func openCloudWatch(ctx context.Context, from mirrorSources) (*cloudwatch.Target, func() error, error) {
	c, dir := from.cfg.Mirror.CloudWatch, cloudWatchDir(from.cfg)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("mirror folder: %w", err)
	}
	lock, err := durable.Lock(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("mirror.cloudwatch: another process feeds it from this data folder: %w", err)
	}
	target, err := cloudwatch.New(ctx, cloudwatch.Options{
		Region: c.Region, Endpoint: c.Endpoint, CredentialsFile: c.CredentialsFile, Profile: c.Profile,
		LogGroup: c.LogGroup, LogStreamPrefix: c.LogStreamPrefix, CreateMissing: c.CreateMissing,
		Dir: dir, FS: durable.OS(), Now: time.Now, Log: from.log, Metrics: from.registry})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("mirror.cloudwatch: %w", err), lock.Close())
	}
	return target, lock.Close, nil
}

func cloudWatchDir(c config.Config) string { return filepath.Join(c.DataDir, "mirror", "cloudwatch") }

func configuredConnection(c config.Config) postgres.Connection {
	return postgres.Connection{DSN: c.Mirror.Postgres.DSN, PasswordFile: c.Mirror.Postgres.PasswordFile}
}

// start runs the feeds until ctx ends. None of them ever ends the group.
func (ms mirrors) start(ctx context.Context, g *errgroup.Group, archiver *archive.Archiver) {
	for _, m := range ms {
		g.Go(func() error {
			_ = m.feed.Run(ctx) // why it ended is known: ctx did
			return nil
		})
	}
	if len(ms) > 0 {
		g.Go(func() error {
			ms.wakeAfterCommits(ctx, archiver)
			return nil
		})
	}
}

// wakeAfterCommits tells the feeds whenever our own stream has a new commit.
func (ms mirrors) wakeAfterCommits(ctx context.Context, archiver *archive.Archiver) {
	seen := archiver.Status().Index
	moved := func() bool {
		now := archiver.Status().Index
		defer func() { seen = now }()
		return now != seen
	}
	for archiver.Drain(ctx, moved) == nil {
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
