package dialect

import (
	"fmt"
	"regexp"
	"strings"
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
	if s, ok := literal(c); ok && text(child(n, "cast_type"), "id") == "DECIMAL" && location(n) < 0 { // DECIMAL '…' has no place, CAST has
		return t.quotedDecimal(n, s)
	}
	to, err := t.typeOf(n, child(n, "cast_type"))
	if err != nil {
		return "", err
	}
	if to == typeJSON && from == typeVarchar && location(n) < 0 { // JSON '…' has no place, CAST has
		become(n, function(internal+"json_parse", c))
		return typeJSON, nil
	}
	if s, ok := literal(c); ok && to == typeTime && location(n) < 0 && n["try_cast"] != true { // timestamp '…' has no place, CAST has
		return t.stampLiteral(n, c, s)
	}
	if s, ok := literal(c); ok && isClock(to) && location(n) < 0 && n["try_cast"] != true { // time '…'
		return t.clockLiteral(n, c, s)
	}
	if elsewhere(from) && to == typeZone { // it keeps its zone
		zone, _ := stampOf(from)
		return stamp{digits: 3, zone: zone.zone}.String(), nil
	}
	if same := sameMap(from, to); same != "" {
		ownType(n, to)
		return same, nil
	}
	if from == to || from == "" || from == typeNull {
		ownType(n, to)
		return to, nil
	}
	return to, t.convert(n, c, from, to)
}

// bareDecimal is decimal without digits behind it; DECIMAL '1.5' is a literal.
var bareDecimal = regexp.MustCompile(`(?i)\bAS\s+(decimal|numeric|dec)\s*\)`)

// quotedDecimal is DECIMAL '1.50', whose type follows from its digits.
func (t *translator) quotedDecimal(n node, s string) (string, error) {
	m := decimalSyntax.FindStringSubmatch(s)
	if m == nil || len(m[1])+len(m[2]) > maxPrecision {
		return "", t.invalid(n, "'%s' is no decimal of at most %d digits", s, maxPrecision)
	}
	typ := decimalType(max(1, len(m[1])+len(m[2])), len(m[2]))
	become(n, castDecimal(varcharConst(s), typ))
	return typ, nil
}

var decimalSyntax = regexp.MustCompile(`^[+-]?0*(\d*)(?:\.(\d*))?$`)

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
		info := child(ct, "type_info")
		if t.bareDecimal { // DuckDB's parser has made decimal(18,3) of it
			return "", t.refuse(child(n, "child"), "type decimal without digits", "write decimal(38,0)")
		}
		return fmt.Sprintf("decimal(%v,%v)", info["width"], info["scale"]), nil
	case "VARCHAR":
		return typeVarchar, nil
	case "DATE":
		return typeDate, nil
	case "TIMESTAMP":
		return typeTime, nil
	case "TIME":
		return clockType(3), nil
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
	case isClock(from) || isClock(to):
		return t.convertClock(n, c, from, to)
	case to == typeVarchar:
		return t.toText(n, c, from)
	case from == typeVarchar && isTime(to):
		return t.toTime(n, c, to)
	case from == typeVarchar, isNumber(from) && (isNumber(to) || to == typeBool), from == typeBool && isNumber(to):
		return t.toNumber(n, c, from, to)
	case isTime(from) && isTime(to):
		if to != typeZone {
			at, _, err := t.local(c, from)
			n["child"] = at
			return err
		}
		return nil
	}
	return t.invalid(n, "cannot cast %s to %s", from, to)
}

// toNumber is a cast to a number or boolean.
func (t *translator) toNumber(n, c node, from, to string) error {
	if isDecimal(from) && (isInteger(to) || to == typeBool) {
		return nil
	}
	switch {
	case isFloat(from) && isInteger(to):
		n["child"] = function("round", c) // DuckDB rounds halves to even numbers, Trino away from zero
	case from == typeDouble && isDecimal(to): // of the shortest digits, as Trino: 1.005e0 is 1.01
		n["child"] = function(internal+"double_digits", c)
	case from == typeReal && isDecimal(to):
		n["child"] = function(internal+"real_digits", castTo(c, "VARCHAR"))
	case isDecimal(from) && isFloat(to):
		n["child"] = floatOf(c, from, to)
	case from == typeDouble && to == typeReal:
		become(n, function(internal+"double_to_real", c))
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
	switch {
	case to == typeDouble:
		fromVarchar(n, c, "text_to_double")
	case to == typeReal:
		fromVarchar(n, c, "text_to_real")
	case isDecimal(to):
		fromVarchar(n, c, "text_to_decimal")
	}
	return nil
}

// toText is CAST(x AS varchar): the text must be Trino's.
func (t *translator) toText(n, c node, from string) error {
	switch {
	case isInteger(from), from == typeBool:
		return nil
	case from == typeDate:
		become(n, function(internal+"date_text", c))
		return nil
	case isDecimal(from):
		become(n, function(internal+"decimal_text", c))
		return nil
	case isTime(from):
		typ, _ := stampOf(from)
		if typ.zone == unknownZone {
			return t.refuse(n, "CAST of a time whose zone is in its text", zoneAdvice)
		}
		text := t.stampText(c, typ, "%Y-%m-%d %H:%M:%S")
		if typ.zone != "" {
			text = operator("||", text, varcharConst(" "+typ.zone))
		}
		become(n, text)
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

// toTime is date '…' and CAST of text to a date or timestamp. timestamp '…' has been
// looked at before.
func (t *translator) toTime(n, c node, to string) error {
	s, isLiteral := literal(c)
	switch {
	case to == typeDate && isLiteral && location(n) < 0: // date '…' has no place, CAST has
		switch _, ok := parseDate(s); {
		case !ok && otherYear.MatchString(strings.TrimSpace(s)) && !shortFields.MatchString(strings.TrimSpace(s)):
			return t.refuse(c, "date '"+s+"', of a year with other than four digits", "")
		case !ok:
			return t.invalid(c, "'%s' is no date: write date '2024-01-31'", s)
		case padded(s) != s:
			become(c, varcharConst(padded(s)))
		}
	case to == typeDate:
		fromVarchar(n, c, "text_to_date")
	case to == typeTime:
		fromVarchar(n, c, "text_to_timestamp")
	default:
		return t.refuse(n, "CAST of varchar to "+to, "use from_iso8601_timestamp, or a literal such as timestamp '2024-01-31 10:11:12 UTC'")
	}
	return nil
}
