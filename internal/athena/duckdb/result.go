//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// result is an answer in a temporary table of the database that it owns. There
// DuckDB counts it against the memory limit and spills it; the driver would
// hold a whole result in memory that nobody counts.
type result struct {
	ctx  context.Context // bounds the whole query; see Engine.Query
	conn *sql.Conn
	cols []athena.Column
	meta athena.Meta
	end  *cleanup

	begin   time.Time
	elapsed time.Duration // once err is set

	count, from int64     // rows of the answer, and where the next page begins
	page        *sql.Rows // nil between pages
	raw         []any
	refs        []any
	row         []any
	err         error // the first error, or io.EOF
}

// pageRows bounds what is outside of DuckDB's accounts: with the longest
// details, 200 MB.
const pageRows = 4096

const answerTable = "__audit_answer"

// start runs j. The result runs end when it is closed.
func start(ctx context.Context, j job, meta athena.Meta, end *cleanup) (*result, error) {
	begin := time.Now()
	db, conn, err := j.open(ctx)
	if err != nil {
		return nil, err
	}
	end.add(func() { _ = joinClose(nil, conn, db) })
	cols, text, err := j.describe(ctx, conn)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "CREATE TEMP TABLE "+answerTable+" AS "+text); err != nil {
		return nil, err
	}
	n := len(cols)
	r := &result{ctx: ctx, conn: conn, cols: cols, meta: meta, end: end, begin: begin,
		raw: make([]any, n), refs: make([]any, n), row: make([]any, n)}
	for i := range r.raw {
		r.refs[i] = &r.raw[i]
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+answerTable).Scan(&r.count); err != nil {
		return nil, err
	}
	if r.count > j.Limit {
		return nil, &athena.Error{Kind: athena.ErrTooManyRows, Detail: fmt.Sprintf("the answer has more than %d rows; add a LIMIT or narrow the query", j.Limit)}
	}
	end.add(r.closePage)
	return r, nil
}

// describe asks for the types of the answer and returns the text that is run:
// one row more than the limit, and JSON as its text.
func (j *job) describe(ctx context.Context, conn *sql.Conn) (cols []athena.Column, text string, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT column_type FROM (DESCRIBE "+j.SQL+")")
	if err != nil {
		return nil, "", err
	}
	defer func() { err = joinClose(err, rows) }()
	var names, picks []string
	for rows.Next() {
		var duckType string
		if err := rows.Scan(&duckType); err != nil {
			return nil, "", err
		}
		i := len(cols)
		if i >= len(j.Names) {
			return nil, "", errors.New("describe query: more columns than the translation knows")
		}
		typ, err := trinoType(duckType)
		if err != nil {
			return nil, "", &athena.Error{Kind: athena.ErrRefused, Construct: "column " + j.Names[i], Detail: err.Error()}
		}
		isJSON := typ == "json"
		if known := j.Types[i]; strings.Contains(known, "unknown") || strings.Contains(known, "json") {
			typ = known // DuckDB calls a bare NULL an integer, and we hand JSON in arrays over as varchar
		}
		name := fmt.Sprintf("c%d", i)
		names = append(names, name)
		if isJSON {
			name = "CAST(" + name + " AS VARCHAR) AS " + name
		}
		picks = append(picks, name)
		cols = append(cols, athena.Column{Name: j.Names[i], Type: typ})
	}
	if err := rows.Err(); err != nil {
		return nil, "", err
	}
	if len(cols) != len(j.Names) {
		return nil, "", errors.New("describe query: fewer columns than the translation knows")
	}
	text = fmt.Sprintf("SELECT %s FROM (%s) AS answer(%s) LIMIT %d",
		strings.Join(picks, ", "), j.SQL, strings.Join(names, ", "), j.Limit+1)
	return cols, text, nil
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
	for r.page == nil || !r.page.Next() {
		if err := r.turn(); err != nil {
			return err
		}
	}
	if err := r.page.Scan(r.refs...); err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	for i, v := range r.raw {
		value, err := goValue(r.cols[i].Type, v)
		if err != nil {
			return &athena.Error{Kind: athena.ErrExecution, Construct: "column " + r.cols[i].Name, Detail: err.Error()}
		}
		r.row[i] = value
	}
	return nil
}

// turn ends one page and begins the next; after the last it returns io.EOF.
func (r *result) turn() error {
	if r.page != nil {
		if err := r.page.Err(); err != nil {
			return outcome(r.ctx, err)
		}
		r.closePage()
	}
	if err := context.Cause(r.ctx); err != nil { // a page ends early when the context does
		return outcome(r.ctx, err)
	}
	if r.from >= r.count {
		return io.EOF
	}
	text := fmt.Sprintf("SELECT * FROM %s WHERE rowid >= %d AND rowid < %d ORDER BY rowid", answerTable, r.from, r.from+pageRows)
	page, err := r.conn.QueryContext(r.ctx, text) //nolint:rowserrcheck // turn checks it at the end of the page
	if err != nil {
		return outcome(r.ctx, err)
	}
	r.page = page
	r.from += pageRows
	return nil
}

func (r *result) closePage() {
	if r.page != nil {
		_ = r.page.Close() // it was read; what it held is freed with the database
		r.page = nil
	}
}

func (r *result) Close() error {
	r.end.run()
	if r.err == nil {
		r.err = errors.New("result is closed")
	}
	return nil
}

// outcome turns DuckDB's errors into the engine contract's.
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
	var de *duck.Error
	if !errors.As(err, &de) {
		return err
	}
	if message, ok := dialect.Raised(de.Msg); ok {
		return &athena.Error{Kind: athena.ErrExecution, Detail: message}
	}
	message, _, _ := strings.Cut(de.Msg, "\n")
	if kind, rest, ok := strings.Cut(message, ": "); ok && strings.HasSuffix(kind, "Error") {
		message = rest
	}
	switch de.Type {
	case duck.ErrorTypeBinder, duck.ErrorTypeCatalog, duck.ErrorTypeParser, duck.ErrorTypeSyntax:
		return &athena.Error{Kind: athena.ErrInvalid, Detail: message}
	case duck.ErrorTypeConversion, duck.ErrorTypeInvalidInput, duck.ErrorTypeOutOfRange, duck.ErrorTypeDivideByZero,
		duck.ErrorTypeMismatchType, duck.ErrorTypeExpression:
		return &athena.Error{Kind: athena.ErrExecution, Detail: message}
	case duck.ErrorTypeOutOfMemory:
		return &athena.Error{Kind: athena.ErrTooBig, Detail: message}
	case duck.ErrorTypeNotImplemented:
		return &athena.Error{Kind: athena.ErrRefused, Detail: message}
	}
	return fmt.Errorf("run query: %w", err)
}

func joinClose(err error, closers ...io.Closer) error {
	for _, c := range closers {
		err = errors.Join(err, c.Close())
	}
	return err
}
