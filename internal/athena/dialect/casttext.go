package dialect

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// What a text must look like to be cast. DuckDB reads more than Trino: 1_000, ' 7 ',
// 2024/01/31, 2024-01-31T10:11:12Z.
var (
	decimalText = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	doubleText  = regexp.MustCompile(`^[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?|0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?[0-9]+[dDfF]?)$`)
	dateText    = regexp.MustCompile(`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})$`)
	stampText1  = regexp.MustCompile(`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})( ([0-9]{1,2}):([0-9]{1,2})(:([0-9]{1,2})(\.[0-9]+)?)?)?$`)
	bigYear     = regexp.MustCompile(`^[+-]?[0-9]+-[0-9]{1,2}-[0-9]{1,2}`)
)

// castNatives check, and write as DuckDB reads it, what is cast from varchar.
func castNatives() map[string]Native {
	check := func(result string, f func(s string) (any, error)) Native { return fromText(result, f) }
	return map[string]Native{
		"decimal_text": check("VARCHAR", func(s string) (any, error) {
			if !decimalText.MatchString(s) {
				return nil, cannotCast(s, "decimal")
			}
			return s, nil
		}),
		"double_text": check("DOUBLE", func(s string) (any, error) {
			trimmed := strings.Trim(s, asciiBlanks)
			if !doubleText.MatchString(trimmed) {
				return nil, cannotCast(s, "double")
			}
			if !strings.HasSuffix(strings.ToLower(trimmed), "infinity") {
				trimmed = strings.TrimRight(trimmed, "dDfF")
			}
			f, err := strconv.ParseFloat(trimmed, 64)
			if err != nil && !errors.Is(err, strconv.ErrRange) {
				return nil, cannotCast(s, "double")
			}
			return f, nil
		}),
		"date_text": check("VARCHAR", func(s string) (any, error) {
			trimmed := strings.Trim(s, asciiBlanks)
			if dateText.MatchString(trimmed) {
				return trimmed, nil
			}
			return nil, notInYear(s, trimmed, "date")
		}),
		"stamp_text": check("VARCHAR", func(s string) (any, error) {
			trimmed := strings.Trim(s, asciiBlanks)
			m := stampText1.FindStringSubmatch(trimmed)
			switch {
			case m != nil && len(m[9]) > 4:
				return nil, errors.New("CAST of '" + s + "' to timestamp is not supported: it has more than three fraction digits")
			case m != nil:
				return trimmed, nil
			case stampText1.MatchString(strings.TrimSpace(strings.TrimSuffix(trimmed, zoneOf(trimmed)))) && zoneOf(trimmed) != "":
				return nil, errors.New("CAST of '" + s + "' to timestamp is not supported: it has a zone")
			}
			return nil, notInYear(s, trimmed, "timestamp")
		}),
	}
}

// asciiBlanks is what Java's trim takes away.
const asciiBlanks = "\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f "

func notInYear(s, trimmed, to string) error {
	if bigYear.MatchString(trimmed) {
		return errors.New("CAST of '" + s + "' to " + to + " is not supported: years have four digits")
	}
	return cannotCast(s, to)
}
