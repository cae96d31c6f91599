//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	duck "github.com/duckdb/duckdb-go/v2"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// The worker's side of an answer. It lies in a temporary table: there DuckDB counts
// it against the memory limit and spills it; the driver would hold a whole result in
// memory that nobody counts.

// pageRows bounds what is outside of DuckDB's accounts: with the longest
// details, 200 MB.
const pageRows = 4096

const answerTable = "__audit_answer"

// answer runs j and sends all of its answer.
func (j *job) answer(ctx context.Context, s *server) error {
	if err := j.prepare(ctx, s); err != nil {
		return err
	}
	if j.Explain != "" {
		var key, text string
		if err := s.conn.QueryRowContext(ctx, j.Explain+j.SQL).Scan(&key, &text); err != nil {
			return duckError(err)
		}
		stats, err := j.reads(ctx, s.conn)
		if err != nil {
			return duckError(err)
		}
		return errors.Join(s.out.send(kindText, []byte(text)), s.out.sendJSON(kindEnd, stats))
	}
	return j.rows(ctx, s)
}

// firstRows is how many rows of a long answer are sent before the others are looked for.
const firstRows = pageRows

// rows sends the answer's rows: at once, or, where that is possible, the first ones
// before there are the others. Then what was read for the first ones is read again.
func (j *job) rows(ctx context.Context, s *server) error {
	cols, text, err := j.describe(ctx, s.conn)
	if err != nil {
		return duckError(err)
	}
	a := &sender{server: s, cols: cols}
	var sent int64
	for most := j.portion(); ; most = j.Limit + 1 - sent {
		count, err := a.fill(ctx, j, text, sent, most)
		if err != nil {
			return err
		}
		if sent+count > j.Limit {
			return tooManyRows(j.Limit)
		}
		if err := a.table(ctx, sent == 0, count); err != nil {
			return duckError(err)
		}
		if sent += count; count < most {
			return s.out.sendJSON(kindEnd, jobStats{Rows: sent, BytesRead: s.read.bytes()})
		}
	}
}

// portion is how many rows are computed first. All of them are one more than may be.
func (j *job) portion() int64 {
	if j.InOrder && len(j.Scans) == 1 && len(j.Scans[0].parts()) == 1 {
		return min(firstRows, j.Limit+1)
	}
	return j.Limit + 1
}

// compute runs a statement. A value that is not supported ends it, also where TRY hid
// that from DuckDB.
func (j *job) compute(ctx context.Context, conn *sql.Conn, statement string) error {
	_, err := conn.ExecContext(ctx, statement)
	refusal := j.unsupported.err()
	switch {
	case refusal != nil && (err == nil && j.tries() || err != nil && strings.Contains(err.Error(), refusal.Construct)):
		return refusal
	case err != nil:
		return duckError(err)
	}
	return nil
}

func tooManyRows(limit int64) error {
	return &athena.Error{Kind: athena.ErrTooManyRows, Detail: fmt.Sprintf("the answer has more than %d rows; add a LIMIT or narrow the query", limit)}
}

// sender is an answer on its way.
type sender struct {
	*server
	cols []athena.Column
	buf  []byte
}

// fill puts most rows of the answer, from one on, into the table, and counts them.
func (a *sender) fill(ctx context.Context, j *job, text string, from, most int64) (count int64, err error) {
	statement := fmt.Sprintf("CREATE OR REPLACE TEMP TABLE %s AS %s LIMIT %d OFFSET %d", answerTable, text, most, from)
	if err := j.compute(ctx, a.conn, statement); err != nil {
		return 0, err
	}
	if err := a.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+answerTable).Scan(&count); err != nil {
		return 0, duckError(err)
	}
	return count, nil
}

// table sends the rows of the table, and before the first ones what they are.
func (a *sender) table(ctx context.Context, first bool, count int64) error {
	if first {
		if err := a.out.sendJSON(kindColumns, a.cols); err != nil {
			return err
		}
	}
	for from := int64(0); from < count; from += pageRows {
		if err := a.page(ctx, from); err != nil {
			return err
		}
	}
	return a.flush()
}

