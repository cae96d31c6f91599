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
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror"
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
func (n *node) openMirrors(reader *ledger.Reader) (mirrors, error) {
	if n.cfg.Mirror.Postgres.DSN == "" {
		return nil, nil
	}
	return openMirrors(n.cfg, configuredConnection(n.cfg), n.store, reader, n.about.ID, n.metrics, n.log.With("part", "mirror"))
}

// openMirrors connects to nothing: a target that is away is tried again by its feed.
func openMirrors(c config.Config, to postgres.Connection, store object.Store, reader *ledger.Reader, id uuid.UUID,
	registry prometheus.Registerer, log *slog.Logger) (mirrors, error) {
	dir := filepath.Join(c.DataDir, "mirror")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mirror folder: %w", err)
	}
	m := fedMirror{name: "postgres", wake: make(chan struct{}, 1)}
	target, err := postgres.New(postgres.Options{Connection: to, Schema: c.Mirror.Postgres.Schema,
		Archive: id, Now: time.Now, Metrics: registry})
	if err != nil {
		return nil, usageError{fmt.Errorf("mirror.postgres.dsn: %w", err)} // nothing was connected to
	}
	m.close = target.Close
	m.feed, err = mirror.New(mirror.Options{Name: m.name, Reader: reader, Store: store, Prefix: c.S3.Prefix, Target: target,
		Interval: c.Mirror.Interval, Wake: m.wake, Dir: dir, Log: log, Now: time.Now, Metrics: registry})
	if err != nil {
		return nil, err
	}
	return mirrors{m}, nil
}

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
