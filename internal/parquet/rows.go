package parquet

import (
	"fmt"
	"io"

	pq "github.com/parquet-go/parquet-go"

	"github.com/audit-archiver/archiver/internal/event"
)

// WriteRows writes rows of any streams, classes and days, in the order given, for an engine on this machine: the
// partition columns are columns of the file, and nothing is compressed. It is no data file: [Open] refuses it.
func WriteRows(w io.Writer, rows []event.Row) error {
	cols := columns()
	for i := range cols {
		cols[i].dict, cols[i].bloom = false, false
	}
	cols = append(cols,
		column{Column: textColumn("retention", ""), str: func(r *event.Row) *string { return &r.Retention }},
		column{Column: textColumn("dt", ""), source: sourceDay})
	file := pq.NewWriter(w, fileSchema(cols), pq.Compression(&pq.Uncompressed), pq.DataPageStatistics(false))
	values := make([]pq.Value, len(rows))
	for i, out := range file.ColumnWriters() {
		for k := range rows {
			values[k] = cols[i].value(&rows[k])
		}
		if _, err := out.WriteRowValues(values); err != nil {
			return fmt.Errorf("write column %s: %w", cols[i].Name, err)
		}
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("finish parquet file: %w", err)
	}
	return nil
}

// value is the column's value in a row.
func (c *column) value(r *event.Row) pq.Value {
	switch {
	case c.str != nil:
		return pq.ByteArrayValue([]byte(*c.str(r)))
	case c.text != nil:
		t := c.text(r)
		if !t.Valid {
			return pq.Value{}
		}
		v := pq.ByteArrayValue([]byte(t.S))
		v.SetDefinitionLevel(1)
		return v
	case c.num != nil:
		return pq.Int64Value(*c.num(r))
	}
	switch c.source {
	case sourceMillis:
		return pq.Int64Value(r.TimestampMS())
	case sourceStream:
		return pq.ByteArrayValue([]byte(r.Stream.String()))
	case sourceDay:
		return pq.ByteArrayValue([]byte(r.Day()))
	}
	panic("bug: column " + c.Name + " has no source")
}
