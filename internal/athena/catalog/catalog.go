// Package catalog answers what people and clients ask about the table itself: SHOW and DESCRIBE.
//
// The promise: column names, rows and their order are Athena's, so that a script
// which reads them goes on to work. The answers come from the table's definition and
// from the ledger; no data file is opened for them.
package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// Catalog is the table and its views.
type Catalog struct {
	// Locate says where the files are and what the archive may hold. nil: nobody
	// knows, and neither SHOW CREATE TABLE nor the table's properties are answered.
	Locate func(ctx context.Context) (athena.TableOptions, error)
}

// Answer answers st, which is neither a query nor an EXPLAIN. source is asked for
// SHOW PARTITIONS only.
func (c *Catalog) Answer(ctx context.Context, st dialect.Statement, source athena.Source) (athena.Result, error) {
	if !dialect.IsDatabase(st.Database) && (st.Sub != dialect.ShowDatabases || !dialect.IsCatalog(st.Database)) {
		return nil, invalid("database "+strings.Join(st.Database, "."), "the database is "+dialect.Database)
	}
	switch st.Sub {
	case dialect.ShowDatabases:
		return names("database_name", "string", st.Match, dialect.Database), nil
	case dialect.ShowTables:
		return names("tab_name", "string", st.Match, append(viewNames(), dialect.Table)...), nil
	case dialect.ShowViews:
		return names("views", "varchar", st.Match, viewNames()...), nil
	}
	name, ok := dialect.Resolve(st.Path)
	if !ok {
		return nil, invalid("table "+strings.Join(st.Path, "."), "the tables are "+strings.Join(append([]string{dialect.Table}, viewNames()...), ", "))
	}
	view, isView := dialect.View(name)
	switch st.Sub {
	case dialect.ShowColumns:
		return columnNames(), nil
	case dialect.DescribeTable:
		return c.describe(ctx, st.Formatted)
	case dialect.DescribeView:
		return describeView(), nil
	case dialect.ShowCreateView:
		if !isView {
			return nil, invalid(name, "it is a table: SHOW CREATE TABLE "+name)
		}
		return lines("create view", "varchar", createView(view)), nil
	}
	if isView {
		return nil, invalid(name, "it is a view: SHOW CREATE VIEW "+name)
	}
	switch st.Sub {
	case dialect.ShowCreateTable:
		return c.createTable(ctx)
	case dialect.ShowProperties:
		return c.showProperties(ctx, st.Property)
	case dialect.ShowPartitions:
		return partitions(ctx, source)
	}
	return nil, fmt.Errorf("bug: statement %s has no answer", st.Sub)
}

func invalid(construct, detail string) error {
	return &athena.Error{Kind: athena.ErrInvalid, Construct: construct, Detail: detail}
}

func viewNames() []string {
	var list []string
	for _, v := range dialect.Views() {
		list = append(list, v.Name)
	}
	return list
}

// column is an answer of one column.
func column(name, typ string, values []string) athena.Result {
	rows := make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{v}
	}
	return athena.Rows([]athena.Column{{Name: name, Type: typ}}, rows, athena.Meta{}, nil)
}

// names answers those that match, in order.
func names(name, typ string, match *regexp.Regexp, all ...string) athena.Result {
	slices.Sort(all)
	return column(name, typ, slices.DeleteFunc(all, func(s string) bool { return match != nil && !match.MatchString(s) }))
}

// lines answers a text, a row for each line.
func lines(name, typ, text string) athena.Result {
	return column(name, typ, strings.Split(strings.TrimRight(text, "\n"), "\n"))
}

// createView is the statement that would make v here.
func createView(v athena.View) string {
	return "CREATE VIEW " + dialect.Database + "." + v.Name + " AS\n" + v.Select(dialect.Database+"."+dialect.Table)
}

// located is where the table's files are, if that is known.
func (c *Catalog) located(ctx context.Context) (athena.TableOptions, error) {
	if c.Locate == nil {
		return athena.TableOptions{}, &athena.Error{Kind: athena.ErrRefused, Detail: "this engine does not know where the files are"}
	}
	o, err := c.Locate(ctx)
	if err != nil {
		return athena.TableOptions{}, fmt.Errorf("look for the archive: %w", err)
	}
	o.Database = dialect.Database
	return o, nil
}

func (c *Catalog) createTable(ctx context.Context) (athena.Result, error) {
	o, err := c.located(ctx)
	if err != nil {
		return nil, err
	}
	ddl, err := athena.DDL(o)
	if err != nil {
		return nil, err
	}
	ddl = strings.Replace(ddl, "CREATE EXTERNAL TABLE IF NOT EXISTS ", "CREATE EXTERNAL TABLE ", 1)
	return lines("createtab_stmt", "string", strings.TrimRight(ddl, ";\n")), nil
}

// Properties are the table's parameters, as Athena and Glue have them.
func (c *Catalog) Properties(ctx context.Context) (map[string]string, error) {
	o, err := c.located(ctx)
	if err != nil {
		return nil, err
	}
	glue, err := athena.Glue(o)
	return glue.TableInput.Parameters, err
}

func (c *Catalog) showProperties(ctx context.Context, only string) (athena.Result, error) {
	properties, err := c.Properties(ctx)
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if only == "" || only == name {
			rows = append(rows, []any{name, properties[name]})
		}
	}
	if rows == nil && only != "" {
		return nil, invalid("property "+only, "the table has no such property")
	}
	return athena.Rows([]athena.Column{{Name: "prpt_name", Type: "string"}, {Name: "prpt_value", Type: "string"}}, rows, athena.Meta{}, nil), nil
}

// partitions are those that hold rows: of the ledger, and of the log.
func partitions(ctx context.Context, source athena.Source) (athena.Result, error) {
	set, err := source.Files(ctx, athena.Everything())
	if err != nil {
		return nil, fmt.Errorf("find partitions: %w", err)
	}
	if set.Release != nil {
		defer set.Release()
	}
	type partition struct{ class, day string }
	seen := map[partition]bool{}
	for i := range set.Files {
		seen[partition{set.Files[i].Class, set.Files[i].Day}] = true
	}
	var rows [][]any
	for _, p := range slices.SortedFunc(maps.Keys(seen), func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.day, b.day))
	}) {
		rows = append(rows, []any{"retention=" + p.class + "/dt=" + p.day})
	}
	meta := athena.Meta{CompleteThrough: set.CompleteThrough, Laggards: set.Laggards, Stats: athena.Stats{FilesTotal: len(set.Files)}}
	return athena.Rows([]athena.Column{{Name: "partition", Type: "string"}}, rows, meta, nil), nil
}
