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

// The worker's side of an answer. Unless it is short (see job.direct), it lies in a
// temporary table: there DuckDB counts it against the memory limit and spills it; the
// driver would hold a whole result in memory that nobody counts.

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
// before there are the others. Then what was read for the first ones is read again,
// so they are given up for all at once when they do not come soon.
func (j *job) rows(ctx context.Context, s *server) error {
	a := &sender{server: s}
	if j.direct() {
		return a.all(ctx, j)
	}
	var sent int64
	for most := j.portion(); ; most = j.Limit + 1 - sent {
		count, late, err := a.fillSoon(ctx, j, sent, most)
		if err != nil {
			return err
		}
		if late {
			continue
		}
		if sent == 0 {
			if err := a.describe(ctx, j); err != nil {
				return duckError(err)
			}
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

// compute runs a statement and returns how many rows it made.
func (j *job) compute(ctx context.Context, conn *sql.Conn, statement string) (rows int64, err error) {
	err = j.outcome(conn.QueryRowContext(ctx, statement).Scan(&rows))
	return rows, err
}

// outcome is the query's error once its rows were computed. A value that is not supported
// ends it, also where TRY hid that from DuckDB.
func (j *job) outcome(err error) error {
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
	cols  []athena.Column
	picks []string // of the table: what is sent
	buf   []byte
}

// fillSoon is fill, but for a part of the rows: it is late when they did not come soon.
func (a *sender) fillSoon(ctx context.Context, j *job, from, most int64) (count int64, late bool, err error) {
	if most == j.Limit+1-from {
		count, err = a.fill(ctx, j, from, most)
		return count, false, err
	}
	soon, cancel := context.WithTimeout(ctx, j.Soon)
	defer cancel()
	if count, err = a.fill(soon, j, from, most); err != nil && soon.Err() != nil && ctx.Err() == nil {
		return 0, true, nil
	}
	return count, false, err
}

// fill puts most rows of the answer, from one on, into the table, and counts them.
func (a *sender) fill(ctx context.Context, j *job, from, most int64) (count int64, err error) {
	return j.compute(ctx, a.conn, fmt.Sprintf("CREATE OR REPLACE TEMP TABLE %s AS %s LIMIT %d OFFSET %d", answerTable, j.selected(), most, from))
}

// selected is the query with its columns called as those of the table are.
func (j *job) selected() string {
	names := make([]string, len(j.Names))
	for i := range names {
		names[i] = answerColumn(i)
	}
	return fmt.Sprintf("SELECT * FROM (%s) AS answer(%s)", j.SQL, strings.Join(names, ", "))
}

// answerColumn is the i-th column of the table. Those of the answer may have one name twice.
func answerColumn(i int) string { return fmt.Sprintf("c%d", i) }

// table sends the rows of the table, and before the first ones what they are.
func (a *sender) table(ctx context.Context, first bool, count int64) error {
	if first {
		if err := a.out.sendJSON(kindColumns, a.cols); err != nil {
			return err
		}
	}
	var sent int64
	for from := int64(0); from == 0 || from < count; from += pageRows { // the first one in any case: the count is only what the driver says
		n, err := a.page(ctx, from)
		if err != nil {
			return err
		}
		sent += n
	}
	if sent != count {
		return fmt.Errorf("send answer: it has %d rows, DuckDB said %d", sent, count)
	}
	return a.flush()
}

// page sends pageRows rows, or what there is of them, and counts them.
func (a *sender) page(ctx context.Context, from int64) (count int64, err error) {
	text := fmt.Sprintf("SELECT %s FROM %s WHERE rowid >= %d AND rowid < %d ORDER BY rowid", strings.Join(a.picks, ", "), answerTable, from, from+pageRows)
	rows, err := a.conn.QueryContext(ctx, text)
	if err != nil {
		return 0, err
	}
	defer func() { err = joinClose(err, rows) }()
	return a.each(rows)
}

// each sends rows and counts them.
func (a *sender) each(rows *sql.Rows) (count int64, err error) {
	raw, refs := make([]any, len(a.cols)), make([]any, len(a.cols))
	for i := range raw {
		refs[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(refs...); err != nil {
			return count, fmt.Errorf("read row: %w", err)
		}
		if err := a.add(raw); err != nil {
			return count, err
		}
		count++
	}
	return count, rows.Err()
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

// describe asks for the types of the table, once it is filled: the query itself would be
// planned, and footers read, once more for that. JSON is sent as its text.
func (a *sender) describe(ctx context.Context, j *job) (err error) {
	rows, err := a.conn.QueryContext(ctx, "SELECT column_type FROM (DESCRIBE "+answerTable+")")
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, rows) }()
	for rows.Next() {
		var duckType string
		if err := rows.Scan(&duckType); err != nil {
			return err
		}
		if err := a.column(j, duckType); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return a.described(j)
}

// column notes the next column, which has a type of DuckDB's.
func (a *sender) column(j *job, duckType string) error {
	i := len(a.cols)
	if i >= len(j.Names) {
		return errors.New("describe answer: more columns than the translation knows")
	}
	typ, err := trinoType(duckType)
	if err != nil {
		return &athena.Error{Kind: athena.ErrRefused, Construct: "column " + j.Names[i], Detail: err.Error()}
	}
	pick := answerColumn(i)
	if typ == "json" {
		pick = "CAST(" + pick + " AS VARCHAR)"
	}
	if known := j.Types[i]; strings.Contains(known, "unknown") || strings.Contains(known, "json") {
		typ = known // DuckDB calls a bare NULL an integer, and we hand JSON in arrays over as varchar
	}
	a.picks = append(a.picks, pick)
	a.cols = append(a.cols, athena.Column{Name: j.Names[i], Type: typ})
	return nil
}

func (a *sender) described(j *job) error {
	if len(a.cols) != len(j.Names) {
		return errors.New("describe answer: fewer columns than the translation knows")
	}
	return nil
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
