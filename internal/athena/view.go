package athena

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/parquet"
)

// View is a read-only view over audit_logs: some of its rows, all of its columns.
// So a condition on dt or timestamp means the same for both, and prunes alike.
type View struct {
	Name  string `json:"name"`
	About string `json:"about"` // what it shows, in a sentence
	Where string `json:"where"` // Athena SQL about one row
}

// Select is the query that the view stands for, over a table by the name of from.
func (v View) Select(from string) string {
	names := make([]string, 0, 22)
	for _, c := range Columns() {
		names = append(names, trinoName(c.Name))
	}
	return "SELECT " + strings.Join(names, ", ") + "\nFROM " + from + "\nWHERE " + v.Where
}

// ViewDDL returns the statement that makes v in Athena and in Trino alike, beside
// the table of o. A view holds nothing, so that one of an earlier version is
// replaced.
func ViewDDL(o TableOptions, v View) string {
	return "CREATE OR REPLACE VIEW " + o.qualified(v.Name) + " AS\n" + v.Select(o.qualified(o.table()))
}

// qualified is a name in the database of o, as Trino's grammar has it. Database may
// be catalog.schema.
func (o *TableOptions) qualified(name string) string {
	if o.Database == "" {
		return trinoName(name)
	}
	var parts []string
	for _, part := range strings.Split(o.Database, ".") {
		parts = append(parts, trinoName(part))
	}
	return strings.Join(append(parts, trinoName(name)), ".")
}

// GlueView describes v for the Glue Data Catalog, in the form in which Athena keeps
// its views there: the definition is JSON in base64 in a comment.
func GlueView(o TableOptions, v View) (GlueTable, error) {
	table, err := Glue(o)
	if err != nil {
		return GlueTable{}, err
	}
	type column struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	definition := struct {
		SQL     string   `json:"originalSql"`
		Catalog string   `json:"catalog"`
		Schema  string   `json:"schema"`
		Columns []column `json:"columns"`
	}{SQL: v.Select(o.qualified(o.table())), Catalog: "awsdatacatalog", Schema: o.Database}
	in := GlueInput{
		Name: v.Name, TableType: "VIRTUAL_VIEW", Parameters: map[string]string{"presto_view": "true", "comment": "Presto View"},
		PartitionKeys: []GlueColumn{}, ViewExpandedText: "/* Presto View */",
		StorageDescriptor: GlueStorage{SerdeInfo: GlueSerde{Parameters: map[string]string{}}},
	}
	for _, c := range parquet.Schema() {
		in.StorageDescriptor.Columns = append(in.StorageDescriptor.Columns, GlueColumn{Name: c.Name, Type: c.HiveType, Comment: c.Comment})
		definition.Columns = append(definition.Columns, column{c.Name, c.TrinoType})
	}
	raw, err := json.Marshal(definition)
	if err != nil {
		return GlueTable{}, fmt.Errorf("view %s: %w", v.Name, err)
	}
	in.ViewOriginalText = "/* Presto View: " + base64.StdEncoding.EncodeToString(raw) + " */"
	return GlueTable{DatabaseName: table.DatabaseName, TableInput: in}, nil
}
