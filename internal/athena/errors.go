package athena

import (
	"errors"
	"fmt"
)

// What a caller decides on. Everything else is a failure of this process or of the store.
var (
	ErrSyntax      = errors.New("syntax error")              // 400: the text is no SQL
	ErrRefused     = errors.New("not supported")             // 400: SQL, but not of the kind that is answered
	ErrInvalid     = errors.New("invalid query")             // 400: types or names do not fit
	ErrExecution   = errors.New("query failed")              // 400: the data do not fit: division by zero, bad cast
	ErrTooManyRows = errors.New("too many rows")             // 422: the answer passes the row limit
	ErrTooBig      = errors.New("query exceeds limits")      // 422: memory or temporary space
	ErrTimeout     = errors.New("query timed out")           // 504
	ErrBusy        = errors.New("too many queries")          // 503: come back
	ErrAway        = errors.New("the bucket cannot be read") // 503: come back
	ErrResults     = errors.New("answer not stored")         // the bucket of results does not take it
	ErrNoEngine    = errors.New("no embedded SQL engine in this build")
	ErrNotIsolated = errors.New("SQL cannot be isolated here")       // 501: and is not answered, unless the operator lets it
	ErrCrashed     = errors.New("the SQL engine crashed")            // 500: this query's process only
	ErrForged      = errors.New("content differs from the manifest") // the store or the disk lies; page a human
	ErrMissing     = errors.New("a locked file is gone")             // evidence was lost; page a human
)

// Error is a query's own fault, with the place in its text.
type Error struct {
	Kind      error  // one of the sentinels above
	Construct string // what was met: "function read_parquet", "COPY"; may be empty
	Detail    string // what is wrong, and what to write instead
	Line      int    // from 1; 0 when the place is not known
	Column    int    // from 1, in characters
}

func (e *Error) Error() string {
	s := e.Kind.Error()
	if e.Line > 0 {
		s = fmt.Sprintf("line %d:%d: %s", e.Line, e.Column, s)
	}
	if e.Construct != "" {
		s += ": " + e.Construct
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Kind }

// Position turns a byte offset in sql into line and column, both from 1.
func Position(sql string, offset int) (line, column int) {
	if offset < 0 || offset > len(sql) {
		return 0, 0
	}
	line, column = 1, 1
	for i, r := range sql {
		if i >= offset {
			break
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}
