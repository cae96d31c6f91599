package main

import (
	"context"
	"os"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/postgres"
	"github.com/audit-archiver/archiver/internal/s3store"
)

// mirrorDSN is the environment variable that goes before the configuration.
const mirrorDSN = "ARCHIVER_MIRROR_DSN"

func newMirrorCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mirror",
		Short: "Copy an archive into PostgreSQL or CloudWatch Logs, and look after the copy",
		Long: `Keep copies of an archive: in a PostgreSQL table, for hot queries and joins, and in
a log group of CloudWatch Logs, for alarms. serve and dev feed the mirrors that their
configuration names; run does it apart from them. A copy is never the evidence: the
archive is.

init and diff are for PostgreSQL only: a log group needs nothing but its name, and
cannot be compared, since an event may be there twice.

Which database a command connects to: --dsn, else ARCHIVER_MIRROR_DSN, else mirror.postgres of
the configuration. Passwords stand neither on the command line nor in the
configuration: they come from ARCHIVER_MIRROR_DSN, mirror.postgres.password_file,
PGPASSWORD or a pgpass file. To another machine, the URL has to ask for TLS.

Exit codes:
  0  it worked
  1  it did not work; trying again may help
  2  the command line or the configuration is wrong
  3  the mirror differs from the archive (diff)`,
		Example: `  archiver mirror init --config archiver.yaml --dsn 'postgres://postgres@db.example.com/audit?sslmode=verify-full'
  archiver mirror status --config archiver.yaml
  archiver mirror diff --config archiver.yaml --dsn 'postgres://auditor@db.example.com/audit?sslmode=verify-full'`,
	}
	cmd.AddCommand(newMirrorInitCommand(a), newMirrorRunCommand(a), newMirrorStatusCommand(a), newMirrorDiffCommand(a))
	return group(cmd)
}

// mirrorFlags are those that say where a mirror and its archive are.
type mirrorFlags struct {
	file, dsn, target string
	asJSON            bool
}

// Targets of a mirror, as flags and JSON name them.
const (
	targetPostgres   = "postgres"
	targetCloudWatch = "cloudwatch"
)

func addMirrorFlags(cmd *cobra.Command, f *mirrorFlags) {
	addConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.dsn, "dsn", "", "postgres:// `URL` without a password; default: "+mirrorDSN+", else the configuration's")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

func addTargetFlag(cmd *cobra.Command, f *mirrorFlags) {
	cmd.Flags().StringVar(&f.target, "target", "", "only this `mirror`: "+targetPostgres+" or "+targetCloudWatch+"; default: all that are configured")
}

// mirrorSite is what a command about a mirror works with.
type mirrorSite struct {
	cfg        config.Config
	archive    uuid.UUID
	connection postgres.Connection

	// Which mirrors are meant; see choose.
	postgres, cloudwatch bool
}

// loadMirror reads the configuration.
func loadMirror(f mirrorFlags) (mirrorSite, error) {
	c, err := loadConfig(f.file)
	if err != nil {
		return mirrorSite{}, err
	}
	if err := c.ForServe(f.file); err != nil {
		return mirrorSite{}, err
	}
	id, err := ledger.ParseRootName(c.Archive.RootVKey)
	return mirrorSite{cfg: c, archive: id}, err
}

// find says which database is meant. fallback: that of the configuration will do.
func (s *mirrorSite) find(f mirrorFlags, fallback bool) error {
	switch env := os.Getenv(mirrorDSN); {
	case f.dsn != "":
		if err := config.CheckPostgresURL(f.dsn); err != nil {
			return usagef("--dsn %w", err)
		}
		s.connection.DSN = f.dsn
	case env != "":
		s.connection.DSN = env
	case fallback && s.cfg.Mirror.Postgres.DSN != "":
		s.connection = configuredConnection(s.cfg)
	case s.cfg.Mirror.CloudWatch.LogGroup != "":
		return usagef("name a database with --dsn or %s: this is for PostgreSQL only", mirrorDSN)
	default:
		return usagef("name a database with --dsn or %s", mirrorDSN)
	}
	return nil
}

// choose says which mirrors are meant: that of --target, or all that have an address.
func (s *mirrorSite) choose(f mirrorFlags) error {
	logs := s.cfg.Mirror.CloudWatch.LogGroup != ""
	named := f.dsn != "" || os.Getenv(mirrorDSN) != "" || s.cfg.Mirror.Postgres.DSN != ""
	switch f.target {
	case "":
		s.postgres, s.cloudwatch = named, logs
		if !named && !logs {
			return usagef("no mirror is configured: set mirror.postgres.dsn or mirror.cloudwatch.log_group, or name a database with --dsn or %s", mirrorDSN)
		}
	case targetPostgres:
		s.postgres = true
	case targetCloudWatch:
		s.cloudwatch = true
		switch {
		case f.dsn != "":
			return usagef("--dsn is of no use with --target %s", targetCloudWatch)
		case !logs:
			return usagef("--target %s: mirror.cloudwatch.log_group is not set in %s", targetCloudWatch, f.file)
		}
	default:
		return usagef("--target %s: must be %s or %s", f.target, targetPostgres, targetCloudWatch)
	}
	if !s.postgres {
		return nil
	}
	return s.find(f, true)
}

// open opens the bucket and a reader of its ledger.
func (s mirrorSite) open(ctx context.Context) (*s3store.Store, *ledger.Reader, error) {
	store, err := openStore(ctx, s.cfg)
	if err != nil {
		return nil, nil, err
	}
	reader, err := ledger.NewReader(store, s.cfg.S3.Prefix, s.cfg.Archive.RootVKey)
	return store, reader, err
}
