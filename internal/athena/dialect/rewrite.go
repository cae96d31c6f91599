package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// The rewrites of single functions. Each returns the type of the call.

// whitespace is what Trino's trim removes; DuckDB's removes blanks only.
const whitespace = "\t\n\v\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"

func trim(_ *translator, c *call) (string, error) {
	if len(c.args) == 1 {
		c.n["children"] = []any{c.args[0], varcharConst(whitespace)}
	}
	return typeVarchar, nil
}

func substr(_ *translator, c *call) (string, error) {
	name := internal + "substr"
	if len(c.args) == 3 {
		name = internal + "substr_len"
	}
	become(c.n, function(name, c.args...))
	return typeVarchar, nil
}

func replaceText(_ *translator, c *call) (string, error) {
	args := c.args
	if len(args) == 2 {
		args = append(args, varcharConst(""))
	}
	become(c.n, function(internal+"replace", args...))
	return typeVarchar, nil
}

// concat is NULL when an argument is; DuckDB's skips NULLs, its || does not.
func concat(t *translator, c *call) (string, error) {
	typ := c.types[0]
	n := c.args[0]
	for i, arg := range c.args[1:] {
		var err error
		if n, typ, err = t.joined(c.n, n, arg, typ, c.types[i+1]); err != nil {
			return "", err
		}
	}
	if len(c.args) == 1 {
		return "", t.invalid(c.n, "concat takes two or more arguments")
	}
	become(c.n, n)
	return typ, nil
}

// roundTo leaves whole numbers alone, which DuckDB would retype.
func roundTo(t *translator, c *call) (string, error) {
	switch typ := c.types[0]; {
	case isInteger(typ) && len(c.args) == 1:
		become(c.n, copyOf(c.args[0]))
		return typ, nil
	case isInteger(typ):
		become(c.n, castTo(function(internal+"round_whole", castTo(c.args[0], "BIGINT"), castTo(c.args[1], "BIGINT")), strings.ToUpper(typ)))
		return typ, nil
	case isDecimal(typ) && c.name == "truncate" && len(c.args) == 2:
		digits := function(internal+"truncate_text", castTo(c.args[0], "VARCHAR"), castTo(c.args[1], "BIGINT"))
		become(c.n, castDecimal(digits, typ))
		return typ, nil
	case isDecimal(typ):
		return t.roundDecimal(c)
	default:
		if c.name == "truncate" && len(c.args) == 2 {
			return "", t.invalid(c.n, "truncate to digits takes a decimal, this is %s", typ)
		}
		switch c.name {
		case "truncate":
			c.n["function_name"] = "trunc"
		case "round": // Java rounds -0.0 to 0.0, and -0.4 to -0.0
			c.args[0] = function(internal+"no_minus", c.args[0])
			c.n["children"] = toList(c.args)
			if len(c.args) == 2 && !isCount(c.args[1]) {
				roundTens(c)
			}
		}
		return typ, nil
	}
}

// roundTens rounds a double or real to digits that may be negative: to tens, hundreds, ….
func roundTens(c *call) {
	become(c.n, function(internal+"round_tens", castTo(c.args[0], "DOUBLE"), c.args[1]))
	if c.types[0] == typeReal {
		become(c.n, function(internal+"double_to_real", copyOf(c.n)))
	}
}

func modulo(t *translator, c *call) (string, error) {
	return t.product(c.n, "%", c.args, c.types)
}

// extremum is greatest and least, which are NULL when an argument is; DuckDB's skip NULLs.
func extremum(t *translator, c *call) (string, error) {
	typ, err := t.unify(c.n, c.name, c.types)
	if err != nil {
		return "", err
	}
	checks := make([]node, len(c.args))
	for i, a := range c.args {
		if c.args[i], err = t.orderable(c, a, c.types[i]); err != nil {
			return "", err
		}
		checks[i] = node{"class": "OPERATOR", "type": "OPERATOR_IS_NULL", "alias": "", "query_location": nowhere, "children": []any{t.again(c.args[i])}}
	}
	if typ == typeDouble || typ == typeReal {
		for i, a := range c.args {
			c.args[i] = function(internal+"no_nan", castTo(a, "DOUBLE"))
		}
	}
	c.n["children"] = toList(c.args)
	// OR would not look at the others once one is NULL, and Trino computes them all.
	anyNull := function("list_contains", node{"class": "OPERATOR", "type": "ARRAY_CONSTRUCTOR", "alias": "", "query_location": nowhere, "children": toList(checks)}, castTo(varcharConst("t"), "BOOLEAN"))
	become(c.n, caseWhen(anyNull, nullConst(), copyOf(c.n)))
	return typ, nil
}

func caseWhen(when, then, otherwise node) node {
	return node{
		"class": "CASE", "type": "CASE_EXPR", "alias": "", "query_location": nowhere,
		"case_checks": []any{node{"when_expr": when, "then_expr": then}}, "else_expr": otherwise,
	}
}

