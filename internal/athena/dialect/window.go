package dialect

import (
	"encoding/json"
	"strings"
)

var mayIgnoreNulls = map[string]bool{"lag": true, "lead": true, "first_value": true, "last_value": true, "nth_value": true}

func (t *translator) window(n node, s *scope) (string, error) {
	t.mixed = true
	err := t.fields(n, "class", "type", "alias", "query_location", "function_name", "schema", "catalog", "children",
		"partitions", "orders", "start", "end", "start_expr", "end_expr", "offset_expr", "default_expr",
		"ignore_nulls", "filter_expr", "exclude_clause", "distinct", "arg_orders")
	if err != nil {
		return "", err
	}
	switch {
	case text(n, "exclude_clause") != "NO_OTHER":
		return "", t.refuse(n, "EXCLUDE in a window frame", "")
	case n["distinct"] == true:
		return "", t.refuse(n, "DISTINCT in a window function", "")
	case len(list(n, "arg_orders")) > 0:
		return "", t.refuse(n, "ORDER BY among the arguments of a window function", "")
	case n["ignore_nulls"] == true && !mayIgnoreNulls[strings.ToLower(text(n, "function_name"))]:
		return "", t.invalid(n, "IGNORE NULLS belongs to lag, lead, first_value, last_value and nth_value")
	}
	for _, item := range list(n, "partitions") {
		e, _ := item.(map[string]any)
		typ, err := t.expr(e, s)
		if err == nil {
			err = t.storable(e, typ)
		}
		if err == nil {
			err = t.unmapped(e, typ, "PARTITION BY")
		}
		if err != nil {
			return "", err
		}
	}
	if err := t.orders(node{"type": "", "orders": n["orders"]}, s); err != nil {
		return "", err
	}
	for _, key := range []string{"start_expr", "end_expr", "offset_expr"} {
		if e := child(n, key); e != nil {
			if typ, err := t.expr(e, s); err != nil {
				return "", err
			} else if isNumber(typ) && !isInteger(typ) && key != "offset_expr" {
				return "", t.refuse(e, "a frame's offset of type "+describe(typ), "write a whole number")
			} else if !isInteger(typ) && !(isInterval(typ) && key != "offset_expr") {
				return "", t.invalid(e, "a window offset must be a whole number, this is %s", describe(typ))
			} else if isInteger(typ) && key != "offset_expr" && !isCount(e) { // Trino ends the query where it is negative
				return "", t.refuse(e, "a frame's offset that is no whole number from 0", "write the number")
			}
		}
	}
	for _, key := range []string{"start", "end"} {
		bound := text(n, key)
		if len(list(n, "orders")) == 0 && strings.HasPrefix(bound, "EXPR_") && !strings.HasSuffix(bound, "_ROWS") {
			return "", t.invalid(n, "a frame of RANGE or GROUPS with PRECEDING or FOLLOWING needs ORDER BY in its window")
		}
	}
	if f := child(n, "filter_expr"); f != nil {
		return "", t.refuse(n, "FILTER of a window function", "write CASE WHEN … THEN x END as its argument")
	}
	if offset := child(n, "offset_expr"); offset != nil && !isCount(offset) {
		return "", t.refuse(offset, "an offset that is no whole number from 0", "")
	}
	return t.windowCall(n, s)
}

// isCount reports whether n is a literal whole number from 0.
func isCount(n node) bool {
	number, ok := numberConst(n)
	return ok && !strings.HasPrefix(number.String(), "-")
}

// numberConst is the number of a literal of a whole number, also of one that is cast.
func numberConst(n node) (json.Number, bool) {
	for text(n, "class") == "CAST" {
		n = child(n, "child")
	}
	v := child(n, "value")
	id := text(child(v, "type"), "id")
	number, ok := v["value"].(json.Number)
	return number, ok && text(n, "class") == "CONSTANT" && (id == "INTEGER" || id == "BIGINT")
}

// placeInFrame checks n, which nth_value counts to. Trino ends the query where a row has one
// below 1, and DuckDB answers NULL.
func (t *translator) placeInFrame(n node, typ string) error {
	if typ == typeNull {
		return nil
	}
	if !isCount(n) {
		return t.refuse(n, "nth_value with a place that is no whole number from 1", "write the number")
	}
	if number, _ := numberConst(n); number == "0" {
		return t.invalid(n, "the place of nth_value is a whole number from 1")
	}
	return nil
}

