package athena

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// Format is how an answer is written.
type Format string

// The formats.
//
//	table   for people: aligned, NULL as an empty cell, control characters escaped
//	csv     RFC 4180 with a header; NULL is an empty cell, the empty string is ""
//	json    one object: {"columns":[…],"rows":[[…]],"complete_through":"…","laggards":[…]}, and "expired":{…} if there is any
//	ndjson  an object per row, its members in the order of the columns
const (
	FormatTable  Format = "table"
	FormatCSV    Format = "csv"
	FormatJSON   Format = "json"
	FormatNDJSON Format = "ndjson"
)

// Formats lists them for a help text.
func Formats() []Format { return []Format{FormatTable, FormatCSV, FormatJSON, FormatNDJSON} }

// WriteOptions are choices of a format.
type WriteOptions struct {
	// Neutralise puts an apostrophe before CSV cells of text that a spreadsheet
	// would run as a formula (they begin with = + - @, tab or carriage return).
	// It changes the data and is therefore not the default.
	Neutralise bool
}

// Write reads r to its end and writes it. Memory is bounded: rows are written
// as they come, a table after its first thousand rows, which set the widths.
// After an error what was written is no answer; json is then not even valid.
func Write(ctx context.Context, w io.Writer, r Result, f Format, o WriteOptions) (rows int64, err error) {
	buf := bufio.NewWriterSize(w, 64<<10)
	var out rowWriter
	switch f {
	case FormatTable:
		out = &tableWriter{w: buf, cols: r.Columns()}
	case FormatCSV:
		out = &csvWriter{w: buf, cols: r.Columns(), neutralise: o.Neutralise}
	case FormatJSON:
		out = &jsonWriter{w: buf, cols: r.Columns()}
	case FormatNDJSON:
		out = &ndjsonWriter{w: buf, cols: r.Columns()}
	default:
		return 0, fmt.Errorf("format %q is none of %v", f, Formats())
	}
	if err := out.begin(); err != nil {
		return 0, err
	}
	for {
		row, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return rows, err
		}
		if err := out.row(row); err != nil {
			return rows, err
		}
		rows++
	}
	if err := out.end(r.Meta()); err != nil {
		return rows, err
	}
	return rows, buf.Flush()
}

type rowWriter interface {
	begin() error
	row(values []any) error
	end(m Meta) error
}

type jsonWriter struct {
	w    *bufio.Writer
	cols []Column
	line []byte
	rows int64
}

func (j *jsonWriter) begin() error {
	b := []byte(`{"columns":[`)
	for i, c := range j.cols {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(append(b, `{"name":`...), c.Name), `,"type":`...)
		b = append(appendString(b, c.Type), '}')
	}
	_, err := j.w.Write(append(b, `],"rows":[`...))
	return err
}

func (j *jsonWriter) row(values []any) error {
	b := j.line[:0]
	if j.rows > 0 {
		b = append(b, ',')
	}
	b = append(b, "\n["...)
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = AppendJSON(b, j.cols[i].Type, v); err != nil {
			return err
		}
	}
	j.rows++
	j.line = append(b, ']')
	_, err := j.w.Write(j.line)
	return err
}

