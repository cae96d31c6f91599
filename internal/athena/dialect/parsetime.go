package dialect

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Times out of texts by a format, as Joda-Time reads them, which is Trino's parser:
// strptime takes other texts and gives other times.

// A layout says how a text is read. It is one of date_parse's formats with each field in
// one spelling, and with two fields more that only Java's letters have:
//
//	%Y year, up to 4 digits and a sign   %b month's name, long or short   %i minute
//	%L the same of up to 9 digits        %d day of the month              %s second
//	%y two digits, 1970 to 2069          %j day of the year               %f fraction of up to 9 digits
//	%m month                             %H hour of the day               %S the same of up to 3
//	%h hour on the clock, 12 is the first  %p AM or PM  %a weekday's name, long or short  %% the character
//
// Digits may be fewer than that. Anything else stands for itself, in upper or lower case.

// parseBy translates a call that reads its first argument by layout.
func (t *translator) parseBy(c *call, layout string) (node, error) {
	if strings.ContainsFunc(layout, func(r rune) bool { return unicode.Is(youngLetters, r) }) {
		return nil, t.refuse(c.args[1], c.name+" by a format with letters of which only some versions of Unicode know another case", "")
	}
	return function("epoch_ms", function(internal+"parse_time", c.args[0], varcharConst(layout))), nil
}

func parseNatives() map[string]Native {
	return map[string]Native{
		"parse_time": {[]string{"VARCHAR", "VARCHAR"}, "BIGINT", func(args []any) (any, error) { return parseByLayout(args[0].(string), args[1].(string)) }},
	}
}

// parseByLayout gives milliseconds since 1970.
func parseByLayout(s, layout string) (any, error) {
	r := timeReader{rest: s}
	if !r.read(layout) || r.rest != "" {
		return nil, errors.New("Invalid format: \"" + clipped(s) + "\"")
	}
	slices.SortStableFunc(r.fields, func(a, b fieldValue) int { return int(a.field - b.field) })
	if len(r.fields) > 0 && r.fields[0].field > fieldYear && r.fields[0].field <= fieldWeekday {
		const noYear = 2000 // is what Joda gives a day; a time of day is in 1970
		r.fields = append([]fieldValue{{fieldYear, noYear}}, r.fields...)
	}
	at := time.Unix(0, 0).UTC()
	for range 2 { // Joda does so; a weekday may lead into another year, which is then set again
		for _, f := range r.fields {
			next, ok := f.set(at)
			if !ok {
				return nil, fmt.Errorf("Cannot parse \"%s\": %d is no %s there", clipped(s), f.value, fieldNames[f.field])
			}
			at = next
		}
	}
	if at.Year() < 1 || at.Year() > 9999 {
		return nil, Unsupported("a time out of a text in a year before 1 or behind 9999")
	}
	return at.UnixMilli(), nil
}

// stampField is a part of a time. They are set in this order, whatever that of the text
// is, and a later one has the last word: PM before 10 o'clock of 24 says nothing.
type stampField int

const (
	fieldYear stampField = iota
	fieldMonth
	fieldDayOfYear
	fieldDay
	fieldWeekday
	fieldHalf // 0 is AM
	fieldHour
	fieldClockHour
	fieldMinute
	fieldSecond
	fieldMilli
)

var fieldNames = [...]string{"year", "month", "day of the year", "day of the month", "weekday", "half of the day", "hour", "hour on the clock", "minute", "second", "millisecond"}

type fieldValue struct {
	field stampField
	value int
}

// set gives at with the field as it is said; ok is false where it cannot be.
func (f fieldValue) set(at time.Time) (_ time.Time, ok bool) {
	year, month, day := at.Date()
	hour, minute, second := at.Clock()
	milli := at.Nanosecond() / 1e6
	low, high := 0, 59
	switch f.field {
	case fieldYear:
		low, high = -292275055, 292278994 // Joda's
		year = f.value
		day = min(day, daysFrom(year, month, 1))
	case fieldMonth:
		low, high = 1, 12
		month = time.Month(f.value)
		day = min(day, daysFrom(year, month, 1))
	case fieldDayOfYear:
		low, high = 1, daysFrom(year, 1, 12)
		month, day = 1, f.value
	case fieldDay:
		low, high = 1, daysFrom(year, month, 1)
		day = f.value
	case fieldWeekday: // Monday is 0; it is that of the week of the day
		day += f.value - (int(at.Weekday())+6)%7
	case fieldHalf:
		hour = hour%12 + 12*f.value
	case fieldHour:
		high, hour = 23, f.value
	case fieldClockHour:
		low, high = 1, 12
		hour = hour/12*12 + f.value%12
	case fieldMinute:
		minute = f.value
	case fieldSecond:
		second = f.value
	case fieldMilli:
		high, milli = 999, f.value
	}
	if f.value < low || f.value > high {
		return at, false
	}
	return time.Date(year, month, day, hour, minute, second, milli*1e6, time.UTC), true
}

