package dialect

import (
	"encoding/json"
	"strconv"
	"strings"
)

// NumberAt returns the number at path, as its digits stand in doc; ok is false
// when there is none. path is one that the translator made: $."name"[0].
func NumberAt(doc, path string) (text string, ok bool) {
	raw := json.RawMessage(doc)
	rest := strings.TrimPrefix(path, "$")
	for rest != "" {
		var step string
		if strings.HasPrefix(rest, `."`) {
			step, rest, ok = strings.Cut(rest[2:], `"`)
			var object map[string]json.RawMessage
			if !ok || json.Unmarshal(raw, &object) != nil {
				return "", false
			}
			raw = object[step]
			continue
		}
		step, rest, ok = strings.Cut(strings.TrimPrefix(rest, "["), "]")
		i, err := strconv.Atoi(step)
		var array []json.RawMessage
		if !ok || err != nil || json.Unmarshal(raw, &array) != nil || i >= len(array) {
			return "", false
		}
		raw = array[i]
	}
	var n json.Number
	if len(raw) == 0 || raw[0] == '"' || json.Unmarshal(raw, &n) != nil || n == "" {
		return "", false
	}
	return n.String(), true
}

// leastInteger is an integer only together with its minus, which DuckDB's parser takes for
// an operator and computes.
const leastInteger = "-2147483648"

// minusBefore reports whether the minus stands right at the digits of the number n, or
// blanks before them, and no parenthesis.
func (t *translator) minusBefore(n node) bool {
	at := location(n)
	if at < 0 || at >= len(t.sql) {
		return false
	}
	if rest, ok := strings.CutPrefix(t.sql[at:], "-"); ok {
		return startsWithDigit(strings.TrimLeft(rest, " \t\r\n"))
	}
	return isDigit(t.sql[at]) && strings.HasSuffix(strings.TrimRight(t.sql[:at], " \t\r\n"), "-")
}

func startsWithDigit(s string) bool { return s != "" && isDigit(s[0]) }
