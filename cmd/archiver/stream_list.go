package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/streams"
)

func newStreamListCommand(a *app) *cobra.Command {
	var (
		file   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the streams of the archive, and the successors that wait here",
		Long: `Show the streams that the root key has certified and that the ledger in the bucket
names, with their last commit, and the successors that wait in stream.next_dir.

Exit codes:
  0  here they are
  1  the bucket could not be read; what could is printed
  2  the command line or the configuration is wrong`,
		Example: `  archiver stream list --config archiver.yaml
  archiver stream list --config archiver.yaml --json | jq '.streams[] | select(.closed | not)'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := listStreams(cmd.Context(), file)
			if list != nil {
				if printErr := printStreams(a.out, list, asJSON); printErr != nil {
					return printErr
				}
			}
			if err != nil {
				return fmt.Errorf("stream list: %w", err)
			}
			return nil
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// streamList is the answer in JSON.
type streamList struct {
	Streams []listedStream  `json:"streams"` // in the order in which they were certified
	Waiting []waitingStream `json:"waiting"` // oldest first
}

type listedStream struct {
	Stream      uuid.UUID `json:"stream"`
	Previous    uuid.UUID `json:"previous,omitzero"`
	Current     bool      `json:"current"` // data_dir says that it is the one of this server
	OpenedAt    time.Time `json:"opened_at"`
	Ends        time.Time `json:"ends"`         // of its life
	RetainUntil time.Time `json:"retain_until"` // of the locks of its ledger
	Index       int64     `json:"index"`        // of its last commit; -1: none
	NextSeq     int64     `json:"next_seq"`
	Through     time.Time `json:"through"`
	Closed      bool      `json:"closed"`
	Successor   uuid.UUID `json:"successor,omitzero"` // as its last commit says
	Stuck       string    `json:"stuck,omitzero"`     // why what follows the last commit cannot be trusted
}

type waitingStream struct {
	Stream   uuid.UUID `json:"stream,omitzero"`
	Path     string    `json:"path"`
	Previous uuid.UUID `json:"previous,omitzero"`
	OpenedAt time.Time `json:"opened_at,omitzero"`
	Ends     time.Time `json:"ends,omitzero"`
	Problem  string    `json:"problem,omitzero"` // why it cannot be used
}

func waitingOf(s *streams.Successor) waitingStream {
	if s.Err != nil {
		return waitingStream{Path: s.Path, Problem: s.Err.Error()}
	}
	return waitingStream{Stream: s.Open.Stream, Path: s.Path, Previous: s.Open.Previous, OpenedAt: s.Open.OpenedAt, Ends: s.Ends()}
}

func listStreams(ctx context.Context, file string) (*streamList, error) {
	c, err := loadConfig(file)
	if err != nil {
		return nil, err
	}
	if err := c.ForServe(file); err != nil {
		return nil, err
	}
	list := &streamList{Streams: []listedStream{}, Waiting: []waitingStream{}}
	folder := streamFolder(ctx, c)
	waiting, err := folder.Waiting()
	if err != nil {
		return nil, err
	}
	for i := range waiting {
		list.Waiting = append(list.Waiting, waitingOf(&waiting[i]))
	}
	here, err := folder.Current()
	if err != nil {
		here = uuid.Nil // not on the server
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return list, err
	}
	reader, err := ledger.NewReader(store, c.S3.Prefix, c.Archive.RootVKey)
	if err != nil {
		return list, err
	}
	view, err := reader.Refresh(ctx)
	if view == nil {
		return list, err
	}
	for i := range view.Streams {
		list.Streams = append(list.Streams, listed(&view.Streams[i], here))
	}
	return list, err
}

func listed(s *ledger.Stream, here uuid.UUID) listedStream {
	l := listedStream{Stream: s.Open.Stream, Previous: s.Open.Previous, Current: s.Open.Stream == here,
		OpenedAt: s.Open.OpenedAt, Ends: s.Open.OpenedAt.Add(ledger.StreamLife), RetainUntil: s.Open.RetainUntil,
		Index: s.Head.Index, NextSeq: s.Head.NextSeq, Through: s.Head.Through, Closed: s.Head.Closed, Stuck: s.Stuck}
	if n := len(s.Manifests); n > 0 {
		for _, note := range s.Manifests[n-1].Notes {
			if note.Kind == ledger.NoteRotate {
				l.Successor = note.Stream
			}
		}
	}
	return l
}

func printStreams(w io.Writer, list *streamList, asJSON bool) error {
	if asJSON {
		return printJSON(w, list)
	}
	now := time.Now()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STREAM\tSTATE\tENDS\tEVENTS\tCOMMITS\tCOMPLETE THROUGH\tSUCCESSOR")
	for _, s := range list.Streams {
		state, next := "open", ""
		switch {
		case s.Stuck != "":
			state = "stuck"
		case s.Closed:
			state = "closed"
		case s.Current:
			state = "current"
		}
		if s.Successor != uuid.Nil {
			next = s.Successor.String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", s.Stream, state, daysLeft(s.Ends, now), s.NextSeq, s.Index+1, stamp(s.Through), next)
	}
	for _, s := range list.Waiting {
		if s.Problem != "" {
			fmt.Fprintf(t, "%s\tunusable\t\t\t\t\t%s\n", s.Path, s.Problem)
			continue
		}
		fmt.Fprintf(t, "%s\twaiting\t%s\t\t\t\t\n", s.Stream, daysLeft(s.Ends, now))
	}
	return t.Flush()
}
