package dialect

import (
	"encoding/json"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// expr translates n in place and returns its Trino type, "" when not known.
func (t *translator) expr(n node, s *scope) (string, error) {
	t.depth++
	defer func() { t.depth-- }()
	if t.depth > maxDepth {
		return "", t.refuse(n, "expression", "nested too deep")
	}
	typ, err := t.exprOf(n, s)
	switch {
	case err != nil:
		return "", err
	case len(typ) > mostType:
		return "", t.fail(n, athena.ErrTooBig, "", "the type of what stands here has too many parts; use fewer fields, or arrays")
	case t.grownTooMuch():
		return "", t.tooMuch(n)
	}
	return typ, nil
}

func (t *translator) exprOf(n node, s *scope) (string, error) {
	switch text(n, "class") {
	case "CONSTANT":
		return t.constant(n)
	case "COLUMN_REF":
		return t.reference(n, s)
	case "FUNCTION":
		return t.call(n, s)
	case "OPERATOR":
		return t.operator(n, s)
	case "COMPARISON":
		return t.comparison(n, s)
	case "BETWEEN":
		return t.between(n, s)
	case "CONJUNCTION":
		return t.conjunction(n, s)
	case "CASE":
		return t.caseOf(n, s)
	case "CAST":
		return t.cast(n, s)
	case "SUBQUERY":
		return t.subquery(n, s)
	case "WINDOW":
		typ, err := t.window(n, s)
		if err == nil {
			err = t.ownColumns(n, "a window function", s)
		}
		return typ, err
	case "PARAMETER":
		return "", t.refuse(n, "parameter ?", "put the value into the query")
	case "LAMBDA":
		return "", t.refuse(n, "-> (JSON arrow or lambda)", "use json_extract or json_extract_scalar; lambdas belong into transform and filter")
	case "STAR":
		return "", t.refuse(n, "*", "it belongs into the select list or count(*)")
	case "POSITIONAL_REFERENCE":
		return "", t.refuse(n, "#n", "name the column")
	}
	return "", t.refuse(n, construct(text(n, "class")), "")
}

func (t *translator) exprs(l []node, s *scope) ([]string, error) {
	types := make([]string, len(l))
	for i, n := range l {
		typ, err := t.expr(n, s)
		if err != nil {
			return nil, err
		}
		types[i] = typ
	}
	return types, nil
}

func (t *translator) constant(n node) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "value"); err != nil {
		return "", err
	}
	v := child(n, "value")
	if v["is_null"] == true {
		return typeNull, nil
	}
	switch id := text(child(v, "type"), "id"); id {
	case "VARCHAR":
		return typeVarchar, nil
	case "INTEGER":
		return typeInt, nil
	case "BIGINT":
		if t.leastInteger(n) {
			become(n, castTo(copyOf(n), "INTEGER"))
			return typeInt, nil
		}
		return typeBigint, nil
	case "DOUBLE":
		// DuckDB prints 1e0 as 1.0, which it would read back as a decimal.
		num, _ := v["value"].(json.Number)
		if isZero(num) {
			t.zeros[strings.HasPrefix(num.String(), "-")] = true
		}
		become(n, castTo(varcharConst(num.String()), "DOUBLE"))
		return typeDouble, nil
	case "BOOLEAN": // of IS TRUE; true itself is a cast
		return "", t.refuse(n, "IS TRUE, IS FALSE, IS UNKNOWN", "compare with = true, or IS NULL")
	case "DECIMAL":
		return decimalLiteral(n)
	default:
		return "", t.refuse(n, "literal of type "+strings.ToLower(id), "whole numbers end at 9223372036854775807")
	}
}

// isZero reports whether a double is written as zero, of either sign.
func isZero(num json.Number) bool { return strings.Trim(num.String(), "-0.") == "" }

func (t *translator) conjunction(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "children"); err != nil {
		return "", err
	}
	for _, c := range children(n) {
		if err := t.condition(c, s); err != nil {
			return "", err
		}
	}
	return typeBool, nil
}

