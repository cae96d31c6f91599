package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/cloudwatch"
)

// logsDir holds the cursors of the mirror in CloudWatch Logs.
func logsDir(c config.Config) string { return filepath.Join(c.DataDir, "mirror", "cloudwatch") }

// logsTarget is the mirror in CloudWatch Logs with the lock of its folder, both opened
// when they are needed first: a lock that another process has, or keys that are
// missing, delay the mirror, and keep no server from taking events.
type logsTarget struct {
	options cloudwatch.Options
	lock    io.Closer
	target  *cloudwatch.Target
}

var _ mirror.Target = (*logsTarget)(nil)

func newLogsTarget(c config.Config, metrics prometheus.Registerer, log *slog.Logger) (*logsTarget, error) {
	m := c.Mirror.CloudWatch
	t := &logsTarget{options: cloudwatch.Options{
		Region: m.Region, Endpoint: m.Endpoint, CredentialsFile: m.CredentialsFile, Profile: m.Profile,
		LogGroup: m.LogGroup, LogStreamPrefix: m.LogStreamPrefix, CreateMissing: m.CreateMissing,
		Dir: logsDir(c), FS: durable.OS(), Now: time.Now, Log: log, Metrics: metrics,
	}}
	if err := t.options.Validate(); err != nil {
		return nil, usageError{fmt.Errorf("mirror.cloudwatch: %w", err)}
	}
	return t, nil
}

// open takes the folder and reads the keys, until both have succeeded once. The lock
// comes first: cursors are read by whoever may write them.
func (t *logsTarget) open(ctx context.Context) error {
	if t.target != nil {
		return nil
	}
	if t.lock == nil {
		if err := durable.MkdirAll(t.options.FS, t.options.Dir, 0o700); err != nil {
			return fmt.Errorf("mirror folder %s: %w", t.options.Dir, err)
		}
		lock, err := durable.Lock(t.options.Dir)
		if err != nil {
			return fmt.Errorf("one process at a time feeds CloudWatch Logs: %w", err)
		}
		t.lock = lock
	}
	target, err := cloudwatch.New(ctx, t.options)
	if err == nil {
		t.target = target
	}
	return err
}

// openKnown is open for a process that is started by hand: anywhere, and so perhaps
// beside one on another machine, whose cursors it would not see. begin says that
// there is none.
func (t *logsTarget) openKnown(ctx context.Context, begin bool) error {
	if err := t.open(ctx); err != nil || begin {
		return err
	}
	cursors, err := cloudwatch.ReadCursors(t.options.FS, t.options.Dir)
	if err == nil && len(cursors) == 0 {
		err = usagef("%s has no cursors: all that CloudWatch Logs takes would be sent from the beginning, and be there twice if another folder has sent it already; --begin does it, --target postgres leaves it out", t.options.Dir)
	}
	return err
}

func (t *logsTarget) Position(ctx context.Context, stream uuid.UUID) (mirror.Position, error) {
	if err := t.open(ctx); err != nil {
		return mirror.Position{}, err
	}
	return t.target.Position(ctx, stream)
}

func (t *logsTarget) Write(ctx context.Context, c *mirror.Commit) error {
	if t.target == nil { // Position was not asked
		return errors.New("the mirror in CloudWatch Logs is not open")
	}
	return t.target.Write(ctx, c)
}

// Close gives the folder back.
func (t *logsTarget) Close() error {
	if t.lock == nil {
		return nil
	}
	return t.lock.Close()
}
