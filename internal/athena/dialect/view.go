package dialect

import (
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/saved"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// Views are the views over Table.
func Views() []athena.View { return saved.Views() }

// View returns the view of that name.
func View(name string) (athena.View, bool) {
	for _, v := range Views() {
		if v.Name == name {
			return v, true
		}
	}
	return athena.View{}, false
}

// schemaName is the schema that clients ask about all others.
const schemaName = "information_schema"

// Resolve is the name of the table or view that a path means in this archive.
func Resolve(path []string) (name string, ok bool) {
	name, rest := splitPath(path)
	if _, isView := View(name); name != Table && !isView || !within(rest, Database) {
		return "", false
	}
	return name, true
}

// splitPath returns the name at the end of a path, and what stands before it.
func splitPath(path []string) (name string, rest []string) {
	if len(path) == 0 {
		return "", nil
	}
	n := len(path) - 1
	return strings.ToLower(path[n]), path[:n]
}

// within reports whether path is nothing, schema, or our catalogue and schema.
func within(path []string, schema string) bool {
	n := len(path)
	return n == 0 || n <= 2 && strings.EqualFold(path[n-1], schema) && (n == 1 || strings.EqualFold(path[0], Catalog))
}

// IsDatabase reports whether path, which may have a catalogue before it, names the
// database of this archive. Nothing names the one where the query is.
func IsDatabase(path []string) bool { return within(path, Database) }

// IsCatalog is IsDatabase for the catalogue.
func IsCatalog(path []string) bool {
	return len(path) == 0 || len(path) == 1 && strings.EqualFold(path[0], Catalog)
}

// definition is the query that a name stands for: of a view, of the table's
// partitions as "audit_logs$partitions", or of what information_schema holds.
func definition(path []string) (query string, ok bool) {
	name, rest := splitPath(path)
	switch {
	case len(rest) > 0 && within(rest, schemaName):
		return schemaQuery(name)
	case !within(rest, Database):
		return "", false
	case name == Table+"$partitions":
		return "SELECT DISTINCT retention, dt FROM " + Table, true
	}
	v, ok := View(name)
	if !ok {
		return "", false
	}
	return v.Select(Table), true
}

// expand makes n, which names a definition, a subquery. A view means what it always
// means, whatever the query around it calls audit_logs.
func (t *translator) expand(n node, s *scope, alias, query string) error {
	tree, err := t.parse(query)
	if err != nil {
		return err
	}
	doc, err := decode(tree)
	if err != nil {
		return err
	}
	statements := list(doc, "statements")
	if len(statements) != 1 {
		return fmt.Errorf("view %s: it is no query: %s", alias, text(doc, "error_message"))
	}
	stmt, _ := statements[0].(map[string]any)
	place(stmt, nowhere)
	if t.grow(stmt); t.grownTooMuch() {
		return t.tooMuch(n)
	}
	named := t.named
	t.named = make(map[string]bool) // the engine leaves out what the query around it does not use
	cols, err := t.statement(stmt, &scope{})
	if err != nil {
		return fmt.Errorf("view %s: %w", alias, err)
	}
	t.named = named
	if cols, err = t.rename(n, cols, strings1(n, "column_name_alias")); err != nil {
		return err
	}
	become(n, node{"type": "SUBQUERY", "sample": nil, "subquery": stmt, "column_name_alias": n["column_name_alias"]})
	n["alias"] = alias
	s.rels = append(s.rels, newRelation(alias, cols))
	return nil
}

// schemaQuery is a table of information_schema, with the columns that Athena's has.
func schemaQuery(name string) (query string, ok bool) {
	const null = "CAST(NULL AS varchar)"
	q := athena.TextLiteral
	var columns string
	var rows []string
	row := func(values ...string) { rows = append(rows, "("+strings.Join(values, ", ")+")") }
	switch name {
	case "schemata":
		columns = "catalog_name, schema_name"
		row(q(Catalog), q(Database))
		row(q(Catalog), q(schemaName))
	case "tables":
		columns = "table_catalog, table_schema, table_name, table_type"
		row(q(Catalog), q(Database), q(Table), "'BASE TABLE'")
		for _, v := range Views() {
			row(q(Catalog), q(Database), q(v.Name), "'VIEW'")
		}
	case "views":
		columns = "table_catalog, table_schema, table_name, view_definition"
		for _, v := range Views() {
			row(q(Catalog), q(Database), q(v.Name), q(v.Select(Database+"."+Table)))
		}
	case "columns":
		columns = "table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, data_type, comment, extra_info"
		for _, table := range append([]string{Table}, viewNames()...) {
			for i, c := range parquet.Schema() {
				extra := null
				if c.Partition && table == Table {
					extra = "'partition key'"
				}
				row(q(Catalog), q(Database), q(table), q(c.Name), fmt.Sprintf("CAST(%d AS bigint)", i+1), null, "'YES'", q(c.TrinoType), q(c.Comment), extra)
			}
		}
	default:
		return "", false
	}
	return "SELECT " + columns + " FROM (VALUES " + strings.Join(rows, ", ") + ") AS t(" + columns + ")", true
}

func viewNames() []string {
	var names []string
	for _, v := range Views() {
		names = append(names, v.Name)
	}
	return names
}
