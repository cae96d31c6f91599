package athena

import (
	"errors"
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/parquet"
)

// GlueColumn is a column as the AWS Glue Data Catalog has it.
type GlueColumn struct {
	Name    string `json:"Name"`
	Type    string `json:"Type"`
	Comment string `json:"Comment"`
}

// GlueTable is the input of `aws glue create-table --cli-input-json`: the same
// table as that of [DDL].
type GlueTable struct {
	DatabaseName string    `json:"DatabaseName"`
	TableInput   GlueInput `json:"TableInput"`
}

// GlueInput is Glue's TableInput.
type GlueInput struct {
	Name              string            `json:"Name"`
	TableType         string            `json:"TableType"`
	Parameters        map[string]string `json:"Parameters"`
	PartitionKeys     []GlueColumn      `json:"PartitionKeys"`
	StorageDescriptor GlueStorage       `json:"StorageDescriptor"`
	ViewOriginalText  string            `json:"ViewOriginalText,omitempty"`
	ViewExpandedText  string            `json:"ViewExpandedText,omitempty"`
}

// GlueStorage is Glue's StorageDescriptor.
type GlueStorage struct {
	Columns      []GlueColumn `json:"Columns"`
	Location     string       `json:"Location"`
	InputFormat  string       `json:"InputFormat"`
	OutputFormat string       `json:"OutputFormat"`
	SerdeInfo    GlueSerde    `json:"SerdeInfo"`
}

// GlueSerde is Glue's SerDeInfo.
type GlueSerde struct {
	SerializationLibrary string            `json:"SerializationLibrary"`
	Parameters           map[string]string `json:"Parameters"`
}

// Glue describes the table for the Glue Data Catalog. Database must be set.
func Glue(o TableOptions) (GlueTable, error) {
	if err := o.check(); err != nil {
		return GlueTable{}, fmt.Errorf("table definition: %w", err)
	}
	if o.Database == "" {
		return GlueTable{}, errors.New("table definition: database must be set")
	}
	in := GlueInput{
		Name: o.table(), TableType: "EXTERNAL_TABLE", Parameters: map[string]string{"EXTERNAL": "TRUE"},
		StorageDescriptor: GlueStorage{
			Location:     o.location(),
			InputFormat:  "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
			OutputFormat: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
			SerdeInfo: GlueSerde{SerializationLibrary: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
				Parameters: map[string]string{"serialization.format": "1"}},
		},
	}
	for _, p := range o.properties() {
		in.Parameters[p[0]] = p[1]
	}
	for _, c := range parquet.Schema() {
		column := GlueColumn{Name: c.Name, Type: c.HiveType, Comment: c.Comment}
		if c.Partition {
			in.PartitionKeys = append(in.PartitionKeys, column)
		} else {
			in.StorageDescriptor.Columns = append(in.StorageDescriptor.Columns, column)
		}
	}
	return GlueTable{DatabaseName: o.Database, TableInput: in}, nil
}

// TrinoDDL returns the statement that declares the table in Trino's Hive connector,
// in the session's schema or in Database, which may be catalog.schema. The catalog
// needs hive.partition-projection-enabled=true and hive.parquet.time-zone=UTC.
func TrinoDDL(o TableOptions) (string, error) {
	if err := o.check(); err != nil {
		return "", fmt.Errorf("table definition: %w", err)
	}
	name := o.qualified(o.table())
	from, to := o.days()
	var classes []string
	for _, c := range o.Classes {
		classes = append(classes, TextLiteral(c))
	}
	projections := map[string]string{
		"retention": "partition_projection_type = 'enum', partition_projection_values = ARRAY[" + strings.Join(classes, ", ") + "]",
		"dt": "partition_projection_type = 'date', partition_projection_format = 'yyyy-MM-dd', partition_projection_range = ARRAY['" +
			from + "', '" + to + "'], partition_projection_interval = 1, partition_projection_interval_unit = 'DAYS'",
	}
	var columns []string
	for _, c := range parquet.Schema() {
		line := "  " + trinoName(c.Name) + " " + c.TrinoType + " COMMENT " + TextLiteral(strings.ReplaceAll(c.Comment, ";", ","))
		if projection, ok := projections[c.Name]; ok && c.Partition {
			line += "\n    WITH (" + projection + ")"
		}
		columns = append(columns, line)
	}
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
%s
)
WITH (
  format = 'PARQUET',
  external_location = %s,
  partitioned_by = ARRAY['retention', 'dt'],
  partition_projection_enabled = true,
  partition_projection_location_template = %s
)`, name, strings.Join(columns, ",\n"), TextLiteral(o.location()),
		TextLiteral(o.location()+"retention=${retention}/dt=${dt}/")), nil
}

func trinoName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
