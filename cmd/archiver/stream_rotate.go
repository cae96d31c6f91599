package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/streams"
)

// rotatePoll is the pause between two looks at whether serve has rotated.
const rotatePoll = 200 * time.Millisecond

func newStreamRotateCommand(a *app) *cobra.Command {
	var (
		file   string
		wait   time.Duration
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Close the current stream now, and go on with the successor that waits",
		Long: `Ask the server that runs on data_dir to close its stream and to go on with the oldest
successor that waits in stream.next_dir, and wait until it has. Nothing is restarted;
events are refused with 503 and Retry-After for as long as a seal and a few objects
take. If no server runs there, the next one rotates at its start.

The files of the closed stream stay. Once it is closed, its key is of no use to
anybody, and its folder (for the first stream: wal, ledger and spool in data_dir, and
its key) may be removed.

Exit codes:
  0  the successor has taken over
  1  it did not work, or not in time: the wish stays, and is fulfilled when it can be
  2  the command line or the configuration is wrong`,
		Example: `  archiver stream rotate --config archiver.yaml
  archiver stream rotate --config archiver.yaml --timeout 0s`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			old, now, err := rotate(cmd.Context(), file, wait)
			if err != nil {
				return fmt.Errorf("stream rotate: %w", err)
			}
			if asJSON {
				return printJSON(a.out, struct {
					From uuid.UUID `json:"from"`
					To   uuid.UUID `json:"to,omitzero"`
				}{old, now})
			}
			if now == uuid.Nil {
				_, err = fmt.Fprintf(a.out, "Asked for a successor of stream %s.\n", old)
			} else {
				_, err = fmt.Fprintf(a.out, "Stream %s has taken over from %s.\n", now, old)
			}
			return err
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().DurationVar(&wait, "timeout", 2*time.Minute, "how `long` to wait for it; 0s: only ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func rotate(ctx context.Context, file string, wait time.Duration) (old, now uuid.UUID, _ error) {
	c, err := loadConfig(file)
	if err != nil {
		return old, now, err
	}
	if err := c.ForServe(file); err != nil {
		return old, now, err
	}
	folder := streamFolder(ctx, c)
	waiting, err := folder.Waiting()
	if err != nil {
		return old, now, err
	}
	if len(waiting) == 0 || waiting[0].Err != nil {
		why := streams.ErrNoSuccessor
		if len(waiting) > 0 {
			why = fmt.Errorf("%w (%s cannot be used: %w)", why, waiting[0].Path, waiting[0].Err)
		}
		return old, now, why
	}
	if old, err = folder.AskToRotate(); err != nil || wait <= 0 {
		return old, now, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	turn := time.NewTicker(rotatePoll)
	defer turn.Stop()
	for {
		if now, err = folder.Current(); err != nil {
			return old, now, err
		}
		if now != old {
			return old, now, nil
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				err = fmt.Errorf("not within %v: does serve run on %s? Its /readyz and its log say why; it stays asked", wait, c.DataDir)
			} else {
				err = context.Cause(ctx)
			}
			return old, uuid.Nil, err
		}
	}
}