func (j *jsonWriter) end(m Meta) error {
	b := []byte("],\n" + `"complete_through":`)
	if m.CompleteThrough.IsZero() {
		b = append(b, "null"...)
	} else {
		b = appendString(b, m.CompleteThrough.UTC().Format(time.RFC3339Nano))
	}
	b = append(b, `,"laggards":[`...)
	for i, s := range m.Laggards {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	b = append(b, ']')
	if m.Expired.Files > 0 {
		expired, err := json.Marshal(m.Expired)
		if err != nil {
			return err
		}
		b = append(append(b, `,"expired":`...), expired...)
	}
	_, err := j.w.Write(append(b, "}\n"...))
	return err
}

type ndjsonWriter struct {
	w    *bufio.Writer
	cols []Column
	line []byte
}

func (n *ndjsonWriter) begin() error {
	seen := make(map[string]bool)
	for _, c := range n.cols {
		if seen[c.Name] {
			return &Error{Kind: ErrInvalid, Construct: "column " + c.Name, Detail: "it occurs twice and members of an object cannot; name it with AS"}
		}
		seen[c.Name] = true
	}
	return nil
}

func (n *ndjsonWriter) row(values []any) error {
	b := append(n.line[:0], '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, n.cols[i].Name), ':')
		var err error
		if b, err = AppendJSON(b, n.cols[i].Type, v); err != nil {
			return err
		}
	}
	n.line = append(b, "}\n"...)
	_, err := n.w.Write(n.line)
	return err
}

func (n *ndjsonWriter) end(Meta) error { return nil }

type csvWriter struct {
	w          *bufio.Writer
	cols       []Column
	neutralise bool
}

func (c *csvWriter) begin() error {
	for i, col := range c.cols {
		c.cell(i, col.Name)
	}
	_, err := c.w.WriteString("\r\n")
	return err
}

func (c *csvWriter) row(values []any) error {
	for i, v := range values {
		if v == nil {
			if i > 0 {
				_ = c.w.WriteByte(',') // bufio keeps the error for the line's end
			}
			continue
		}
		s, err := Text(c.cols[i].Type, v)
		if err != nil {
			return err
		}
		if _, isText := v.(string); isText && c.neutralise && s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
			s = "'" + s
		}
		c.cell(i, s)
	}
	_, err := c.w.WriteString("\r\n")
	return err
}

// cell writes s; errors stay in the buffer until the line ends.
func (c *csvWriter) cell(i int, s string) {
	if i > 0 {
		_ = c.w.WriteByte(',')
	}
	if s != "" && !strings.ContainsAny(s, ",\"\r\n") && s[0] != ' ' && s[len(s)-1] != ' ' {
		_, _ = c.w.WriteString(s)
		return
	}
	_, _ = c.w.WriteString(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
}

func (c *csvWriter) end(Meta) error { return nil }

// tableWriter holds rows back until it knows the widths.
type tableWriter struct {
	w      *bufio.Writer
	cols   []Column
	held   [][]string
	widths []int
}

const tableHeld = 1000

func (t *tableWriter) begin() error {
	head := make([]string, len(t.cols))
	for i, c := range t.cols {
		head[i] = printable(c.Name)
	}
	t.held = append(t.held, head)
	return nil
}

func (t *tableWriter) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		s, err := Text(t.cols[i].Type, v)
		if err != nil {
			return err
		}
		cells[i] = printable(s)
	}
	if t.widths != nil {
		return t.line(cells)
	}
	t.held = append(t.held, cells)
	if len(t.held) > tableHeld {
		return t.release()
	}
	return nil
}

// release writes the held rows, now that they set the widths.
func (t *tableWriter) release() error {
	t.widths = make([]int, len(t.cols))
	for _, cells := range t.held {
		for i, s := range cells {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(s))
		}
	}
	for n, cells := range t.held {
		if err := t.line(cells); err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		rule := make([]string, len(cells))
		for i, width := range t.widths {
			rule[i] = strings.Repeat("-", width)
		}
		if err := t.line(rule); err != nil {
			return err
		}
	}
	t.held = nil
	return nil
}

func (t *tableWriter) line(cells []string) error {
	var b strings.Builder
	for i, s := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(s)
		if pad := t.widths[i] - utf8.RuneCountInString(s); pad > 0 && i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", pad))
		}
	}
	b.WriteByte('\n')
	_, err := t.w.WriteString(b.String())
	return err
}

func (t *tableWriter) end(Meta) error {
	if t.widths != nil {
		return nil
	}
	return t.release()
}

// printable escapes what would move the cursor or command the terminal: audit
// events hold what attackers typed.
func printable(s string) string {
	clean := func(r rune) bool {
		return r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}
	if strings.IndexFunc(s, clean) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if clean(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
