package dialect

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Casts from and to text, for which DuckDB has other texts than Trino.

// blanks is what Java's trim removes at both ends of a text.
const blanks = "\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f "

func castNatives() map[string]Native {
	all := map[string]Native{
		"double_text": {[]string{"DOUBLE"}, "VARCHAR", func(args []any) (any, error) { return doubleText(args[0].(float64), 64), nil }},
		// A real comes as the text that DuckDB has for it: a double of it has other digits.
		"real_text": fromText("VARCHAR", func(s string) (any, error) {
			f, err := strconv.ParseFloat(s, 32)
			return doubleText(f, 32), err
		}),
	}
	all["double_digits"] = Native{[]string{"DOUBLE"}, "VARCHAR", func(args []any) (any, error) { return strconv.FormatFloat(args[0].(float64), 'f', -1, 64), nil }}
	all["real_digits"] = fromText("VARCHAR", func(s string) (any, error) {
		f, err := strconv.ParseFloat(s, 32)
		return strconv.FormatFloat(f, 'f', -1, 32), err
	})
	all["round_whole"] = Native{[]string{"BIGINT", "BIGINT"}, "BIGINT", func(args []any) (any, error) { return roundWhole(args[0].(int64), args[1].(int64)) }}
	all["truncate_text"] = Native{[]string{"VARCHAR", "BIGINT"}, "VARCHAR", func(args []any) (any, error) { return truncateText(args[0].(string), args[1].(int64)), nil }}
	all["replace_nothing"] = Native{[]string{"VARCHAR", "VARCHAR"}, "VARCHAR", func(args []any) (any, error) { return replaceNothing(args[0].(string), args[1].(string)) }}
	for name, parse := range map[string]struct {
		result string
		f      func(string) (any, error)
	}{
		"to_double":    {"DOUBLE", func(s string) (any, error) { return textToFloat(s, 64) }},
		"to_real":      {"DOUBLE", func(s string) (any, error) { return textToFloat(s, 32) }},
		"to_timestamp": {"VARCHAR", textToTimestamp},
		"to_date":      {"VARCHAR", textToDate},
		"to_decimal":   {"VARCHAR", textToDecimal},
		"to_clock":     {"VARCHAR", textToClock},
	} {
		all["text_"+name] = fromText(parse.result, parse.f)
		all["try_text_"+name] = fromText(parse.result, func(s string) (any, error) {
			v, err := parse.f(s)
			if u := Unsupported(""); err != nil && !errors.As(err, &u) {
				return nil, nil
			}
			return v, err
		})
	}
	return all
}

// doubleSyntax is what Java's parser takes, but for hexadecimal digits.
var doubleSyntax = regexp.MustCompile(`^[+-]?(?:NaN|Infinity|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[dDfF]?)$`)

// textToFloat reads a double, or a real as a double of the same value.
func textToFloat(s string, bits int) (any, error) {
	trimmed := strings.Trim(s, blanks+"\x00")
	if !doubleSyntax.MatchString(trimmed) {
		return nil, cannotCast(s, map[int]string{64: typeDouble, 32: typeReal}[bits])
	}
	if !strings.HasSuffix(trimmed, "y") { // Infinity
		trimmed = strings.TrimRight(trimmed, "dDfF")
	}
	f, err := strconv.ParseFloat(trimmed, bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // then it is infinite
		return nil, cannotCast(s, map[int]string{64: typeDouble, 32: typeReal}[bits])
	}
	return f, nil
}

var decimalText = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

func textToDecimal(s string) (any, error) {
	if !decimalText.MatchString(s) {
		return nil, cannotCast(s, "decimal")
	}
	return s, nil
}

// otherTime is a date or timestamp in a year of other lengths, or in a zone.
var otherTime = regexp.MustCompile(`^[+-]?[0-9]+-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}.*| +[A-Za-z].*)?$`)

// otherYear is a date in one.
var otherYear = regexp.MustCompile(`^[+-]?[0-9]+-[0-9]{1,2}-[0-9]{1,2}$`)

