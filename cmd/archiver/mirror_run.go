package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newMirrorRunCommand(a *app) *cobra.Command {
	var (
		f    mirrorFlags
		only string
		once bool
	)
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Feed the mirrors from the bucket, apart from serve",
		Long: `Keep the mirrors that the configuration names equal to the archive, or the one of
--target, from the bucket alone: it needs no server and works beside one. What fails
is tried again until it works; SIGTERM and SIGINT end it at any time without harm.

PostgreSQL: it connects as the role that adds rows, and two mirrors on one schema take
turns. CloudWatch Logs: one process at a time feeds it. Its cursors lie in
data_dir/mirror/cloudwatch; with another data_dir everything is sent again.

Exit codes:
  0  it was stopped; with --once: the mirror has all that the bucket has
  1  it did not work
  2  the command line or the configuration is wrong`,
		Example: `  archiver mirror run --config archiver.yaml
  archiver mirror run --config archiver.yaml --once   # until it is up to date, for cron
  archiver mirror run --config archiver.yaml --target cloudwatch`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirror(cmd.Context(), a, f, only, once) },
	}
	addMirrorFlags(cmd, &f)
	cmd.Flags().StringVar(&only, "target", "", "postgres or cloudwatch; default: every one that is configured")
	cmd.Flags().BoolVar(&once, "once", false, "end when the mirror is up to date")
	return cmd
}

func runMirror(ctx context.Context, a *app, f mirrorFlags, only string, once bool) (err error) {
	site, err := loadMirror(f)
	if err != nil {
		return err
	}
	switch {
	case only != "" && only != targetPostgres && only != targetCloudWatch:
		return usagef("--target: %q is neither postgres nor cloudwatch", only)
	case only == targetCloudWatch && site.cfg.Mirror.CloudWatch.LogGroup == "":
		return usagef("--target cloudwatch: mirror.cloudwatch.log_group is not set")
	case only == targetCloudWatch: // no database is needed
	default:
		if err := site.findUnless(f, only == "" && site.cfg.Mirror.CloudWatch.LogGroup != ""); err != nil {
			return err
		}
	}
	store, reader, err := site.open(ctx)
	if err != nil {
		return err
	}
	log := newLogger(a.err, site.cfg.Log)
	ms, err := openMirrors(ctx, mirrorSources{cfg: site.cfg, postgres: site.connection, store: store, reader: reader,
		archive: site.archive, registry: prometheus.NewRegistry(), log: log}, only)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ms.Close()) }()
	g, feeding := errgroup.WithContext(ctx)
	for _, m := range ms {
		g.Go(func() error {
			if !once {
				_ = m.feed.Run(feeding) // it ends when it is told to
				return nil
			}
			if err := m.feed.Once(ctx); err != nil { // one that fails does not end the other
				return fmt.Errorf("mirror %s: %w", m.name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil || !once {
		return err
	}
	new(said).tell(ctx, log, reader.View(), nil)
	if f.asJSON {
		return printJSON(a.out, struct {
			InStep bool `json:"in_step"`
		}{true})
	}
	for _, m := range ms {
		if _, err := fmt.Fprintf(a.out, "the mirror in %s has all that the bucket has\n", m.name); err != nil {
			return err
		}
	}
	return nil
}
