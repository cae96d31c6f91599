package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/s3store"
	"github.com/audit-archiver/archiver/internal/verify"
)

type verifyFlags struct {
	config, root, state, levels, since, pack string
	sample                                   float64
	workers                                  int
	full, attest, asJSON                     bool
}

func newVerifyCommand(a *app) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify (--config FILE | --pack FILE)",
		Short: "Prove that what the bucket holds is what was archived",
		Long: `Look at an archive as an auditor does: from the bucket and the root verifier key,
and nothing that the writer says. It changes nothing and may run beside a writer.

  level 0  the bucket's settings
  level 1  the ledger: chain, signatures, and the checkpoints that this verifier
           accepted before
  level 2  the objects: every committed version, its lock, and every version in the
           bucket that no commit names
  level 3  the content: hashes, rows, Merkle roots
  level 4  what SQL returns today through the bucket's current versions

Say --levels to choose; the default is 0-3. In --state it remembers what it accepted,
so that a stream that vanishes is missed, and so that the next run reads only what is
new. Keep that folder where the writer cannot change it.

The root verifier key is archive.root_vkey of the configuration, or --root. Take it
from where you were given it, never from the bucket.

With --pack it judges an evidence pack instead, offline: every member, the commits of
every stream, the proof of every row, the CSV, and what the pack says about
completeness (docs/format/pack.md).

Exit codes:
  0  OK: all that was asked for was looked at, and is as it should be
  1  it did not work
  2  the command line or the configuration is wrong
  3  VIOLATION: something is not as it should be
  4  INDETERMINATE: nothing wrong was found, and not everything could be looked at`,
		Example: `  archiver verify --config archiver.yaml
  archiver verify --config archiver.yaml --full --levels 0-4 --json > report.json
  archiver verify --config archiver.yaml --since 2026-11-01T00:00:00Z
  archiver verify --config archiver.yaml --sample 0.05 --state /var/lib/auditor
  archiver verify --pack january.tar --root 'archiver/0193…+f22cf213+Aexg…'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runVerify(cmd.Context(), a, f) },
	}
	addConfigFlag(cmd, &f.config)
	flags := cmd.Flags()
	flags.StringVar(&f.pack, "pack", "", "judge the evidence pack in this `file`; needs no bucket")
	flags.StringVar(&f.root, "root", "", "root verifier `key` (default: archive.root_vkey)")
	flags.StringVar(&f.state, "state", "", "`folder` of what this verifier remembers; none: remember nothing (default: the user's state folder)")
	flags.StringVar(&f.levels, "levels", "0-3", "which `levels`: numbers and ranges, as in 0-2,4; level 1 is always done")
	flags.StringVar(&f.since, "since", "", "read objects and content of batches that were sealed at or after this `time` only (RFC 3339)")
	flags.Float64Var(&f.sample, "sample", 1, "`share` of the batches whose content is read, above 0 and up to 1")
	flags.IntVar(&f.workers, "workers", 0, "`number` of batches that are read at a time (default: twice as many as processors)")
	flags.BoolVar(&f.full, "full", false, "look at everything again, whatever an earlier run saw")
	flags.BoolVar(&f.attest, "attest", false, "put a signed, locked statement of the result into the bucket; needs the root key or a stream's key")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

func runVerify(ctx context.Context, a *app, f verifyFlags) (err error) {
	if f.pack != "" {
		return verifyPack(ctx, a, f)
	}
	c, err := loadConfig(f.config)
	if err != nil {
		return err
	}
	o, err := verifyOptions(c, f)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	bar := newProgressBar(a.err, f.asJSON)
	o.Progress = bar.show
	report, err := verifyBucket(ctx, c, store, o)
	bar.clear()
	if err != nil {
		return err
	}
	var printed bytes.Buffer
	if err := printJSON(&printed, report); err != nil {
		return err
	}
	if f.asJSON {
		_, err = a.out.Write(printed.Bytes())
	} else {
		err = printReport(a.out, report)
	}
	if err == nil && f.attest {
		err = attest(ctx, a.err, c, store, report, printed.Bytes())
	}
	return errors.Join(err, resultError(report.Result))
}

// verifyBucket does one run over the bucket of a configuration.
func verifyBucket(ctx context.Context, c config.Config, store *s3store.Store, o verify.Options) (_ *verify.Report, err error) {
	o.Store, o.Settings = store, bucketSettings{store, c.S3.Prefix}
	if slices.Contains(o.Levels, 4) {
		engine, err := openCurrent(c, store)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, engine.Close()) }()
		o.SQL = engine
	}
	return verify.Run(ctx, o)
}

// attest puts a statement of a result into the bucket, signed by the root key where
// the configuration has it, and by the stream's key otherwise.
func attest(ctx context.Context, w io.Writer, c config.Config, store *s3store.Store, r *verify.Report, printed []byte) error {
	signer, err := attestSigner(ctx, c)
	if err != nil {
		return err
	}
	key, err := verify.Attest(ctx, store, c.S3.Prefix, r, printed, signer, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "attested by %s: %s\n", signer.Name(), key)
	return err
}

func attestSigner(ctx context.Context, c config.Config) (ledger.Signer, error) {
	if rootPlace(c) != (keyPlace{}) {
		return rootSigner(ctx, c)
	}
	vkey, err := certified(c)
	if err != nil {
		return nil, err
	}
	if vkey == "" {
		return nil, usagef("--attest needs a key: set archive.root_key_file, or stream.key_file and stream.open_file")
	}
	return streamSigner(ctx, c, vkey)
}

// resultError is the error that carries the exit code of a result.
func resultError(r verify.Result) error {
	switch r {
	case verify.OK:
		return nil
	case verify.Violation:
		return errViolation
	default:
		return errIndeterminate
	}
}

// verifyOptions turns the command line into options, without a store.
func verifyOptions(c config.Config, f verifyFlags) (o verify.Options, err error) {
	o = verify.Options{Prefix: c.S3.Prefix, Root: f.root, State: f.state, Full: f.full, Sample: f.sample, Workers: f.workers}
	if o.Root == "" {
		o.Root = c.Archive.RootVKey
	}
	_, errRoot := ledger.ParseRootName(o.Root)
	switch {
	case o.Root == "":
		return o, usagef("the root verifier key is missing: set archive.root_vkey, or --root")
	case errRoot != nil:
		return o, usagef("the root verifier key (--root, or archive.root_vkey): %w", errRoot)
	case !(f.sample > 0 && f.sample <= 1):
		return o, usagef("--sample %g: must be above 0 and at most 1", f.sample)
	case f.attest && o.Root != c.Archive.RootVKey:
		return o, usagef("--attest signs with the keys of the configuration, and --root is another archive's")
	case f.workers < 0:
		return o, usagef("--workers %d: must not be negative", f.workers)
	}
	if f.since != "" {
		if o.Since, err = time.Parse(time.RFC3339, f.since); err != nil {
			return o, usagef("--since %s: is no RFC 3339 time such as 2026-11-01T00:00:00Z", f.since)
		}
		if o.Since.After(time.Now()) { // a year that was mistyped would be OK about nothing
			return o, usagef("--since %s: has not come yet, so there is nothing to look at", f.since)
		}
	}
	if o.Levels, err = parseLevels(f.levels); err != nil {
		return o, err
	}
	switch f.state {
	case "none":
		o.State = ""
	case "":
		o.State, err = stateFolder()
	default:
		o.State, err = filepath.Abs(f.state)
	}
	return o, err
}

// parseLevels reads "0-2,4".
func parseLevels(s string) ([]int, error) {
	var levels []int
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 8)
		last, err2 := strconv.ParseUint(to, 10, 8)
		if err1 != nil || err2 != nil || first > last || last > 4 {
			return nil, usagef("--levels %s: must be numbers from 0 to 4 and ranges of them, as in 0-2,4", s)
		}
		for level := first; level <= last; level++ {
			levels = append(levels, int(level))
		}
	}
	return levels, nil
}

// stateFolder is where a user's verifiers remember, as the XDG base directory
// specification says.
func stateFolder() (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) { // the specification says to ignore it then
		home, err := os.UserHomeDir()
		if err != nil {
			return "", usagef("--state is missing, and there is no home folder: %w", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "archiver", "verify"), nil
}

// errIndeterminate is the error of a command that could not look at everything.
var errIndeterminate = errors.New("not everything could be looked at")