// page sends pageRows rows.
func (a *sender) page(ctx context.Context, from int64) (err error) {
	text := fmt.Sprintf("SELECT * FROM %s WHERE rowid >= %d AND rowid < %d ORDER BY rowid", answerTable, from, from+pageRows)
	rows, err := a.conn.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, rows) }()
	raw, refs := make([]any, len(a.cols)), make([]any, len(a.cols))
	for i := range raw {
		refs[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(refs...); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if err := a.add(raw); err != nil {
			return err
		}
	}
	return rows.Err()
}

// add sends what the driver gave as the contract has it.
func (a *sender) add(raw []any) error {
	for i, v := range raw {
		value, err := goValue(a.cols[i].Type, v)
		if err != nil {
			return &athena.Error{Kind: athena.ErrExecution, Construct: "column " + a.cols[i].Name, Detail: err.Error()}
		}
		raw[i] = value
	}
	before := len(a.buf)
	var err error
	if a.buf, err = appendRow(a.buf, raw); err != nil {
		return err
	}
	if len(a.buf)-before > rowsMost-rowsUsual {
		return &athena.Error{Kind: athena.ErrTooBig, Detail: fmt.Sprintf("a row of the answer has %d bytes, and may have %d; return less in one row", len(a.buf)-before, rowsMost-rowsUsual)}
	}
	if len(a.buf) < rowsUsual {
		return nil
	}
	return a.flush()
}

func (a *sender) flush() error {
	if len(a.buf) == 0 {
		return nil
	}
	err := a.out.send(kindRows, a.buf)
	a.buf = a.buf[:0]
	return err
}

// describe asks for the types of the answer and returns the text that is run: JSON is
// its text there.
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
	text = fmt.Sprintf("SELECT %s FROM (%s) AS answer(%s)", strings.Join(picks, ", "), j.SQL, strings.Join(names, ", "))
	return cols, text, nil
}

// nativeError is what the driver puts before the error of a native function.
const nativeError = "database/sql/driver: API error: "

// kindOf says what a DuckDB error means to the query.
func kindOf(de *duck.Error) error {
	if message, ok := dialect.Raised(de.Msg); ok {
		return &athena.Error{Kind: athena.ErrExecution, Detail: message}
	}
	message, _, _ := strings.Cut(de.Msg, "\n")
	if kind, rest, ok := strings.Cut(message, ": "); ok && strings.HasSuffix(kind, "Error") {
		message = strings.TrimPrefix(rest, nativeError)
	}
	switch de.Type {
	case duck.ErrorTypeBinder, duck.ErrorTypeCatalog, duck.ErrorTypeParser, duck.ErrorTypeSyntax:
		return &athena.Error{Kind: athena.ErrInvalid, Detail: message}
	case duck.ErrorTypeConversion, duck.ErrorTypeInvalidInput, duck.ErrorTypeOutOfRange, duck.ErrorTypeDivideByZero,
		duck.ErrorTypeMismatchType, duck.ErrorTypeExpression:
		return &athena.Error{Kind: athena.ErrExecution, Detail: message}
	case duck.ErrorTypeOutOfMemory:
		return &athena.Error{Kind: athena.ErrTooBig, Detail: message + "; narrow the query, or raise query.memory_bytes or query.temp_bytes"}
	case duck.ErrorTypeIO:
		if strings.Contains(de.Msg, "No space left on device") {
			return &athena.Error{Kind: syscall.ENOSPC, Detail: message}
		}
	case duck.ErrorTypeNotImplemented:
		return &athena.Error{Kind: athena.ErrRefused, Detail: message}
	}
	return de
}

func joinClose(err error, closers ...io.Closer) error {
	for _, c := range closers {
		err = errors.Join(err, c.Close())
	}
	return err
}
