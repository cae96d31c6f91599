package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/pack"
)

// verifyPack judges an evidence pack offline and prints what it found. Its error is
// errViolation, errIndeterminate, or a mistake in usage.
func verifyPack(ctx context.Context, a *app, file, root string, asJSON bool) error {
	if root == "" {
		return usagef("--root is missing: the root verifier key, which must not come from the pack")
	}
	r, err := checkPack(ctx, file, root)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(a.out, r)
	} else {
		err = printPack(a, r)
	}
	if err == nil && r.Result != pack.OK {
		err = fmt.Errorf("verify pack: %w", errViolation)
	}
	return err
}

func checkPack(ctx context.Context, file, root string) (*pack.Report, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("verify pack: %w: %w", errIndeterminate, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("verify pack %s: %w: %w", file, errIndeterminate, err)
	}
	if err := pack.CheckRoot(root); err != nil {
		return nil, usagef("--root: %w", err)
	}
	r, err := pack.Check(ctx, f, info.Size(), root)
	if err != nil {
		return nil, fmt.Errorf("verify pack %s: %w: %w", file, errIndeterminate, err)
	}
	return r, nil
}

// printPack says in words what was found, and what an OK is about.
func printPack(a *app, r *pack.Report) error {
	for i := range r.Findings {
		f := &r.Findings[i]
		if _, err := fmt.Fprintf(a.out, "%s  %q: %q\n", f.Kind, f.Key, f.Detail); err != nil {
			return err
		}
	}
	if r.More > 0 {
		fmt.Fprintf(a.out, "and %d findings more\n", r.More)
	}
	if s := r.Statement; s != nil {
		fmt.Fprintf(a.out, "archive %s: %d streams, %d commits\n", r.Archive, len(s.Streams), r.Commits)
		fmt.Fprintf(a.out, "%d rows are those of committed files\n", r.Rows)
		fmt.Fprintf(a.out, "%d files of the period: of %d it is proved that no matching row is left out, of %d the exporter says so\n", len(s.Files), r.Complete, r.Open)
		if s.Through.IsZero() {
			fmt.Fprintln(a.out, "all streams are closed")
		} else {
			fmt.Fprintln(a.out, completeness(s.Through))
		}
	}
	_, err := fmt.Fprintln(a.out, r.Result)
	return err
}

// newCheckPackCommand is `verify --pack` under a name of its own.
func newCheckPackCommand(a *app) *cobra.Command {
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check-pack FILE --root KEY",
		Short: "Check an evidence pack offline",
		Long: `Check an evidence pack with the root verifier key alone: every member, the signed
commits of every stream, the proof of every row, the CSV, and what the pack says about
completeness. docs/format/pack.md says what is proved and what is not.

Exit codes:
  0  OK
  2  the command line is wrong
  3  VIOLATION: something in the pack is not what was archived
  4  INDETERMINATE: the pack could not be read, or is of a later version`,
		Example: `  archiver check-pack january.tar --root 'archiver/0193…+f22cf213+Aexg…'`,
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return verifyPack(cmd.Context(), a, args[0], root, asJSON)
		},
	}
	cmd.Flags().StringVar(&root, "root", "", "the root verifier `key`; not from the pack")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
