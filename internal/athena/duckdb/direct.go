//go:build cgo

package duckdb

import (
	"context"
	"fmt"
)

// An answer that is known to be short, before it is computed, needs no table: the driver
// would hold as many rows of that at a time. Making the table, asking it for its types and
// reading it was a third of what a small query took in the worker.

// directTypes are those that the driver spells as DESCRIBE does, and gives as they are.
var directTypes = map[string]bool{"varchar": true, "bigint": true, "integer": true, "double": true, "boolean": true, "date": true, "timestamp": true}

// direct reports whether the answer is sent as it is computed.
func (j *job) direct() bool {
	if !j.Short || j.Limit < pageRows { // with fewer the error comes before the first row
		return false
	}
	for _, typ := range j.Types {
		if !directTypes[typ] {
			return false
		}
	}
	return true
}

// all computes the answer and sends it.
func (a *sender) all(ctx context.Context, j *job) (err error) {
	rows, err := a.conn.QueryContext(ctx, fmt.Sprintf("%s LIMIT %d", j.selected(), j.Limit+1))
	if err := j.outcome(err); err != nil {
		if rows != nil {
			err = joinClose(err, rows)
		}
		return err
	}
	defer func() { err = joinClose(err, rows) }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	for _, t := range types {
		if err := a.column(j, t.DatabaseTypeName()); err != nil {
			return err
		}
	}
	if err := a.described(j); err != nil {
		return err
	}
	if err := a.out.sendJSON(kindColumns, a.cols); err != nil {
		return err
	}
	count, err := a.each(rows)
	err = j.outcome(err) // again: a driver may compute rows as they are asked for
	switch {
	case err != nil:
		return err
	case count > j.Limit:
		return tooManyRows(j.Limit)
	}
	if err := a.flush(); err != nil {
		return err
	}
	return a.out.sendJSON(kindEnd, jobStats{Rows: count, BytesRead: a.read.bytes()})
}
