package athena

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Lines is a finished answer of one column of text, such as a plan. closed, if
// not nil, is called once, when the answer is closed.
func Lines(column string, lines []string, meta Meta, closed func()) Result {
	rows := make([][]any, len(lines))
	for i, line := range lines {
		rows[i] = []any{line}
	}
	return Rows([]Column{{Name: column, Type: "varchar"}}, rows, meta, closed)
}

// Rows is a finished answer. closed, if not nil, is called once, when the answer is
// closed.
func Rows(columns []Column, rows [][]any, meta Meta, closed func()) Result {
	if closed == nil {
		closed = func() {}
	}
	return &rowResult{columns: columns, rows: rows, meta: meta, close: sync.OnceFunc(closed)}
}

type rowResult struct {
	columns []Column
	rows    [][]any
	meta    Meta
	close   func()
	closed  bool
}

func (r *rowResult) Columns() []Column { return r.columns }

func (r *rowResult) Meta() Meta { return r.meta }

func (r *rowResult) Next(ctx context.Context) ([]any, error) {
	switch err := context.Cause(ctx); {
	case err != nil:
		return nil, err
	case r.closed:
		return nil, errors.New("result is closed")
	case len(r.rows) == 0:
		return nil, io.EOF
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, nil
}

func (r *rowResult) Close() error {
	r.closed = true
	r.close()
	return nil
}
