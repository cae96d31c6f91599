package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/saved"
	"github.com/audit-archiver/archiver/internal/config"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// schemaForms are what the table can be described as.
var schemaForms = []string{"athena", "glue", "trino", "terraform", "iam"}

type schemaFlags struct {
	file, form, database, table string
	workgroup, results          string
	asJSON, views               bool
}

func newSchemaCommand(a *app) *cobra.Command {
	var f schemaFlags
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print what declares the table in Amazon Athena or Trino",
		Long: `Print what declares the table audit_logs elsewhere, with partition projection: no
partition ever has to be added. Retention classes and the earliest day come from the
archive object in the bucket, whose signature is checked. The views of the compliance
pack (failed_logins, deletions, …: SHOW VIEWS lists them) come after the table.

  athena     CREATE EXTERNAL TABLE and CREATE VIEW for Amazon Athena
  glue       JSON for aws glue create-table --cli-input-json, a document for each
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
  archiver schema --config archiver.yaml --for glue | jq -c . | while read -r t; do aws glue create-table --cli-input-json "$t"; done
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
	cmd.Flags().BoolVar(&f.views, "views", true, "the views of the compliance pack too")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "with --for athena or trino print JSON: the statements and the columns")
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

// tableSchema is the JSON form of the statements.
type tableSchema struct {
	DDL     string          `json:"ddl"`
	Columns []athena.Column `json:"columns"` // with Trino type names
	Views   []viewSchema    `json:"views"`
}

type viewSchema struct {
	athena.View
	DDL string `json:"ddl"`
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
	if f.form == "athena" || f.form == "trino" {
		return f.printStatements(a, o)
	}
	if o.Database == "" {
		o.Database = c.Query.Amazon.Database
	}
	access := athena.AccessOptions{TableOptions: o, WorkGroup: f.workgroup, ResultsBucket: f.results, Views: f.shown()}
	if access.WorkGroup == "" {
		access.WorkGroup = c.Query.Amazon.WorkGroup
	}
	if f.results == "" && f.form != "glue" {
		return usagef("--for %s: needs --results-bucket", f.form)
	}
	docs, err := f.documents(access)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	for _, doc := range docs {
		if err := printDocument(a, doc); err != nil {
			return err
		}
	}
	return nil
}

// shown are the views that are asked for.
func (f *schemaFlags) shown() []athena.View {
	if !f.views {
		return nil
	}
	return saved.Views()
}

// documents are what is printed as JSON.
func (f *schemaFlags) documents(o athena.AccessOptions) ([]any, error) {
	switch f.form {
	case "terraform":
		doc, err := athena.Terraform(o)
		return []any{doc}, err
	case "iam":
		doc, err := athena.ReaderPolicy(o)
		return []any{doc}, err
	}
	table, err := athena.Glue(o.TableOptions)
	docs := []any{table}
	for _, v := range o.Views {
		view, viewErr := athena.GlueView(o.TableOptions, v)
		docs, err = append(docs, view), errors.Join(err, viewErr)
	}
	return docs, err
}

// printStatements prints a script, or JSON of its parts.
func (f *schemaFlags) printStatements(a *app, o athena.TableOptions) error {
	s := tableSchema{Columns: athena.Columns(), Views: []viewSchema{}}
	var err error
	if s.DDL, err = athena.DDL(o); f.form == "trino" {
		s.DDL, err = athena.TrinoDDL(o)
	}
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	for _, v := range f.shown() {
		s.Views = append(s.Views, viewSchema{v, athena.ViewDDL(o, v)})
	}
	if f.asJSON {
		return printDocument(a, s)
	}
	if _, err := fmt.Fprintf(a.out, "%s;\n", strings.TrimRight(s.DDL, ";\n")); err != nil {
		return err
	}
	for _, v := range s.Views {
		// Some clients split scripts at every semicolon, also within comments.
		if _, err := fmt.Fprintf(a.out, "\n-- %s\n%s;\n", strings.ReplaceAll(v.About, ";", ","), v.DDL); err != nil {
			return err
		}
	}
	return nil
}

func printDocument(a *app, doc any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}
