package dialect

import (
	"fmt"
	"strings"
	"time"
)

func (t *translator) cast(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "child", "cast_type", "try_cast"); err != nil {
		return "", err
	}
	c := child(n, "child")
	from, err := t.expr(c, s)
	if err != nil {
		return "", err
	}
	to, err := t.typeOf(n, child(n, "cast_type"))
	if err != nil {
		return "", err
	}
	if to == typeJSON && from == typeVarchar && location(n) < 0 { // JSON '…' has no place, CAST has
		return jsonParse(t, &call{n: n, args: []node{c}})
	}
	if from == typeVarchar && to == typeTime && location(n) < 0 { // timestamp '…' has no place, CAST has
		if lit, ok := literal(c); ok && zoneOf(lit) != "" {
			return t.zonedLiteral(n, lit)
		}
	}
	if from == to {
		return to, nil
	}
	if from == "" || from == typeNull {
		if to == typeIP {
			n["cast_type"] = node{"id": "BLOB", "type_info": nil}
		}
		return to, nil
	}
	return to, t.convert(n, c, from, to)
}

// castType reads the target of a cast.
func (t *translator) castType(n node) (string, error) {
	ct := child(n, "cast_type")
	switch id := text(ct, "id"); id {
	case "BOOLEAN":
		return typeBool, nil
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT":
		return strings.ToLower(id), nil
	case "FLOAT":
		return typeReal, nil
	case "DOUBLE":
		return typeDouble, nil
	case "DECIMAL":
		if ct["type_info"] == nil || location(n) < 0 { // decimal '1.23' has no place, CAST has
			return "", t.refuse(child(n, "child"), "decimal '…' or CAST AS decimal", "write CAST(x AS decimal(p, s)), or the number without quotes")
		}
		info := child(ct, "type_info")
		return fmt.Sprintf("decimal(%v,%v)", info["width"], info["scale"]), nil
	case "VARCHAR":
		return typeVarchar, nil
	case "DATE":
		return typeDate, nil
	case "TIMESTAMP":
		return typeTime, nil
	case "TIMESTAMP_MS": // timestamp(3)
		n["cast_type"] = node{"id": "TIMESTAMP", "type_info": nil}
		return typeTime, nil
	case "TIMESTAMP WITH TIME ZONE":
		return typeZone, nil
	case "INTERVAL":
		return "", t.refuse(n, "interval '1 hour'", "write interval '1' hour")
	case "UNBOUND":
		if name := text(child(ct, "type_info"), "name"); name != "" {
			return "", t.refuse(n, "type "+name, "")
		}
	}
	return "", t.refuse(n, "CAST AS "+strings.ToLower(text(ct, "id")), "")
}

// convert checks and translates a cast whose result depends on more than DuckDB's cast.
func (t *translator) convert(n, c node, from, to string) error {
	if done, err := t.convertNested(n, c, from, to); done {
		return err
	}
	switch {
	case from == typeOffset:
		return t.refuse(n, "CAST of from_iso8601_timestamp", offsetAdvice)
	case from == typeZoned:
		if to == typeDate || to == typeTime {
			return nil
		}
		return t.refuse(n, "AT TIME ZONE", zonedAdvice)
	case to == typeVarchar:
		return t.toText(n, c, from)
	case from == typeVarchar && isTime(to):
		return t.toTime(n, c, to)
	case from == typeVarchar, isNumber(from) && (isNumber(to) || to == typeBool), from == typeBool && isNumber(to):
		return t.toNumber(n, c, from, to)
	case isTime(from) && isTime(to):
		return nil
	}
	return t.invalid(n, "cannot cast %s to %s", from, to)
}