func (t *translator) comparison(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "left", "right"); err != nil {
		return "", err
	}
	if err := t.foreignOperator(n); err != nil {
		return "", err
	}
	left, right := child(n, "left"), child(n, "right")
	types, err := t.exprs([]node{left, right}, s)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(text(n, "type"), "DISTINCT_FROM") {
		return typeBool, t.distinct(n, left, right, types)
	}
	if _, ok := common(types[0], types[1]); ok && isRow(types[0]) && isRow(types[1]) {
		return typeBool, t.equalRows(n, left, right, types)
	}
	if t.equalArrays(n, types) {
		return typeBool, nil
	}
	if err := t.comparable(n, []node{left, right}, types); err != nil {
		return "", err
	}
	t.compareAsTrino(n, types)
	return typeBool, nil
}

func (t *translator) between(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "input", "lower", "upper"); err != nil {
		return "", err
	}
	parts := []node{child(n, "input"), child(n, "lower"), child(n, "upper")}
	types, err := t.exprs(parts, s)
	if err != nil {
		return "", err
	}
	if err := t.comparable(n, parts, types); err != nil {
		return "", err
	}
	t.oneByOne(n, parts, types)
	return typeBool, nil
}

// comparable refuses what Trino refuses to compare. DuckDB would cast string
// literals to whatever stands on the other side.
func (t *translator) comparable(n node, parts []node, types []string) error {
	typ := types[0]
	for i := 1; i < len(types); i++ {
		both, ok := common(typ, types[i])
		if !ok {
			return t.mismatch(n, parts[0], parts[i], types[0], types[i])
		}
		typ = both
	}
	if typ == typeJSON {
		return t.refuse(n, "comparison of json", "compare json_extract_scalar(…)")
	}
	if strings.Contains(typ, "row(") {
		return t.refuse(n, "this comparison of "+describe(typ), "rows can be compared with = and <>, and with IN a list of rows")
	}
	return t.wholeArrays(n, parts, types)
}

func (t *translator) mismatch(n, a, b node, typeA, typeB string) error {
	timeType := typeA
	if !isTime(typeA) {
		b, timeType = a, typeB
	}
	if s, ok := literal(b); ok && isTime(timeType) {
		return t.fail(b, athena.ErrInvalid, "'"+s+"'", "a string is no "+timeType+": write "+suggestion(timeType, s))
	}
	return t.invalid(n, "cannot compare %s with %s: cast one of them", typeA, typeB)
}

// suggestion is the literal that the writer of a bare string meant.
func suggestion(typ, s string) string {
	if typ == typeDate {
		return "date '" + s + "'"
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		s = "2024-01-01"
	}
	return "timestamp '" + strings.NewReplacer("T", " ", "Z", "").Replace(s) + "'"
}

func (t *translator) operator(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "children"); err != nil {
		return "", err
	}
	args := children(n)
	aggregated := text(n, "type") == "OPERATOR_TRY" && t.aggregates(args[0]) // before they get other names
	rows := len(args) == 1 && comparesRows(args[0], s)
	types, err := t.exprs(args, s)
	if err != nil {
		return "", err
	}
	switch typ := text(n, "type"); typ {
	case "OPERATOR_NOT":
		if types[0] != typeBool && types[0] != typeNull && types[0] != "" {
			return "", t.invalid(n, "NOT needs a boolean, this is %s", types[0])
		}
		return typeBool, nil
	case "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL":
		if rows {
			return "", t.refuse(n, "IS NULL of a comparison of rows", "test the fields: Trino says false where the comparison is NULL")
		}
		return typeBool, t.nullTest(n)
	case "COMPARE_IN", "COMPARE_NOT_IN":
		if isRow(types[0]) {
			if _, err := t.unify(n, "IN", types); err != nil {
				return "", err
			}
			return typeBool, t.rowAmong(n, args, types)
		}
		if err := t.comparable(n, args, types); err != nil {
			return "", err
		}
		t.oneByOne(n, args, types)
		return typeBool, nil
	case "OPERATOR_COALESCE":
		return t.unify(n, "COALESCE", types)
	case "OPERATOR_TRY":
		if holds(args[0], "SUBQUERY") {
			return "", t.refuse(n, "TRY over a subquery", "put TRY into the subquery")
		}
		if aggregated {
			return "", t.refuse(n, "TRY over an aggregate", "aggregate in a subquery, and write TRY around its column")
		}
		return types[0], nil
	case "ARRAY_CONSTRUCTOR":
		typ, err := t.unify(n, "ARRAY", types)
		return "array(" + typ + ")", err
	case "STRUCT_EXTRACT":
		return t.dereference(n, args, types)
	case "ARRAY_EXTRACT":
		return t.subscript(n, args, types)
	case "GROUPING_FUNCTION":
		for _, a := range args {
			if text(a, "class") != "COLUMN_REF" {
				return "", t.invalid(a, "grouping takes names of columns")
			}
		}
		become(n, castTo(copyOf(n), "INTEGER"))
		return typeInt, nil
	default:
		return "", t.refuse(n, construct(strings.TrimPrefix(typ, "OPERATOR_")), "")
	}
}

