package dialect

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the rules of time zones, also where the system has none
)

// stamp is a timestamp type: how many digits behind the second it shows, and its
// zone. DuckDB has instants and local times; so a value with a zone is an instant
// there, and its zone is known from the query's text. Answers show it in UTC.
type stamp struct {
	digits int
	zone   string // "" has none; unknownZone is that of a text or of several values
}

const (
	utc         = "UTC"
	unknownZone = "?"
)

// String is the type's name. The table's timestamps have three digits.
func (s stamp) String() string {
	name := "timestamp"
	if s.digits != 3 {
		name += "(" + itoa(s.digits) + ")"
	}
	switch s.zone {
	case "":
		return name
	case utc:
		return name + " with time zone"
	}
	return name + " with time zone of " + s.zone
}

// stampOf reads what String prints.
func stampOf(t string) (s stamp, ok bool) {
	rest, ok := strings.CutPrefix(t, "timestamp")
	if !ok {
		return s, false
	}
	s.digits = 3
	if strings.HasPrefix(rest, "(") {
		s.digits, rest = int(rest[1]-'0'), rest[3:]
	}
	switch zone, named := strings.CutPrefix(rest, " with time zone of "); {
	case named:
		s.zone = zone
	case rest != "":
		s.zone = utc
	}
	return s, true
}

// elsewhere reports whether values of type t have a zone that is not UTC.
func elsewhere(t string) bool {
	s, ok := stampOf(t)
	return ok && s.zone != "" && s.zone != utc
}

// commonStamp is the type that dates and timestamps of both types are compared in.
func commonStamp(a, b string) string {
	x, y := stamp{}, stamp{}
	if s, ok := stampOf(a); ok {
		x = s
	}
	if s, ok := stampOf(b); ok {
		y = s
	}
	both := stamp{digits: max(x.digits, y.digits), zone: x.zone}
	switch {
	case x.zone == y.zone:
	case x.zone == "" || y.zone == "":
		if both.zone = utc; x.zone+y.zone != utc {
			both.zone = unknownZone
		}
	default:
		both.zone = unknownZone
	}
	return both.String()
}

// local is n, a value of type typ, as the clock in its zone shows it.
func (t *translator) local(n node, typ string) (node, string, error) {
	s, ok := stampOf(typ)
	switch {
	case !ok || s.zone == "" || s.zone == utc:
		return n, typ, nil
	case s.zone == unknownZone:
		return nil, "", t.refuse(n, "the local time of a value whose zone is in its text", zoneAdvice)
	}
	return inZone(n, s.zone), stamp{digits: s.digits}.String(), nil
}

const zoneAdvice = "write x AT TIME ZONE 'UTC', or another zone"

var offsetZone = regexp.MustCompile(`^([+-])(\d\d):(\d\d)$`)

// inZone turns an instant into the local time of zone.
func inZone(n node, zone string) node {
	if m := offsetZone.FindStringSubmatch(zone); m != nil {
		return operator("+", castTo(n, "TIMESTAMP"), function("to_minutes", castTo(intConst(minutes(m)), "BIGINT")))
	}
	return function("timezone", varcharConst(zone), n)
}

// atLocal turns the local time of zone into an instant.
func atLocal(n node, zone string) node {
	if m := offsetZone.FindStringSubmatch(zone); m != nil {
		return castTo(operator("-", n, function("to_minutes", castTo(intConst(minutes(m)), "BIGINT"))), "TIMESTAMP WITH TIME ZONE")
	}
	return function("timezone", varcharConst(zone), n)
}

func minutes(m []string) int {
	hours, _ := strconv.Atoi(m[2])
	rest, _ := strconv.Atoi(m[3])
	if m[1] == "-" {
		return -hours*60 - rest
	}
	return hours*60 + rest
}

// locationOf is the zone of a literal.
func locationOf(zone string) (*time.Location, bool) {
	if m := offsetZone.FindStringSubmatch(zone); m != nil {
		if n := minutes(m); n >= -14*60 && n <= 14*60 {
			return time.FixedZone(zone, n*60), true
		}
		return nil, false
	}
	if zone == "" || zone == "Local" || strings.ContainsAny(zone[:1], "+-") || foreignZones[zone] {
		return nil, false
	}
	loc, err := time.LoadLocation(zone)
	return loc, err == nil
}

// foreignZones are names that Go knows and Trino does not.
var foreignZones = map[string]bool{
	"EST": true, "HST": true, "MST": true, "ROC": true, "Factory": true, "Etc/Greenwich": true, "Etc/Zulu": true, "America/Coyhaique": true,
}

// otherOffset is an offset that Trino reads, and that is written otherwise here.
var otherOffset = regexp.MustCompile(`^(Z|UT|(UTC|GMT|UT)?[+-]\d{1,2}(:?\d\d)?)$`)

// noZone is the error about the name of a zone.
func (t *translator) noZone(n node, name string) error {
	if otherOffset.MatchString(name) {
		return t.refuse(n, "time zone '"+name+"'", "write an offset as '+01:00'")
	}
	return t.invalid(n, "'%s' is no time zone: write one such as 'Europe/Berlin' or '+01:00'", name)
}

