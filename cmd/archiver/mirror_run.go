package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena/source"
)

type mirrorRunFlags struct {
	mirrorFlags
	once, begin bool
}

func newMirrorRunCommand(a *app) *cobra.Command {
	var f mirrorRunFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Feed the mirrors from the bucket, apart from serve",
		Long: `Keep the mirrors equal to the archive, from the bucket alone: it needs no server.
What fails is tried again until it works; SIGTERM and SIGINT end it at any time
without harm.

PostgreSQL: it connects as the role that adds rows, and works beside a server; two
mirrors on one schema take turns.

CloudWatch Logs: only one process may feed a log group, serve included; what two of
them send is there twice. On one machine they share a folder in data_dir and its
lock. On another machine nobody sees that, so a folder without cursors is refused
unless --begin says that nobody else has sent anything.

Exit codes:
  0  it was stopped; with --once: the mirrors have all that the bucket has
  1  it did not work
  2  the command line or the configuration is wrong`,
		Example: `  archiver mirror run --config archiver.yaml
  archiver mirror run --config archiver.yaml --once   # until all are up to date, for cron
  archiver mirror run --config archiver.yaml --target postgres`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirror(cmd.Context(), a, f) },
	}
	addMirrorFlags(cmd, &f.mirrorFlags)
	addTargetFlag(cmd, &f.mirrorFlags)
	cmd.Flags().BoolVar(&f.once, "once", false, "end when the mirrors are up to date")
	cmd.Flags().BoolVar(&f.begin, "begin", false, "send to CloudWatch Logs from the beginning when the folder has no cursors")
	return cmd
}

func runMirror(ctx context.Context, a *app, f mirrorRunFlags) (err error) {
	site, err := loadMirror(f.mirrorFlags)
	if err != nil {
		return err
	}
	if err := site.choose(f.mirrorFlags); err != nil {
		return err
	}
	store, reader, err := site.open(ctx)
	if err != nil {
		return err
	}
	log := newLogger(a.err, site.cfg.Log)
	o := mirrorOpener{cfg: site.cfg, store: store, reader: reader, archive: site.archive, metrics: prometheus.NewRegistry(), log: log}
	if site.postgres {
		o.postgres = &site.connection
	}
	if site.cloudwatch {
		if o.logs, err = newLogsTarget(o.cfg, o.metrics, log); err != nil {
			return err
		}
	}
	ms, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ms.Close()) }()
	if o.logs != nil {
		if err := o.logs.openKnown(ctx, f.begin); err != nil {
			return fmt.Errorf("mirror run: %w", err)
		}
	}
	if !f.once {
		ms.run(ctx) // it ends when it is told to
		return nil
	}
	if err := ms.once(ctx); err != nil {
		return err
	}
	new(source.Teller).Tell(ctx, log, reader.View(), nil)
	if f.asJSON {
		return printJSON(a.out, struct {
			InStep bool `json:"in_step"`
		}{true})
	}
	for _, m := range ms {
		if _, err := fmt.Fprintf(a.out, "the mirror %s has all that the bucket has\n", m.name); err != nil {
			return err
		}
	}
	return nil
}
