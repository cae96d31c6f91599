package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/mirror/postgres"
)

type mirrorInitFlags struct {
	mirrorFlags
	owner, writer, reader string
	print                 bool
}

func newMirrorInitCommand(a *app) *cobra.Command {
	var f mirrorInitFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the tables, triggers and roles of a mirror in PostgreSQL",
		Long: `Make what a mirror needs in a PostgreSQL database (14 or later): the table
audit_logs, partitioned by month, with triggers that refuse UPDATE, DELETE and
TRUNCATE; the mirror's position; and three roles: an owner that cannot log in, one
that may add rows and nothing else, and one that may read.

The role that connects is a superuser, or it may create roles and owns the database.
Run it again whenever you like: it keeps the rows, mends triggers and rights that were
changed, and sets how many months are kept to mirror.postgres.keep_months.

This is for PostgreSQL only: CloudWatch Logs needs no tables; see create_missing in
docs/mirror-cloudwatch.md.

Exit codes:
  0  all of it is there
  1  it did not work; nothing was changed
  2  the command line or the configuration is wrong`,
		Example: `  archiver mirror init --config archiver.yaml --dsn 'postgres://postgres@db.example.com/audit?sslmode=verify-full'
  archiver mirror init --config archiver.yaml --print > mirror.sql   # for somebody else to run`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runMirrorInit(cmd.Context(), a, f) },
	}
	addMirrorFlags(cmd, &f.mirrorFlags)
	cmd.Flags().StringVar(&f.owner, "owner", postgres.DefaultOwner, "`role` that owns the tables")
	cmd.Flags().StringVar(&f.writer, "writer", postgres.DefaultWriter, "`role` that adds rows")
	cmd.Flags().StringVar(&f.reader, "reader", postgres.DefaultReader, "`role` that reads; grant it to people")
	cmd.Flags().BoolVar(&f.print, "print", false, "print the SQL and connect to nothing")
	return cmd
}

// mirrorInitDone is what init prints.
type mirrorInitDone struct {
	Schema     string `json:"schema"`
	Archive    string `json:"archive"`
	Owner      string `json:"owner"`
	Writer     string `json:"writer"`
	Reader     string `json:"reader"`
	KeepMonths int    `json:"keep_months"`
}

func runMirrorInit(ctx context.Context, a *app, f mirrorInitFlags) error {
	site, err := loadMirror(f.mirrorFlags)
	if err != nil {
		return err
	}
	p := site.cfg.Mirror.Postgres
	setup := postgres.Setup{Schema: p.Schema, Owner: f.owner, Writer: f.writer, Reader: f.reader, Archive: site.archive, KeepMonths: p.KeepMonths}
	sql, err := setup.SQL()
	if err != nil {
		return usageError{err}
	}
	if f.print {
		_, err := fmt.Fprint(a.out, sql)
		return err
	}
	if err := site.find(f.mirrorFlags, false); err != nil {
		return err
	}
	if err := setup.Apply(ctx, site.connection); err != nil {
		return fmt.Errorf("mirror init: %w", err)
	}
	if f.asJSON {
		return printJSON(a.out, mirrorInitDone{p.Schema, site.archive.String(), f.owner, f.writer, f.reader, p.KeepMonths})
	}
	_, err = fmt.Fprintf(a.out, `The mirror of archive %[1]s is set up in schema %[2]s.

1. Give %[3]s a way to log in, such as:  \password %[3]s
2. Let people read:                      GRANT %[4]s TO …;
3. Put its address into the configuration, and start archiver serve again:

   mirror:
     postgres:
       dsn: postgres://%[3]s@…
       schema: %[2]s
`, site.archive, p.Schema, f.writer, f.reader)
	return err
}
