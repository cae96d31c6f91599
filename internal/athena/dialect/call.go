package dialect

import (
	"slices"
	"strings"
)

// call is one function call with its arguments translated.
type call struct {
	n      node
	name   string
	args   []node
	types  []string
	before []string // types, before times were made local ones
	scope  *scope
	window bool
	sorted bool // the order of its elements does not matter to what stands around it
	zoned  bool // an argument was of another zone than UTC, and is its local time now
}

// call translates a function call or an operator that DuckDB writes as one.
func (t *translator) call(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "function_name", "schema", "catalog",
		"children", "filter", "order_bys", "distinct", "is_operator", "export_state"); err != nil {
		return "", err
	}
	name := strings.ToLower(text(n, "function_name"))
	if schema := text(n, "schema"); schema != "" && schema != "main" || text(n, "catalog") != "" {
		return "", t.refuse(n, "function "+schema+"."+name, "")
	}
	if n["export_state"] == true {
		return "", t.refuse(n, "EXPORT_STATE", "")
	}
	if n["is_operator"] == true {
		if err := t.plainCall(n); err != nil {
			return "", err
		}
		return t.operatorCall(n, name, s)
	}
	if err := t.asCall(n, name); err != nil {
		return "", err
	}
	if typ, ok, err := t.intervalCall(n, name); ok || err != nil {
		return typ, err
	}
	f, ok := t.fns[name]
	if !ok {
		return "", t.refuse(n, "function "+name, refusedFunctions[name])
	}
	c := &call{n: n, name: name, args: children(n), scope: s, sorted: t.sorted}
	t.sorted = false
	if f.lambda {
		return t.callWithLambda(f, c)
	}
	if err := t.distinctOrder(c); err != nil {
		return "", err
	}
	types := make([]string, len(c.args))
	for i, a := range c.args {
		t.sorted = sorters[name] && listsMap(a)
		var err error
		if types[i], err = t.expr(a, s); err != nil {
			return "", err
		}
	}
	c.types = types
	if !f.aggregate {
		if err := t.plainCall(n); err != nil {
			return "", err
		}
		typ, err := t.apply(f, c)
		if err == nil && (isArray(typ) || len(types) > 0 && isArray(types[0])) {
			t.settle(n, typ) // a NULL among arrays loses its type in DuckDB
		}
		return typ, err
	}
	return t.aggregate(f, c)
}

// aggregate translates the call of an aggregate, whose arguments are.
func (t *translator) aggregate(f signature, c *call) (string, error) {
	n, name, s := c.n, c.name, c.scope
	t.mixed = true
	s.aggregates = s.aggregates || text(n, "class") == "FUNCTION"
	if cond := child(n, "filter"); cond != nil {
		if err := t.condition(cond, s); err != nil {
			return "", err
		}
	}
	for _, typ := range c.types {
		if n["distinct"] != true && name != "histogram" && name != "approx_distinct" {
			break
		}
		if err := t.unmapped(n, typ, name); err != nil {
			return "", err
		}
	}
	orders := child(n, "order_bys")
	if len(list(orders, "orders")) > 0 && name != "array_agg" && name != "listagg" {
		return "", t.refuse(n, "ORDER BY in "+name, "")
	}
	if err := t.orders(orders, s); err != nil {
		return "", err
	}
	if err := t.unanchored(n, name, s); err != nil {
		return "", err
	}
	if err := t.ownColumns(n, "an aggregate", s); err != nil {
		return "", err
	}
	return t.apply(f, c)
}

// distinctOrder refuses an order of distinct values by anything but them.
func (t *translator) distinctOrder(c *call) error {
	for _, item := range list(child(c.n, "order_bys"), "orders") {
		o, _ := item.(map[string]any)
		e := child(o, "expression")
		if c.n["distinct"] == true && !slices.ContainsFunc(c.args, func(a node) bool { return c.scope.alike(a, e) }) {
			return t.invalid(e, "ORDER BY in %s(DISTINCT …) must be one of its arguments", c.name)
		}
	}
	return nil
}

// plainCall refuses what only aggregates have.
func (t *translator) plainCall(n node) error {
	if n["distinct"] == true || n["filter"] != nil || len(list(child(n, "order_bys"), "orders")) > 0 {
		return t.refuse(n, "DISTINCT, FILTER or ORDER BY in "+strings.ToLower(text(n, "function_name")), "it is no aggregate")
	}
	return nil
}

// mostArguments are all that a call may have in Trino.
const mostArguments = 127

