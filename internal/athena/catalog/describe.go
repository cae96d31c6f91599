package catalog

import (
	"context"
	"maps"
	"slices"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// columnNames is SHOW COLUMNS of the table.
func columnNames() athena.Result {
	var list []string
	for _, c := range parquet.Schema() {
		list = append(list, c.Name)
	}
	return column("field", "string", list)
}

// describeView is DESCRIBE and SHOW COLUMNS of a view. Types are Trino's here and
// Hive's with a table, as in Athena.
func describeView() athena.Result {
	var rows [][]any
	for _, c := range parquet.Schema() {
		rows = append(rows, []any{c.Name, c.TrinoType})
	}
	return athena.Rows([]athena.Column{{Name: "column", Type: "varchar"}, {Name: "type", Type: "varchar"}}, rows, athena.Meta{}, nil)
}

// describe is DESCRIBE of the table: its columns, those of partitions among them,
// and these once more. Rows that begin with # are headings.
func (c *Catalog) describe(ctx context.Context, formatted bool) (athena.Result, error) {
	var rows [][]any
	heading := func(text string) { rows = append(rows, []any{"", "", ""}, []any{text, "", ""}) }
	var keys [][]any
	for _, col := range parquet.Schema() {
		row := []any{col.Name, col.HiveType, col.Comment}
		if rows = append(rows, row); col.Partition {
			keys = append(keys, row)
		}
	}
	heading("# Partition Information")
	rows = append(rows, []any{"# col_name", "data_type", "comment"}, []any{"", "", ""})
	rows = append(rows, keys...)
	if formatted {
		o, err := c.located(ctx)
		if err != nil {
			return nil, err
		}
		glue, err := athena.Glue(o)
		if err != nil {
			return nil, err
		}
		in := glue.TableInput
		heading("# Detailed Table Information")
		rows = append(rows, []any{"Database:", dialect.Database, ""}, []any{"Table:", dialect.Table, ""}, []any{"Location:", in.StorageDescriptor.Location, ""},
			[]any{"Table Type:", in.TableType, ""}, []any{"Table Parameters:", "", ""})
		for _, name := range slices.Sorted(maps.Keys(in.Parameters)) {
			rows = append(rows, []any{"", name, in.Parameters[name]})
		}
		heading("# Storage Information")
		rows = append(rows, []any{"SerDe Library:", in.StorageDescriptor.SerdeInfo.SerializationLibrary, ""},
			[]any{"InputFormat:", in.StorageDescriptor.InputFormat, ""}, []any{"OutputFormat:", in.StorageDescriptor.OutputFormat, ""})
	}
	return athena.Rows([]athena.Column{{Name: "col_name", Type: "string"}, {Name: "data_type", Type: "string"}, {Name: "comment", Type: "string"}}, rows, athena.Meta{}, nil), nil
}
