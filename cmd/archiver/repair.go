package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/repair"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// repairFlags are those of repair.
type repairFlags struct {
	config, streamKey, workDir string
	apply, asJSON              bool
}

func newRepairCommand(a *app) *cobra.Command {
	var f repairFlags
	cmd := &cobra.Command{
		Use:   "repair --config FILE [--apply]",
		Short: "Undo what somebody else did to the bucket, as far as locks let it",
		Long: `Undo what somebody else did to an archive's bucket, so that whoever reads the current
versions, as Athena does, reads the committed rows again:

  - delete markers over committed objects are removed;
  - versions without a lock are removed, on committed keys and on keys under events/,
    ledger/ and attest/ that no commit names: whatever the archiver writes has a lock;
  - over a foreign version that is locked, the committed bytes are put again, locked as
    long as they were. A signed note says so, and verify calls the rest repaired.

Nothing else is touched. What cannot be repaired is listed: a locked object that no
commit names, a committed version that is gone, a second history under the right key.

Without --apply it only says what it would do. It may be cut short and run again, and
run beside a server. It needs s3:DeleteObjectVersion, which nobody should have from day
to day, and no lock is ever bypassed. The notes are signed with the root key
(archive.root_key_file), or with the key of any stream of the archive (--stream-key).

Exit codes:
  0  there is nothing to do, or all of it is done
  1  it did not work; run it again
  2  the command line or the configuration is wrong
  3  something is to be done (without --apply), or cannot be repaired: the output says what`,
		Example: `  archiver repair --config break-glass.yaml
  archiver repair --config break-glass.yaml --apply --json
  archiver verify --config archiver.yaml`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := runRepair(cmd.Context(), f)
			if report != nil {
				found := printRepair(a.out, report, f.asJSON)
				if err == nil { // what did not work may have been what was found
					err = found
				}
			}
			return err
		},
	}
	addConfigFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.apply, "apply", false, "do it")
	cmd.Flags().StringVar(&f.streamKey, "stream-key", "", "sign with the key of a stream in this `file` instead of the root key")
	cmd.Flags().StringVar(&f.workDir, "work-dir", os.TempDir(), "`folder` with room for the eight largest files of the archive")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

// runRepair returns a report beside an error when something was looked at.
func runRepair(ctx context.Context, f repairFlags) (*repair.Report, error) {
	c, err := loadConfig(f.config)
	if err != nil {
		return nil, err
	}
	if err := c.ForServe(f.config); err != nil {
		return nil, err
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	return repair.Run(ctx, repair.Options{
		Store: s3store.Mender{Store: store}, Prefix: c.S3.Prefix, Root: c.Archive.RootVKey, Apply: f.apply,
		Signer: func() (ledger.Signer, error) { return noteKey(ctx, c, f) }, WorkDir: f.workDir, Now: time.Now,
	})
}

// noteKey loads the key that signs the notes, when there is something to sign.
func noteKey(ctx context.Context, c config.Config, f repairFlags) (ledger.Signer, error) {
	switch {
	case f.streamKey != "":
		key, err := ledger.LoadKey(f.streamKey)
		if err != nil {
			return nil, fmt.Errorf("stream key %s: %w", f.streamKey, err)
		}
		return key, nil
	case rootPlace(c) == keyPlace{}:
		return nil, usagef("what is put again needs a signed note: set archive.root_key_file (or _env, _kms), or give --stream-key")
	default:
		return rootSigner(ctx, c)
	}
}

func printRepair(w io.Writer, r *repair.Report, asJSON bool) error {
	if asJSON {
		if err := printJSON(w, r); err != nil {
			return err
		}
	} else if _, err := io.WriteString(w, repairText(r)); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	if !r.Clean() {
		return errViolation
	}
	return nil
}

// repairText is the report for people.
func repairText(r *repair.Report) string {
	var b strings.Builder
	done := 0
	for _, s := range r.Steps {
		verb := map[repair.Do]string{repair.RemoveMarker: "remove delete marker of", repair.RemoveVersion: "remove foreign version of",
			repair.PutAgain: "put the committed bytes again at", repair.Attest: "sign for the copies of"}[s.Do]
		state := "would "
		if s.Done {
			state, done = "done: ", done+1
		} else if r.Applied {
			state = "NOT DONE: "
		}
		fmt.Fprintf(&b, "%s%s %s%s\n", state, verb, visible(s.Key), versionOf(s.Version))
	}
	for _, l := range r.Left {
		fmt.Fprintf(&b, "LEFT: %s%s\n      %s: %s\n", visible(l.Key), versionOf(l.Version), l.Why, l.Action)
	}
	if r.More {
		b.WriteString("There is more than one run looks at: run it again.\n")
	}
	switch {
	case len(r.Steps) == 0 && len(r.Left) == 0:
		b.WriteString("Nothing to repair.\n")
	case r.Applied:
		fmt.Fprintf(&b, "%d of %d steps done, %d things left. Now run `archiver verify`.\n", done, len(r.Steps), len(r.Left))
	default:
		fmt.Fprintf(&b, "%d steps to do, %d things that cannot be repaired. --apply does them.\n", len(r.Steps), len(r.Left))
	}
	return b.String()
}
