package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/ledger"
)

type mirrorStatusFlags struct {
	mirrorFlags
	rejected int
}

func newMirrorStatusCommand(a *app) *cobra.Command {
	var f mirrorStatusFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how far the mirrors have come, and what is not in them",
		Long: `Say how far each mirror has come in each stream, and how far the ledger in the
bucket reaches.

PostgreSQL: also which months are kept, and whether the triggers that refuse changes
are enabled. Any role of the mirror may ask.

CloudWatch Logs: also how many events it did not take, by reason, and the latest of
them by id. This is read from the cursors in data_dir of the machine that feeds it,
while it does; nobody is asked, and no AWS credentials are needed for it.

Exit codes:
  0  here it is, however far behind the mirrors are
  1  a database, the cursors or the bucket could not be read; what could is printed
  2  the command line or the configuration is wrong`,
		Example: `  archiver mirror status --config archiver.yaml
  archiver mirror status --config archiver.yaml --json | jq '[.postgres.streams[].behind_rows] | add'
  archiver mirror status --config archiver.yaml --target cloudwatch --rejected 1000 --json | jq '.cloudwatch.streams[].latest_rejected[].id'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirrorStatus(cmd.Context(), a, f) },
	}
	addMirrorFlags(cmd, &f.mirrorFlags)
	addTargetFlag(cmd, &f.mirrorFlags)
	cmd.Flags().IntVar(&f.rejected, "rejected", 10, "how many `events` that CloudWatch Logs did not take are named per stream")
	return cmd
}

// mirrorStatus is the answer in JSON. A mirror that was not asked for, or could not be
// read, is null.
type mirrorStatus struct {
	Postgres   *postgresStatus   `json:"postgres"`
	CloudWatch *cloudwatchStatus `json:"cloudwatch"`
}

func runMirrorStatus(ctx context.Context, a *app, f mirrorStatusFlags) error {
	if f.rejected < 0 {
		return usagef("--rejected %d: must not be negative", f.rejected)
	}
	site, err := loadMirror(f.mirrorFlags)
	if err != nil {
		return err
	}
	if err := site.choose(f.mirrorFlags); err != nil {
		return err
	}
	_, reader, err := site.open(ctx)
	if err != nil {
		return err
	}
	// What is wrong with one of them does not hide the others.
	var answer mirrorStatus
	var errs []error
	view, err := reader.Refresh(ctx)
	if err != nil {
		errs = append(errs, fmt.Errorf("mirror status: %w", err))
	}
	if site.postgres {
		answer.Postgres, err = readPostgresStatus(ctx, site, view)
		errs = append(errs, err)
	}
	if site.cloudwatch {
		answer.CloudWatch, err = readCloudWatchStatus(site, view, f.rejected)
		errs = append(errs, err)
	}
	if answer.Postgres == nil && answer.CloudWatch == nil {
		return errors.Join(errs...)
	}
	if f.asJSON {
		return errors.Join(append(errs, printJSON(a.out, answer))...)
	}
	if answer.Postgres != nil {
		errs = append(errs, answer.Postgres.print(a.out))
	}
	if answer.CloudWatch != nil {
		errs = append(errs, answer.CloudWatch.print(a.out))
	}
	return errors.Join(errs...)
}

// behind is how far a stream of the ledger is ahead of a position in it.
func behind(s *ledger.Stream, index, row int64) (commits, behindCommits, behindRows int64) {
	commits = s.Head.Index + 1
	if behindCommits = max(0, commits-index); behindCommits > 0 {
		behindRows = s.Head.NextSeq - s.Manifests[index].First - row
	}
	return commits, behindCommits, behindRows
}

// streamsOf finds the streams of a ledger by their ids. There may be no view.
func streamsOf(view *ledger.View) map[string]*ledger.Stream {
	all := map[string]*ledger.Stream{}
	if view != nil {
		for i := range view.Streams {
			all[view.Streams[i].Open.Stream.String()] = &view.Streams[i]
		}
	}
	return all
}
