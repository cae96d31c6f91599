package dialect

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// bound tells a scan, the one from which a relation called alias takes its rows, which
// of them the SELECT can use, beside those that it has bounds for already: the conditions of
// the view that it is. It looks at the top-level AND of WHERE only, before
// anything is translated, and leaves out what it does not understand: the conditions
// themselves stay in the query.
//
// The relation may stand in a join of any kind. A comparison holds for no NULL, so that
// what passes WHERE has a row of the relation in it for which the comparison holds. An
// outer join that finds no such row any more puts NULLs in its place, which do not pass.
func (t *translator) bound(scan *Scan, alias string, s *scope) {
	if s.where == nil {
		return
	}
	b := bounder{Bounds: scan.Bounds, t: t, alias: alias, alone: s.alone, exact: exact{bounds: athena.Everything()}}
	b.narrow(s.where)
	scan.Bounds = b.Bounds
	if s.alone { // in an outer join the condition also keeps out rows without a timestamp
		b.exact.take(scan, s)
	}
}

// bounder collects bounds on the relation called alias. A column of another
// name belongs to another relation, or to an enclosing query, and says nothing about
// our rows; so does one without, unless the relation is alone.
type bounder struct {
	athena.Bounds
	t     *translator
	alias string
	alone bool
	exact exact
}

func (b *bounder) narrow(cond node) {
	switch text(cond, "type") {
	case "CONJUNCTION_AND":
		for _, c := range children(cond) {
			b.narrow(c)
		}
	case "COMPARE_BETWEEN":
		const from, to = "COMPARE_GREATERTHANOREQUALTO", "COMPARE_LESSTHANOREQUALTO"
		column, lower, upper := b.column(child(cond, "input")), child(cond, "lower"), child(cond, "upper")
		b.compare(column, from, lower)
		b.compare(column, to, upper)
		if column == "timestamp" {
			b.exact.add(b.t, cond, []string{from, to}, lower, upper)
		}
	case "COMPARE_IN":
		b.narrowIn(children(cond))
	case "COMPARE_EQUAL", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO":
		op, value := text(cond, "type"), child(cond, "right")
		column := b.column(child(cond, "left"))
		if column == "" {
			op, value = mirrored(op), child(cond, "left")
			column = b.column(child(cond, "right"))
		}
		b.compare(column, op, value)
		if column == "timestamp" {
			b.exact.add(b.t, cond, []string{op}, value)
		}
	}
}

func mirrored(op string) string {
	if strings.HasPrefix(op, "COMPARE_LESS") {
		return strings.Replace(op, "LESS", "GREATER", 1)
	}
	return strings.Replace(op, "GREATER", "LESS", 1)
}

// column is the column of our relation that n names, if it is one that prunes.
func (b *bounder) column(n node) string {
	names := strings1(n, "column_names")
	if text(n, "class") != "COLUMN_REF" || len(names) == 0 {
		return ""
	}
	if len(names) == 1 && !b.alone || len(names) > 1 && !strings.EqualFold(names[len(names)-2], b.alias) {
		return ""
	}
	name := strings.ToLower(names[len(names)-1])
	if name == "timestamp" || name == "dt" || name == "retention" || athena.Findable(name) {
		return name
	}
	return ""
}

func (b *bounder) compare(column, op string, value node) {
	switch column {
	case "timestamp":
		if at, ok := b.t.instant(value); ok {
			narrowTime(&b.Bounds, op, at)
		}
	case "dt":
		if s, ok := literal(value); ok {
			narrowDay(&b.Bounds, op, s)
		}
	case "retention":
		if s, ok := literal(value); ok && op == "COMPARE_EQUAL" {
			b.Classes = intersect(b.Classes, []string{s})
		}
	case "":
	default:
		if s, ok := literal(value); ok && op == "COMPARE_EQUAL" {
			b.Where = append(b.Where, athena.Match{Column: column, Values: []string{s}})
		}
	}
}

func (b *bounder) narrowIn(parts []node) {
	column := b.column(parts[0])
	if column == "" || column == "timestamp" {
		return
	}
	var values []string
	for _, p := range parts[1:] {
		s, ok := literal(p)
		if !ok {
			return
		}
		values = append(values, s)
	}
	switch column {
	case "dt":
		b.Days = intersect(b.Days, values)
	case "retention":
		b.Classes = intersect(b.Classes, values)
	default:
		b.Where = append(b.Where, athena.Match{Column: column, Values: values})
	}
}

// intersect treats nil as everything and never returns nil.
func intersect(a, b []string) []string {
	among := make(map[string]bool, len(a))
	for _, s := range a {
		among[s] = true
	}
	out := []string{}
	for _, s := range b {
		if a == nil || among[s] {
			out = append(out, s)
		}
	}
	return out
}

// narrowTime uses that the column has whole milliseconds.
func narrowTime(b *athena.Bounds, op string, at time.Time) {
	floor := at.UnixMilli()
	ceil := floor
	if at.Nanosecond()%1_000_000 != 0 {
		ceil++
	}
	switch op {
	case "COMPARE_GREATERTHAN":
		b.MinMS = max(b.MinMS, floor+1)
	case "COMPARE_GREATERTHANOREQUALTO":
		b.MinMS = max(b.MinMS, ceil)
	case "COMPARE_LESSTHAN":
		b.MaxMS = min(b.MaxMS, ceil-1)
	case "COMPARE_LESSTHANOREQUALTO":
		b.MaxMS = min(b.MaxMS, floor)
	case "COMPARE_EQUAL":
		b.MinMS, b.MaxMS = max(b.MinMS, ceil), min(b.MaxMS, floor)
	}
}

