package dialect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// wrapCall puts a cast around an aggregate, which may be a window function.
func wrapCall(c *call, id string) { become(c.n, castTo(copyOf(c.n), id)) }

// countIf is 0 where there are no rows; DuckDB's is NULL.
func countIf(_ *translator, c *call) (string, error) {
	c.n["function_name"] = "count"
	c.n["children"] = []any{caseWhen(c.args[0], intConst(1), nullConst())}
	wrapCall(c, "BIGINT")
	return typeBigint, nil
}

// sumOf gives bigint for whole numbers, or an error when they pass it, as in Trino.
func sumOf(_ *translator, c *call) (string, error) {
	if isInteger(c.types[0]) {
		wrapCall(c, "BIGINT")
		return typeBigint, nil
	}
	if c.types[0] == typeReal { // both compute with doubles; beyond its range Trino answers infinity
		become(c.n, function(internal+"double_to_real", copyOf(c.n)))
		return typeReal, nil
	}
	if _, scale, ok := digitsOf(c.types[0]); ok {
		typ := decimalType(maxPrecision, scale)
		become(c.n, castDecimal(copyOf(c.n), typ))
		return typ, nil
	}
	return c.types[0], nil
}

func avgOf(t *translator, c *call) (string, error) {
	if c.types[0] == typeReal {
		wrapCall(c, "FLOAT")
		return typeReal, nil
	}
	if typ := c.types[0]; isDecimal(typ) {
		_, scale, _ := digitsOf(typ)
		sum, count := copyOf(c.n), t.again(c.n)
		sum["function_name"], count["function_name"] = "sum", "count"
		become(c.n, quotient(sum, count, scale, typ))
		return typ, nil
	}
	return typeDouble, nil
}

// ordered is min and max.
func ordered(t *translator, c *call) (string, error) {
	typ := c.types[0]
	value, err := t.orderable(c, c.args[0], typ)
	if err != nil {
		return "", err
	}
	c.n["children"] = []any{value}
	if isFloat(typ) && c.name == "max" { // a NaN is the greatest to DuckDB, and to Trino if there is nothing else
		isNaN := function("isnan", castTo(t.again(c.args[0]), "DOUBLE"))
		others := t.again(c.n)
		others["children"] = []any{caseWhen(isNaN, nullConst(), c.args[0])}
		become(c.n, coalesce(others, copyOf(c.n)))
	}
	return typ, nil
}

// orderable is an argument of c whose order matters. An array with a NULL in it has none.
func (t *translator) orderable(c *call, value node, typ string) (node, error) {
	inner := typ
	for isArray(inner) {
		inner = elementOf(inner)
	}
	switch {
	case inner == typeJSON || isMap(inner):
		return nil, t.invalid(value, "values of type %s have no order", describe(typ))
	case isArray(typ) && (isFloat(inner) || isArray(elementOf(typ))):
		return nil, t.refuse(value, c.name+" of "+describe(typ), "")
	case isArray(typ):
		return function(internal+"whole_array", value), nil
	}
	return value, nil
}

// orderedBy is min_by and max_by.
func orderedBy(name string) func(*translator, *call) (string, error) {
	return func(t *translator, c *call) (string, error) {
		by, err := t.orderable(c, c.args[1], c.types[1])
		if err != nil {
			return "", err
		}
		if c.args[1] = by; isFloat(c.types[1]) {
			c.args[1] = function(internal+"ordered", castTo(by, "DOUBLE"))
		}
		c.n["function_name"], c.n["schema"], c.n["children"] = name, "", toList(c.args)
		return c.types[0], nil
	}
}

func histogram(t *translator, c *call) (string, error) {
	if c.window {
		return "", t.refuse(c.n, "histogram as a window function", "")
	}
	return "map(" + c.types[0] + ", bigint)" + anyOrder, nil
}

// mapAgg is map_agg(k, v). Of a key with several values Trino keeps the one that it
// met first, which is another one each time.
func mapAgg(t *translator, c *call) (string, error) {
	if c.window {
		return "", t.refuse(c.n, "map_agg as a window function", "")
	}
	if k := c.types[0]; isArray(k) || isMap(k) || isFloat(k) || k == typeJSON {
		return "", t.refuse(c.n, "map_agg with keys of type "+describe(k), "cast them to varchar")
	}
	entries := copyOf(c.n)
	entries["function_name"], entries["schema"], entries["distinct"] = "list", "", true
	entries["children"] = []any{function(internal+"entry", c.args...)}
	filter := isNotNull(t.again(c.args[0]))
	if own := child(entries, "filter"); own != nil {
		filter = conjunction("AND", castTo(own, "BOOLEAN"), filter)
	}
	entries["filter"] = filter
	become(c.n, function(internal+"map_of", entries))
	return "map(" + c.types[0] + ", " + c.types[1] + ")" + anyOrder, nil
}