// toNumber is a cast to a number or boolean.
func (t *translator) toNumber(n, c node, from, to string) error {
	if isDecimal(from) && (isInteger(to) || to == typeBool) {
		return nil
	}
	if (from == typeDouble || from == typeReal) && isInteger(to) {
		n["child"] = function("round", c) // DuckDB rounds halves to even numbers, Trino away from zero
	}
	if from != typeVarchar {
		return nil
	}
	switch s, _ := literal(c); s { // what the parser makes of true and false
	case "t", "f", "true", "false":
		return nil
	}
	// DuckDB reads '1_000', ' 7 ' and '1.5' as whole numbers; Trino does not.
	if isInteger(to) {
		macro := internal + "int_text"
		if n["try_cast"] == true {
			macro = internal + "try_int_text"
		}
		n["child"] = function(macro, c)
	}
	if to == typeBool {
		macro := internal + "bool_text"
		if n["try_cast"] == true {
			macro = internal + "try_bool_text"
		}
		n["child"] = function(macro, c)
	}
	if to == typeDouble {
		fromVarchar(n, c, "text_to_double")
	}
	return nil
}

// toText is CAST(x AS varchar): the text must be Trino's.
func (t *translator) toText(n, c node, from string) error {
	switch {
	case isInteger(from), from == typeBool, from == typeDate:
		return nil
	case isDecimal(from):
		become(n, function(internal+"decimal_text", c))
		return nil
	case from == typeTime:
		return t.timeText(n, c, "time_text")
	case from == typeZone:
		become(n, function(internal+"zone_text", c))
		return nil
	case from == typeDouble:
		become(n, function(internal+"double_text", c))
		return nil
	case from == typeReal:
		become(n, function(internal+"real_text", castTo(c, "VARCHAR")))
		return nil
	}
	return t.refuse(n, "CAST of "+from+" to varchar", "")
}

// toTime is timestamp '…', date '…' and CAST of text to one of them.
func (t *translator) toTime(n, c node, to string) error {
	s, isLiteral := literal(c)
	switch {
	case to == typeZone:
		return t.refuse(n, "CAST of varchar to timestamp with time zone", "use from_iso8601_timestamp, or timestamp '… UTC'")
	case to == typeDate && (!isLiteral || location(n) >= 0):
		fromVarchar(n, c, "text_to_date")
		return nil
	case to == typeDate:
		if _, ok := parseDate(s); !ok {
			return t.invalid(c, "'%s' is no date: write date '2024-01-31'", s)
		}
		return nil
	case !isLiteral || location(n) >= 0:
		fromVarchar(n, c, "text_to_timestamp")
		return nil
	}
	if _, frac, _ := strings.Cut(s, "."); len(frac) > 3 {
		return t.refuse(c, "timestamp '"+s+"'", "the table's timestamps have three fraction digits; timestamp_ns has nine")
	}
	if _, ok := parseTime(s); !ok {
		return t.invalid(c, "'%s' is no timestamp: write timestamp '2024-01-31 10:11:12.345'", s)
	}
	return nil
}

// zonedLiteral is timestamp '2024-01-31 10:11:12 Europe/Berlin'. DuckDB would drop the zone.
func (t *translator) zonedLiteral(n node, s string) (string, error) {
	zone := zoneOf(s)
	local, ok := parseTime(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), zone)))
	place, err := time.LoadLocation(zone)
	if zone[0] == '+' || zone[0] == '-' {
		var offset time.Time
		offset, err = time.Parse("-07:00", zone)
		place = offset.Location()
	}
	if !ok || err != nil || strings.EqualFold(zone, "local") {
		return "", t.invalid(n, "'%s' is no timestamp: write timestamp '2024-01-31 10:11:12.345 Europe/Berlin'", s)
	}
	at := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), place)
	const change = 6 * time.Hour
	_, before := at.Add(-change).Zone()
	_, after := at.Add(change).Zone()
	if before != after {
		return "", t.refuse(n, "timestamp '"+s+"'", "clocks are changed about then, so it may be two instants: write it in UTC")
	}
	become(n, castTo(varcharConst(at.UTC().Format(microLayout)+"+00"), "TIMESTAMP WITH TIME ZONE"))
	if strings.EqualFold(zone, "UTC") {
		return typeZone, nil
	}
	return typeOffset, nil
}
