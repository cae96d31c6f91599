package dialect

import (
	"errors"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// moreTextFunctions are those that count or turn characters, and regular expressions.
func moreTextFunctions() map[string]signature {
	return map[string]signature{
		"concat_ws":          sig(typeVarchar, "varchar", "any", "varchar…").by(concatWS),
		"reverse":            sig("first", "any").by(reverse),
		"strpos":             sig(typeBigint, "varchar", "varchar", "integer?").by(strpos),
		"hamming_distance":   sig(typeBigint, "varchar", "varchar").by(nativeOf("hamming_distance", typeBigint)),
		"normalize":          sig(typeVarchar, "varchar").as("nfc_normalize"),
		"split":              sig("array(varchar)", "varchar", "varchar", "integer?").by(split),
		"regexp_count":       sig(typeBigint, "varchar", "varchar").by(regexpCount),
		"regexp_position":    sig(typeInt, "varchar", "varchar").by(regexpPosition),
		"regexp_split":       sig("array(varchar)", "varchar", "varchar").by(regexpSplit),
		"array_join":         sig(typeVarchar, "array", "varchar", "varchar?").by(arrayJoin),
		"soundex":            sig(typeVarchar, "varchar").by(nativeOf("soundex", typeVarchar)),
		"luhn_check":         sig(typeBool, "varchar").by(nativeOf("luhn_check", typeBool)),
		"regexp_extract_all": sig("array(varchar)", "varchar", "varchar", "integer?").by(regexpExtractAll),
	}
}

func reverse(t *translator, c *call) (string, error) {
	switch typ := c.types[0]; {
	case isArray(typ):
		c.n["function_name"] = "list_reverse"
		return typ, nil
	case typ == typeVarchar || typ == typeNull:
		return nativeOf("reverse", typeVarchar)(t, c)
	default:
		return "", t.invalid(c.n, "reverse takes varchar or an array, not %s", typ)
	}
}

// concatWS leaves out NULLs.
func concatWS(t *translator, c *call) (string, error) {
	switch typ := c.types[1]; {
	case len(c.args) == 2 && (typ == "array(varchar)" || typ == "array("+typeNull+")"):
		become(c.n, function(internal+"concat_ws", c.args...))
		return typeVarchar, nil
	case typ != typeVarchar && (typ != typeNull || len(c.args) == 2): // NULL alone may be either
		return "", t.invalid(c.args[1], "concat_ws joins varchar, or one array of varchar, not %s", describe(typ))
	}
	wrapText(c)
	return typeVarchar, nil
}

// wrapText puts the limit around a call that Trino has for texts of many parts.
func wrapText(c *call) { become(c.n, function(internal+"joined_text", copyOf(c.n))) }

// joinedTexts leaves out NULLs, and is an empty text where there is nothing else.
func joinedTexts(separator string, parts []any) (any, error) {
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if s, ok := p.(string); ok {
			texts = append(texts, s)
		}
	}
	joined := strings.Join(texts, separator)
	if len(joined) > mostJoined {
		return nil, errors.New(tooLong)
	}
	return joined, nil
}

// mostJoined bounds what listagg and concat_ws give, in bytes.
const mostJoined = 1 << 20

const tooLong = "Concatenated string is too large: more than 1048576 bytes"

func strpos(t *translator, c *call) (string, error) {
	if len(c.args) == 2 {
		return typeBigint, nil
	}
	return nativeOf("strpos", typeBigint)(t, c)
}

func split(t *translator, c *call) (string, error) {
	if len(c.args) == 2 {
		become(c.n, function(internal+"split2", c.args...))
		return "array(varchar)", nil
	}
	return nativeOf("split", "array(varchar)")(t, c)
}

