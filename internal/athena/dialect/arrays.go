package dialect

import (
	"regexp"
	"strings"
)

// moreArrayFunctions are those on arrays and maps that DuckDB has no counterpart for, or one
// that treats NULL elements otherwise.
func moreArrayFunctions() map[string]signature {
	all := map[string]signature{
		"array_distinct":  sig("first", "array").macro("array_distinct"),
		"array_sort":      sig("first", "array").by(arraySort),
		"array_remove":    sig("first", "array", "any").by(withElement("array_remove")),
		"array_union":     sig("first", "array", "array").by(twoArrays("array_union")),
		"array_intersect": sig("first", "array", "array").by(twoArrays("array_intersect")),
		"array_except":    sig("first", "array", "array").by(twoArrays("array_except")),
		"arrays_overlap":  sig("first", "array", "array").by(twoArrays("arrays_overlap")),
		"array_position":  sig(typeBigint, "array", "any").by(withElement("array_position")),
		"array_max":       sig("", "array").by(arrayExtremum),
		"array_min":       sig("", "array").by(arrayExtremum),
		"slice":           sig("first", "array", "integer", "integer").macro("slice"),
		"repeat":          sig("", "any", "integer").by(repeat),
		"flatten":         sig("", "array").by(flatten),
		"any_match":       {lambda: true, apply: match},
		"all_match":       {lambda: true, apply: match},
		"none_match":      {lambda: true, apply: match},
	}
	return all
}

// equates are the functions that compare the elements of an array with one another, or
// with a value.
var equates = map[string]bool{
	"array_distinct": true, "array_remove": true, "array_union": true, "array_intersect": true, "array_except": true,
	"arrays_overlap": true, "array_position": true, "contains": true,
}

func (m macros) arrays() {
	m.once("array_distinct(a)", distinctOf("a"))
	m.once("array_union(a, b)", "CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE "+distinctOf("(a || b)")+" END")
	// The order is that of the longer array, and of the first where both are as long.
	m.once("array_intersect(a, b)", "CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN len(a) < len(b) THEN "+alsoIn("b", "a")+" ELSE "+alsoIn("a", "b")+" END")
	// Trino gives back the first array as it is where the second one is empty.
	m.once("array_except(a, b)", "CASE WHEN b IS NULL THEN NULL WHEN len(b) = 0 THEN a ELSE list_filter("+distinctOf("a")+", __audit_z -> NOT "+among("b", "__audit_z")+") END")
	m.once("arrays_overlap(a, b)", "CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN list_has_any(list_filter(a, __audit_z -> __audit_z IS NOT NULL), list_filter(b, __audit_z -> __audit_z IS NOT NULL)) THEN true WHEN "+
		hasNull("a")+" AND len(b) > 0 OR "+hasNull("b")+" AND len(a) > 0 THEN NULL ELSE false END")
	m.once("array_remove(a, x)", "CASE WHEN x IS NOT NULL THEN list_filter(a, __audit_z -> __audit_z IS DISTINCT FROM x) END")
	m.once("array_remove_float(a, x)", "CASE WHEN isnan(x) THEN a WHEN x IS NOT NULL THEN list_filter(a, __audit_z -> __audit_z IS DISTINCT FROM x) END")
	m.once("array_max_float(a)", "CASE WHEN NOT "+hasNull("a")+" THEN coalesce(list_max(list_filter(a, __audit_z -> NOT isnan(__audit_z))), list_max(a)) END")
	m.once("array_max(a)", "CASE WHEN NOT "+hasNull("a")+" THEN list_max(a) END")
	m.once("array_min(a)", "CASE WHEN NOT "+hasNull("a")+" THEN list_min(a) END")
	m.once("slice(a, i, n)", "CASE WHEN a IS NULL OR i IS NULL OR n IS NULL THEN NULL WHEN i = 0 THEN "+raise("'SQL array indices start at 1'")+" WHEN n < 0 THEN "+raise("'length must be greater than or equal to 0'")+
		" WHEN n = 0 OR i > len(a) OR -i > len(a) THEN a[1:0] WHEN i > 0 THEN a[i:i + n - 1] ELSE a[len(a) + i + 1:len(a) + i + n] END")
	m.once("repeat(x, n)", "CASE WHEN n > 10000 THEN "+raise("'count argument of repeat function must be less than or equal to 10000'")+" ELSE list_transform(generate_series(1, n), __audit_z -> x) END")
	m.once("any_match(l)", "CASE WHEN list_contains(l, true) THEN true WHEN "+hasNull("l")+" THEN NULL WHEN l IS NOT NULL THEN false END")
	m.once("all_match(l)", "CASE WHEN list_contains(l, false) THEN false WHEN "+hasNull("l")+" THEN NULL WHEN l IS NOT NULL THEN true END")
	m.once("none_match(l)", "CASE WHEN list_contains(l, true) THEN false WHEN "+hasNull("l")+" THEN NULL WHEN l IS NOT NULL THEN true END")
	m.once("contains(a, x)", "CASE WHEN list_contains(a, x) THEN true WHEN "+hasNull("a")+" THEN NULL ELSE list_contains(a, x) END")
	m.once("contains_float(a, x)", "CASE WHEN NOT isnan(x) AND list_contains(a, x) THEN true WHEN "+hasNull("a")+" THEN NULL WHEN isnan(x) AND a IS NOT NULL THEN false ELSE list_contains(a, x) END")
	m.add("array_join(a, d)", "CASE WHEN a IS NOT NULL AND d IS NOT NULL THEN coalesce(array_to_string(a, d), '') END")
	m.once("joined_text(x)", "CASE WHEN strlen(x) > "+itoa(mostJoined)+" THEN "+raise("'"+tooLong+"'")+" ELSE x END")
	m.add("entry(k, v)", "{'key': k, 'value': v}")
	m.once("map_of(l)", "CASE WHEN len(list_distinct(list_transform(l, __audit_e -> struct_extract(__audit_e, 'key')))) < len(l) THEN "+
		refuse("map_agg of a key with several values (write map_agg(k, v) over a subquery with k and min(v) or max(v), grouped by k)", "l")+" ELSE map_from_entries(list_sort(l)) END")
	// The entries of the last map come first in Trino.
	m.once("map_concat(a, b)", "CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN map_from_entries(map_entries(b) || list_filter(map_entries(a), __audit_e -> NOT map_contains(b, struct_extract(__audit_e, 'key')))) END")
	m.add("array_position(a, x)", "CASE WHEN a IS NULL OR x IS NULL THEN NULL ELSE CAST(coalesce(list_position(a, x), 0) AS BIGINT) END")
	m.add("array_position_float(a, x)", "CASE WHEN a IS NULL OR x IS NULL THEN NULL WHEN isnan(x) THEN CAST(0 AS BIGINT) ELSE CAST(coalesce(list_position(a, x), 0) AS BIGINT) END")
	m.add("array_sort(a)", "list_sort(a, 'ASC', 'NULLS LAST')")
}

