package athena

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/parquet"
)

// Columns returns the columns of audit_logs in order, with the types of a
// result: what SELECT * answers. A timestamp is Athena's, which has three digits.
func Columns() []Column {
	schema := parquet.Schema()
	cols := make([]Column, len(schema))
	for i, c := range schema {
		cols[i] = Column{Name: c.Name, Type: strings.Replace(c.TrinoType, "timestamp(3)", "timestamp", 1)}
	}
	return cols
}
