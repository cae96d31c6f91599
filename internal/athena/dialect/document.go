package dialect

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"
)

// Parts of JSON documents, read as Trino reads them: from the left, up to what is
// looked for and no further, and written as Trino's JSON library writes.

func documentNatives() map[string]Native {
	at := func(part func(dec *jsontext.Decoder) (any, error)) Native {
		return Native{[]string{"VARCHAR", "VARCHAR"}, "VARCHAR", func(args []any) (any, error) {
			steps, ok := jsonSteps(args[1].(string))
			if !ok {
				return nil, errors.New("Invalid JSON path: '" + args[1].(string) + "'")
			}
			dec := jsonReader(args[0].(string))
			if !seek(dec, steps) {
				return nil, nil
			}
			v, err := part(dec)
			if err != nil {
				return nil, nil // what is no JSON has no parts
			}
			return v, nil
		}}
	}
	return map[string]Native{
		"json_at":   at(valueAt),
		"scalar_at": at(scalarAt),
		"json_parse": fromText("VARCHAR", func(s string) (any, error) {
			dec := jsonReader(s)
			out, err := appendValue(nil, dec, true)
			if err == nil && dec.PeekKind() != 0 {
				err = errors.New("more behind its end")
			}
			if err != nil {
				return nil, cannotCast(s, "JSON")
			}
			return string(out), nil
		}),
	}
}

func jsonReader(s string) *jsontext.Decoder {
	return jsontext.NewDecoder(strings.NewReader(s), jsontext.AllowDuplicateNames(true))
}

// jsonSteps takes a path as Trino writes it apart: $.name, $["any name"], $[0].
func jsonSteps(s string) ([]string, bool) {
	rest, ok := strings.CutPrefix(s, "$")
	if !ok {
		return nil, false
	}
	steps := []string{}
	for rest != "" {
		var step string
		switch {
		case strings.HasPrefix(rest, `["`):
			if step, rest, ok = quotedStep(rest[2:]); !ok || !strings.HasPrefix(rest, "]") {
				return nil, false
			}
			rest = rest[1:]
		case strings.HasPrefix(rest, "["):
			step, rest, ok = strings.Cut(rest[1:], "]")
			if !ok || step == "" || strings.Trim(step, "0123456789") != "" {
				return nil, false
			}
		case strings.HasPrefix(rest, `."`):
			if step, rest, ok = quotedStep(rest[2:]); !ok {
				return nil, false
			}
		case strings.HasPrefix(rest, "."):
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			step, rest = rest[1:1+end], rest[1+end:]
			if step == "" || strings.IndexFunc(step, func(r rune) bool {
				return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80
			}) >= 0 {
				return nil, false
			}
		default:
			return nil, false
		}
		steps = append(steps, step)
	}
	return steps, true
}

// quotedStep reads up to the quote; \" and \\ stand for themselves.
func quotedStep(s string) (step, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '\\':
			return "", "", false
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// seek reads up to the value that steps lead to.
func seek(dec *jsontext.Decoder, steps []string) bool {
	for _, step := range steps {
		switch dec.PeekKind() {
		case '{':
			if !seekMember(dec, step) {
				return false
			}
		case '[':
			i, err := strconv.Atoi(step)
			if err != nil || !seekElement(dec, i) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func seekMember(dec *jsontext.Decoder, name string) bool {
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return false
		}
		if tok.String() == name {
			return true
		}
		if dec.SkipValue() != nil {
			return false
		}
	}
	return false
}

func seekElement(dec *jsontext.Decoder, i int) bool {
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	for ; i > 0; i-- {
		if k := dec.PeekKind(); k == ']' || k == 0 || dec.SkipValue() != nil {
			return false
		}
	}
	k := dec.PeekKind()
	return k != ']' && k != 0
}

// valueAt is the next value as a JSON text.
func valueAt(dec *jsontext.Decoder) (any, error) {
	out, err := appendValue(nil, dec, false)
	return string(out), err
}

// scalarAt is the text of the next value, if it has no parts and is not null.
func scalarAt(dec *jsontext.Decoder) (any, error) {
	switch dec.PeekKind() {
	case '{', '[', 'n', 0:
		return nil, nil
	}
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	return tok.String(), nil
}

// appendValue writes the next value; sorted puts the members of objects in order.
func appendValue(dst []byte, dec *jsontext.Decoder, sorted bool) ([]byte, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return appendObject(dst, dec, sorted)
	case '[':
		dst = append(dst, '[')
		for n := 0; dec.PeekKind() != ']'; n++ {
			if n > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendValue(dst, dec, sorted); err != nil {
				return nil, err
			}
		}
		_, err = dec.ReadToken()
		return append(dst, ']'), err
	case '"':
		return appendJSONString(dst, tok.String()), nil
	case '0':
		return append(dst, numberText(tok.String())...), nil
	}
	return append(dst, tok.String()...), nil // true, false, null
}

func appendObject(dst []byte, dec *jsontext.Decoder, sorted bool) ([]byte, error) {
	type member struct{ name, text string }
	var members []member
	for dec.PeekKind() != '}' {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: tok.String()}
		value, err := appendValue(nil, dec, sorted)
		if err != nil {
			return nil, err
		}
		m.text = string(value)
		if i := slices.IndexFunc(members, func(x member) bool { return sorted && x.name == m.name }); i >= 0 {
			members[i] = m // the last one counts
			continue
		}
		members = append(members, m)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	if sorted {
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(appendJSONString(dst, m.name), ':'), m.text...)
	}
	return append(dst, '}'), nil
}

// numberText is a number of a document: whole numbers keep their digits, others are doubles.
func numberText(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		if s == "-0" {
			return "0"
		}
		return s
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range: infinite
	switch abs := math.Abs(f); {
	case f == 0 && math.Signbit(f):
		return "-0.0"
	case f == 0:
		return "0.0"
	case math.IsInf(f, 0):
		return `"` + doubleText(f, 64) + `"`
	case abs >= 1e-3 && abs < 1e7:
		text := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	}
	return doubleText(f, 64)
}

const hexDigits = "0123456789ABCDEF"

// appendJSONString quotes s; characters beyond the first plane are written as two escapes.
func appendJSONString(dst []byte, s string) []byte {
	escape := func(u uint16) {
		dst = append(dst, '\\', 'u', hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
	}
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r < 0x20:
			escape(uint16(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escape(uint16(high))
			escape(uint16(low))
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
