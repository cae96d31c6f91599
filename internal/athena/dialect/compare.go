package dialect

import "strings"

// DuckDB orders NaN above every number and takes it for equal to itself, and
// compares NULLs within arrays and maps like values. Trino does neither.

func isFloat(t string) bool { return t == typeDouble || t == typeReal }

// compareAsTrino mends the comparison n of two values, whose types are known.
func (t *translator) compareAsTrino(n node, types []string) {
	op := text(n, "type")
	left, right := child(n, "left"), child(n, "right")
	if !isFloat(types[0]) && !isFloat(types[1]) || strings.HasSuffix(op, "DISTINCT_FROM") || isWritten(left) && isWritten(right) {
		return
	}
	floatOperands([]node{left, right}, types)
	isNaN := conjunction("OR",
		conjunction("AND", function("isnan", castTo(t.again(left), "DOUBLE")), isNotNull(t.again(right))),
		conjunction("AND", function("isnan", castTo(t.again(right), "DOUBLE")), isNotNull(t.again(left))))
	answer := map[bool]string{true: "t", false: "f"}[op == "COMPARE_NOTEQUAL"]
	become(n, caseWhen(isNaN, castTo(varcharConst(answer), "BOOLEAN"), copyOf(n)))
}

// equalArrays translates = and <> of arrays of scalars; done is false for other comparisons.
// Where a NULL is in one, it is not known whether they are equal, unless something else differs.
func (t *translator) equalArrays(n node, types []string) (done bool) {
	op := text(n, "type")
	_, fit := common(types[0], types[1])
	if op != "COMPARE_EQUAL" && op != "COMPARE_NOTEQUAL" || !isArray(types[0]) || !isArray(types[1]) || !fit {
		return false
	}
	for _, typ := range types {
		if e := elementOf(typ); isArray(e) || isMap(e) || isFloat(e) || e == typeJSON {
			return false
		}
	}
	equal := function(internal+"equal_arrays", child(n, "left"), child(n, "right"))
	if op == "COMPARE_NOTEQUAL" {
		equal = not(equal)
	}
	become(n, equal)
	return true
}

// isWritten reports whether n is a number that stands in the query, and no NaN.
func isWritten(n node) bool {
	for text(n, "class") == "CAST" {
		n = child(n, "child")
	}
	s, ok := literal(n)
	return text(n, "class") == "CONSTANT" && !(ok && strings.Contains(strings.ToLower(s), "nan"))
}

func conjunction(op string, args ...node) node {
	return node{"class": "CONJUNCTION", "type": "CONJUNCTION_" + op, "alias": "", "query_location": nowhere, "children": toList(args)}
}

func compareNode(op string, left, right node) node {
	return node{"class": "COMPARISON", "type": op, "alias": "", "query_location": nowhere, "left": left, "right": right}
}

func isNotNull(n node) node {
	return node{"class": "OPERATOR", "type": "OPERATOR_IS_NOT_NULL", "alias": "", "query_location": nowhere, "children": []any{n}}
}

// oneByOne writes BETWEEN and IN over floating-point numbers as comparisons.
func (t *translator) oneByOne(n node, parts []node, types []string) {
	floats := false
	for _, typ := range types {
		floats = floats || isFloat(typ)
	}
	if !floats {
		return
	}
	var terms []node
	add := func(op string, i int) {
		c := compareNode(op, t.again(parts[0]), copyOf(parts[i]))
		t.compareAsTrino(c, []string{types[0], types[i]})
		terms = append(terms, c)
	}
	switch text(n, "type") {
	case "COMPARE_IN", "COMPARE_NOT_IN":
		for i := range parts[1:] {
			add("COMPARE_EQUAL", i+1)
		}
		one := apart("OR", terms...)
		if text(n, "type") == "COMPARE_NOT_IN" {
			one = not(one)
		}
		become(n, one)
	default: // BETWEEN; NOT stands around it
		add("COMPARE_GREATERTHANOREQUALTO", 1)
		add("COMPARE_LESSTHANOREQUALTO", 2)
		become(n, apart("AND", terms...))
	}
}

// apart is a conjunction that may stand in another: printed without the cast, its parts
// would be those of the one around it.
func apart(op string, terms ...node) node {
	if len(terms) == 1 {
		return terms[0]
	}
	return castTo(conjunction(op, terms...), "BOOLEAN")
}

// distinct translates IS [NOT] DISTINCT FROM. DuckDB compares maps in the order of
// their entries, which does not matter to Trino.
func (t *translator) distinct(n, left, right node, types []string) error {
	typ, ok := common(types[0], types[1])
	switch {
	case !ok:
		return t.mismatch(n, left, right, types[0], types[1])
	case isMap(typ):
		if err := t.unmapped(n, valueOf(typ), "IS DISTINCT FROM"); err != nil {
			return err
		}
		for i, side := range []node{left, right} {
			if isMap(types[i]) {
				become(side, function(internal+"sorted_map", copyOf(side)))
			}
		}
		return nil
	}
	return t.unmapped(n, typ, "IS DISTINCT FROM")
}

// unmapped refuses a type with maps in it where values are taken for equal or not:
// DuckDB would take two maps for different whose entries have another order.
func (t *translator) unmapped(n node, typ, what string) error {
	if strings.Contains(typ, "map(") {
		return t.refuse(n, what+" of "+describe(typ), "write json_format(CAST(m AS json)) in its place")
	}
	return nil
}

// wholeArrays has the query end where an array or map that is compared has a NULL in it.
func (t *translator) wholeArrays(n node, parts []node, types []string) error {
	for i, typ := range types {
		inner := elementOf(typ)
		switch {
		case !isArray(typ) && !isMap(typ):
			continue
		case isArray(typ) && (isArray(inner) || isMap(inner)), isMap(typ) && (isArray(valueOf(typ)) || isMap(valueOf(typ))):
			return t.refuse(n, "a comparison of "+typ, "")
		case text(parts[i], "class") == "SUBQUERY":
			return t.refuse(n, "a comparison of "+typ+" with a subquery", "")
		}
		name := internal + "whole_array"
		if isMap(typ) {
			name = internal + "whole_map"
		}
		become(parts[i], function(name, copyOf(parts[i])))
	}
	return nil
}

func (m macros) comparisons() {
	message := refuse("a comparison of arrays or maps with NULL in them", "a")
	m.once("equal_arrays(a, b)", "CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN len(a) <> len(b) OR len(list_filter(a, (__audit_x, __audit_i) -> __audit_x <> b[__audit_i])) > 0 THEN false WHEN "+
		hasNull("a")+" OR "+hasNull("b")+" THEN NULL ELSE true END")
	m.once("whole_array(a)", "CASE WHEN "+hasNull("a")+" THEN "+message+" ELSE a END")
	m.once("whole_arrays(a)", "CASE WHEN len(list_filter(a, __audit_z -> "+hasNull("__audit_z")+")) > 0 THEN "+message+" ELSE a END")
	m.once("whole_map(a)", "CASE WHEN "+hasNull("map_values(a)")+" THEN "+message+" ELSE map_from_entries(list_sort(map_entries(a))) END")
	m.add("sorted_map(a)", "map_from_entries(list_sort(map_entries(a)))")
}
