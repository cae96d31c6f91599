// Package athena is the SQL side of the archive: what a query is, what an answer is, and the table both are about.
//
// The promise: users write Athena engine 3 (Trino) SQL against one table, and
// every [Engine] gives the same answer in the same types, or refuses by name
// what it cannot answer as Trino would. The price: constructs that no engine of
// ours gets right are errors, also when a guess would often be right.
//
// Nothing here knows a database. Engines live below, one folder each.
package athena

import (
	"context"
	"fmt"
	"time"
)

// DefaultMaxRows is the limit of a query that does not name one.
const DefaultMaxRows = 1_000_000

// MaxSQLBytes bounds the text of a query; it is Athena's own limit.
const MaxSQLBytes = 262_144

// Query is one question. It holds plain data only, so that it can be sent to
// an engine behind a process boundary.
type Query struct {
	// SQL is one statement in Athena's spelling: SELECT, SHOW, DESCRIBE or EXPLAIN.
	// Each ? stands for a parameter.
	SQL string
	// Params are the values of the ?, in their order: each the text of one SQL
	// literal, as in Athena's ExecutionParameters: 'abc', 5, TIMESTAMP '2026-11-23 00:00:00'.
	// Anything else, and another number of them than there are ?, is ErrInvalid.
	Params []string
	// Explain asks for the plan in place of the rows: an answer of one column of
	// type varchar, a line a row. The embedded engine runs the query for it and
	// says what it read; the others plan only.
	Explain bool
	// Declare lets the statement change what is declared, which is refused otherwise.
	// It is for tables and views in Athena or Trino (archiver schema apply); the
	// embedded engine has nothing to declare and refuses all the same.
	Declare bool
	// MaxRows is the most rows the answer may have; passing it is ErrTooManyRows,
	// never a truncation. 0 means DefaultMaxRows.
	MaxRows int64
}

// Limit is MaxRows with its default applied.
func (q Query) Limit() int64 {
	if q.MaxRows <= 0 {
		return DefaultMaxRows
	}
	return q.MaxRows
}

// Column is one column of an answer. Type is a Trino type name: varchar (string,
// which is the same, in answers to SHOW and DESCRIBE, as in Athena), bigint, integer, boolean, double, real, date, timestamp, timestamp with time
// zone, decimal(p,s), json, array(T), map(K, V), row(name T, …), unknown.
// timestamp means timestamp(3), as in Athena.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Stats says what an answer cost.
type Stats struct {
	FilesTotal  int   `json:"files_total"`  // files of the archive at the time of the query
	FilesRead   int   `json:"files_read"`   // files left after pruning
	BytesTotal  int64 `json:"bytes_total"`  // size of the files of the archive
	BytesPicked int64 `json:"bytes_picked"` // size of the files left after pruning
	BytesRead   int64 `json:"bytes_read"`   // read for this answer, from the store or the cache; 0 when not known

	// Of the files left after pruning. 0 when not known: the embedded engine tells for
	// Explain alone.
	RowGroupsTotal int `json:"row_groups_total"`
	RowGroupsRead  int `json:"row_groups_read"` // of which any column was read

	Elapsed time.Duration `json:"elapsed"` // from the start of the query to its last row, nanoseconds; so far, while it runs
}

// Result is a running answer, read from top to bottom by one goroutine.
type Result interface {
	// Columns describes the rows. It is complete before the first Next.
	Columns() []Column

	// Next returns the next row: one value per column, as [AppendJSON] takes it.
	// The slice is the caller's until the next call. At the end it returns
	// io.EOF; any other error means that the rows read so far are not the answer.
	Next(ctx context.Context) ([]any, error)

	// Meta says how far the answer reaches and what it cost.
	Meta() Meta

	// Close releases what the query holds. It may be called more than once.
	Close() error
}

// Meta is what an answer says about itself.
type Meta struct {
	// CompleteThrough: every event received at or before it is included, and every
	// later one is received after it. Zero: nothing can be said.
	CompleteThrough time.Time
	// Laggards are the streams that hold CompleteThrough back.
	Laggards []string
	// Expired is what the answer would have if it was still there.
	Expired Expired
	Stats   Stats
	// Notes are for people: what the answer cost, and what it is not checked against.
	Notes []string
}

// Expired is data that outlived its lock and is gone from the bucket, which is no
// violation. The zero value is none.
type Expired struct {
	Files int    `json:"files"`
	Rows  int64  `json:"rows"`
	From  string `json:"from"` // the first and the last day, yyyy-MM-dd
	To    string `json:"to"`
}

// Add counts f.
func (e *Expired) Add(f *File) {
	if e.Files == 0 || f.Day < e.From {
		e.From = f.Day
	}
	e.To = max(e.To, f.Day)
	e.Files++
	e.Rows += f.Rows
}

func (e Expired) String() string {
	return fmt.Sprintf("%d files with %d rows of %s to %s are not in this answer: their retention has ended, and they are gone", e.Files, e.Rows, e.From, e.To)
}

// Engine answers queries. It is safe for concurrent use.
type Engine interface {
	// Query starts q. Errors that the text of q causes are *Error.
	Query(ctx context.Context, q Query) (Result, error)
	Close() error
}
