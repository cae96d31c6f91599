package dialect

import (
	"errors"
	"strconv"
	"strings"

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
			root := jsonItem{kind: dec.PeekKind()}
			v, err := part(dec)
			if err != nil || len(steps) == 0 && !ends(&root, args[0].(string)[dec.InputOffset():]) {
				return nil, nil //nolint:nilerr // what is no JSON has no parts
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
