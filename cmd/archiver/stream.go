package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
)

func newStreamCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stream",
		Short: "Look after the streams of an archive: list them, make successors, rotate",
		Long: `Look after the streams of an archive. A stream is what one server writes: it has a
key and a certificate of the root key, and lives at most 366 days. Then a successor
takes over, which somebody with the root key has made before: serve does it by itself,
without closing its sockets, when one waits in stream.next_dir.

A successor is also the way out when a stream cannot go on: a copy of its folder was at
work, the folder came from a backup, or there is something foreign under its names.
What was acknowledged and is not archived then moves to the successor.

Exit codes:
  0  it worked
  1  it did not work; trying again may help
  2  the command line or the configuration is wrong`,
		Example: `  archiver stream list --config archiver.yaml
  archiver stream next --config archiver.yaml
  archiver stream rotate --config archiver.yaml
  archiver stream salvage --config archiver.yaml --dry-run`,
	}
	cmd.AddCommand(newStreamListCommand(a), newStreamNextCommand(a), newStreamRotateCommand(a), newStreamSalvageCommand(a))
	return group(cmd)
}

// aboutArchive reads the archive object: the copy in the data folder, or the bucket.
// It writes nothing.
func aboutArchive(ctx context.Context, c config.Config) (ledger.Archive, error) {
	raw, err := os.ReadFile(archiveFile(c))
	if err == nil {
		return ledger.ParseArchive(raw, c.Archive.RootVKey)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return ledger.Archive{}, err
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return ledger.Archive{}, err
	}
	about, _, err := fetchArchive(ctx, store, c)
	return about, err
}

// stamp is how people read a time.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// daysLeft says how long it is until t.
func daysLeft(t, now time.Time) string {
	if left := t.Sub(now); left > 0 {
		return fmt.Sprintf("in %d days", int(left/(24*time.Hour)))
	}
	return "over"
}