// distinctOf keeps the first of equal elements, NULLs too.
func distinctOf(a string) string {
	return "list_filter(" + a + ", (__audit_x, __audit_i) -> NOT " + among(a+"[1:__audit_i - 1]", "__audit_x") + ")"
}

// alsoIn are the different elements of a that are among those of b.
func alsoIn(a, b string) string {
	return "list_filter(" + distinctOf(a) + ", __audit_z -> " + among(b, "__audit_z") + ")"
}

// among is true where x, NULL or not, is an element of a.
func among(a, x string) string {
	return "(len(list_filter(" + a + ", __audit_y -> __audit_y IS NOT DISTINCT FROM " + x + ")) > 0)"
}

func hasNull(a string) string {
	return "(len(list_filter(" + a + ", __audit_y -> __audit_y IS NULL)) > 0)"
}

func arraySort(t *translator, c *call) (string, error) {
	if e := elementOf(c.types[0]); e == typeJSON || isMap(e) || isArray(e) {
		return "", t.refuse(c.n, "array_sort of "+e, "")
	}
	become(c.n, function(internal+"array_sort", c.args...))
	return c.types[0], nil
}

// twoArrays is a function of arrays whose elements have a common type.
func twoArrays(name string) func(*translator, *call) (string, error) {
	return func(t *translator, c *call) (string, error) {
		typ, ok := common(c.types[0], c.types[1])
		if !ok {
			return "", t.invalid(c.n, "%s of %s and %s", c.name, c.types[0], c.types[1])
		}
		become(c.n, function(internal+name, c.args...))
		if name == "arrays_overlap" {
			return typeBool, nil
		}
		return typ, nil
	}
}

// withElement is a function of an array and something that may be its element. No NaN is
// equal to another, and of arrays with a NULL in them it is not known.
func withElement(name string) func(*translator, *call) (string, error) {
	return func(t *translator, c *call) (string, error) {
		e := elementOf(c.types[0])
		typ, ok := common(e, c.types[1])
		if !ok {
			return "", t.invalid(c.n, "an array of %s has no element of type %s", e, c.types[1])
		}
		macro := internal + name
		switch inner := elementOf(typ); {
		case isFloat(typ):
			macro += "_float"
			c.args[1] = toFloat(c.args[1], c.types[1], typ)
			if isDecimal(e) {
				element := internal + "e"
				c.args[0] = function("list_transform", c.args[0], lambda(element, toFloat(columnRef(element), e, typ)))
			}
		case isArray(typ) && (isFloat(inner) || isArray(inner)):
			return "", t.refuse(c.n, name+" of "+describe(typ), "")
		case isArray(typ):
			if isArray(e) {
				c.args[0] = function(internal+"whole_arrays", c.args[0])
			}
			if isArray(c.types[1]) {
				c.args[1] = function(internal+"whole_array", c.args[1])
			}
		}
		become(c.n, function(macro, c.args...))
		if name == "array_position" {
			return typeBigint, nil
		}
		return "array(" + typ + ")", nil
	}
}