// parseStamp reads '2024-01-31 10:11:12.345 Europe/Berlin': the instant, and the
// type of the literal. ok is false for what is no timestamp, and for a time that a
// clock in its zone leaves out.
func parseStamp(s string) (at time.Time, typ stamp, ok bool) {
	s = padded(s)
	zone := zoneOf(s)
	clock := strings.TrimSpace(strings.TrimSuffix(s, zone))
	at, ok = parseTime(clock)
	if !ok {
		return at, typ, false
	}
	if _, fraction, found := strings.Cut(clock, "."); found {
		typ.digits = len(fraction)
	}
	if zone == "" {
		return at, typ, true
	}
	loc, ok := locationOf(zone)
	if !ok {
		return at, typ, false
	}
	typ.zone = zone
	there := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), loc)
	for _, back := range []time.Duration{time.Hour, 30 * time.Minute} { // the clock shows it twice: the first time counts
		if earlier := there.Add(-back); earlier.Format(microLayout) == there.Format(microLayout) {
			there = earlier
		}
	}
	return there.UTC(), typ, there.Format(microLayout) == at.Format(microLayout)
}

// stampLiteral translates timestamp '…', whose cast is n and whose text is c.
func (t *translator) stampLiteral(n, c node, s string) (string, error) {
	at, typ, ok := parseStamp(s)
	if !ok {
		return "", t.invalid(c, "'%s' is no timestamp: write timestamp '2024-01-31 10:11:12.345' or timestamp '2024-01-31 10:11:12.345 Europe/Berlin'", s)
	}
	if typ.digits > 3 {
		return "", t.refuse(c, "timestamp '"+s+"'", "the table's timestamps have three fraction digits; timestamp_ns has nine")
	}
	if typ.zone != "" {
		become(n, castTo(varcharConst(at.Format(microLayout)+"+00"), "TIMESTAMP WITH TIME ZONE"))
	} else if text := padded(s); text != s {
		become(c, varcharConst(text))
	}
	return typ.String(), nil
}

// stampText is the text of a timestamp: layout is strftime's, up to the second.
func (t *translator) stampText(n node, typ stamp, layout string) node {
	at := n
	if typ.zone != "" {
		at = inZone(n, typ.zone)
	}
	if typ.digits > 0 {
		layout += ".%g"
	}
	text := function("strftime", at, varcharConst(layout))
	if cut := 3 - typ.digits; cut > 0 && typ.digits > 0 {
		text = function("left", text, intConst(-cut))
	}
	return function(internal+"year_text", t.again(at), text)
}

// publicType is the type that an answer's column has.
func publicType(typ string) string {
	s, ok := stampOf(typ)
	switch {
	case !ok:
		return strings.ReplaceAll(typ, anyOrder, "")
	case s.zone == "":
		return typeTime
	}
	return typeZone
}

// dayInterval reports whether an interval has days or less, and not months.
func dayInterval(t string) bool { return t == fmt.Sprintf("%s day to second", typeInterval) }

var (
	isoTime    = regexp.MustCompile(`^(\d{4})(-\d\d)?(-\d\d)?(T\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$`)
	isoOrdinal = regexp.MustCompile(`^\d{4}-(W\d\d|\d{3})`)
)

// stampNatives complete what from_iso8601_timestamp may leave out.
func stampNatives() map[string]Native {
	return map[string]Native{
		"iso_date": fromText("VARCHAR", func(s string) (any, error) {
			switch {
			case isoOrdinal.MatchString(s), len(s) < len("2006-01-02"):
				return nil, Unsupported("from_iso8601_date of anything but yyyy-MM-dd")
			}
			if _, err := time.Parse("2006-01-02", strings.TrimSpace(s)); err != nil {
				return nil, cannotCast(s, "date")
			}
			return s, nil
		}),
		"iso_text": {[]string{"VARCHAR"}, "VARCHAR", func(args []any) (any, error) {
			s := args[0].(string)
			if isoOrdinal.MatchString(s) {
				return nil, Unsupported("from_iso8601_timestamp of a week or a day of the year")
			}
			m := isoTime.FindStringSubmatch(s)
			if m == nil || m[2] == "" && m[4] != "" || m[3] == "" && m[4] != "" {
				return nil, errors.New("Invalid ISO 8601 timestamp: " + s)
			}
			for i := range 2 {
				if m[2+i] == "" {
					m[2+i] = "-01"
				}
			}
			if m[4] == "" {
				return m[1] + m[2] + m[3], nil
			}
			minutes, seconds := ":00", ":00" // DuckDB wants both
			if m[5] != "" {
				minutes = m[5][:3]
			}
			if m[6] != "" {
				seconds = m[6][:min(len(m[6]), len(":05.000"))] // it has milliseconds in Trino, and the rest is cut off
			}
			return m[1] + m[2] + m[3] + m[4][:3] + minutes + seconds + m[8], nil
		}},
	}
}
