package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena/source"
	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/postgres"
)

type mirrorDiffFlags struct {
	mirrorFlags
	most int
}

func newMirrorDiffCommand(a *app) *cobra.Command {
	var f mirrorDiffFlags
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare a PostgreSQL mirror with the archive, row by row",
		Long: `Compare every row of the mirror with the archive, by the leaf hash that the signed
ledger stands for: altered, missing and extra rows are named by stream and seq. A
superuser who disabled the triggers is found out like anybody else. Both sides are
read as they are, in order; memory does not depend on how much there is.

What the mirror has not come to yet is counted as ahead, and is no difference. Months
that the database says it dropped are believed only as far as mirror.postgres.keep_months
of your configuration allows. Rows whose file has expired in the bucket cannot be
compared, and are counted as unknown.

It connects as a role that may read; the role that adds rows may not. The diff is
worth what the machine that runs it is worth: run it where the database's
administrators have no say.

This is for PostgreSQL only: CloudWatch Logs may have an event twice.

Exit codes:
  0  no row was altered, is missing or extra
  1  not everything could be compared
  2  the command line or the configuration is wrong
  3  there are rows that differ`,
		Example: `  archiver mirror diff --config archiver.yaml --dsn 'postgres://auditor@db.example.com/audit?sslmode=verify-full'
  archiver mirror diff --config archiver.yaml --json | jq .findings`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirrorDiff(cmd.Context(), a, f) },
	}
	addMirrorFlags(cmd, &f.mirrorFlags)
	cmd.Flags().IntVar(&f.most, "most", 1000, "how many `rows` are named at most; all are counted")
	return cmd
}

// mirrorDiff is the answer in JSON.
type mirrorDiff struct {
	Equal    int64           `json:"equal"`
	Altered  int64           `json:"altered"`
	Missing  int64           `json:"missing"`
	Extra    int64           `json:"extra"`
	Ahead    int64           `json:"ahead"`
	Dropped  int64           `json:"dropped"`
	Unknown  int64           `json:"unknown"`
	Findings []mirrorFinding `json:"findings"`
}

type mirrorFinding struct {
	Kind   postgres.Kind `json:"kind"`
	Stream string        `json:"stream"`
	Seq    int64         `json:"seq"`
	ID     string        `json:"id,omitempty"`
	Detail string        `json:"detail"`
}

func runMirrorDiff(ctx context.Context, a *app, f mirrorDiffFlags) (err error) {
	if f.most < 0 {
		return usagef("--most %d: must not be negative", f.most)
	}
	site, err := loadMirror(f.mirrorFlags)
	if err != nil {
		return err
	}
	if err := site.find(f.mirrorFlags, true); err != nil {
		return err
	}
	store, reader, err := site.open(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "archiver-diff-")
	if err != nil {
		return fmt.Errorf("mirror diff: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	answer := mirrorDiff{Findings: []mirrorFinding{}}
	named := 0
	report, err := postgres.Diff(ctx, postgres.DiffOptions{
		Connection: site.connection, Schema: site.cfg.Mirror.Postgres.Schema, Archive: site.archive, Reader: reader,
		Source:     mirror.Source{Store: store, Prefix: site.cfg.S3.Prefix, Dir: dir, Now: time.Now},
		KeepMonths: site.cfg.Mirror.Postgres.KeepMonths,
		Found: func(d postgres.Finding) error {
			if named++; named > f.most {
				return nil
			}
			if f.asJSON {
				answer.Findings = append(answer.Findings, mirrorFinding{d.Kind, d.Stream.String(), d.Seq, d.ID, d.Detail})
				return nil
			}
			_, err := fmt.Fprintf(a.out, "%s  stream %s seq %d  id %q: %s\n", d.Kind, d.Stream, d.Seq, d.ID, d.Detail)
			return err
		},
	})
	if err != nil {
		return fmt.Errorf("mirror diff: %w", err)
	}
	new(source.Teller).Tell(ctx, newLogger(a.err, site.cfg.Log), reader.View(), nil)
	answer.Equal, answer.Altered, answer.Missing, answer.Extra = report.Equal, report.Altered, report.Missing, report.Extra
	answer.Ahead, answer.Dropped, answer.Unknown = report.Ahead, report.Old, report.Unknown
	if f.asJSON {
		err = printJSON(a.out, answer)
	} else {
		_, err = fmt.Fprintf(a.out, "%d equal, %d altered, %d missing, %d extra; %d not mirrored yet, %d dropped by retention, %d cannot be compared\n",
			report.Equal, report.Altered, report.Missing, report.Extra, report.Ahead, report.Old, report.Unknown)
	}
	if err == nil && report.Differs() {
		err = fmt.Errorf("mirror diff: %w", errViolation)
	}
	return err
}