func narrowDay(b *athena.Bounds, op, day string) {
	if op == "COMPARE_EQUAL" {
		b.Days = intersect(b.Days, []string{day})
		return
	}
	if day == "" { // "" means open
		return
	}
	if strings.HasPrefix(op, "COMPARE_GREATER") {
		b.MinDay = max(b.MinDay, day)
	} else if b.MaxDay == "" || day < b.MaxDay {
		b.MaxDay = day
	}
}

// instant evaluates the constants that people compare timestamps with: literals,
// now() and its relatives, and intervals added to them.
func (t *translator) instant(n node) (time.Time, bool) {
	switch text(n, "class") {
	case "CAST":
		s, ok := literal(child(n, "child"))
		if !ok || n["try_cast"] == true {
			return time.Time{}, false
		}
		switch text(child(n, "cast_type"), "id") {
		case "TIMESTAMP":
			at, typ, ok := parseStamp(s)
			return at, ok && typ.digits <= 3 // a cast rounds more of them
		case "DATE":
			return parseDate(s)
		}
	case "COLUMN_REF":
		names := strings1(n, "column_names")
		if len(names) == 1 {
			switch strings.ToLower(names[0]) {
			case "current_timestamp", "localtimestamp":
				return t.now, true
			case "current_date":
				return t.now.Truncate(24 * time.Hour), true
			}
		}
	case "FUNCTION":
		return t.instantCall(n)
	}
	return time.Time{}, false
}

func (t *translator) instantCall(n node) (time.Time, bool) {
	args := children(n)
	name := strings.ToLower(text(n, "function_name"))
	switch {
	case name == "now" && len(args) == 0:
		return t.now, true
	case name == "from_iso8601_timestamp" && len(args) == 1:
		s, _ := literal(args[0])
		at, err := time.Parse(time.RFC3339Nano, s)
		return at.Truncate(time.Millisecond), err == nil
	case (name == "+" || name == "-") && len(args) == 2:
		at, ok := t.instant(args[0])
		if !ok {
			return time.Time{}, false
		}
		months, length, ok := interval(args[1])
		if !ok {
			return time.Time{}, false
		}
		if name == "-" {
			months, length = -months, -length
		}
		return addMonths(at, months).Add(length), true
	}
	return time.Time{}, false
}

// addMonths keeps the day of the month, or takes the month's last.
func addMonths(at time.Time, months int) time.Time {
	if months == 0 {
		return at
	}
	first := time.Date(at.Year(), at.Month()+time.Month(months), 1, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(at.Day(), last)-1)
}

// interval reads what DuckDB's parser makes of interval '2' day:
// to_days(CAST(trunc(CAST('2' AS DOUBLE)) AS INTEGER)).
func interval(n node) (months int, length time.Duration, ok bool) {
	args := children(n)
	if text(n, "class") != "FUNCTION" || len(args) != 1 {
		return 0, 0, false
	}
	digits, ok := intervalDigits(args[0])
	if !ok {
		return 0, 0, false
	}
	count, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0, 0, false
	}
	scale := func(unit time.Duration) (int, time.Duration, bool) {
		if count > int64(math.MaxInt64/unit) || -count > int64(math.MaxInt64/unit) {
			return 0, 0, false
		}
		return 0, time.Duration(count) * unit, true
	}
	switch text(n, "function_name") {
	case "to_years":
		if count > math.MaxInt32/12 || -count > math.MaxInt32/12 {
			return 0, 0, false
		}
		return int(count) * 12, 0, true
	case "to_months":
		return int(count), 0, true
	case "to_days":
		return scale(24 * time.Hour)
	case "to_hours":
		return scale(time.Hour)
	case "to_minutes":
		return scale(time.Minute)
	case "to_seconds":
		return scale(time.Second)
	}
	return 0, 0, false
}

// intervalDigits unwraps the casts that the parser puts around the quoted number.
func intervalDigits(n node) (string, bool) {
	for text(n, "class") == "CAST" || text(n, "function_name") == "trunc" {
		if text(n, "class") == "CAST" {
			n = child(n, "child")
			continue
		}
		args := children(n)
		if len(args) != 1 {
			return "", false
		}
		n = args[0]
	}
	return literal(n)
}

func parseDate(s string) (time.Time, bool) {
	at, err := time.Parse("2006-01-02", padded(s))
	return at, err == nil
}

// shortFields is a literal whose fields, but for the year, may have one digit.
var shortFields = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?(.*)$`)

// padded writes the fields of a date or a timestamp with two digits, as time.Parse and
// DuckDB read them without a doubt, and leaves out the blanks around it.
func padded(s string) string {
	s = strings.TrimSpace(s)
	m := shortFields.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	text := fmt.Sprintf("%s-%02s-%02s", m[1], m[2], m[3])
	if m[4] != "" {
		text += fmt.Sprintf(" %02s:%02s", m[4], m[5])
	}
	if m[6] != "" {
		text += fmt.Sprintf(":%02s", m[6])
	}
	return text + m[7]
}

// parseTime reads a timestamp literal without a zone.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// zoneOf is what follows the time of day in a timestamp literal.
func zoneOf(s string) string {
	s = strings.TrimSpace(s)
	if len(s) <= len("2006-01-02") {
		return ""
	}
	return strings.TrimLeft(s[len("2006-01-02"):], " 0123456789:.T")
}
