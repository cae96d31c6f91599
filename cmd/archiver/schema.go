package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// schemaForms are what the table can be described as.
var schemaForms = []string{"athena", "glue", "trino", "terraform", "iam"}

type schemaFlags struct {
	file, form, database, table string
	workgroup, results          string
	asJSON                      bool
}

func newSchemaCommand(a *app) *cobra.Command {
	var f schemaFlags
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print what declares the table in Amazon Athena or Trino",
		Long: `Print what declares the table audit_logs elsewhere, with partition projection: no
partition ever has to be added. Retention classes and the earliest day come from the
archive object in the bucket, whose signature is checked.

  athena     CREATE EXTERNAL TABLE for Amazon Athena
  glue       JSON for aws glue create-table --cli-input-json
  trino      CREATE TABLE for Trino's Hive connector, whose catalog needs
             hive.partition-projection-enabled=true and hive.parquet.time-zone=UTC
  terraform  main.tf.json: database, table, workgroup, a bucket for results, policy
  iam        the policy of readers: Athena, the table, the files, results

Athena and Trino read what is in the bucket under the table's location, forged files
included. archiver query reads only what the signed ledger names.

Exit codes:
  0  it was printed
  1  the archive could not be read, or its signature is wrong
  2  the command line or the configuration is wrong`,
		Example: `  archiver schema --config archiver.yaml
  archiver schema --config archiver.yaml --database security --table audit_2026
  archiver schema --config archiver.yaml --for terraform --results-bucket audit-results > main.tf.json
  archiver schema --config archiver.yaml --json | jq '.columns[].name'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(schemaForms, f.form) {
				return usagef("--for %s: is none of %s", f.form, strings.Join(schemaForms, ", "))
			}
			c, err := loadConfig(f.file)
			if err != nil {
				return err
			}
			archive, err := archiveOf(cmd.Context(), f.file, c)
			if err != nil {
				return err
			}
			return f.print(a, archive, c)
		},
	}
	addConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.form, "for", "athena", "`what` for: "+strings.Join(schemaForms, ", "))
	cmd.Flags().StringVar(&f.database, "database", "", "`database` of the table (default: the session's, or else query.amazon.database)")
	cmd.Flags().StringVar(&f.table, "table", "audit_logs", "`name` of the table")
	cmd.Flags().StringVar(&f.workgroup, "workgroup", "", "Athena `workgroup` of readers (default: query.amazon.workgroup)")
	cmd.Flags().StringVar(&f.results, "results-bucket", "", "`bucket` for results, never the archive's; terraform and iam need it")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "with --for athena or trino print JSON: the statement and the columns")
	cmd.AddCommand(newSchemaApplyCommand(a))
	return cmd
}

// archiveOf reads the archive object, from the bucket.
func archiveOf(ctx context.Context, file string, c config.Config) (ledger.Archive, error) {
	if err := c.ForServe(file); err != nil {
		return ledger.Archive{}, err
	}
	store, err := openStore(ctx, c)
	if err != nil {
		return ledger.Archive{}, err
	}
	archive, _, err := fetchArchive(ctx, store, c)
	if err != nil {
		return ledger.Archive{}, fmt.Errorf("schema: %w", err)
	}
	return archive, nil
}

// tableSchema is the JSON form of a statement.
type tableSchema struct {
	DDL     string          `json:"ddl"`
	Columns []athena.Column `json:"columns"` // with Trino type names
}

func tableOptions(archive ledger.Archive, c config.Config, database, table string) athena.TableOptions {
	o := athena.TableOptions{
		Database: database, Table: table, Bucket: c.S3.Bucket, Prefix: c.S3.Prefix, Floor: archive.Floor,
	}
	for _, class := range archive.Classes {
		o.Classes = append(o.Classes, class.Name)
	}
	return o
}

// print writes the form that was asked for.
func (f *schemaFlags) print(a *app, archive ledger.Archive, c config.Config) error {
	o := tableOptions(archive, c, f.database, f.table)
	var doc any
	var err error
	switch f.form {
	case "athena", "trino":
		s := tableSchema{Columns: athena.Columns()}
		if s.DDL, err = athena.DDL(o); f.form == "trino" {
			s.DDL, err = athena.TrinoDDL(o)
		}
		if err == nil && !f.asJSON {
			_, err = fmt.Fprintln(a.out, s.DDL)
			return err
		}
		doc = s
	default:
		if o.Database == "" {
			o.Database = c.Query.Amazon.Database
		}
		access := athena.AccessOptions{TableOptions: o, WorkGroup: f.workgroup, ResultsBucket: f.results}
		if access.WorkGroup == "" {
			access.WorkGroup = c.Query.Amazon.WorkGroup
		}
		if f.results == "" && f.form != "glue" {
			return usagef("--for %s: needs --results-bucket", f.form)
		}
		switch f.form {
		case "glue":
			doc, err = athena.Glue(o)
		case "terraform":
			doc, err = athena.Terraform(access)
		case "iam":
			doc, err = athena.ReaderPolicy(access)
		}
	}
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}