// arrayExtremum is array_max and array_min. A NaN is the greatest to DuckDB, and to Trino if
// there is nothing else.
func arrayExtremum(t *translator, c *call) (string, error) {
	e := elementOf(c.types[0])
	if _, err := t.orderable(c, c.args[0], e); err != nil {
		return "", err
	}
	macro := internal + c.name
	switch {
	case isArray(e):
		c.args[0] = function(internal+"whole_arrays", c.args[0])
	case isFloat(e) && c.name == "array_max":
		macro += "_float"
	}
	become(c.n, function(macro, c.args...))
	return e, nil
}

func repeat(_ *translator, c *call) (string, error) {
	become(c.n, function(internal+"repeat", c.args...))
	return "array(" + c.types[0] + ")", nil
}

func flatten(t *translator, c *call) (string, error) {
	inner := elementOf(c.types[0])
	if !isArray(inner) {
		return "", t.invalid(c.n, "flatten takes an array of arrays, this is %s", c.types[0])
	}
	return inner, nil
}

// match is any_match(a, x -> …) and its kin: a transform, whose booleans a macro sums up.
func match(t *translator, c *call) (string, error) {
	name := c.name
	c.name = "transform"
	typ, err := lambdaCall(t, c)
	if err != nil {
		return "", err
	}
	if e := elementOf(typ); e != typeBool && e != typeNull {
		return "", t.invalid(c.args[1], "the function of %s must give a boolean, this gives %s", name, describe(e))
	}
	become(c.n, function(internal+name, copyOf(c.n)))
	return typeBool, nil
}

// arrayJoin takes elements of any type that has a text, and a text for NULLs.
func arrayJoin(t *translator, c *call) (string, error) {
	e := elementOf(c.types[0])
	list := c.args[0]
	if e != typeVarchar {
		element := columnRef(internal + "e")
		cast := castTo(element, "VARCHAR")
		if err := t.toText(cast, element, e); err != nil {
			return "", err
		}
		list = function("list_transform", list, lambda(internal+"e", cast))
	}
	if len(c.args) == 3 {
		element := columnRef(internal + "e")
		list = function("list_transform", list, lambda(internal+"e", coalesce(element, c.args[2])))
	}
	joined := function(internal+"array_join", list, c.args[1])
	if len(c.args) == 3 { // a NULL in place of NULLs makes NULL of the whole
		joined = caseWhen(isNotNull(t.again(c.args[2])), joined, nullConst())
	}
	become(c.n, joined)
	return typeVarchar, nil
}

func columnRef(name string) node {
	return node{"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": nowhere, "column_names": []any{name}}
}

func lambda(parameter string, body node) node {
	return node{"class": "LAMBDA", "type": "LAMBDA", "alias": "", "query_location": nowhere, "lhs": columnRef(parameter), "expr": body}
}

func coalesce(args ...node) node {
	return node{"class": "OPERATOR", "type": "OPERATOR_COALESCE", "alias": "", "query_location": nowhere, "children": toList(args)}
}

// macros collects the statements that define macros.
type macros map[string]string

// add defines a macro by its head, name(parameters), and its body.
func (m macros) add(head, body string) {
	name, _, _ := strings.Cut(head, "(")
	m[internal+name] = "CREATE MACRO " + internal + head + " AS " + body
}

// once defines a macro that evaluates its arguments once, and outside of every lambda:
// DuckDB has no subqueries, aggregates and windows in them. A parameter is one letter.
func (m macros) once(head, body string) {
	_, list, _ := strings.Cut(strings.TrimSuffix(head, ")"), "(")
	parameters := strings.Split(list, ", ")
	fields := make([]string, len(parameters))
	for i, p := range parameters {
		fields[i] = "'" + p + "': " + p
	}
	mention := regexp.MustCompile(`\b(` + strings.Join(parameters, "|") + `)\b`)
	pieces := strings.Split(body, "'") // every second one is a text
	for i := 0; i < len(pieces); i += 2 {
		pieces[i] = mention.ReplaceAllString(pieces[i], "struct_extract("+argument+", '$1')")
	}
	body = strings.Join(pieces, "'")
	m.add(head, "list_transform([{"+strings.Join(fields, ", ")+"}], "+argument+" -> "+body+")[1]")
}

const argument = internal + "a"
