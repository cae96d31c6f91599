package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// recoverFlags are those of recover.
type recoverFlags struct {
	config, stream, streamKey, workDir string
	dryRun, asJSON                     bool
}

func newRecoverCommand(a *app) *cobra.Command {
	var f recoverFlags
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Archive what a lost server had copied to the bucket, and close its stream",
		Long: `Archive what a lost server had copied to the bucket (wal.ship_interval) and not
archived, under the stream and the seqs that were acknowledged, and close its
stream. It runs on any machine, and signs with the root key (archive.root_key_*),
or with the stream's own key (--stream-key) if that was kept elsewhere.

Make sure that the server is gone. If it comes back all the same, it stops: its next
commit is taken. What it had acknowledged and not copied yet is only on its disk.

It may be cut short and run again, here or elsewhere; the end is the same. Begin with
--dry-run: what is missing becomes a signed gap, which cannot be undone.

Files that the server had sent and that no commit names do not count: signed notes name
them, so that verify does not call them injected. To find them, everything under events/
is listed: one request for 1,000 objects of the archive.

Exit codes:
  0  the stream is closed, and everything that was copied is in the archive
  1  it did not work; run it again
  2  the command line or the configuration is wrong
  3  the stream is closed (or would be), but events are missing: the output says which`,
		Example: `  archiver recover --config archiver.yaml --stream 0199d2a4-… --dry-run
  archiver recover --config archiver.yaml --stream 0199d2a4-… --json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, err := recoverStream(cmd.Context(), f, a.err)
			if err != nil {
				return fmt.Errorf("recover: %w", err)
			}
			return printRecovered(a.out, got, f)
		},
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.stream, "stream", "", "`id` of the lost server's stream: it was in its answers, and is in every row")
	cmd.Flags().StringVar(&f.streamKey, "stream-key", "", "sign with the stream's key in this `file` instead of the root key")
	cmd.Flags().StringVar(&f.workDir, "work-dir", os.TempDir(), "`folder` with room for what was copied, twice")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be done")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func recoverStream(ctx context.Context, f recoverFlags, stderr io.Writer) (_ archive.Recovered, err error) {
	fail := func(err error) (archive.Recovered, error) { return archive.Recovered{}, err }
	c, err := loadConfig(f.config)
	if err != nil {
		return fail(err)
	}
	stream, err := uuid.Parse(f.stream)
	if err != nil {
		return fail(usagef("--stream: %q is not the id of a stream", f.stream))
	}
	if err := c.ForRecover(f.config, f.streamKey == ""); err != nil {
		return fail(err)
	}
	key, err := recoveryKey(ctx, c, f.streamKey, stream)
	if err != nil {
		return fail(err)
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return fail(err)
	}
	dir, err := os.MkdirTemp(f.workDir, "archiver-recover-")
	if err != nil {
		return fail(fmt.Errorf("work folder: %w", err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return archive.Recover(ctx, archive.RecoverOptions{
		Dir: filepath.Join(dir, "work"), FS: durable.OS(), Store: store, Prefix: c.S3.Prefix, Root: c.Archive.RootVKey, Stream: stream,
		Signer: key, Host: host, Writer: writer(), DryRun: f.dryRun, AheadMost: c.Seal.AheadMost, Now: time.Now,
		Log: newLogger(stderr, c.Log).With(slog.String("part", "recover")),
	})
}

// recoveryKey loads the key that signs, and makes sure that it is the right one
// before anything is read or written with it.
func recoveryKey(ctx context.Context, c config.Config, streamKey string, stream uuid.UUID) (ledger.Signer, error) {
	archiveID, err := ledger.ParseRootName(c.Archive.RootVKey)
	if err != nil {
		return nil, fmt.Errorf("archive.root_vkey: %w", err)
	}
	if streamKey == "" {
		return rootSigner(ctx, c)
	}
	key, err := ledger.LoadKey(streamKey)
	if err == nil && key.Name() != ledger.StreamName(archiveID, stream) {
		err = fmt.Errorf("is of %s", key.Name())
	}
	if err != nil {
		return nil, fmt.Errorf("stream key %s: %w", streamKey, err)
	}
	return key, nil
}

// errMissing: a recovery did what it could, and it was not all.
var errMissing = errors.New("events are missing that were acknowledged")

func printRecovered(w io.Writer, r archive.Recovered, f recoverFlags) error {
	if f.asJSON {
		if err := printJSON(w, r); err != nil {
			return err
		}
	} else {
		printRecoveredText(w, r, f.dryRun)
	}
	if len(r.Lost) > 0 {
		return fmt.Errorf("recover: %w: %d ranges of seqs are neither archived nor copied", errMissing, len(r.Lost))
	}
	return nil
}

func printRecoveredText(w io.Writer, r archive.Recovered, dryRun bool) {
	did, closed := "Recovered", "is closed"
	if dryRun && !r.Closed {
		did, closed = "Would recover", "would be closed"
	}
	if r.Last < r.First {
		fmt.Fprintf(w, "%s nothing: everything that is known of stream %s is archived. The stream %s.\n", did, r.Stream, closed)
	} else {
		fmt.Fprintf(w, "%s %d events of stream %s, seq %d to %d. The stream %s.\n", did, r.Rows, r.Stream, r.First, r.Last, closed)
	}
	for _, lost := range r.Lost {
		fmt.Fprintf(w, "MISSING: seq %d to %d: acknowledged, and found nowhere.\n", lost.First, lost.Last)
	}
	for _, key := range r.Orphans {
		fmt.Fprintf(w, "Does not count: %s, which no commit names.\n", key)
	}
	for _, remark := range r.Remarks {
		fmt.Fprintf(w, "Not written by the lost server: %s.\n", remark)
	}
}
