package wire

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// A file of rows has a line for each row, and the line is the row's JSON in
// GetQueryResults, so a page is a piece of the file. JSON has no raw line breaks.

// writeRows stores the answer to st and makes it durable, and gives each row to also.
// It returns what was written.
func writeRows(ctx context.Context, name string, most int64, st statement, result athena.Result, also *output) (rows, bytes int64, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, 0, fmt.Errorf("store answer: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 64<<10)
	columns := result.Columns()
	var line []byte
	for {
		values, err := result.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, 0, err
		}
		if st.kind == dialect.TypeUtility {
			columns, values = lineColumn(), []any{lineOf(st.sub, values)}
		}
		if line, err = appendRow(line[:0], columns, values); err != nil {
			return 0, 0, err
		}
		if err := also.row(columns, values); err != nil {
			return 0, 0, err
		}
		rows, bytes = rows+1, bytes+int64(len(line))
		if bytes > most {
			return 0, 0, &athena.Error{Kind: athena.ErrTooBig, Detail: fmt.Sprintf("the answer has more than %d bytes; select fewer columns or rows", most)}
		}
		if _, err := w.Write(line); err != nil {
			return 0, 0, fmt.Errorf("store answer: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return 0, 0, fmt.Errorf("store answer: %w", err)
	}
	if err := f.Sync(); err != nil {
		return 0, 0, fmt.Errorf("store answer: %w", err)
	}
	return rows, bytes, nil
}

// appendRow appends {"Data":[{"VarCharValue":"…"},{}]} and a line break. NULL is a
// datum without a value.
func appendRow(dst []byte, columns []athena.Column, values []any) ([]byte, error) {
	dst = append(dst, `{"Data":[`...)
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		if v == nil {
			dst = append(dst, "{}"...)
			continue
		}
		text, err := athena.Text(columns[i].Type, v)
		if err != nil {
			return nil, err
		}
		dst = append(dst, `{"VarCharValue":`...)
		if dst, err = athena.AppendJSON(dst, "varchar", text); err != nil {
			return nil, err
		}
		dst = append(dst, '}')
	}
	return append(dst, "]}\n"...), nil
}

// pageBytesMax ends a page early: its rows are held in memory.
const pageBytesMax = 2 << 20

// readPage returns up to n rows from offset as members of a JSON list, and where
// the next page begins.
func readPage(name string, offset int64, n int) (list []byte, next int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("read answer: %w", err)
	}
	defer f.Close()
	// A page begins where a line does, whatever a client makes of its token.
	if offset > 0 {
		var before [1]byte
		if _, err := f.ReadAt(before[:], offset-1); err != nil || before[0] != '\n' {
			return nil, 0, badToken()
		}
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, offset, 1<<62), 64<<10)
	next = offset
	for range n {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read answer: %w", err)
		}
		if len(list) > 0 {
			if len(list)+len(line) > pageBytesMax {
				break
			}
			list = append(list, ',')
		}
		list = append(list, line[:len(line)-1]...)
		next += int64(len(line))
	}
	return list, next, nil
}

func badToken() *fault { return invalid("NextToken is not one that this operation has returned") }

// pageToken names a place in the answer of an execution.
func pageToken(id string, offset int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(id + "/" + strconv.FormatInt(offset, 10)))
}

func parsePageToken(id, token string) (offset int64, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, badToken()
	}
	of, text, _ := strings.Cut(string(raw), "/")
	offset, err = strconv.ParseInt(text, 10, 64)
	if err != nil || of != id || offset < 0 {
		return 0, badToken()
	}
	return offset, nil
}

// column is ColumnInfo.
type column struct {
	CatalogName   string
	SchemaName    string
	TableName     string
	Name          string
	Label         string
	Type          string
	Precision     int
	Scale         int
	Nullable      string
	CaseSensitive bool
}

// columnInfo describes a column as Athena does.
func columnInfo(c athena.Column) column {
	base, args, _ := strings.Cut(strings.TrimSuffix(c.Type, ")"), "(")
	precision, scale := 0, 0
	switch base {
	case "decimal":
		p, s, _ := strings.Cut(args, ",")
		precision, _ = strconv.Atoi(strings.TrimSpace(p))
		scale, _ = strconv.Atoi(strings.TrimSpace(s))
	case "varchar", "json":
		precision = 1<<31 - 1
	case "bigint":
		precision = 19
	case "integer":
		precision = 10
	case "smallint":
		precision = 5
	case "tinyint":
		precision = 3
	case "double", "real":
		precision = 17
	case "timestamp", "timestamp with time zone":
		precision = 3
	}
	if base == "real" {
		base = "float" // Athena's name in results
	}
	return column{CatalogName: "hive", Name: c.Name, Label: c.Name, Type: base, Precision: precision, Scale: scale,
		Nullable: "UNKNOWN", CaseSensitive: base == "varchar"}
}
