package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
)

func newMirrorRunCommand(a *app) *cobra.Command {
	var (
		f    mirrorFlags
		once bool
	)
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Feed a mirror from the bucket, apart from serve",
		Long: `Keep the mirror equal to the archive, from the bucket alone: it needs no server and
works beside one. Two mirrors on one schema take turns. What fails is tried again
until it works; SIGTERM and SIGINT end it at any time without harm.

It connects as the role that adds rows.

Exit codes:
  0  it was stopped; with --once: the mirror has all that the bucket has
  1  it did not work
  2  the command line or the configuration is wrong`,
		Example: `  archiver mirror run --config archiver.yaml
  archiver mirror run --config archiver.yaml --once   # until it is up to date, for cron`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirror(cmd.Context(), a, f, once) },
	}
	addMirrorFlags(cmd, &f)
	cmd.Flags().BoolVar(&once, "once", false, "end when the mirror is up to date")
	return cmd
}

func runMirror(ctx context.Context, a *app, f mirrorFlags, once bool) (err error) {
	site, err := loadMirror(f)
	if err != nil {
		return err
	}
	if err := site.find(f, true); err != nil {
		return err
	}
	store, reader, err := site.open(ctx)
	if err != nil {
		return err
	}
	log := newLogger(a.err, site.cfg.Log)
	ms, err := openMirrors(site.cfg, site.connection, store, reader, site.archive, prometheus.NewRegistry(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ms.Close()) }()
	m := ms[0]
	if !once {
		_ = m.feed.Run(ctx) // it ends when it is told to
		return nil
	}
	if err := m.feed.Once(ctx); err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	new(said).tell(ctx, log, reader.View(), nil)
	if f.asJSON {
		return printJSON(a.out, struct {
			InStep bool `json:"in_step"`
		}{true})
	}
	_, err = fmt.Fprintln(a.out, "the mirror has all that the bucket has")
	return err
}
