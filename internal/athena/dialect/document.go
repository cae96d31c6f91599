package dialect

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Parts of JSON documents, read as Trino reads them: from the left, up to what is
// looked for and no further.

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
			root, from := jsonItem{kind: dec.PeekKind()}, dec.InputOffset()
			v, err := part(dec)
			if err != nil || len(steps) == 0 && !ends(&root, args[0].(string)[dec.InputOffset():]) {
				return nil, nil //nolint:nilerr // what is no JSON has no parts
			}
			if hasHalf(args[0].(string)[from:dec.InputOffset()]) {
				return nil, Unsupported(halfPair)
			}
			return v, nil
		}}
	}
	return map[string]Native{
		"json_at":   at(valueAt),
		"scalar_at": at(scalarAt),
	}
}

func jsonReader(s string) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBufferString(s), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// halfPair is what Java's texts may have and ours may not.
const halfPair = `half of a surrogate pair (\ud800 to \udfff) in a JSON text`

// hasHalf reports whether a text within JSON has half of a surrogate pair. All documents
// that have one were taken as [jsontext.AllowInvalidUTF8] takes them.
func hasHalf(raw string) bool {
	high := false // the escape before was the first half of a pair
	for raw != "" {
		at := strings.IndexByte(raw, '\\')
		if high && at != 0 {
			return true
		}
		if at < 0 || at+2 > len(raw) {
			return false
		}
		raw = raw[at+1:]
		if raw[0] != 'u' || len(raw) < 5 {
			if high {
				return true
			}
			raw = raw[1:]
			continue
		}
		code, _ := strconv.ParseUint(raw[1:5], 16, 16)
		raw = raw[5:]
		low := code >= 0xdc00 && code <= 0xdfff
		if high != low {
			return true
		}
		high = code >= 0xd800 && code <= 0xdbff
	}
	return high
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
			if !ok || step == "" || !isPathName(step) {
				return nil, false
			}
		case strings.HasPrefix(rest, "."):
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			step, rest = rest[1:1+end], rest[1+end:]
			if step == "" || !isPathName(strings.ReplaceAll(step, ":", "")) {
				return nil, false
			}
		default:
			return nil, false
		}
		steps = append(steps, step)
	}
	return steps, true
}

// isPathName reports whether s needs no quotes in a path. Java's letters there are those of
// the first plane.
func isPathName(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r > 0xffff || !unicode.IsLetter(r))
	}) < 0
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
			if err != nil || i < 0 || !seekElement(dec, i) {
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
	raw, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	return javaJSON(string(raw), false)
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
