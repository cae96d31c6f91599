package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/streams"
)

type streamSalvageFlags struct {
	config         string
	dryRun, asJSON bool
}

func newStreamSalvageCommand(a *app) *cobra.Command {
	var f streamSalvageFlags
	cmd := &cobra.Command{
		Use:   "salvage",
		Short: "Archive what is intact of a damaged WAL, sign for what is not, and go on",
		Long: `Archive what is intact of the WAL of this server when serve refuses it as corrupt: a
segment is missing, or something is damaged before valid frames. What is intact is
archived under the seqs that were acknowledged; a signed note in the ledger says which
seqs are lost, or that the end cannot be read; the stream is closed, and the oldest successor that waits in
stream.next_dir becomes current. The WAL stays as it is, for people to look at: only
its folder is not used any more.

serve must not run. Begin with --dry-run, and look first whether a copy of the damaged
file exists: what is lost is signed as lost for ever. It may be cut short and run again.
Everything under events/ is listed once, to name in the ledger what this server had sent
and no commit names.

Exit codes:
  0  everything was intact, and is archived
  1  it did not work; run it again
  2  the command line or the configuration is wrong
  3  it is done (or would be), but events are lost, or may be: the output says which`,
		Example: `  archiver stream salvage --config archiver.yaml --dry-run
  archiver stream salvage --config archiver.yaml --json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, damage, err := salvage(cmd.Context(), f, a.err)
			if err != nil {
				return fmt.Errorf("stream salvage: %w", err)
			}
			return printSalvaged(a.out, got, damage, f)
		},
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be done")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func salvage(ctx context.Context, f streamSalvageFlags, stderr io.Writer) (got archive.Recovered, damage []buffer.Damage, err error) {
	c, err := loadConfig(f.config)
	if err != nil {
		return got, nil, err
	}
	if err := c.ForServe(f.config); err != nil {
		return got, nil, err
	}
	lock, err := durable.Lock(c.DataDir)
	if err != nil {
		return got, nil, fmt.Errorf("data folder: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	n := &node{cfg: c, log: newLogger(stderr, c.Log), heap: newHeap(c)}
	if n.store, err = openStore(ctx, c); err != nil {
		return got, nil, err
	}
	if n.about, err = aboutArchive(ctx, c); err != nil {
		return got, nil, fmt.Errorf("archive: %w", err)
	}
	if n.fitness, err = newFitness(c, doctorOptions(c, n.store, n.about), n.log.With("part", "doctor")); err != nil {
		return got, nil, err
	}
	return streams.Salvage(ctx, n.streamOptions(ctx, nil), f.dryRun)
}

// salvaged is the answer in JSON.
type salvaged struct {
	archive.Recovered
	Damage []buffer.Damage `json:"damage"`
}

func printSalvaged(w io.Writer, r archive.Recovered, damage []buffer.Damage, f streamSalvageFlags) error {
	if f.asJSON {
		if err := printJSON(w, salvaged{r, append([]buffer.Damage{}, damage...)}); err != nil {
			return err
		}
	} else {
		for _, d := range damage {
			fmt.Fprintf(w, "Damaged: %s at offset %d: %s.\n", d.Segment, d.Offset, d.Reason)
			if d.AtEnd {
				fmt.Fprintln(w, "         How many events were acknowledged behind it is not known.")
			}
		}
		printRecoveredText(w, r, f.dryRun)
	}
	if len(r.Lost) > 0 {
		return fmt.Errorf("stream salvage: %w: %d ranges of seqs cannot be read", errMissing, len(r.Lost))
	}
	if slices.ContainsFunc(damage, func(d buffer.Damage) bool { return d.AtEnd }) {
		return fmt.Errorf("stream salvage: %w, perhaps: the end of the log cannot be read", errMissing)
	}
	return nil
}
