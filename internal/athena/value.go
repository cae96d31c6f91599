package athena

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The Go values of an answer, by Trino type. NULL is nil everywhere.
//
//	boolean                         bool
//	tinyint … bigint                int64
//	real, double                    float32, float64
//	decimal                         Decimal
//	varchar                         string
//	json                            JSON
//	date                            time.Time (midnight UTC)
//	timestamp, … with time zone     time.Time
//	array                           []any
//	map                             Map
//	row                             Row

// Decimal is an exact number as text, such as "-12.50".
type Decimal string

// JSON is a JSON text.
type JSON string

// Map holds entries in the engine's order; keys are values of the map's key type.
type Map []Entry

// Entry is one pair of a Map.
type Entry struct{ Key, Value any }

// Row is a structured value: named fields in order.
type Row []Field

// Field is one field of a Row.
type Field struct {
	Name  string
	Value any
}

const (
	dateLayout = "2006-01-02"
	timeLayout = "2006-01-02 15:04:05.000"
)

// AppendJSON appends v, a value of Trino type typ, as JSON. bigint is a number,
// decimal a string, NULL null; timestamps are text with three digits, those
// with a zone end in " UTC". NaN and infinities, which JSON has no numbers for,
// are the strings "NaN", "Infinity" and "-Infinity". Maps are objects whose
// keys are the keys' text; rows are objects; a value of type json is a string
// holding its text, as Trino and Athena send it.
func AppendJSON(dst []byte, typ string, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float32:
		return appendFloatJSON(dst, float64(v), 32), nil
	case float64:
		return appendFloatJSON(dst, v, 64), nil
	case []any:
		return appendArrayJSON(dst, elementType(typ), v)
	case Map:
		return appendMapJSON(dst, typ, v)
	case Row:
		return appendRowJSON(dst, typ, v)
	}
	s, err := Text(typ, v)
	if err != nil {
		return nil, err
	}
	return appendString(dst, s), nil
}

func appendFloatJSON(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendString(dst, DoubleText(f, bits))
	}
	return append(dst, DoubleText(f, bits)...)
}

func appendArrayJSON(dst []byte, elem string, list []any) ([]byte, error) {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendJSON(dst, elem, v); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendMapJSON(dst []byte, typ string, m Map) ([]byte, error) {
	key, value := entryTypes(typ)
	dst = append(dst, '{')
	for i, e := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		k, err := Text(key, e.Key)
		if err != nil {
			return nil, err
		}
		dst = append(appendString(dst, k), ':')
		if dst, err = AppendJSON(dst, value, e.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendRowJSON(dst []byte, typ string, r Row) ([]byte, error) {
	types := fieldTypes(typ)
	dst = append(dst, '{')
	for i, f := range r {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, f.Name), ':')
		t := ""
		if i < len(types) {
			t = types[i]
		}
		var err error
		if dst, err = AppendJSON(dst, t, f.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendString appends s as a JSON string. Only what JSON demands is escaped:
// "<" and "&" stay, because nobody embeds an answer in HTML unescaped. Bytes
// that are no UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}

// Text is v as Athena prints it in a result row: [a, b] for arrays, {k=v} for
// maps and rows. v must not be nil at the top level: text has no NULL. Inside
// a structure NULL is the word null.
func Text(typ string, v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case string:
		return v, nil
	case JSON:
		return string(v), nil
	case Decimal:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float32:
		return DoubleText(float64(v), 32), nil
	case float64:
		return DoubleText(v, 64), nil
	case time.Time:
		return timeText(typ, v)
	case []any:
		return arrayText(elementType(typ), v)
	case Map:
		return mapText(typ, v)
	case Row:
		return rowText(typ, v)
	}
	return "", fmt.Errorf("encode %s: value of Go type %T has no Trino type", typ, v)
}

func timeText(typ string, t time.Time) (string, error) {
	switch typ {
	case "date":
		return formatTime(t.UTC(), dateLayout), nil
	case "timestamp":
		return formatTime(t.UTC(), timeLayout), nil
	case "timestamp with time zone":
		return formatTime(t.UTC(), timeLayout) + " UTC", nil
	}
	return "", fmt.Errorf("encode %s: a time has type date, timestamp or timestamp with time zone", typ)
}

func arrayText(elem string, list []any) (string, error) {
	parts := make([]string, len(list))
	for i, v := range list {
		s, err := Text(elem, v)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	return "[" + strings.Join(parts, ", ") + "]", nil
}

func mapText(typ string, m Map) (string, error) {
	key, value := entryTypes(typ)
	parts := make([]string, len(m))
	for i, e := range m {
		k, err := Text(key, e.Key)
		if err != nil {
			return "", err
		}
		v, err := Text(value, e.Value)
		if err != nil {
			return "", err
		}
		parts[i] = k + "=" + v
	}
	return "{" + strings.Join(parts, ", ") + "}", nil
}

func rowText(typ string, r Row) (string, error) {
	types := fieldTypes(typ)
	parts := make([]string, len(r))
	for i, f := range r {
		t := ""
		if i < len(types) {
			t = types[i]
		}
		v, err := Text(t, f.Value)
		if err != nil {
			return "", err
		}
		parts[i] = f.Name + "=" + v
	}
	return "{" + strings.Join(parts, ", ") + "}", nil
}

// DoubleText prints a number of so many bits like Java's Double.toString, as Athena does: plain between
// 10^-3 and 10^7, otherwise with an exponent, always with a fraction digit.
func DoubleText(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		if math.Signbit(f) {
			return "-0.0"
		}
		return "0.0"
	}
	if abs := math.Abs(f); abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, err := strconv.Atoi(exponent)
	if err != nil {
		panic("bug: exponent of a formatted float: " + err.Error())
	}
	return mantissa + "E" + strconv.Itoa(n)
}
