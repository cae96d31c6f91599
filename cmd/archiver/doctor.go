package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/duckdb"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/doctor"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/kms"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/policy"
	"github.com/audit-archiver/archiver/internal/s3store"
)

func newDoctorCommand(a *app) *cobra.Command {
	var (
		file   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Prove that the bucket and the disk keep their promises",
		Long: `Prove that the bucket and the disk do what an archive rests on, by trying it. An
object is put under <prefix>/probe/, locked for two minutes, and then everything that
must not work is tried on it: deleting its version, with a bypass too, shortening and
weakening its lock, writing over it, hiding it. The settings of the bucket, the clocks
and the data folder's fsync are looked at. It takes seconds and does not wait for the
lock to end; the next run removes what is left, if it may.

Run it with the credentials of the server, and once with those of an administrator:
what is refused for want of a permission says nothing about locks.

Each check is a must (without it the archive's promises do not hold), a should, or for
information. serve tries the musts too, and does not start on a bucket that fails one.

Exit codes:
  0  every must passed
  1  it did not work
  2  the command line or the configuration is wrong
  3  a must failed
  4  a must could not be looked at, and none failed`,
		Example: `  archiver doctor --config archiver.yaml
  archiver doctor --config archiver.yaml --json | jq '.checks[] | select(.result == "fail")'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			store, err := openStore(cmd.Context(), c)
			if err != nil {
				return fmt.Errorf("doctor: %w", err)
			}
			about, _, err := fetchArchive(cmd.Context(), store, c)
			if err != nil {
				// Before init there is none, and a bucket that is away is told by doctor.
				about = ledger.Archive{}
			}
			report, err := doctor.Run(cmd.Context(), doctorOptions(c, store, about))
			if err != nil {
				return err
			}
			report.Checks = append(report.Checks, doctor.Disk(durable.OS(), c.DataDir)...)
			report.Checks = append(report.Checks, isolationCheck(cmd.Context()))
			if asJSON {
				err = printJSON(a.out, report)
			} else {
				err = printDoctor(a.out, report)
			}
			if bad := report.Err(); bad != nil {
				return errors.Join(fmt.Errorf("doctor: %w", bad), err)
			}
			return err
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// isolationCheck tries whether SQL can be isolated on this machine, for this user.
func isolationCheck(ctx context.Context) doctor.Check {
	c := doctor.Check{Name: "sql-isolation", Level: doctor.Should, Result: doctor.Pass, Seen: "a worker ran with all of its walls",
		Do: "run it on Linux 5.13 or later with Landlock; until then SQL is refused (docs/security.md)"}
	dir, err := os.MkdirTemp("", "archiver-doctor-")
	if err == nil {
		err = errors.Join(duckdb.Probe(ctx, dir), os.RemoveAll(dir))
	}
	switch {
	case err == nil:
		return c
	case errors.Is(err, athena.ErrNoEngine):
		c.Result = doctor.NotApplicable
	case errors.Is(err, athena.ErrNotIsolated):
		c.Result = doctor.Fail
	default:
		c.Result = doctor.CouldNotLook
	}
	c.Seen = err.Error()
	return c
}

// doctorOptions are for the bucket of a configuration, and for the archive in it.
func doctorOptions(c config.Config, store *s3store.Store, about ledger.Archive) doctor.Options {
	return doctor.Options{Store: s3store.Prober{Store: store}, Name: storeName(c), Prefix: c.S3.Prefix, Archive: about,
		KeyState: bucketKeyState(c), Now: time.Now}
}

// bucketKeyState asks AWS KMS about the key that a bucket of Amazon's is encrypted
// with, as the identity that uses the bucket. Other stores have other keys.
func bucketKeyState(c config.Config) func(context.Context, string) (string, error) {
	if storeKind(c) != policy.AWS {
		return nil
	}
	return func(ctx context.Context, id string) (string, error) {
		cfg := kms.Config{Key: id, Endpoint: c.KMS.Endpoint, CredentialsFile: c.S3.CredentialsFile, Profile: c.S3.Profile}
		if kms.RegionOf(id) == "" {
			cfg.Region = c.S3.Region
		}
		return kms.State(ctx, cfg)
	}
}

// storeName is where an archive lies, for people.
func storeName(c config.Config) string {
	endpoint := c.S3.Endpoint
	if endpoint == "" {
		endpoint = "s3." + c.S3.Region
	}
	return endpoint + "/" + c.S3.Bucket + "/" + c.S3.Prefix
}

// marks are how results look in a table; a check for information has no mark.
var marks = map[doctor.Result]string{doctor.Pass: "pass", doctor.Fail: "FAIL", doctor.NotApplicable: "-", doctor.CouldNotLook: "?"}

func printDoctor(w io.Writer, r doctor.Report) error {
	fmt.Fprintf(w, "%s\n\n", r.Store)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		mark := marks[c.Result]
		if c.Level == doctor.Should && c.Result == doctor.Fail {
			mark = "warn"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", mark, c.Level, c.Name, oneLine(c.Seen))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	todo := false
	for _, c := range r.Checks {
		if c.Do == "" || c.Result == doctor.Pass || c.Result == doctor.NotApplicable {
			continue
		}
		if !todo {
			fmt.Fprintf(w, "\nTo do:\n")
			todo = true
		}
		fmt.Fprintf(w, "  %s: %s\n", c.Name, c.Do)
	}
	if len(r.Left) > 0 {
		fmt.Fprintf(w, "\nLeft in the bucket: %d versions under probe/, such as %s (%s).\n", len(r.Left), r.Left[0].Key, oneLine(r.Left[0].Why))
	}
	return nil
}

// oneLine keeps an error of many lines in its cell.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
