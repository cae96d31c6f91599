package dialect

import (
	"maps"
	"slices"
	"strings"
	"time"
)

func now(t *translator, c *call) (string, error) {
	become(c.n, t.nowConst())
	return typeZone, nil
}

func dateTrunc(t *translator, c *call) (string, error) {
	typ := c.types[1]
	units := []string{"day", "week", "month", "quarter", "year"}
	if typ != typeDate {
		units = append(units, "millisecond", "second", "minute", "hour")
	}
	unit, err := t.checkUnit(c, units...)
	if err != nil {
		return "", err
	}
	c.args[0] = varcharConst(unit)
	c.n["children"] = toList(c.args)
	if typ == typeDate {
		become(c.n, castTo(copyOf(c.n), "DATE"))
	}
	if c.zoned {
		s, _ := stampOf(c.before[1])
		become(c.n, atLocal(copyOf(c.n), s.zone))
		return c.before[1], nil
	}
	return typ, nil
}

// dateParts maps Trino's fields to DuckDB's where they differ: DuckDB's week
// begins on Sunday as day 0, and its milliseconds include the seconds.
func datePartOf(field string) (part string, ok bool) {
	switch field {
	case "year", "quarter", "month", "week", "day", "hour", "minute", "second":
		return field, true
	case "millisecond":
		return "millisecond", true
	case "day_of_week", "dow":
		return "isodow", true
	case "day_of_month":
		return "day", true
	case "day_of_year", "doy":
		return "doy", true
	case "week_of_year":
		return "week", true
	case "year_of_week", "yow":
		return "isoyear", true
	}
	return "", false
}

func datePart(t *translator, c *call) (string, error) {
	field, _ := literal(c.args[0])
	return t.field(c, strings.ToLower(field), c.args[1], c.types[1])
}

func timeField(t *translator, c *call) (string, error) {
	return t.field(c, c.name, c.args[0], c.types[0])
}

func (t *translator) field(c *call, field string, arg node, typ string) (string, error) {
	part, ok := datePartOf(field)
	if !ok {
		return "", t.refuse(c.n, "extract("+field+")", "")
	}
	switch part {
	case "hour", "minute", "second", "millisecond":
		if typ == typeDate {
			arg = castTo(arg, "TIMESTAMP")
		}
	}
	n := function("date_part", varcharConst(part), arg)
	if part == "millisecond" {
		n = function(internal+"millis", arg)
	}
	become(c.n, n)
	return typeBigint, nil
}

func dateAdd(t *translator, c *call) (string, error) {
	typ := c.types[2]
	units := []string{"day", "week", "month", "quarter", "year"}
	if typ != typeDate {
		units = append(units, "millisecond", "second", "minute", "hour")
	}
	unit, err := t.checkUnit(c, units...)
	if err != nil {
		return "", err
	}
	if s, ok := stampOf(typ); ok && s.digits < 3 && unit == "millisecond" {
		return "", t.refuse(c.n, "date_add of milliseconds to a timestamp with fewer than three fraction digits", "write timestamp '2024-01-31 10:11:12.000'")
	}
	count := castTo(c.args[1], "BIGINT")
	switch unit {
	case "day", "week", "month", "quarter", "year":
		count = castTo(c.args[1], "INTEGER")
	}
	name := "to_" + unit + "s"
	if unit == "quarter" {
		name, count = "to_months", operator("*", count, intConst(3))
	}
	if unit == "second" {
		count = castTo(c.args[1], "DOUBLE")
	}
	if unit == "millisecond" {
		count = castTo(c.args[1], "DOUBLE")
	}
	sum := operator("+", c.args[2], function(name, count))
	if typ == typeDate {
		sum = castTo(sum, "DATE")
	}
	become(c.n, sum)
	return typ, nil
}

