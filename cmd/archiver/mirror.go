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
		Short: "Copy an archive into PostgreSQL or CloudWatch Logs, and compare the copy with it",
		Long: `Keep a copy of an archive in a PostgreSQL table, for hot queries and joins, and
compare it with the archive row by row; or in CloudWatch Logs (run and status only).
serve and dev feed the mirrors that their configuration names; run does it apart from
them. The copy is never the evidence: the archive is.

Where a command connects to: --dsn, else ARCHIVER_MIRROR_DSN, else mirror.postgres of
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
	file, dsn string
	asJSON    bool
}

func addMirrorFlags(cmd *cobra.Command, f *mirrorFlags) {
	addConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.dsn, "dsn", "", "postgres:// `URL` without a password; default: "+mirrorDSN+", else the configuration's")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

// mirrorSite is what a command about a mirror works with.
type mirrorSite struct {
	cfg        config.Config
	archive    uuid.UUID
	connection postgres.Connection
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

// findUnless is find, but for one who names no database and has another mirror.
func (s *mirrorSite) findUnless(f mirrorFlags, another bool) error {
	if another && f.dsn == "" && os.Getenv(mirrorDSN) == "" && s.cfg.Mirror.Postgres.DSN == "" {
		return nil
	}
	return s.find(f, true)
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
	default:
		return usagef("name a database with --dsn or %s", mirrorDSN)
	}
	return nil
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
