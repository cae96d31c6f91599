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
		Short: "Say how far a mirror has come, and what protects its rows",
		Long: `Say how far the mirror has come in each stream, how far the ledger in the bucket
reaches, which months it keeps, and whether the triggers that refuse changes are
enabled. Any role of the mirror may ask.

Exit codes:
  0  here it is, however far behind the mirror is
  1  the database or the bucket could not be read
  2  the command line or the configuration is wrong`,
		Example: `  archiver mirror status --config archiver.yaml
  archiver mirror status --config archiver.yaml --json | jq '[.streams[].behind_rows] | add'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirrorStatus(cmd.Context(), a, f) },
	}
	addMirrorFlags(cmd, &f)
	return cmd
}

// mirrorStatus is the answer in JSON.
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
	if err := site.find(f, true); err != nil {
		return err
	}
	schema := site.cfg.Mirror.Postgres.Schema
	s, err := postgres.ReadStatus(ctx, site.connection, schema, site.archive)
	if err != nil {
		return fmt.Errorf("mirror status: %w", err)
	}
	_, reader, err := site.open(ctx)
	if err != nil {
		return err
	}
	view, err := reader.Refresh(ctx)
	if err != nil {
		return fmt.Errorf("mirror status: %w", err)
	}
	answer := mirrorStatus{Schema: schema, KeepMonths: s.KeepMonths, Months: append([]string{}, s.Months...),
		Weak: append([]string{}, s.Weak...), Streams: joinStreams(s.Streams, view)}
	if !s.DroppedBefore.IsZero() {
		answer.DroppedBefore = &s.DroppedBefore
	}
	if want := site.cfg.Mirror.Postgres.KeepMonths; want != s.KeepMonths {
		answer.Weak = append(answer.Weak, fmt.Sprintf("keep_months is %d in the database and %d in the configuration: archiver mirror init sets it", s.KeepMonths, want))
	}
	if f.asJSON {
		return printJSON(a.out, answer)
	}
	return answer.print(a.out)
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

func (s mirrorStatus) print(out io.Writer) error {
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
