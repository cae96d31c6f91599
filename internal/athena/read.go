package athena

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Read is the reverse of Write with FormatJSON: the answer of another process as
// a Result. It reads row by row. Close closes r.
func Read(r io.ReadCloser) (Result, error) {
	a := &readAnswer{body: r, dec: jsontext.NewDecoder(r)}
	if err := a.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("read answer: %w", err), r.Close())
	}
	return a, nil
}

type readAnswer struct {
	body io.ReadCloser
	dec  *jsontext.Decoder
	cols []Column
	meta Meta
	done bool
}

// begin reads up to the first row: Write puts columns first and rows second.
func (a *readAnswer) begin() error {
	if err := a.expect('{'); err != nil {
		return err
	}
	if err := a.member("columns"); err != nil {
		return err
	}
	if err := json.UnmarshalDecode(a.dec, &a.cols); err != nil {
		return err
	}
	if err := a.member("rows"); err != nil {
		return err
	}
	return a.expect('[')
}

func (a *readAnswer) expect(kind jsontext.Kind) error {
	t, err := a.dec.ReadToken()
	if err != nil {
		return whole(err)
	}
	if t.Kind() != kind {
		return fmt.Errorf("found %s where %q should be", t.Kind(), string(kind))
	}
	return nil
}

func (a *readAnswer) member(name string) error {
	t, err := a.dec.ReadToken()
	if err != nil {
		return whole(err)
	}
	if t.Kind() != '"' || t.String() != name {
		return fmt.Errorf("found %s where member %q should be", t, name)
	}
	return nil
}

// whole makes an answer that ends early an error that nobody takes for the end
// of the rows.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (a *readAnswer) Columns() []Column { return a.cols }

func (a *readAnswer) Next(ctx context.Context) ([]any, error) {
	if a.done {
		return nil, io.EOF
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	row, err := a.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return row, err
}

func (a *readAnswer) next() ([]any, error) {
	if a.dec.PeekKind() == ']' {
		a.done = true
		if err := a.end(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	var raw []jsontext.Value
	if err := json.UnmarshalDecode(a.dec, &raw); err != nil {
		return nil, whole(err)
	}
	if len(raw) != len(a.cols) {
		return nil, fmt.Errorf("a row has %d values, want %d", len(raw), len(a.cols))
	}
	row := make([]any, len(raw))
	for i, v := range raw {
		var err error
		if row[i], err = parseValue(a.cols[i].Type, v); err != nil {
			return nil, fmt.Errorf("column %s: %w", a.cols[i].Name, err)
		}
	}
	return row, nil
}

// end reads what follows the rows.
func (a *readAnswer) end() error {
	if err := a.expect(']'); err != nil {
		return err
	}
	for a.dec.PeekKind() == '"' {
		name, err := a.dec.ReadToken()
		if err != nil {
			return whole(err)
		}
		switch name.String() {
		case "complete_through":
			var through *time.Time
			err = json.UnmarshalDecode(a.dec, &through)
			if through != nil {
				a.meta.CompleteThrough = *through
			}
		case "laggards":
			err = json.UnmarshalDecode(a.dec, &a.meta.Laggards)
		case "expired":
			err = json.UnmarshalDecode(a.dec, &a.meta.Expired)
		default:
			err = a.dec.SkipValue()
		}
		if err != nil {
			return whole(err)
		}
	}
	return a.expect('}')
}

func (a *readAnswer) Meta() Meta   { return a.meta }
func (a *readAnswer) Close() error { return a.body.Close() }

// parseValue is the reverse of AppendJSON.
func parseValue(typ string, raw jsontext.Value) (any, error) {
	switch raw.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return raw.Kind() == 't', nil
	case '0':
		return parseNumber(typ, string(raw))
	case '"':
		s, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return nil, err
		}
		return parseText(typ, string(s))
	case '[':
		if strings.HasPrefix(typ, "row(") {
			return parseFields(typ, raw)
		}
		return parseArray(elementType(typ), raw)
	default:
		return parseObject(typ, raw)
	}
}

func parseNumber(typ, s string) (any, error) {
	switch typ {
	case "real":
		f, err := strconv.ParseFloat(s, 32)
		return float32(f), err
	case "double":
		return strconv.ParseFloat(s, 64)
	default:
		return strconv.ParseInt(s, 10, 64)
	}
}

func parseText(typ, s string) (any, error) {
	switch {
	case typ == "real":
		f, err := strconv.ParseFloat(s, 32)
		return float32(f), err
	case typ == "double":
		return strconv.ParseFloat(s, 64)
	case strings.HasSuffix(typ, "int") || typ == "integer": // the key of a map
		return strconv.ParseInt(s, 10, 64)
	case typ == "boolean":
		return strconv.ParseBool(s)
	case strings.HasPrefix(typ, "decimal"):
		return Decimal(s), nil
	case typ == "json":
		return JSON(s), nil
	case typ == "date":
		return parseTime(s, func(s string) (time.Time, error) { return time.Parse(dateLayout, s) })
	case strings.HasPrefix(typ, "timestamp"):
		return parseTime(s, parseInstant)
	default:
		return s, nil
	}
}

func parseArray(elem string, raw jsontext.Value) (any, error) {
	var items []jsontext.Value
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, err
	}
	list := make([]any, len(items))
	for i, item := range items {
		var err error
		if list[i], err = parseValue(elem, item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// parseFields reads a row as Trino sends it: the values of its fields.
func parseFields(typ string, raw jsontext.Value) (any, error) {
	names, types := fieldNames(typ), fieldTypes(typ)
	var items []jsontext.Value
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, err
	}
	if len(items) != len(types) {
		return nil, fmt.Errorf("a row of %d values has type %s", len(items), typ)
	}
	row := make(Row, len(items))
	for i, item := range items {
		v, err := parseValue(types[i], item)
		if err != nil {
			return nil, err
		}
		row[i] = Field{names[i], v}
	}
	return row, nil
}

// parseObject reads a map or a row.
func parseObject(typ string, raw jsontext.Value) (any, error) {
	key, value := entryTypes(typ)
	fields := fieldTypes(typ)
	var m Map
	var r Row
	dec := jsontext.NewDecoder(strings.NewReader(string(raw)), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for i := 0; dec.PeekKind() == '"'; i++ {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		label := name.String()
		item, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(typ, "map(") {
			k, err := parseText(key, label)
			if err != nil {
				return nil, err
			}
			v, err := parseValue(value, item)
			if err != nil {
				return nil, err
			}
			m = append(m, Entry{k, v})
			continue
		}
		of := ""
		if i < len(fields) {
			of = fields[i]
		}
		v, err := parseValue(of, item)
		if err != nil {
			return nil, err
		}
		r = append(r, Field{label, v})
	}
	if strings.HasPrefix(typ, "map(") {
		return m, nil
	}
	return r, nil
}
