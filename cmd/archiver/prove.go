package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/prove"
)

// errNotThere is the error of a look-up that found neither an event nor its loss.
var errNotThere = errors.New("not committed yet, or it could not be looked at")

type proveFlags struct {
	config, id, producer, day, stream, receipt, out string
	seq                                             int64
}

func newProveCommand(a *app) *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Print what proves an event to somebody who has the root key only",
		Long: `Print a proof that an event is in the archive, with these values: a C2SP tlog-proof
text of one to two kilobytes and the event itself. Whoever has the archive's root
verifier key checks it offline with check-proof.

The event is named by its id, by stream and seq, or by a receipt. The bucket alone is
read: the files that verified commits name, by version; one file is fetched and read
as a whole. Looking for an id in a large archive takes many files: name its day.

Exit codes:
  0  the proof was printed or written
  1  it did not work
  2  the command line or the configuration is wrong, or the id is of several events
  3  the archive was looked at, and the event is missing or has other content; or the
     receipt is no true one
  4  the event is not committed yet, there is none with the id, or it could not be looked at`,
		Example: `  archiver prove --config archiver.yaml --id 01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e > event.tlog-proof
  archiver prove --config archiver.yaml --id 01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e --day 2026-11-23 --producer billing
  archiver prove --config archiver.yaml --stream 0199d2a4-… --seq 4711 --out event.tlog-proof
  archiver prove --config archiver.yaml --receipt receipt.json --out proofs/`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runProve(cmd.Context(), a, f) },
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringVar(&f.id, "id", "", "`id` of the event")
	cmd.Flags().StringVar(&f.producer, "producer", "", "with --id: who sent it, where several `clients` gave an event the same id")
	cmd.Flags().StringVar(&f.day, "day", "", "with --id: UTC `date` of its timestamp, yyyy-MM-dd")
	cmd.Flags().StringVar(&f.stream, "stream", "", "`id` of the event's stream")
	cmd.Flags().Int64Var(&f.seq, "seq", -1, "the event's `number` in the stream")
	cmd.Flags().StringVar(&f.receipt, "receipt", "", "`file` with a receipt, or with an answer that has receipts")
	cmd.Flags().StringVar(&f.out, "out", "", "`file` to write the proof to; with --receipt a folder, for one file per event")
	return cmd
}

func runProve(ctx context.Context, a *app, f proveFlags) error {
	query, err := f.query()
	if err != nil {
		return err
	}
	q, root, err := openAudit(ctx, a, f.config)
	if err != nil {
		return err
	}
	defer closeAudit(a, q)
	if f.receipt != "" {
		return proveReceipt(ctx, a, q, root, f)
	}
	found, err := q.find(ctx, query)
	if err != nil {
		return fmt.Errorf("prove: %w", lookedUp(err))
	}
	proof, err := found.Proof()
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	if f.out != "" {
		return os.WriteFile(f.out, proof, 0o644)
	}
	_, err = a.out.Write(proof)
	return err
}

// query checks the flags that name an event.
func (f *proveFlags) query() (q ingest.ProofQuery, err error) {
	q = ingest.ProofQuery{Producer: f.producer, Seq: f.seq, Day: f.day}
	placed := f.stream != "" || f.seq >= 0
	switch {
	case (f.id != "") == (f.receipt != "") && !placed, f.receipt != "" && placed:
		return q, usagef("name the event: --id, --stream with --seq, or --receipt")
	case f.receipt != "":
		if f.out == "" {
			return q, usagef("--receipt needs --out, a folder: a receipt may be of many events")
		}
		return q, nil
	case f.id == "" && (f.stream == "" || f.seq < 0):
		return q, usagef("--stream and --seq go together")
	}
	if f.id != "" {
		if q.ID, err = uuid.Parse(f.id); err != nil {
			return q, usagef("--id %s: is not a UUID", f.id)
		}
	}
	if f.stream != "" {
		if q.Stream, err = uuid.Parse(f.stream); err != nil {
			return q, usagef("--stream %s: is not a UUID", f.stream)
		}
	}
	return q, nil
}

// lookedUp marks the error of a look-up with what it means.
func lookedUp(err error) error {
	var absent *prove.Absence
	switch {
	case errors.Is(err, errSeveral):
		return usagef("%w; choose with --producer, or with --stream and --seq", err)
	case errors.Is(err, errNoEvent):
		return fmt.Errorf("%w among those that are committed; one that was acknowledged just now is still on its server's disk: %w", err, errNotThere)
	case errors.Is(err, athena.ErrAway):
		return fmt.Errorf("%w: %w", err, errNotThere)
	case !errors.As(err, &absent):
		return err
	case absent.State == prove.Missing || absent.State == prove.Altered:
		return fmt.Errorf("%w: %w", err, errViolation)
	}
	return fmt.Errorf("%w: %w", err, errNotThere)
}

// openAudit opens the bucket for a command that looks events up.
func openAudit(ctx context.Context, a *app, config string) (_ *queries, root string, _ error) {
	c, err := loadConfig(config)
	if err != nil {
		return nil, "", err
	}
	if err := c.ForServe(config); err != nil {
		return nil, "", err
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return nil, "", err
	}
	q, err := openBucketQueries(c, store, newLogger(a.err, c.Log))
	return q, c.Archive.RootVKey, err
}

func closeAudit(a *app, q *queries) {
	if err := q.Close(); err != nil {
		fmt.Fprintln(a.err, "archiver: close:", err)
	}
}

// proveReceipt writes the proof of every event of a receipt that is in the archive,
// and says what is not.
func proveReceipt(ctx context.Context, a *app, q *queries, root string, f proveFlags) error {
	receipts, err := readReceipts(f.receipt, root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	finder, err := q.finder(ctx)
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	var all []prove.Outcome
	for _, r := range receipts {
		outcomes, err := finder.Receipt(ctx, r)
		if err != nil {
			return fmt.Errorf("prove: %w", err)
		}
		for i := range outcomes {
			if outcomes[i].Found == nil {
				continue
			}
			name, err := writeProof(outcomes[i].Found, f.out)
			if err != nil {
				return fmt.Errorf("prove: %w", err)
			}
			if _, err := fmt.Fprintln(a.out, name); err != nil {
				return err
			}
		}
		all = append(all, outcomes...)
	}
	for i := range all {
		if all[i].State != prove.Archived {
			fmt.Fprintln(a.err, sentence(&all[i]))
		}
	}
	return judge(all)
}

func writeProof(found *prove.Found, dir string) (string, error) {
	proof, err := found.Proof()
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%d%s", found.Row.Stream, found.Row.Seq, ledger.ProofSuffix))
	return name, os.WriteFile(name, proof, 0o644)
}