// geometricMean is the mean of the logarithms, whose DuckDB's own have none of zero.
func geometricMean(_ *translator, c *call) (string, error) {
	value, typ := decimalAsReal(c.args[0], c.types[0])
	mean := copyOf(c.n)
	mean["function_name"], mean["schema"] = "avg", ""
	mean["children"] = []any{function(internal+"ln", castTo(value, "DOUBLE"))}
	become(c.n, function("exp", mean))
	if typ == typeReal {
		wrapCall(c, "FLOAT")
		return typeReal, nil
	}
	return typeDouble, nil
}

// decimalAsReal is the argument of an aggregate that Trino has for doubles and for reals,
// but not for decimals.
func decimalAsReal(n node, typ string) (node, string) {
	if isDecimal(typ) {
		return toFloat(n, typ, typeReal), typeReal
	}
	return n, typ
}

// ofPairs is correlation, covariance and regression. Trino has each of them for two doubles
// and for two reals, and takes the reals unless a double is among the arguments. What is no
// number, such as the correlation with a constant, is NULL; DuckDB's is NaN.
func ofPairs(_ *translator, c *call) (string, error) {
	typ, id := typeReal, "FLOAT"
	if slices.Contains(c.types, typeDouble) {
		typ, id = typeDouble, "DOUBLE"
	}
	pair := copyOf(c.n)
	pair["children"] = []any{castTo(c.args[0], id), castTo(c.args[1], id)}
	if !strings.HasPrefix(c.name, "covar") {
		pair = function(internal+"finite", pair)
	}
	become(c.n, castTo(pair, id))
	return typ, nil
}

// approxDistinct counts exactly, which is within any error bound.
func approxDistinct(t *translator, c *call) (string, error) {
	if c.window {
		return "", t.refuse(c.n, "approx_distinct as a window function", "")
	}
	c.n["function_name"], c.n["distinct"] = "count", true
	return typeBigint, nil
}

func approxPercentile(t *translator, c *call) (string, error) {
	share, ok := numberIn(c.args[1])
	if !ok {
		return "", t.refuse(c.n, "approx_percentile of a computed percentage", "")
	}
	if !(share >= 0 && share <= 1) { // DuckDB would count from the other end
		return "", t.invalid(c.args[1], "the percentage of approx_percentile is between 0 and 1")
	}
	value, typ := decimalAsReal(c.args[0], c.types[0])
	c.n["children"] = []any{value, castTo(c.args[1], "DOUBLE")}
	c.n["function_name"] = "quantile_disc"
	if isInteger(typ) {
		wrapCall(c, "BIGINT")
		return typeBigint, nil
	}
	return typ, nil
}

// numberIn is the number of a translated literal.
func numberIn(n node) (float64, bool) {
	for text(n, "class") == "CAST" { // a decimal or double literal
		n = child(n, "child")
	}
	v := child(n, "value")
	if text(n, "class") != "CONSTANT" || v["is_null"] == true {
		return 0, false
	}
	written := fmt.Sprint(v["value"])
	if scale := child(child(v, "type"), "type_info")["scale"]; scale != nil {
		written += "e-" + fmt.Sprint(scale)
	}
	number, err := strconv.ParseFloat(written, 64)
	return number, err == nil
}

// listagg joins texts; NULLs are left out. Its order was written WITHIN GROUP.
func listagg(t *translator, c *call) (string, error) {
	if c.window {
		return "", t.refuse(c.n, "listagg as a window function", "")
	}
	if len(list(child(c.n, "order_bys"), "orders")) == 0 {
		return "", t.invalid(c.n, "listagg needs WITHIN GROUP (ORDER BY …)")
	}
	if len(c.args) == 1 {
		c.args = append(c.args, varcharConst(""))
	}
	if _, ok := literal(c.args[1]); !ok {
		return "", t.invalid(c.args[1], "the separator of listagg must be a literal")
	}
	c.n["function_name"], c.n["children"] = "string_agg", toList(c.args)
	wrapText(c)
	return typeVarchar, nil
}

func bitAggregate(_ *translator, c *call) (string, error) {
	c.n["function_name"] = map[string]string{"bitwise_and_agg": "bit_and", "bitwise_or_agg": "bit_or", "bitwise_xor_agg": "bit_xor"}[c.name]
	c.n["children"] = []any{castTo(c.args[0], "BIGINT")}
	return typeBigint, nil
}
