package dialect

import (
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Elements of JSON arrays, read as Trino reads them: from the left, up to the one that is
// looked for or the end of the array. What is wrong behind that does not matter.

func jsonArrayLength(_ *translator, c *call) (string, error) {
	become(c.n, function(internal+"json_array_length", castTo(c.args[0], "VARCHAR")))
	return typeBigint, nil
}

func jsonArrayContains(t *translator, c *call) (string, error) {
	switch typ := c.types[1]; {
	case typ == typeVarchar:
	case isInteger(typ):
		c.args[1] = castTo(c.args[1], "BIGINT")
	case typ == typeBool:
		c.args[1] = castTo(c.args[1], "BOOLEAN")
	case typ == typeDouble:
	default:
		return "", t.invalid(c.n, "json_array_contains looks for varchar, bigint, double or boolean, not %s", describe(typ))
	}
	kind := map[bool]string{true: typeBigint, false: c.types[1]}[isInteger(c.types[1])]
	become(c.n, function(internal+"json_array_contains_"+kind, castTo(c.args[0], "VARCHAR"), c.args[1]))
	return typeBool, nil
}

func jsonArrayNatives() map[string]Native {
	all := map[string]Native{"json_array_length": fromText("BIGINT", lengthOfArray)}
	for kind, equal := range map[string]func(kind jsontext.Kind, text string, x any) bool{
		"VARCHAR": func(kind jsontext.Kind, text string, x any) bool { return kind == '"' && text == x },
		"BOOLEAN": func(kind jsontext.Kind, _ string, x any) bool {
			return kind == 't' && x == true || kind == 'f' && x == false
		},
		"BIGINT": func(kind jsontext.Kind, text string, x any) bool {
			i, err := strconv.ParseInt(text, 10, 64)
			return kind == '0' && err == nil && i == x
		},
		"DOUBLE": func(kind jsontext.Kind, text string, x any) bool {
			f, err := strconv.ParseFloat(text, 64)
			return kind == '0' && err == nil && strings.ContainsAny(text, ".eE") && f == x
		},
	} {
		all["json_array_contains_"+strings.ToLower(kind)] = Native{[]string{"VARCHAR", kind}, "BOOLEAN", func(args []any) (any, error) {
			if f, ok := args[1].(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) { // in no text either
				return false, nil
			}
			found, ok := searchArray(args[0].(string), func(kind jsontext.Kind, text string) bool { return equal(kind, text, args[1]) })
			if !ok {
				return nil, nil
			}
			return found, nil
		}}
	}
	return all
}

func lengthOfArray(s string) (any, error) {
	n := int64(0)
	_, ok := searchArray(s, func(jsontext.Kind, string) bool { n++; return false })
	if !ok {
		return nil, nil
	}
	return n, nil
}

// searchArray calls is with the elements of an array, their kinds and the texts of scalars,
// until one is it. ok is false where s is no array, or no JSON up to there.
func searchArray(s string, is func(kind jsontext.Kind, text string) bool) (found, ok bool) {
	dec := jsonReader(s)
	if open, err := dec.ReadToken(); err != nil || open.Kind() != '[' {
		return false, false
	}
	for {
		switch kind := dec.PeekKind(); kind {
		case ']':
			return false, true
		case '[', '{':
			if dec.SkipValue() != nil {
				return false, false
			}
			if is(kind, "") {
				return true, true
			}
		default:
			from := dec.InputOffset()
			element, err := dec.ReadToken()
			rest := s[dec.InputOffset():]
			// Jackson looks at the character behind true, false and null, and not behind a number.
			if err != nil || kind != '"' && kind != '0' && rest != "" && isWordByte(rest[0]) {
				return false, false
			}
			if hasHalf(s[from:dec.InputOffset()]) { // Trino finds no such text
				kind = 0
			}
			if is(kind, element.String()) {
				return true, true
			}
		}
	}
}
