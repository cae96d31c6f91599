package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/streams"
)

type streamNextFlags struct {
	config, out, previous string
	asJSON                bool
}

func newStreamNextCommand(a *app) *cobra.Command {
	var f streamNextFlags
	cmd := &cobra.Command{
		Use:   "next",
		Short: "Make a successor: a key and its certificate, signed by the root key",
		Long: `Make a successor for a stream: a new key, and a certificate that the root key signs
(archive.root_key_*). With stream.key_kms the key is that one, under a name of its own,
and what is made says so instead of holding a key. Both are in a folder of stream.next_dir, or of --out; copy the
folder into stream.next_dir of the server as it is. serve takes the oldest one that
waits there and continues its stream, when that has less than stream.rotate_before to
live, when stream rotate asks for it, or when its stream cannot go on.

Several may wait. The life of one begins now, so one that is made a year ahead is of no
use. Never copy one to two servers: only one of them can begin it.

Exit codes:
  0  it was made
  1  it did not work
  2  the command line or the configuration is wrong`,
		Example: `  archiver stream next --config archiver.yaml
  archiver stream next --config archiver.yaml --out /media/stick --previous 0199d2a4-… --json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			made, err := makeNext(cmd.Context(), f)
			if err != nil {
				return fmt.Errorf("stream next: %w", err)
			}
			return printNext(a.out, made, f.asJSON)
		},
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.out, "out", "", "`folder` to make it in; default: stream.next_dir")
	cmd.Flags().StringVar(&f.previous, "previous", "", "`id` of the stream that it continues; default: the last one that waits, else the current one of data_dir")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func makeNext(ctx context.Context, f streamNextFlags) (made streams.Successor, _ error) {
	c, err := loadConfig(f.config)
	if err != nil {
		return made, err
	}
	if err := c.ForRecover(f.config, true); err != nil {
		return made, err
	}
	if f.out != "" {
		c.Stream.NextDir = f.out
	}
	previous, err := previousOf(ctx, c, f.previous)
	if err != nil {
		return made, err
	}
	return makeSuccessor(ctx, c, previous)
}

// makeSuccessor makes one with the root key of the configuration.
func makeSuccessor(ctx context.Context, c config.Config, previous uuid.UUID) (made streams.Successor, _ error) {
	root, err := rootSigner(ctx, c)
	if err != nil {
		return made, err
	}
	about, err := aboutArchive(ctx, c)
	if err != nil {
		return made, fmt.Errorf("archive: %w", err)
	}
	return streams.Make(c.Stream.NextDir, about, root, successorKey(ctx, c, root.VKey()), previous, time.Now())
}

// previousOf is the stream that a new one continues.
func previousOf(ctx context.Context, c config.Config, flag string) (uuid.UUID, error) {
	if flag != "" {
		id, err := uuid.Parse(flag)
		if err != nil {
			return uuid.Nil, usagef("--previous: %q is not the id of a stream", flag)
		}
		return id, nil
	}
	folder := streamFolder(ctx, c)
	last, err := folder.Last()
	if err != nil {
		return uuid.Nil, usagef("name the stream that it continues with --previous, for data_dir does not tell: %w", err)
	}
	return last, nil
}

func printNext(w io.Writer, s streams.Successor, asJSON bool) error {
	if asJSON {
		return printJSON(w, waitingOf(&s))
	}
	_, err := fmt.Fprintf(w, `Made stream %s in %s.
It continues stream %s, and lives until %s.

If the server is another machine, copy the folder into its stream.next_dir, and then
remove it here: one server may have it, and nobody else.
`, s.Open.Stream, s.Path, s.Open.Previous, stamp(s.Ends()))
	return err
}
