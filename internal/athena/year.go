package athena

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The years of Trino's dates go far beyond the four digits that Go's layouts have:
// +10000-01-01 follows 9999-12-31, and -0001-12-31 comes before 0000-01-01.

// formatTime is t in a layout that begins with the year.
func formatTime(t time.Time, layout string) string {
	switch year := t.Year(); {
	case year > 9999:
		return "+" + strconv.Itoa(year) + t.Format(strings.TrimPrefix(layout, "2006"))
	case year < 0:
		return fmt.Sprintf("-%04d%s", -year, t.Format(strings.TrimPrefix(layout, "2006")))
	}
	return t.Format(layout)
}

// parseTime reads what formatTime writes; parse reads the rest behind a year of four digits.
func parseTime(s string, parse func(string) (time.Time, error)) (time.Time, error) {
	if s == "" || s[0] != '+' && s[0] != '-' {
		return parse(s)
	}
	digits, rest, _ := strings.Cut(s[1:], "-")
	year, err := strconv.Atoi(s[:1] + digits)
	if err != nil {
		return time.Time{}, fmt.Errorf("year of %q: %w", s, err)
	}
	const leap = "2000-"
	at, err := parse(leap + rest)
	if err != nil {
		return time.Time{}, err
	}
	there := time.Date(year, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), at.Location())
	if there.Day() != at.Day() {
		return time.Time{}, fmt.Errorf("%q: that year has no such day", s)
	}
	return there, nil
}