// notHere is about a text that is none of ours: Trino may cast it.
func notHere(s, trimmed, to string) error {
	year, _, _ := strings.Cut(strings.TrimLeft(trimmed, "+-"), "-")
	zoned := strings.ContainsAny(trimmed, "/+") || strings.ContainsFunc(trimmed, func(r rune) bool { return r >= 'A' && r != 'T' })
	if otherTime.MatchString(trimmed) && (len(year) != len("2006") || zoned && to == typeTime) {
		return Unsupported(fmt.Sprintf("CAST of '%s' to %s, of a year with other than four digits or of another zone than UTC,", s, to))
	}
	return cannotCast(s, to)
}

var (
	timestampText = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,12}))?)?)?(?: UTC)?$`)
	dateText      = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})$`)
)

// textToTimestamp gives the text that DuckDB casts to the timestamp(3) of s.
func textToTimestamp(s string) (any, error) {
	at, ok := parseTimestamp(s)
	if !ok {
		return nil, notHere(s, strings.Trim(s, blanks), typeTime)
	}
	return at.Format("2006-01-02 15:04:05.000"), nil
}

// parseTimestamp reads a timestamp as Trino's CAST does, and rounds it to milliseconds.
func parseTimestamp(s string) (time.Time, bool) {
	m := timestampText.FindStringSubmatch(strings.Trim(s, blanks))
	if m == nil {
		return time.Time{}, false
	}
	var n [7]int
	for i := range 6 {
		n[i], _ = strconv.Atoi(m[i+1]) // digits, or nothing
	}
	picos, _ := strconv.ParseInt((m[7] + "000000000000")[:12], 10, 64)
	at := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if at.Day() != n[2] || at.Month() != time.Month(n[1]) || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return time.Time{}, false
	}
	const milli = 1_000_000_000
	return at.Add(time.Duration((picos+milli/2)/milli) * time.Millisecond), true
}

func textToDate(s string) (any, error) {
	m := dateText.FindStringSubmatch(strings.Trim(s, blanks))
	if m == nil {
		return nil, notHere(s, strings.Trim(s, blanks), typeDate)
	}
	text := fmt.Sprintf("%s-%02s-%02s", m[1], m[2], m[3])
	if _, err := time.Parse("2006-01-02", text); err != nil {
		return nil, cannotCast(s, "date")
	}
	return text, nil
}

// fromVarchar translates CAST(text AS …) where the text is read by us.
func fromVarchar(n, c node, name string) {
	if n["try_cast"] == true {
		name = "try_" + name
	}
	n["child"] = function(internal+name, c)
}

// roundWhole rounds n to digits behind the point, which are negative where it changes anything.
func roundWhole(n, digits int64) (any, error) {
	switch {
	case digits >= 0:
		return n, nil
	case digits < -18:
		return nil, fmt.Errorf("numerical overflow: %d", n)
	}
	unit := int64(1)
	for ; digits < 0; digits++ {
		unit *= 10
	}
	rest := n % unit
	n -= rest
	switch {
	case rest < unit/2 && rest > -unit/2:
		return n, nil
	case rest > 0 && n > math.MaxInt64-unit, rest < 0 && n < math.MinInt64+unit:
		return nil, fmt.Errorf("numerical overflow: %d", n+rest)
	case rest > 0:
		return n + unit, nil
	}
	return n - unit, nil
}

// truncateText replaces by zeros what stands behind so many digits of a decimal's text.
func truncateText(s string, digits int64) string {
	whole, _, _ := strings.Cut(s, ".")
	last := int64(len(whole)) + digits // the last byte that stays, the point not counted
	if digits > 0 {
		last++
	}
	out := []byte(s)
	for i := range out {
		if int64(i) >= last && isDigit(out[i]) {
			out[i] = '0'
		}
	}
	return string(out)
}

// replaceNothing puts b before each character of s and at its end: replace(s, ”, b).
func replaceNothing(s, b string) (any, error) {
	const most = 1 << 20
	if len(s)*len(b) > most {
		return nil, Unsupported("replace of an empty string to more than 1 MiB")
	}
	var out strings.Builder
	for _, r := range s {
		out.WriteString(b)
		out.WriteRune(r)
	}
	out.WriteString(b)
	return out.String(), nil
}
