package dialect

import (
	"strconv"
	"time"
)

// sequence is an array of whole numbers, days or times.
func sequence(t *translator, c *call) (string, error) {
	if isTime(c.types[0]) || isTime(c.types[1]) {
		return t.timeSequence(c)
	}
	if !fits(c.types[0], "integer") || !fits(c.types[1], "integer") {
		return "", t.invalid(c.n, "sequence runs over whole numbers, days or times, not from %s to %s", describe(c.types[0]), describe(c.types[1]))
	}
	for i, a := range c.args {
		c.args[i] = castTo(a, "BIGINT")
	}
	become(c.n, function(internal+c.name, c.args...))
	if len(c.args) == 3 {
		c.n["function_name"] = internal + "sequence_step"
	}
	return "array(bigint)", nil
}

// timeSequence steps by an interval; days step by one day where none is given.
func (t *translator) timeSequence(c *call) (string, error) {
	typ := c.types[0]
	stamp, isStamp := stampOf(typ)
	switch {
	case c.types[1] != typ || stamp.zone != "":
		return "", t.refuse(c.n, "sequence from "+describe(typ)+" to "+describe(c.types[1]), "cast both to date or timestamp")
	case len(c.args) == 2 && isStamp:
		return "", t.invalid(c.n, "sequence of timestamps needs a step: write interval '1' hour")
	}
	months, length := 0, hoursOfDay
	if len(c.args) == 3 {
		var ok bool
		if months, length, ok = interval(c.args[2]); !ok {
			return "", t.refuse(c.args[2], "sequence with a computed step", "write interval '1' day: a whole number in quotes, then the unit")
		}
	}
	name, step := "sequence_days", int64(length/hoursOfDay)
	switch {
	case months != 0 && isStamp:
		name, step = "sequence_months_of_times", int64(months)
	case months != 0:
		name, step = "sequence_months", int64(months)
	case isStamp:
		name, step = "sequence_times", length.Microseconds()
	case length%hoursOfDay != 0:
		return "", t.invalid(c.args[2], "a sequence of days steps by whole days")
	}
	args := []node{c.args[0], c.args[1], bigintConst(step)}
	if len(c.args) == 2 { // downwards where the stop is earlier
		args[2] = caseWhen(compareNode("COMPARE_LESSTHAN", t.again(c.args[1]), t.again(c.args[0])), bigintConst(-1), bigintConst(1))
	}
	become(c.n, function(internal+name, args...))
	if isStamp && months == 0 {
		stamp.digits = max(stamp.digits, 3)
	}
	if isStamp {
		return "array(" + stamp.String() + ")", nil
	}
	return "array(" + typeDate + ")", nil
}

func (m macros) sequences() {
	const most = "10000"
	whole := func(head, count, direction, element string) {
		m.once(head, "CASE WHEN ("+direction+") IS NOT NULL AND (s = 0 OR ("+direction+") * sign(s) < 0) THEN "+raise("'the step of sequence must lead from start to stop'")+
			" WHEN "+count+" >= "+most+" THEN "+raise("'result of sequence must not have more than "+most+" entries'")+
			" ELSE list_transform(generate_series(0, "+count+"), __audit_z -> "+element+") END")
	}
	days := "(b - a)"
	micros := "(epoch_us(b) - epoch_us(a))"
	whole("sequence_days(a, b, s)", "("+days+" // s)", days, "a + CAST(__audit_z * s AS INTEGER)")
	whole("sequence_times(a, b, s)", "("+micros+" // s)", micros, "a + to_microseconds(__audit_z * s)")
	monthly := "(date_sub('month', a, b) // s)"
	whole("sequence_months(a, b, s)", monthly, days, "CAST(a + to_months(CAST(__audit_z * s AS INTEGER)) AS DATE)")
	whole("sequence_months_of_times(a, b, s)", monthly, micros, "a + to_months(CAST(__audit_z * s AS INTEGER))")
}

// hoursOfDay are those of a day in UTC.
const hoursOfDay = 24 * time.Hour

func bigintConst(i int64) node { return castTo(varcharConst(strconv.FormatInt(i, 10)), "BIGINT") }