// apply checks the arguments against the signature and lets the function rewrite the call.
func (t *translator) apply(f signature, c *call) (string, error) {
	least := 0
	for _, a := range f.args {
		if !strings.HasSuffix(a, "?") && !strings.HasSuffix(a, "…") {
			least++
		}
	}
	variadic := len(f.args) > 0 && strings.HasSuffix(f.args[len(f.args)-1], "…")
	if len(c.args) > mostArguments && c.name != "row" {
		return "", t.invalid(c.n, "%s has %d arguments, at most %d are read", c.name, len(c.args), mostArguments)
	}
	if len(c.args) < least || len(c.args) > len(f.args) && !variadic {
		return "", t.refuse(c.n, c.name+" of "+itoa(len(c.args))+" arguments", "it takes ("+strings.Join(f.args, ", ")+")")
	}
	c.before = slices.Clone(c.types)
	for i, typ := range c.types {
		want := strings.TrimRight(f.args[min(i, len(f.args)-1)], "?…")
		if elsewhere(typ) && want == "time" {
			return "", t.refuse(c.args[i], "a time in another zone than UTC in "+c.name, zoneAdvice)
		}
		if want == "local" {
			var err error
			if c.args[i], c.types[i], err = t.local(c.args[i], typ); err != nil {
				return "", err
			}
			c.zoned, typ = c.zoned || elsewhere(typ), c.types[i]
			list(c.n, "children")[i] = c.args[i]
		}
		if !fits(typ, want) {
			if want == "local" || want == "instant" || want == "time" {
				want = "a timestamp or date"
			}
			return "", t.refuse(c.args[i], "argument "+itoa(i+1)+" of "+c.name, "it must be "+want+", this is "+describe(typ))
		}
	}
	if equates[c.name] {
		if err := t.unmapped(c.n, c.types[0], c.name); err != nil {
			return "", err
		}
	}
	if err := t.rowless(c); err != nil {
		return "", err
	}
	if f.apply != nil {
		return f.apply(t, c)
	}
	if f.name != "" {
		c.n["function_name"], c.n["schema"] = f.name, ""
	}
	return f.result(c), nil
}

// fits reports whether a value of type typ may stand where class is asked for.
func fits(typ, class string) bool {
	if typ == typeNull {
		return true
	}
	switch class {
	case "any":
		return true
	case "integer":
		return isInteger(typ)
	case "number":
		return isNumber(typ)
	case "time", "local", "instant":
		return isTime(typ)
	case "array":
		return isArray(typ)
	case "map":
		return isMap(typ)
	case "array or varchar":
		return isArray(typ) || typ == typeVarchar
	case "array or map":
		return isArray(typ) || isMap(typ)
	case "json or varchar":
		return typ == typeJSON || typ == typeVarchar
	}
	return typ == class
}

// result is the type the signature promises.
func (f signature) result(c *call) string {
	if f.returns == "first" {
		return c.types[0]
	}
	return f.returns
}

// intervalCall accepts what the parser makes of interval '1' hour, and nothing
// else that calls the same functions.
func (t *translator) intervalCall(n node, name string) (typ string, ok bool, err error) {
	switch name {
	case "to_years", "to_months", "to_days", "to_hours", "to_minutes", "to_seconds":
	case "to_milliseconds", "to_microseconds", "to_weeks", "to_quarters", "to_decades", "to_centuries", "to_millennia":
		return "", false, t.invalid(n, "an interval is of years, months, days, hours, minutes or seconds, not of %s", strings.TrimPrefix(name, "to_"))
	default:
		return "", false, nil
	}
	if _, _, ok := interval(n); !ok {
		return "", false, t.refuse(n, "interval", "write interval '1' hour: a whole number in quotes, then the unit")
	}
	if name == "to_years" || name == "to_months" {
		return typeInterval + " year to month", true, nil
	}
	return typeInterval + " day to second", true, nil
}

func (t *translator) operatorCall(n node, name string, s *scope) (string, error) {
	args := children(n)
	types, err := t.exprs(args, s)
	if err != nil {
		return "", err
	}
	switch name {
	case "~~", "!~~":
		if err := t.foreignOperator(n); err != nil {
			return "", err
		}
		if !fits(types[0], typeVarchar) || !fits(types[1], typeVarchar) {
			return "", t.invalid(n, "LIKE compares varchar, not %s with %s", describe(types[0]), describe(types[1]))
		}
		return typeBool, nil
	case "||":
		both, typ, err := t.joined(n, args[0], args[1], types[0], types[1])
		if err == nil {
			become(n, both)
		}
		return typ, err
	case "+", "-":
		if len(args) == 1 {
			if !isNumber(types[0]) && !isInterval(types[0]) {
				return "", t.invalid(n, "%s needs a number, this is %s", name, describe(types[0]))
			}
			return types[0], nil
		}
		return t.sum(n, name, args, types)
	case "*", "/", "%":
		if isInterval(types[0]) || isInterval(types[1]) {
			return "", t.refuse(n, name+" of an interval", "write the product: interval '3' day")
		}
		if !fits(types[0], "number") || !fits(types[1], "number") {
			return "", t.invalid(n, "%s needs numbers, not %s and %s", name, describe(types[0]), describe(types[1]))
		}
		return t.product(n, name, args, types)
	}
	return "", t.refuse(n, "operator "+operatorName(name), operatorAdvice[name])
}

