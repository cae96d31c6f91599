//go:build cgo

package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// result is an answer that a worker sends. What the worker says is checked for what
// the contract promises: its process may be in the hands of the query's author.
type result struct {
	ctx   context.Context // bounds the whole query; see Engine.Query
	w     *worker
	cols  []athena.Column
	meta  athena.Meta
	end   *cleanup
	limit int64 // rows
	bytes int64 // that may still come

	begin   time.Time
	elapsed time.Duration // once err is set

	rows rowDecoder
	seen int64 // rows
	row  []any
	err  error // the first error, or io.EOF
}

// start runs j. The result runs end when it is closed.
func start(ctx context.Context, w *worker, j *job, meta athena.Meta, bytes int64, end *cleanup) (*result, error) {
	begin := time.Now()
	if err := w.sendJob(j); err != nil {
		return nil, err
	}
	body, err := w.receive(kindColumns)
	if err != nil {
		return nil, err
	}
	var cols []athena.Column
	if err := json.Unmarshal(body, &cols); err != nil || len(cols) != len(j.Names) {
		return nil, fmt.Errorf("run query: the worker sent no columns: %q", clip(string(body)))
	}
	for i := range cols {
		cols[i].Name = j.Names[i]
	}
	return &result{ctx: ctx, w: w, cols: cols, meta: meta, end: end, limit: j.Limit, bytes: bytes, begin: begin, row: make([]any, len(cols))}, nil
}

func (r *result) Columns() []athena.Column { return r.cols }

func (r *result) Meta() athena.Meta {
	m := r.meta
	m.Stats.Elapsed = r.elapsed
	if m.Stats.Elapsed == 0 {
		m.Stats.Elapsed = time.Since(r.begin)
	}
	return m
}

func (r *result) Next(ctx context.Context) ([]any, error) {
	if r.err == nil {
		if r.err = r.next(ctx); r.err != nil {
			r.elapsed = time.Since(r.begin)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.row, nil
}

func (r *result) next(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return outcome(ctx, err)
	}
	if len(r.rows.rest) == 0 {
		if err := context.Cause(r.ctx); err != nil {
			return outcome(r.ctx, err)
		}
		end, err := r.turn()
		switch {
		case err != nil:
			return outcome(r.ctx, err)
		case end:
			return io.EOF
		}
	}
	if r.seen++; r.seen > r.limit {
		return tooManyRows(r.limit)
	}
	return r.rows.row(r.row)
}

// errAnswerBytes is for an answer that is longer than Options.ResultBytes.
var errAnswerBytes = &athena.Error{Kind: athena.ErrTooBig, Detail: "the answer has more bytes than query.result_bytes allows; select fewer columns, or narrow it"}

// turn gets the next rows, or the word of the worker that these were all.
func (r *result) turn() (end bool, _ error) {
	k, body, err := r.w.next()
	if err != nil {
		return false, err
	}
	switch k {
	case kindRows:
		if len(body) == 0 || len(body) > rowsMost || len(r.row) == 0 {
			return false, errRow
		}
		if r.bytes -= int64(len(body)); r.bytes < 0 {
			return false, errAnswerBytes
		}
		r.rows.rest = body
		return false, nil
	case kindEnd:
		var stats jobStats
		if err := json.Unmarshal(body, &stats); err != nil || stats.Rows != r.seen {
			return false, fmt.Errorf("run query: the worker sent %d rows and says %q", r.seen, clip(string(body)))
		}
		stats.addTo(&r.meta.Stats)
		return true, nil
	default:
		return false, fmt.Errorf("run query: the worker sent frame %q", byte(k))
	}
}

// addTo takes over what a worker says that it has read. It is for people alone.
func (s *jobStats) addTo(to *athena.Stats) {
	to.BytesRead += max(0, s.BytesRead)
	to.RowGroupsTotal += max(0, s.RowGroupsTotal)
	to.RowGroupsRead += max(0, s.RowGroupsRead)
}

func (r *result) Close() error {
	r.end.run()
	if r.err == nil {
		r.err = errors.New("result is closed")
	}
	return nil
}

// outcome says what became of a query whose context may have ended.
func outcome(ctx context.Context, err error) error {
	var known *athena.Error
	if errors.As(err, &known) {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, athena.ErrTimeout) {
			return &athena.Error{Kind: athena.ErrTimeout, Detail: "narrow it by timestamp or dt"}
		}
		return fmt.Errorf("query: %w", cause)
	}
	return err
}
