package dialect

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/audit-archiver/archiver/internal/athena"
)

// javaJSON writes a JSON document as Trino prints a value of type json: without
// blanks, and with numbers that have a fraction or an exponent as Java prints
// doubles. sorted orders the members of objects by name and keeps the last of
// those with one name, as json_parse does and json_extract does not.
func javaJSON(doc string, sorted bool) (string, error) {
	dec := json.NewDecoder(strings.NewReader(doc))
	dec.UseNumber()
	out, err := appendJSON(nil, dec, sorted)
	if err != nil {
		return "", err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("something follows the JSON value")
	}
	return string(out), nil
}

func appendJSON(dst []byte, dec *json.Decoder, sorted bool) ([]byte, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '[' {
			return appendElements(dst, dec, sorted)
		}
		return appendMembers(dst, dec, sorted)
	case string:
		return appendJSONString(dst, tok), nil
	case json.Number:
		return append(dst, javaNumber(tok.String())...), nil
	case bool:
		return strconv.AppendBool(dst, tok), nil
	}
	return append(dst, "null"...), nil
}

func appendElements(dst []byte, dec *json.Decoder, sorted bool) (_ []byte, err error) {
	dst = append(dst, '[')
	for first := true; dec.More(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, dec, sorted); err != nil {
			return nil, err
		}
	}
	_, err = dec.Token()
	return append(dst, ']'), err
}

func appendMembers(dst []byte, dec *json.Decoder, sorted bool) ([]byte, error) {
	type member struct {
		name string
		text []byte
	}
	var members []member
	places := make(map[string]int) // in members, when they are sorted
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		value, err := appendJSON(nil, dec, sorted)
		if err != nil {
			return nil, err
		}
		m := member{name.(string), value}
		if i, twice := places[m.name]; twice {
			members[i] = m
			continue
		}
		if sorted {
			places[m.name] = len(members)
		}
		members = append(members, m)
	}
	if sorted {
		slices.SortFunc(members, func(a, b member) int { return compareUTF16(a.name, b.name) })
	}
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(appendJSONString(dst, m.name), ':'), m.text...)
	}
	_, err := dec.Token()
	return append(dst, '}'), err
}

// compareUTF16 orders texts as Java does: characters beyond the first plane come before
// the last ones of it.
func compareUTF16(a, b string) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0) { // of U+E000 to U+FFFF, and beyond
			x, y = y, x
		}
		return cmp.Compare(x, y)
	}
	return cmp.Compare(len(a), len(b))
}

// appendJSONString quotes s; a character beyond the first plane is written as two escapes.
func appendJSONString(dst []byte, s string) []byte {
	const hexDigits = "0123456789ABCDEF"
	escape := func(u rune) {
		dst = append(dst, '\\', 'u', hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
	}
	short := map[rune]byte{'"': '"', '\\': '\\', '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f'}
	dst = append(dst, '"')
	for _, r := range s {
		switch e, ok := short[r]; {
		case ok:
			dst = append(dst, '\\', e)
		case r < ' ':
			escape(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escape(high)
			escape(low)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// javaNumber is a JSON number as Jackson writes it after it has read it.
func javaNumber(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		if s == "-0" {
			return "0"
		}
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && math.IsInf(f, 0) {
		return map[bool]string{true: `"Infinity"`, false: `"-Infinity"`}[f > 0]
	}
	return athena.DoubleText(f, 64)
}
