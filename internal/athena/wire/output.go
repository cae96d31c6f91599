package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// Results is a bucket for clients that read answers from S3 and not from this API.
type Results interface {
	// Location is the place of the object called name: s3://bucket/prefix/name.
	Location(name string) string
	// Put stores size bytes of body as the object called name, in place of what may
	// be there. An error that clients may be told is an *athena.Error of kind ErrResults.
	Put(ctx context.Context, name string, body io.ReadSeeker, size int64) error
}

const (
	outputSuffix = ".out" // of the file that holds an output until it is in the bucket
	metaSuffix   = ".metadata"
)

// output is an answer as the file that Athena makes of it: CSV of a query, and the
// lines of anything else. It waits on disk until it is whole: its size has to be
// known, and memory is bounded. A nil output takes everything and does nothing.
type output struct {
	to      Results
	id      string
	name    string // of the object
	columns []athena.Column
	file    *os.File
	w       *bufio.Writer
	rows    int
	line    []byte
}

// outputName is the name of the object, as Athena chooses it.
func outputName(id, kind, sub string) string {
	if kind == dialect.TypeDML && sub != dialect.ExplainQuery {
		return id + ".csv"
	}
	return id + ".txt"
}

// newOutput begins the output of an answer with columns.
func (s *Server) newOutput(id string, st statement, columns []athena.Column) (*output, error) {
	if s.o.Results == nil {
		return nil, nil //nolint:nilnil // nil is an output that nobody wants
	}
	f, err := os.OpenFile(s.history.file(id, outputSuffix), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store answer: %w", err)
	}
	o := &output{to: s.o.Results, id: id, name: outputName(id, st.kind, st.sub), columns: columns, file: f, w: bufio.NewWriterSize(f, 64<<10)}
	if st.kind != dialect.TypeDML {
		return o, nil
	}
	names := make([]any, len(columns))
	header := make([]athena.Column, len(columns))
	for i, c := range columns {
		names[i], header[i].Type = c.Name, "varchar"
	}
	if err := o.row(header, names); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

// row adds a row of values whose types are columns.
func (o *output) row(columns []athena.Column, values []any) error {
	if o == nil {
		return nil
	}
	isCSV := strings.HasSuffix(o.name, ".csv")
	line := o.line[:0]
	if !isCSV && o.rows > 0 {
		line = append(line, '\n')
	}
	o.rows++
	for i, v := range values {
		if i > 0 && isCSV {
			line = append(line, ',')
		}
		if v == nil { // in CSV the empty string has quotes
			continue
		}
		text, err := athena.Text(columns[i].Type, v)
		if err != nil {
			return err
		}
		if !isCSV {
			line = append(line, text...)
			continue
		}
		line = append(append(append(line, '"'), strings.ReplaceAll(text, `"`, `""`)...), '"')
	}
	if isCSV {
		line = append(line, '\n')
	}
	o.line = line
	if _, err := o.w.Write(line); err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	return nil
}

// put sends what was written, and what Athena's JDBC driver wants beside it.
func (o *output) put(ctx context.Context) error {
	if o == nil {
		return nil
	}
	if err := o.w.Flush(); err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	size, err := o.file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = o.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	if err := o.to.Put(ctx, o.name, o.file, size); err != nil || len(o.columns) == 0 {
		return err
	}
	meta := metadataFile(o.id, o.columns)
	return o.to.Put(ctx, o.name+metaSuffix, bytes.NewReader(meta), int64(len(meta)))
}

// close removes the file.
func (o *output) close() error {
	if o == nil {
		return nil
	}
	return errors.Join(o.file.Close(), os.Remove(o.file.Name()))
}

// metadataFile is the companion of an output: a protocol buffer that says what
// ColumnInfo says. Its schema is not published; Athena leaves out precision, scale
// and case of types that have none.
func metadataFile(id string, columns []athena.Column) []byte {
	const nullableUnknown = 3
	number := func(dst []byte, field, n int) []byte {
		return binary.AppendUvarint(append(dst, byte(field<<3)), uint64(n))
	}
	text := func(dst []byte, field int, s string) []byte {
		return append(binary.AppendUvarint(append(dst, byte(field<<3|2)), uint64(len(s))), s...)
	}
	out := text(nil, 1, id)
	for _, c := range columns {
		info := columnInfo(c)
		var col []byte
		col = text(col, 1, info.CatalogName)
		col = text(col, 4, info.Name)
		col = text(col, 5, info.Label)
		col = text(col, 6, info.Type)
		sized, cased := hasSize(info.Type)
		if sized {
			col = number(number(col, 7, info.Precision), 8, info.Scale)
		}
		col = number(col, 9, nullableUnknown)
		if cased {
			sensitive := 0
			if info.CaseSensitive {
				sensitive = 1
			}
			col = number(col, 10, sensitive)
		}
		out = text(out, 4, string(col))
	}
	return out
}

// hasSize says which types come with precision and scale, and which with case.
func hasSize(typ string) (sized, cased bool) {
	switch typ {
	case "tinyint", "smallint", "integer", "bigint", "double", "float", "decimal", "varchar", "char", "timestamp", "timestamp with time zone":
		return true, true
	case "boolean", "date":
		return false, true
	}
	return false, false
}
