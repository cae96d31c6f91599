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
	if closed == nil {
		closed = func() {}
	}
	return &lineResult{column: column, lines: lines, meta: meta, close: sync.OnceFunc(closed)}
}

type lineResult struct {
	column string
	lines  []string
	meta   Meta
	close  func()
	closed bool
}

func (r *lineResult) Columns() []Column { return []Column{{Name: r.column, Type: "varchar"}} }

func (r *lineResult) Meta() Meta { return r.meta }

func (r *lineResult) Next(ctx context.Context) ([]any, error) {
	switch err := context.Cause(ctx); {
	case err != nil:
		return nil, err
	case r.closed:
		return nil, errors.New("result is closed")
	case len(r.lines) == 0:
		return nil, io.EOF
	}
	line := r.lines[0]
	r.lines = r.lines[1:]
	return []any{line}, nil
}

func (r *lineResult) Close() error {
	r.closed = true
	r.close()
	return nil
}