func nullif(t *translator, c *call) (string, error) {
	first := copyOf(c.args[0])
	if err := t.comparable(c.n, c.args, c.types); err != nil {
		return "", err
	}
	if isMap(c.types[0]) {
		become(c.n, caseWhen(compareNode("COMPARE_EQUAL", c.args[0], c.args[1]), nullConst(), first))
	}
	if isFloat(c.types[0]) || isFloat(c.types[1]) {
		equal := compareNode("COMPARE_EQUAL", t.again(c.args[0]), copyOf(c.args[1]))
		t.compareAsTrino(equal, c.types)
		become(c.n, caseWhen(equal, nullConst(), copyOf(c.args[0])))
	}
	return c.types[0], nil
}

func ifCall(t *translator, c *call) (string, error) {
	otherwise := nullConst()
	if len(c.args) == 3 {
		otherwise = c.args[2]
	}
	typ, err := t.unify(c.n, "IF", c.types[1:])
	become(c.n, caseWhen(c.args[0], c.args[1], otherwise))
	return typ, err
}

func cardinality(_ *translator, c *call) (string, error) {
	name := "len"
	if isMap(c.types[0]) {
		name = "cardinality"
	}
	become(c.n, castTo(function(name, c.args[0]), "BIGINT"))
	return typeBigint, nil
}

func contains(t *translator, c *call) (string, error) {
	if c.types[0] == typeVarchar {
		return ipWithin(t, c)
	}
	_, err := withElement("contains")(t, c)
	return typeBool, err
}

// elementAt is NULL where there is no such element.
func elementAt(t *translator, c *call) (string, error) {
	if isMap(c.types[0]) {
		if err := t.keyed(c.args[0], c.types); err != nil {
			return "", err
		}
		become(c.n, node{"class": "OPERATOR", "type": "ARRAY_EXTRACT", "alias": "", "query_location": nowhere, "children": toList(c.args)})
		return valueOf(c.types[0]), nil
	}
	if !isInteger(c.types[1]) {
		return "", t.invalid(c.n, "an array's elements are numbered, this is %s", describe(c.types[1]))
	}
	become(c.n, function(internal+"element_at", c.args...))
	return elementOf(c.types[0]), nil
}

func mapOf(_ *translator, c *call) (string, error) {
	return "map(" + elementOf(c.types[0]) + ", " + elementOf(c.types[1]) + ")", nil
}

// lambdaCall is transform(a, x -> …) and filter(a, x -> …).
func lambdaCall(t *translator, c *call) (string, error) {
	if err := t.plainCall(c.n); err != nil {
		return "", err
	}
	if len(c.args) != 2 || text(c.args[1], "class") != "LAMBDA" {
		return "", t.invalid(c.n, "%s takes an array and a function x -> …", c.name)
	}
	array, err := t.expr(c.args[0], c.scope)
	if err != nil {
		return "", err
	}
	if !isArray(array) {
		return "", t.invalid(c.args[0], "%s needs an array, this is %s", c.name, describe(array))
	}
	lambda := c.args[1]
	if err := t.fields(lambda, "class", "type", "alias", "query_location", "lhs", "expr"); err != nil {
		return "", err
	}
	lhs := child(lambda, "lhs")
	names := strings1(lhs, "column_names")
	if text(lhs, "class") != "COLUMN_REF" || len(names) != 1 {
		return "", t.refuse(lambda, "lambda with several parameters", "")
	}
	inner := c.scope.function(column{name: names[0], typ: elementOf(array)})
	typ, err := t.expr(child(lambda, "expr"), inner)
	if err != nil {
		return "", err
	}
	list, err := t.anchored(c.args[0], child(lambda, "expr"), c.scope)
	if err != nil {
		return "", err
	}
	c.n["schema"], c.n["children"] = "", []any{list, lambda}
	if c.name == "filter" {
		c.n["function_name"] = "list_filter"
		if typ != typeBool {
			return "", t.invalid(lambda, "the function of filter must give a boolean, this gives %s", describe(typ))
		}
		return array, nil
	}
	c.n["function_name"] = "list_transform"
	return "array(" + typ + ")", nil
}

// checkUnit returns a time unit that is written as a literal and is in allowed.
func (t *translator) checkUnit(c *call, allowed ...string) (string, error) {
	unit, ok := literal(c.args[0])
	unit = strings.ToLower(unit)
	for _, a := range allowed {
		if ok && unit == a {
			return unit, nil
		}
	}
	return "", t.fail(c.args[0], athena.ErrInvalid, "unit of "+c.name, "write one of '"+strings.Join(allowed, "', '")+"'")
}

// likeEscape checks the pattern: what is escaped must need it.
func likeEscape(_ *translator, c *call) (string, error) {
	c.n["children"] = []any{c.args[0], function(internal+"like_pattern", c.args[1], c.args[2]), c.args[2]}
	return typeBool, nil
}