// joined is left || right: of texts, of arrays, and of an array and an element.
func (t *translator) joined(n, left, right node, a, b string) (node, string, error) {
	for _, typ := range []string{a, b} {
		if typ != typeNull && typ != typeVarchar && !isArray(a) && !isArray(b) {
			return nil, "", t.invalid(n, "|| joins varchar, not %s: cast it", describe(typ))
		}
	}
	if a == typeNull || b == typeNull {
		return nil, "", t.refuse(n, "|| with a bare NULL", "write CAST(NULL AS varchar)")
	}
	if typ, ok := common(a, b); ok {
		return operator("||", left, right), typ, nil
	}
	list, element, lists, elements := left, right, a, b
	typ, ok := appended(a, b)
	if !ok {
		list, element, lists, elements = right, left, b, a
		if typ, ok = appended(b, a); !ok {
			return nil, "", t.invalid(n, "|| cannot join %s and %s", describe(a), describe(b))
		}
	}
	there := isNotNull(t.again(element))
	if elementOf(lists) != typ || elements != typ { // such as array(integer) and bigint
		t.settle(list, "array("+typ+")")
		t.settle(element, typ)
	}
	become(element, arrayOf(copyOf(element))) // DuckDB appends one with array functions only
	return caseWhen(there, operator("||", left, right), nullConst()), "array(" + typ + ")", nil
}

// appended is the type of the elements, where an element is put to an array.
func appended(array, element string) (typ string, ok bool) {
	if !isArray(array) {
		return "", false
	}
	return common(elementOf(array), element)
}

func arrayOf(n node) node {
	return node{"class": "OPERATOR", "type": "ARRAY_CONSTRUCTOR", "alias": "", "query_location": nowhere, "children": []any{n}}
}

// sum is + and -, of numbers or of times and intervals.
func (t *translator) sum(n node, name string, args []node, types []string) (string, error) {
	a, b := types[0], types[1]
	switch {
	case fits(a, "number") && fits(b, "number"):
		typ, _ := common(a, b)
		if isDecimal(typ) && a != typeNull && b != typeNull {
			return t.decimalSum(n, types)
		}
		floatOperands(args, types)
		return typ, nil
	case isInterval(a) && isInterval(b) && a == b:
		return a, nil
	case isTime(a) && isInterval(b), isInterval(a) && isTime(b) && name == "+":
		typ := a
		if isInterval(a) {
			typ, args = b, []node{args[1], args[0]}
		}
		if s, ok := stampOf(typ); ok {
			months := !dayInterval(a) && !dayInterval(b)
			if months && elsewhere(typ) {
				return "", t.refuse(n, "an interval of months at another zone than UTC", zoneAdvice)
			}
			if !months {
				s.digits = max(s.digits, 3)
			}
			return s.String(), nil
		}
		if _, _, written := interval(args[1]); !written {
			return "", t.refuse(n, "a date "+name+" a computed interval", "cast it to timestamp, or write interval '1' day")
		}
		if text(args[1], "function_name") == "to_hours" || text(args[1], "function_name") == "to_minutes" || text(args[1], "function_name") == "to_seconds" {
			return "", t.invalid(n, "a date has no hours: cast it to timestamp")
		}
		become(n, castTo(copyOf(n), "DATE")) // DuckDB makes a timestamp of it
		return typeDate, nil
	case isTime(a) && isTime(b) && name == "-":
		become(n, operator("-", asInstant(args[0], a), asInstant(args[1], b)))
		return typeInterval + " day to second", nil
	case isClock(a) || isClock(b):
		return "", t.refuse(n, name+" of a time of day", "compute with the timestamp, and cast the result to time")
	}
	return "", t.invalid(n, "cannot compute %s %s %s", describe(a), name, describe(b))
}

// product is *, / and %. Division by zero is an error for whole numbers, and
// the quotient of whole numbers is whole.
func (t *translator) product(n node, name string, args []node, types []string) (string, error) {
	typ, _ := common(types[0], types[1])
	floatOperands(args, types)
	switch {
	case isDecimal(typ) && types[0] != typeNull && types[1] != typeNull:
		return t.decimalProduct(n, name, args, types)
	case name == "*":
		return typ, nil
	case isInteger(typ) || typ == typeNull:
		macro := internal + "div"
		if name == "%" {
			macro = internal + "mod"
		}
		become(n, function(macro, args[0], args[1]))
		return typ, nil
	case name == "/" && (typ == typeDouble || typ == typeReal):
		return typ, nil
	}
	become(n, function(internal+"fmod", castTo(args[0], "DOUBLE"), castTo(args[1], "DOUBLE")))
	return typ, nil
}
