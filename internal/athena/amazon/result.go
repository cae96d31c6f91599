package amazon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsathena "github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"

	"github.com/audit-archiver/archiver/internal/athena"
)

// result reads an answer page by page.
type result struct {
	e      *Engine
	ctx    context.Context // bounds the whole query; see Engine.Query
	cancel context.CancelFunc
	id     string
	limit  int64
	begin  time.Time
	ended  bool // in Athena: there is nothing to stop

	cols  []athena.Column
	lines bool // each row is one text: what SHOW or DESCRIBE prints
	stats athena.Stats
	page  []athenatypes.Row
	token *string // of the next page
	count int64
	row   []any
	err   error // the first error, or io.EOF
}

// pageRows is the most that Athena gives at a time.
const pageRows = 1000

// open waits for the answer and reads its first page.
func (r *result) open() error {
	x, err := r.wait()
	if err != nil {
		return err
	}
	r.ended = true
	r.stats.BytesRead = scanned(x)
	set, err := r.turn(nil)
	if err != nil {
		return err
	}
	if set.ResultSetMetadata == nil && x.StatementType == athenatypes.StatementTypeDdl {
		return nil // a statement without rows
	}
	if set.ResultSetMetadata == nil {
		return fmt.Errorf("query %s: the answer does not describe its columns", r.id)
	}
	names := make([]string, len(set.ResultSetMetadata.ColumnInfo))
	for i, info := range set.ResultSetMetadata.ColumnInfo {
		names[i] = aws.ToString(info.Name)
		r.cols = append(r.cols, athena.Column{Name: names[i], Type: typeOf(info)})
	}
	// The answer of a SELECT repeats the names in the first row of the first page.
	if x.StatementType == athenatypes.StatementTypeDml && len(r.page) > 0 && isHeader(r.page[0], names) {
		r.page = r.page[1:]
	}
	r.lines = x.StatementType == athenatypes.StatementTypeUtility
	r.row = make([]any, len(r.cols))
	return nil
}

// cells takes apart a line of SHOW or DESCRIBE, in which the values are separated by
// tabs and made as wide as others by blanks.
func cells(line string, n int) []any {
	row := make([]any, n)
	parts := strings.SplitN(line, "\t", n)
	for i := range row {
		row[i] = ""
		if i < len(parts) {
			row[i] = strings.TrimRight(parts[i], " ")
		}
	}
	return row
}

func isHeader(row athenatypes.Row, names []string) bool {
	return slices.EqualFunc(row.Data, names, func(d athenatypes.Datum, name string) bool {
		return d.VarCharValue != nil && *d.VarCharValue == name
	})
}

func (r *result) turn(token *string) (*athenatypes.ResultSet, error) {
	out, err := r.e.client.GetQueryResults(r.ctx, &awsathena.GetQueryResultsInput{
		QueryExecutionId: &r.id, MaxResults: aws.Int32(pageRows), NextToken: token,
	})
	if err != nil {
		return nil, callError(r.ctx, "read answer of query "+r.id, err)
	}
	if out.ResultSet == nil {
		return nil, fmt.Errorf("read answer of query %s: it has no rows and no columns", r.id)
	}
	r.page, r.token = out.ResultSet.Rows, out.NextToken
	return out.ResultSet, nil
}

// typeOf is the type of a column in the engines' contract. Athena sends arrays,
// maps and rows as a text that does not say where an element ends, and without the
// types of their elements: they stay that text.
func typeOf(info athenatypes.ColumnInfo) string {
	switch t := aws.ToString(info.Type); t {
	case "boolean", "tinyint", "smallint", "integer", "bigint", "double", "real", "date", "timestamp", "timestamp with time zone", "json", "string", "unknown":
		return t
	case "float":
		return "real"
	case "int":
		return "integer"
	case "decimal":
		return fmt.Sprintf("decimal(%d,%d)", info.Precision, info.Scale)
	}
	return "varchar"
}

func (r *result) Columns() []athena.Column { return r.cols }

func (r *result) Next(ctx context.Context) ([]any, error) {
	if r.err == nil {
		if r.err = r.next(ctx); r.err != nil {
			r.stats.Elapsed = time.Since(r.begin)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.row, nil
}

func (r *result) next(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("read answer of query %s: %w", r.id, err)
	}
	defer context.AfterFunc(ctx, r.cancel)()
	for len(r.page) == 0 {
		if r.token == nil {
			return io.EOF
		}
		if _, err := r.turn(r.token); err != nil {
			return err
		}
	}
	if r.count++; r.count > r.limit {
		return &athena.Error{Kind: athena.ErrTooManyRows, Detail: fmt.Sprintf("the answer has more than %d rows; add a LIMIT or narrow the query", r.limit)}
	}
	data := r.page[0].Data
	r.page = r.page[1:]
	if r.lines && len(data) == 1 && data[0].VarCharValue != nil {
		r.row = cells(*data[0].VarCharValue, len(r.cols))
		return nil
	}
	if len(data) != len(r.cols) {
		return fmt.Errorf("read answer of query %s: row %d has %d values for %d columns", r.id, r.count, len(data), len(r.cols))
	}
	for i, d := range data {
		if d.VarCharValue == nil {
			r.row[i] = nil
			continue
		}
		v, err := athena.ParseText(r.cols[i].Type, *d.VarCharValue)
		if err != nil {
			return fmt.Errorf("read answer of query %s: row %d, column %s of type %s: %w", r.id, r.count, r.cols[i].Name, r.cols[i].Type, err)
		}
		r.row[i] = v
	}
	return nil
}

// minimumBytes is what Athena charges for at least.
const minimumBytes = 10_000_000

func (r *result) Meta() athena.Meta {
	m := athena.Meta{Stats: r.stats}
	if m.Stats.Elapsed == 0 {
		m.Stats.Elapsed = time.Since(r.begin)
	}
	cost := fmt.Sprintf("query %s: %d bytes scanned", r.id, r.stats.BytesRead)
	if price := r.e.o.PricePerTB; price > 0 {
		charged := int64(0)
		if r.stats.BytesRead > 0 {
			charged = max(r.stats.BytesRead, minimumBytes)
		}
		cost += fmt.Sprintf(", about $%.6f at $%g per TB", float64(charged)/1e12*price, price)
	}
	m.Notes = []string{cost, "Athena read the objects that are current in the bucket: archiver verify says whether they are what was committed"}
	return m
}

// Close stops the query if it is still running.
func (r *result) Close() error {
	if r.err == nil {
		r.err = errors.New("result is closed")
	}
	var err error
	if !r.ended && r.id != "" {
		r.ended = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), stopTimeout)
		defer cancel()
		if _, err = r.e.client.StopQueryExecution(ctx, &awsathena.StopQueryExecutionInput{QueryExecutionId: &r.id}); err != nil {
			err = fmt.Errorf("query %s may still be running: stop it: %w", r.id, err)
		}
	}
	r.cancel()
	return err
}