// dateDiff counts whole units; DuckDB's date_diff counts boundaries.
func dateDiff(t *translator, c *call) (string, error) {
	unit, err := t.checkUnit(c, "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
	if err != nil {
		return "", err
	}
	a, b := c.args[1], c.args[2]
	switch unit {
	case "day", "week", "month", "quarter", "year":
		if elsewhere(c.types[1]) || elsewhere(c.types[2]) {
			return "", t.refuse(c.n, "date_diff in "+unit+"s at another zone than UTC", zoneAdvice)
		}
	}
	if c.types[1] != c.types[2] {
		typ, _ := common(c.types[1], c.types[2])
		id := "TIMESTAMP"
		if s, _ := stampOf(typ); s.zone != "" {
			id = "TIMESTAMP WITH TIME ZONE"
		}
		a, b = castTo(a, id), castTo(b, id)
	}
	become(c.n, function("date_sub", varcharConst(unit), a, b))
	return typeBigint, nil
}

func toDate(t *translator, c *call) (string, error) {
	typ := c.types[0]
	if typ != typeVarchar && !isTime(typ) {
		return "", t.invalid(c.n, "%s needs a timestamp or varchar, this is %s", c.name, describe(typ))
	}
	if typ == typeVarchar {
		name := "text_to_date"
		if c.name == "from_iso8601_date" {
			name = "iso_date"
		}
		become(c.n, castTo(function(internal+name, c.args[0]), "DATE"))
		return typeDate, nil
	}
	at, _, err := t.local(c.args[0], typ)
	become(c.n, castTo(at, "DATE"))
	return typeDate, err
}

// atTimeZone is x AT TIME ZONE z and at_timezone(x, z). DuckDB reads a timestamp
// without a zone as one in z; Trino reads it as UTC and shows it in z.
func atTimeZone(t *translator, c *call) (string, error) {
	zone, at, typ := c.args[0], c.args[1], c.types[1]
	if c.name == "at_timezone" {
		zone, at, typ = c.args[1], c.args[0], c.types[0]
	}
	if typ == typeDate {
		return "", t.invalid(c.n, "a date has no time zone: cast it to timestamp")
	}
	name, ok := literal(zone)
	if !ok {
		return "", t.refuse(c.n, "AT TIME ZONE with a computed zone", "write the zone as a literal")
	}
	if _, ok := locationOf(name); !ok {
		return "", t.noZone(zone, name)
	}
	s, _ := stampOf(typ)
	instant := at
	if s.zone == "" {
		instant = castTo(at, "TIMESTAMP WITH TIME ZONE") // the session's zone is UTC
	}
	become(c.n, copyOf(instant))
	return stamp{digits: s.digits, zone: name}.String(), nil
}

// withTimezone is the instant at which clocks in the zone show x.
func withTimezone(t *translator, c *call) (string, error) {
	zone, ok := literal(c.args[1])
	loc, known := locationOf(zone)
	s, isStamp := stampOf(c.types[0])
	switch {
	case !isStamp || s.zone != "":
		return "", t.invalid(c.n, "with_timezone takes a timestamp without a zone, this is %s", describe(c.types[0]))
	case !ok:
		return "", t.refuse(c.n, "with_timezone with a computed zone", "write the zone as a literal")
	case !known:
		return "", t.noZone(c.args[1], zone)
	case loc != time.UTC && !offsetZone.MatchString(zone):
		return "", t.refuse(c.args[1], "with_timezone in '"+zone+"'", "when clocks are changed it has no answer, or two; write an offset such as '+01:00'")
	}
	if loc == time.UTC {
		zone = utc
	}
	become(c.n, atLocal(c.args[0], zone))
	return stamp{digits: s.digits, zone: zone}.String(), nil
}

func fromUnixtime(_ *translator, c *call) (string, error) {
	// Trino rounds to milliseconds.
	millis := operator("+", operator("*", castTo(c.args[0], "DOUBLE"), castTo(intConst(1000), "DOUBLE")), castTo(varcharConst("0.5"), "DOUBLE"))
	become(c.n, castTo(function("epoch_ms", castTo(function("floor", millis), "BIGINT")), "TIMESTAMP WITH TIME ZONE"))
	return typeZone, nil
}

func toUnixtime(t *translator, c *call) (string, error) {
	if c.types[0] == typeDate {
		return "", t.invalid(c.n, "to_unixtime needs a timestamp: cast the date")
	}
	become(c.n, function("epoch", c.args[0]))
	return typeDouble, nil
}

func toISO8601(t *translator, c *call) (string, error) {
	typ, ok := stampOf(c.types[0])
	switch {
	case !ok:
		become(c.n, castTo(c.args[0], "VARCHAR"))
	case typ.zone == "":
		become(c.n, t.stampText(c.args[0], typ, "%Y-%m-%dT%H:%M:%S"))
	default:
		become(c.n, operator("||", t.stampText(c.args[0], typ, "%Y-%m-%dT%H:%M:%S"), varcharConst("Z")))
	}
	return typeVarchar, nil
}

func dateFormat(t *translator, c *call) (string, error) {
	format, err := t.timeFormat(c, map[byte]string{
		'Y': "%Y", 'y': "%y", 'm': "%m", 'c': "%-m", 'd': "%d", 'e': "%-d", 'H': "%H", 'k': "%-H", 'h': "%I",
		'I': "%I", 'l': "%-I", 'i': "%M", 's': "%S", 'S': "%S", 'f': "%f", 'p': "%p", 'M': "%B", 'b': "%b",
		'W': "%A", 'a': "%a", 'j': "%j", 'v': "%V", 'x': "%G", 'T': "%H:%M:%S", 'r': "%I:%M:%S %p", '%': "%%",
	})
	if err != nil {
		return "", err
	}
	at := c.args[0]
	if s, _ := stampOf(c.types[0]); s.zone != "" {
		at = castTo(at, "TIMESTAMP")
	}
	become(c.n, function("strftime", at, varcharConst(format)))
	return typeVarchar, nil
}

func dateParse(t *translator, c *call) (string, error) {
	layout, err := t.timeFormat(c, map[byte]string{
		'Y': "%Y", 'y': "%y", 'm': "%m", 'c': "%m", 'd': "%d", 'e': "%d", 'H': "%H", 'k': "%H", 'h': "%h",
		'I': "%h", 'l': "%h", 'i': "%i", 's': "%s", 'S': "%s", 'f': "%f", 'p': "%p", 'M': "%b", 'b': "%b",
		'a': "%a", 'W': "%a", 'j': "%j", 'T': "%H:%i:%s", 'r': "%h:%i:%s %p", '%': "%%",
	})
	if err != nil {
		return "", err
	}
	at, err := t.parseBy(c, layout)
	if err != nil {
		return "", err
	}
	become(c.n, at)
	return typeTime, nil
}

// timeFormat translates MySQL's specifiers, which Trino uses, into those of strftime or of
// a layout.
func (t *translator) timeFormat(c *call, specifiers map[byte]string) (string, error) {
	s, err := t.formatLiteral(c)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i < len(s) && specifiers[s[i]] != "":
			b.WriteString(specifiers[s[i]])
		case i < len(s) && strings.IndexByte("vx", s[i]) >= 0:
			return "", t.refuse(c.args[1], c.name+" of a week", "use the month and the day")
		default:
			var allowed []string
			for _, letter := range slices.Sorted(maps.Keys(specifiers)) {
				allowed = append(allowed, "%"+string(letter))
			}
			return "", t.refuse(c.args[1], "format '"+s+"'", "allowed are "+strings.Join(allowed, " "))
		}
	}
	return b.String(), nil
}

// fromISO8601 knows the zone of a literal; of a column's text it does not.
func fromISO8601(_ *translator, c *call) (string, error) {
	s, isLiteral := literal(c.args[0])
	become(c.n, function(internal+"from_iso8601", c.args[0]))
	if _, clock, _ := strings.Cut(s, "T"); isLiteral && !strings.ContainsAny(clock, "+-") {
		return typeZone, nil
	}
	return stamp{digits: 3, zone: unknownZone}.String(), nil
}
