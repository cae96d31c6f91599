package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/saved"
	"github.com/audit-archiver/archiver/internal/config"
)

type applyFlags struct {
	file, engine, table string
	dryRun, views       bool
}

func newSchemaApplyCommand(a *app) *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Declare the table and its views in Amazon Athena or Trino",
		Long: `Declare the table in the database of query.amazon or the schema of query.trino. What
will be run is printed first. A table that is there is compared and never changed: what
differs is listed. Then drop its definition, which deletes no file, and apply again.
Views hold nothing: those of the compliance pack are made anew.

Exit codes:
  0  the table is there as it should be; with --dry-run: it is, or would be
  1  it did not work
  2  the command line or the configuration is wrong
  3  a table is there, and differs`,
		Example: `  archiver schema apply --config archiver.yaml --engine amazon --dry-run
  archiver schema apply --config archiver.yaml --engine trino`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.engine != config.EngineAmazon && f.engine != config.EngineTrino {
				return usagef("--engine %s: is neither amazon nor trino", f.engine)
			}
			c, err := loadConfig(f.file)
			if err != nil {
				return err
			}
			archive, err := archiveOf(cmd.Context(), f.file, c)
			if err != nil {
				return err
			}
			engine, err := openEngine(cmd.Context(), a, c, f.file, f.engine)
			if err != nil {
				return err
			}
			o := tableOptions(archive, c, c.Query.Amazon.Database, f.table)
			if f.engine == config.EngineTrino {
				o.Database = c.Query.Trino.Schema
			}
			return errors.Join(applySchema(cmd.Context(), a, engine, f, o), engine.Close())
		},
	}
	addConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.engine, "engine", "", "`name` of the engine: amazon or trino")
	cmd.Flags().StringVar(&f.table, "table", "audit_logs", "`name` of the table")
	cmd.Flags().BoolVar(&f.views, "views", true, "the views of the compliance pack too")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "look, print, and change nothing")
	return cmd
}

// plainName is a name that means the same in every engine, quoted or not.
var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

func applySchema(ctx context.Context, a *app, engine athena.Engine, f applyFlags, o athena.TableOptions) error {
	if !plainName.MatchString(o.Database) || !plainName.MatchString(o.Table) {
		return usagef("%s.%s: database and table must be lower-case letters, digits and underscores", o.Database, o.Table)
	}
	ddl, err := athena.DDL(o)
	if f.engine == config.EngineTrino {
		ddl, err = athena.TrinoDDL(o)
	}
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	seen, there, err := declared(ctx, engine, o)
	if err != nil {
		return fmt.Errorf("look at the table: %w", err)
	}
	var statements []string
	if there {
		if err := compareSchema(a, seen, ddl, o); err != nil {
			return err
		}
	} else {
		schema := "CREATE DATABASE IF NOT EXISTS " + o.Database
		if f.engine == config.EngineTrino {
			schema = "CREATE SCHEMA IF NOT EXISTS " + o.Database
		}
		statements = append(statements, schema, strings.TrimRight(ddl, ";\n"))
	}
	if f.views {
		for _, v := range saved.Views() {
			statements = append(statements, athena.ViewDDL(o, v))
		}
	}
	for _, sql := range statements {
		fmt.Fprintf(a.out, "%s;\n", sql)
	}
	if f.dryRun {
		return nil
	}
	for _, sql := range statements {
		if _, err := lines(ctx, engine, athena.Query{SQL: sql, Declare: true}); err != nil {
			what, _, _ := strings.Cut(sql, "\n")
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// declared is the text of SHOW CREATE TABLE; there is false when there is no such table.
func declared(ctx context.Context, engine athena.Engine, o athena.TableOptions) (text string, there bool, _ error) {
	found, err := lines(ctx, engine, athena.Query{SQL: "SELECT table_name FROM information_schema.tables WHERE table_schema = " +
		athena.TextLiteral(o.Database) + " AND table_name = " + athena.TextLiteral(o.Table)})
	if err != nil || len(found) == 0 {
		return "", false, err
	}
	shown, err := lines(ctx, engine, athena.Query{SQL: "SHOW CREATE TABLE " + o.Database + "." + o.Table})
	return strings.Join(shown, "\n"), err == nil, err
}

// compareSchema lists what a definition should say and does not: columns with their
// types, the location, the classes and days of the projection.
func compareSchema(a *app, seen, ddl string, o athena.TableOptions) error {
	var missing []string
	for _, part := range athena.Marks(ddl) {
		if !strings.Contains(squeeze(seen), squeeze(part)) {
			missing = append(missing, part)
		}
	}
	if len(missing) == 0 {
		fmt.Fprintf(a.out, "%s.%s is there, as it should be\n", o.Database, o.Table)
		return nil
	}
	for _, part := range missing {
		fmt.Fprintf(a.out, "not in %s.%s: %s\n", o.Database, o.Table, part)
	}
	return fmt.Errorf("%s.%s differs: DROP TABLE (its files stay) and apply again: %w", o.Database, o.Table, errViolation)
}

// squeeze takes away what engines print differently: quotes of names, blanks, case.
func squeeze(s string) string {
	return strings.ToLower(strings.NewReplacer("`", "", `"`, "", " ", "", "\n", "", "\t", "").Replace(s))
}

// lines runs q and returns its answer as text.
func lines(ctx context.Context, engine athena.Engine, q athena.Query) (out []string, err error) {
	r, err := engine.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		row, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var cells []string
		for i, v := range row {
			text, err := athena.Text(r.Columns()[i].Type, v)
			if err != nil {
				return nil, err
			}
			cells = append(cells, text)
		}
		out = append(out, strings.Join(cells, "\t"))
	}
}
