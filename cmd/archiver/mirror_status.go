package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/postgres"
)

func newMirrorStatusCommand(a *app) *cobra.Command {
	var f mirrorFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how far the mirrors have come, and what protects their rows",
		Long: `Say how far each mirror has come in each stream, and how far the ledger in the bucket
reaches. PostgreSQL: also which months it keeps, and whether the triggers that refuse
changes are enabled; any role of the mirror may ask. CloudWatch Logs: also how many
events it rejected, and why, from the cursors in the data folder; the events are named
in the reports beside them.

Exit codes:
  0  here it is, however far behind the mirrors are
  1  the database, the cursors or the bucket could not be read
  2  the command line or the configuration is wrong`,
		Example: `  archiver mirror status --config archiver.yaml
  archiver mirror status --config archiver.yaml --json | jq '[.postgres.streams[].behind_rows] | add'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirrorStatus(cmd.Context(), a, f) },
	}
	addMirrorFlags(cmd, &f)
	return cmd
}

// mirrorsStatus is the answer in JSON; null stands for a mirror that is not configured.
type mirrorsStatus struct {
	Postgres   *mirrorStatus      `json:"postgres"`
	CloudWatch []cloudWatchStream `json:"cloudwatch"`
}

type mirrorStatus struct {
	Schema        string         `json:"schema"`
	KeepMonths    int            `json:"keep_months"`
	DroppedBefore *time.Time     `json:"dropped_before"`
	Months        []string       `json:"months"`
	Weak          []string       `json:"weak"`
	Streams       []mirrorStream `json:"streams"`
}

type mirrorStream struct {
	Stream        string     `json:"stream"`
	NextCommit    int64      `json:"next_commit"`
	NextRow       int64      `json:"next_row"`
	NextSeq       int64      `json:"next_seq"`
	Commits       int64      `json:"commits"` // in the ledger
	Rows          int64      `json:"rows"`
	BehindCommits int64      `json:"behind_commits"`
	BehindRows    int64      `json:"behind_rows"`
	TooOld        int64      `json:"too_old_rows"`
	Expired       int64      `json:"expired_rows"`
	Refused       int64      `json:"refused_rows"`
	UpdatedAt     *time.Time `json:"updated_at"`
}

func runMirrorStatus(ctx context.Context, a *app, f mirrorFlags) error {
	site, err := loadMirror(f)
	if err != nil {
		return err
	}
	logs := site.cfg.Mirror.CloudWatch.LogGroup != ""
	if err := site.findUnless(f, logs); err != nil {
		return err
	}
	var s postgres.Status
	if site.connection.DSN != "" {
		if s, err = postgres.ReadStatus(ctx, site.connection, site.cfg.Mirror.Postgres.Schema, site.archive); err != nil {
			return fmt.Errorf("mirror status: %w", err)
		}
	}
	_, reader, err := site.open(ctx)
	if err != nil {
		return err
	}
	view, err := reader.Refresh(ctx)
	if err != nil {
		return fmt.Errorf("mirror status: %w", err)
	}
	var all mirrorsStatus
	if site.connection.DSN != "" {
		all.Postgres = postgresStatus(site, s, view)
	}
	if logs {
		if all.CloudWatch, err = cloudWatchStatus(site.cfg, view); err != nil {
			return fmt.Errorf("mirror status: %w", err)
		}
	}
	if f.asJSON {
		return printJSON(a.out, all)
	}
	if all.Postgres != nil {
		if err := all.Postgres.print(a.out); err != nil {
			return err
		}
	}
	if logs {
		return printCloudWatch(a.out, site.cfg, all.CloudWatch)
	}
	return nil
}

func postgresStatus(site mirrorSite, s postgres.Status, view *ledger.View) *mirrorStatus {
	schema := site.cfg.Mirror.Postgres.Schema
	answer := &mirrorStatus{Schema: schema, KeepMonths: s.KeepMonths, Months: append([]string{}, s.Months...),
		Weak: append([]string{}, s.Weak...), Streams: joinStreams(s.Streams, view)}
	if !s.DroppedBefore.IsZero() {
		answer.DroppedBefore = &s.DroppedBefore
	}
	if want := site.cfg.Mirror.Postgres.KeepMonths; want != s.KeepMonths {
		answer.Weak = append(answer.Weak, fmt.Sprintf("keep_months is %d in the database and %d in the configuration: archiver mirror init sets it", s.KeepMonths, want))
	}
	return answer
}

// joinStreams puts the mirror's positions beside the ledger's. A stream that only the
// database knows has no commits.
func joinStreams(have []postgres.StreamStatus, view *ledger.View) []mirrorStream {
	all := []mirrorStream{}
	known := map[string]*ledger.Stream{}
	seen := map[string]bool{}
	for i := range view.Streams {
		known[view.Streams[i].Open.Stream.String()] = &view.Streams[i]
	}
	add := func(m mirrorStream, s *ledger.Stream) {
		if s != nil {
			m.Commits = s.Head.Index + 1
			m.BehindCommits = max(0, m.Commits-m.NextCommit)
			if m.BehindCommits > 0 {
				m.BehindRows = s.Head.NextSeq - s.Manifests[m.NextCommit].First - m.NextRow
			}
		}
		all = append(all, m)
	}
	for _, p := range have {
		id := p.Stream.String()
		seen[id] = true
		at := p.UpdatedAt.UTC()
		add(mirrorStream{Stream: id, NextCommit: p.NextIndex, NextRow: p.NextRow, NextSeq: p.NextSeq, Rows: p.Rows,
			TooOld: p.TooOld, Expired: p.Expired, Refused: p.Refused, UpdatedAt: &at}, known[id])
	}
	for i := range view.Streams {
		if id := view.Streams[i].Open.Stream.String(); !seen[id] {
			add(mirrorStream{Stream: id}, &view.Streams[i])
		}
	}
	return all
}

func (s *mirrorStatus) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STREAM\tCOMMITS\tOF\tBEHIND ROWS\tROWS\tTOO OLD\tEXPIRED\tREFUSED\tUPDATED")
	for _, m := range s.Streams {
		updated := "never"
		if m.UpdatedAt != nil {
			updated = m.UpdatedAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", m.Stream, m.NextCommit, m.Commits, m.BehindRows, m.Rows, m.TooOld, m.Expired, m.Refused, updated)
	}
	keep := "for ever"
	if s.KeepMonths > 0 {
		keep = fmt.Sprintf("%d months", s.KeepMonths)
	}
	fmt.Fprintf(w, "\nschema %s holds %s; rows are kept %s\n", s.Schema, strings.Join(append([]string{fmt.Sprint(len(s.Months), " months")}, span(s.Months)...), " "), keep)
	var errs []error
	for _, weak := range s.Weak {
		_, err := fmt.Fprintln(w, "WEAK:", weak)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.Flush())...)
}

// span names the first and the last month.
func span(months []string) []string {
	if len(months) == 0 {
		return nil
	}
	return []string{"(" + months[0] + " to " + months[len(months)-1] + ")"}
}
