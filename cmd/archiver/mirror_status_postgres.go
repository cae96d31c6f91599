package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/postgres"
)

// postgresStatus is what there is to say about a mirror in PostgreSQL.
type postgresStatus struct {
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

func readPostgresStatus(ctx context.Context, site mirrorSite, view *ledger.View) (*postgresStatus, error) {
	schema := site.cfg.Mirror.Postgres.Schema
	s, err := postgres.ReadStatus(ctx, site.connection, schema, site.archive)
	if err != nil {
		return nil, fmt.Errorf("mirror status: %w", err)
	}
	answer := postgresStatus{Schema: schema, KeepMonths: s.KeepMonths, Months: append([]string{}, s.Months...),
		Weak: append([]string{}, s.Weak...), Streams: joinStreams(s.Streams, streamsOf(view))}
	if !s.DroppedBefore.IsZero() {
		answer.DroppedBefore = &s.DroppedBefore
	}
	if want := site.cfg.Mirror.Postgres.KeepMonths; want != s.KeepMonths {
		answer.Weak = append(answer.Weak, fmt.Sprintf("keep_months is %d in the database and %d in the configuration: archiver mirror init sets it", s.KeepMonths, want))
	}
	return &answer, nil
}

// joinStreams puts the mirror's positions beside the ledger's. A stream that only the
// database knows has no commits.
func joinStreams(have []postgres.StreamStatus, known map[string]*ledger.Stream) []mirrorStream {
	all := []mirrorStream{}
	seen := map[string]bool{}
	add := func(m mirrorStream, s *ledger.Stream) {
		if s != nil {
			m.Commits, m.BehindCommits, m.BehindRows = behind(s, m.NextCommit, m.NextRow)
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
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if !seen[id] {
			add(mirrorStream{Stream: id}, known[id])
		}
	}
	return all
}

func (s postgresStatus) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POSTGRESQL STREAM\tCOMMITS\tOF\tBEHIND ROWS\tROWS\tTOO OLD\tEXPIRED\tREFUSED\tUPDATED")
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