func textNatives() map[string]Native {
	return map[string]Native{
		"reverse": {[]string{"VARCHAR"}, "VARCHAR", func(args []any) (any, error) { return reversed(args[0].(string)), nil }},
		"strpos": {[]string{"VARCHAR", "VARCHAR", "BIGINT"}, "BIGINT", func(args []any) (any, error) {
			if n := args[2].(int64); n == 0 || n == math.MinInt64 {
				return nil, errors.New("'instance' must be a positive or negative number.") //nolint:revive // Trino's text
			}
			return nthPosition(args[0].(string), args[1].(string), args[2].(int64)), nil
		}},
		"levenshtein":      {[]string{"VARCHAR", "VARCHAR"}, "BIGINT", func(args []any) (any, error) { return levenshtein(args[0].(string), args[1].(string)) }},
		"concat_ws":        {[]string{"VARCHAR", "VARCHAR[]"}, "VARCHAR", func(args []any) (any, error) { return joinedTexts(args[0].(string), args[1].([]any)) }},
		"hamming_distance": {[]string{"VARCHAR", "VARCHAR"}, "BIGINT", func(args []any) (any, error) { return hamming(args[0].(string), args[1].(string)) }},
		"split": {[]string{"VARCHAR", "VARCHAR", "BIGINT"}, "VARCHAR[]", func(args []any) (any, error) {
			if args[1].(string) == "" {
				return nil, errors.New("The delimiter may not be the empty string")
			}
			if args[2].(int64) <= 0 {
				return nil, errors.New("Limit must be positive")
			}
			if args[2].(int64) > math.MaxInt32 {
				return nil, errors.New("Limit is too large")
			}
			return list1(strings.SplitN(args[0].(string), args[1].(string), int(args[2].(int64)))), nil
		}},
		"upper_text":   fromText("VARCHAR", func(s string) (any, error) { return mapLetters("upper", s, unicode.ToUpper) }),
		"lower_text":   fromText("VARCHAR", func(s string) (any, error) { return mapLetters("lower", s, unicode.ToLower) }),
		"like_pattern": {[]string{"VARCHAR", "VARCHAR"}, "VARCHAR", func(args []any) (any, error) { return likePattern(args[0].(string), args[1].(string)) }},
		"soundex":      {[]string{"VARCHAR"}, "VARCHAR", func(args []any) (any, error) { return soundex(args[0].(string)) }},
		"luhn_check":   {[]string{"VARCHAR"}, "BOOLEAN", func(args []any) (any, error) { return luhn(args[0].(string)) }},
	}
}

func list1(l []string) []any {
	out := make([]any, len(l))
	for i, s := range l {
		out[i] = s
	}
	return out
}

func reversed(s string) string {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		_, n := utf8.DecodeLastRuneInString(s)
		out = append(out, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return string(out)
}

// nthPosition is the place, in characters from 1, of the nth sub in s; 0 when there is none.
// From the end, when n is negative.
func nthPosition(s, sub string, n int64) int64 {
	if sub == "" {
		return 1
	}
	at, from := -1, 0
	if n < 0 {
		for at = len(s); n < 0 && at >= 0; n++ {
			at = strings.LastIndex(s[:min(len(s), at+len(sub)-1)], sub)
		}
	}
	for ; n > 0; n-- {
		i := strings.Index(s[from:], sub)
		if i < 0 {
			return 0
		}
		at = from + i
		from = at + 1
	}
	if at < 0 {
		return 0
	}
	return int64(utf8.RuneCountInString(s[:at])) + 1
}

func hamming(a, b string) (any, error) {
	x, y := []rune(a), []rune(b)
	if len(x) != len(y) {
		return nil, errors.New("The input strings to hamming_distance function must have the same length")
	}
	n := int64(0)
	for i := range x {
		if x[i] != y[i] {
			n++
		}
	}
	return n, nil
}

// levenshtein counts the characters to be changed, put in and taken out.
func levenshtein(a, b string) (any, error) {
	x, y := []rune(a), []rune(b)
	const most = 1_000_000
	if max(len(x), len(y))*(min(len(x), len(y))-1) > most {
		return nil, errors.New("The combined inputs for Levenshtein distance are too large")
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			change := diagonal
			if x[i] != y[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return int64(row[len(y)]), nil
}

// likePattern returns the pattern of LIKE … ESCAPE when it is one.
func likePattern(pattern, escape string) (any, error) {
	if utf8.RuneCountInString(escape) != 1 {
		return nil, errors.New("Escape string must be a single character")
	}
	for rest := pattern; ; {
		_, after, found := strings.Cut(rest, escape)
		if !found {
			return pattern, nil
		}
		switch {
		case strings.HasPrefix(after, escape):
			rest = after[len(escape):]
		case strings.HasPrefix(after, "%"), strings.HasPrefix(after, "_"):
			rest = after[1:]
		default:
			return nil, errors.New("Escape character must be followed by '%', '_' or the escape character itself")
		}
	}
}

func soundex(s string) (any, error) {
	const codes = "01230120022455012623010202" // of A to Z
	var out []byte
	var last byte
	for _, r := range s {
		if r >= 0x80 {
			return nil, errors.New("The character is not mapped: " + string(r))
		}
		c := byte(r) &^ 0x20
		if c < 'A' || c > 'Z' {
			continue
		}
		code := codes[c-'A']
		switch {
		case len(out) == 0:
			out = append(out, c)
		case code != '0' && code != last:
			out = append(out, code)
		}
		if c != 'H' && c != 'W' {
			last = code
		}
		if len(out) == 4 {
			break
		}
	}
	if len(out) == 0 {
		return "", nil
	}
	return string(append(out, "000"[:4-len(out)]...)), nil
}

func luhn(s string) (any, error) {
	sum, double := 0, false
	for i := len(s) - 1; i >= 0; i-- {
		if !isDigit(s[i]) {
			return nil, errors.New("Input contains non-digit characters")
		}
		d := int(s[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return s != "" && sum%10 == 0, nil
}