// daysFrom is how many days some months have, from month on.
func daysFrom(year int, month time.Month, months int) int {
	from := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return int(from.AddDate(0, months, 0).Sub(from) / (24 * time.Hour))
}

// timeReader reads fields from the front of a text.
type timeReader struct {
	rest   string
	fields []fieldValue
}

func (r *timeReader) read(layout string) bool {
	for layout != "" {
		want, n := utf8.DecodeRuneInString(layout)
		layout = layout[n:]
		if want == '%' {
			letter := layout[0]
			layout = layout[1:]
			if letter != '%' {
				if !r.field(letter) {
					return false
				}
				continue
			}
		}
		got, n := utf8.DecodeRuneInString(r.rest)
		if n == 0 || !sameLetter(got, want) {
			return false
		}
		r.rest = r.rest[n:]
	}
	return true
}

// sameLetter compares as Java does, which knows no case of characters beyond 16 bits.
func sameLetter(a, b rune) bool {
	if a == b {
		return true
	}
	a, b = unicode.ToUpper(a), unicode.ToUpper(b)
	return max(a, b) <= 0xffff && unicode.ToLower(a) == unicode.ToLower(b)
}

func (r *timeReader) field(letter byte) bool {
	switch letter {
	case 'Y':
		return r.year(4)
	case 'L':
		return r.year(9)
	case 'y':
		return r.century()
	case 'm':
		return r.number(fieldMonth, 2)
	case 'b':
		return r.name(fieldMonth, 1, 12, monthNames)
	case 'a':
		return r.name(fieldWeekday, 0, 7, weekdayNames)
	case 'd':
		return r.number(fieldDay, 2)
	case 'j':
		return r.number(fieldDayOfYear, 3)
	case 'p':
		return r.name(fieldHalf, 0, 2, []string{"AM", "PM"})
	case 'H':
		return r.number(fieldHour, 2)
	case 'h':
		return r.number(fieldClockHour, 2)
	case 'i':
		return r.number(fieldMinute, 2)
	case 's':
		return r.number(fieldSecond, 2)
	case 'f':
		return r.fraction(9)
	case 'S':
		return r.fraction(3)
	}
	panic("bug: layout with %" + string(letter))
}

func (r *timeReader) add(f stampField, value int) bool {
	r.fields = append(r.fields, fieldValue{f, value})
	return true
}

// digits takes as many as there are, most at most.
func (r *timeReader) digits(most int) string {
	n := 0
	for n < most && n < len(r.rest) && isDigit(r.rest[n]) {
		n++
	}
	digits := r.rest[:n]
	r.rest = r.rest[n:]
	return digits
}

func (r *timeReader) number(f stampField, most int) bool {
	n, err := strconv.Atoi(r.digits(most))
	return err == nil && r.add(f, n)
}

// year has a sign or none, which does not count among the digits.
func (r *timeReader) year(most int) bool {
	sign := ""
	if strings.HasPrefix(r.rest, "-") || strings.HasPrefix(r.rest, "+") {
		sign, r.rest = r.rest[:1], r.rest[1:]
	}
	n, err := strconv.Atoi(sign + r.digits(most))
	return err == nil && r.add(fieldYear, n)
}

// century reads a year of exactly two digits.
func (r *timeReader) century() bool {
	digits := r.digits(2)
	if len(digits) < 2 {
		return false
	}
	n, _ := strconv.Atoi(digits)
	if n < 70 {
		n += 100
	}
	return r.add(fieldYear, 1900+n)
}

// fraction of a second: what is less than a millisecond is cut off.
func (r *timeReader) fraction(most int) bool {
	digits := r.digits(most)
	if digits == "" {
		return false
	}
	n, _ := strconv.Atoi((digits + "00")[:3])
	return r.add(fieldMilli, n)
}

// The names are the long ones, and then the short ones, which some of those begin with.
var (
	monthNames   = longAndShort(12, func(i int) string { return time.Month(1 + i).String() })
	weekdayNames = longAndShort(7, func(i int) string { return time.Weekday((1 + i) % 7).String() })
)

func longAndShort(n int, name func(i int) string) []string {
	names := make([]string, 2*n)
	for i := range n {
		names[i], names[n+i] = name(i), name(i)[:3]
	}
	return names
}

// name takes the first of names that the text begins with, as it is written here or all of
// it in upper or lower case. They stand for so many values, the first of which is first.
func (r *timeReader) name(f stampField, first, values int, names []string) bool {
	for i, name := range names {
		for _, spelling := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
			if rest, ok := strings.CutPrefix(r.rest, spelling); ok {
				r.rest = rest
				return r.add(f, first+i%values)
			}
		}
	}
	return false
}
