package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
)

func newSchemaCommand(a *app) *cobra.Command {
	var (
		file, database, table string
		asJSON                bool
	)
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the statement that declares the table in Amazon Athena",
		Long: `Print the CREATE EXTERNAL TABLE statement for Amazon Athena, with partition
projection: no partition ever has to be added. Retention classes and the earliest
day come from the archive object in the bucket, whose signature is checked.

Athena reads what is in the bucket under the table's location, forged files
included. archiver query reads only what the signed ledger names.

Exit codes:
  0  it was printed
  1  the archive could not be read, or its signature is wrong
  2  the command line or the configuration is wrong`,
		Example: `  archiver schema --config archiver.yaml
  archiver schema --config archiver.yaml --database security --table audit_2026
  archiver schema --config archiver.yaml --json | jq '.columns[].name'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			if err := c.ForServe(file); err != nil {
				return err
			}
			store, err := openStore(cmd.Context(), c)
			if err != nil {
				return err
			}
			archive, _, err := fetchArchive(cmd.Context(), store, c)
			if err != nil {
				return fmt.Errorf("schema: %w", err)
			}
			s, err := describeTable(archive, c, database, table)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.out, s)
			}
			_, err = fmt.Fprintln(a.out, s.DDL)
			return err
		},
	}
	addConfigFlag(cmd, &file)
	cmd.Flags().StringVar(&database, "database", "", "Athena `database` of the table (default: the session's)")
	cmd.Flags().StringVar(&table, "table", "audit_logs", "`name` of the table")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: the statement and the columns")
	return cmd
}

// tableSchema is the JSON form of the answer.
type tableSchema struct {
	DDL     string          `json:"ddl"`
	Columns []athena.Column `json:"columns"` // with Trino type names
}

func describeTable(archive ledger.Archive, c config.Config, database, table string) (tableSchema, error) {
	o := athena.TableOptions{
		Database: database, Table: table, Bucket: c.S3.Bucket, Prefix: c.S3.Prefix, Floor: archive.Floor,
	}
	for _, class := range archive.Classes {
		o.Classes = append(o.Classes, class.Name)
	}
	ddl, err := athena.DDL(o)
	if err != nil {
		return tableSchema{}, fmt.Errorf("schema: %w", err)
	}
	return tableSchema{DDL: ddl, Columns: athena.Columns()}, nil
}