// aggregates reports whether an aggregate or a window function is at or below v.
func (t *translator) aggregates(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if f, ok := t.fns[strings.ToLower(text(v, "function_name"))]; ok && f.aggregate || text(v, "class") == "WINDOW" {
			return true
		}
		for _, x := range v {
			if t.aggregates(x) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			if t.aggregates(x) {
				return true
			}
		}
	}
	return false
}

// unify is the common type of values that end up in one place.
func (t *translator) unify(n node, what string, types []string) (string, error) {
	typ := typeNull
	for _, other := range types {
		both, ok := common(typ, other)
		if !ok {
			return "", t.invalid(n, "%s mixes %s and %s: cast one of them", what, typ, other)
		}
		typ = both
	}
	return typ, nil
}

// subscript is a[i] or m[k]: an error where there is no such element, as in Trino.
func (t *translator) subscript(n node, args []node, types []string) (string, error) {
	switch {
	case isArray(types[0]) && isInteger(types[1]):
		become(n, function(internal+"subscript", args[0], args[1]))
		return elementOf(types[0]), nil
	case isMap(types[0]):
		if err := t.keyed(args[0], types); err != nil {
			return "", err
		}
		become(n, function(internal+"map_subscript", args[0], args[1]))
		return valueOf(types[0]), nil
	case isRow(types[0]):
		return t.elementOfRow(n, args, types[0])
	}
	return "", t.refuse(n, "subscript of "+describe(types[0]), "only arrays, maps and rows have elements")
}

func (t *translator) caseOf(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "case_checks", "else_expr"); err != nil {
		return "", err
	}
	var types []string
	for _, item := range list(n, "case_checks") {
		c, _ := item.(map[string]any)
		if err := t.condition(child(c, "when_expr"), s); err != nil {
			return "", err
		}
		typ, err := t.expr(child(c, "then_expr"), s)
		if err != nil {
			return "", err
		}
		types = append(types, typ)
	}
	if e := child(n, "else_expr"); e != nil {
		typ, err := t.expr(e, s)
		if err != nil {
			return "", err
		}
		types = append(types, typ)
	}
	return t.unify(n, "CASE", types)
}

func (t *translator) subquery(n node, s *scope) (string, error) {
	t.mixed = true
	err := t.fields(n, "class", "type", "alias", "query_location", "subquery_type", "subquery", "child", "comparison_type")
	if err != nil {
		return "", err
	}
	cols, err := t.statement(child(n, "subquery"), s.operand())
	if err != nil {
		return "", err
	}
	kind := text(n, "subquery_type")
	if kind == "EXISTS" || kind == "NOT_EXISTS" {
		return typeBool, nil
	}
	if len(cols) != 1 {
		return "", t.refuse(n, "a subquery of several columns as one value", "")
	}
	switch kind {
	case "SCALAR":
		return cols[0].typ, nil
	case "ANY":
		left := child(n, "child")
		typ, err := t.expr(left, s)
		if err != nil {
			return "", err
		}
		return typeBool, t.comparable(n, []node{left, n}, []string{typ, cols[0].typ})
	}
	return "", t.refuse(n, "subquery of kind "+kind, "")
}