// ownColumns refuses an aggregate or a window function that was translated and names a
// column of another query than its own. DuckDB has no plan for such a window function, and
// takes an aggregate of nothing else for one of the query around it; Trino refuses most.
func (t *translator) ownColumns(n node, what string, s *scope) error {
	for _, names := range columnsIn(n) {
		if s.level(names) > 0 {
			return t.refuse(n, what+" over "+spelled(names)+" of the query around it", "select the column in a subquery of FROM, joined to it")
		}
	}
	return nil
}

// windowFunctions are those that need OVER, and their types; "" is that of the argument.
var windowFunctions = map[string]string{
	"row_number": typeBigint, "rank": typeBigint, "dense_rank": typeBigint, "ntile": typeBigint,
	"percent_rank": typeDouble, "cume_dist": typeDouble,
	"lag": "", "lead": "", "first_value": "", "last_value": "", "nth_value": "",
}

// windowCall translates the function of a window expression.
func (t *translator) windowCall(n node, s *scope) (string, error) {
	name := strings.ToLower(text(n, "function_name"))
	if schema := text(n, "schema"); schema != "" && schema != "main" || text(n, "catalog") != "" {
		return "", t.refuse(n, "function "+schema+"."+name, "")
	}
	args := children(n)
	types, err := t.exprs(args, s)
	if err != nil {
		return "", err
	}
	for _, a := range args {
		if holds(a, "WINDOW") {
			return "", t.invalid(a, "window functions cannot be nested: put the inner one into a subquery")
		}
	}
	if d := child(n, "default_expr"); d != nil {
		typ, err := t.expr(d, s)
		if err != nil {
			return "", err
		}
		both, err := t.unify(n, name, append([]string{typ}, types...))
		if err != nil {
			return "", err
		}
		if len(types) > 0 { // DuckDB makes the default one of the argument's type
			t.widen(args[0], types[0], both)
			t.widen(d, typ, both)
			types[0] = both
		}
	}
	if (name == "lag" || name == "lead") && len(list(n, "orders")) == 0 {
		return "", t.invalid(n, "%s needs ORDER BY in its window", name)
	}
	if name == "nth_value" && len(args) == 2 {
		if err := t.placeInFrame(args[1], types[1]); err != nil {
			return "", err
		}
	}
	switch typ, ok := windowFunctions[name]; {
	case typ != "":
		return typ, nil
	case ok:
		if len(types) == 0 {
			return "", t.invalid(n, "%s needs an argument", name)
		}
		if name != "lag" && name != "lead" && !holds(args[0], "COLUMN_REF") {
			return types[0], t.constantInFrame(n, name, args)
		}
		return types[0], nil
	}
	f, ok := t.fns[name]
	if !ok || !f.aggregate {
		return "", t.refuse(n, "window function "+name, "")
	}
	return t.apply(f, &call{n: n, name: name, args: args, types: types, scope: s, window: true})
}

// widen makes n, of type from, one of the type to that it has in common with others.
func (t *translator) widen(n node, from, to string) {
	switch {
	case from == to:
	case isDecimal(from) && isFloat(to):
		become(n, floatOf(copyOf(n), from, to))
	default:
		t.settle(n, to)
	}
}

// constantInFrame is first_value, last_value or nth_value of what is the same for all
// rows. DuckDB answers it also where the frame has no row to take it from.
func (t *translator) constantInFrame(n node, name string, args []node) error {
	least := intConst(1)
	if name == "nth_value" {
		if len(args) != 2 || !isCount(args[1]) {
			return t.refuse(n, "nth_value with a computed place", "write the place as a whole number from 1")
		}
		least = args[1]
	}
	count := copyOf(n)
	count["function_name"], count["type"], count["ignore_nulls"] = "count_star", "WINDOW_AGGREGATE", false
	count["schema"], count["children"] = "", []any{}
	become(n, caseWhen(compareNode("COMPARE_GREATERTHANOREQUALTO", count, least), args[0], nullConst()))
	return nil
}
