package dialect

import "strings"

// mapFunctions are those whose function sees a key and its value.
func mapFunctions() map[string]signature {
	return map[string]signature{
		"map_filter":       {lambda: true, apply: mapLambda},
		"transform_values": {lambda: true, apply: mapLambda},
		"transform_keys":   {lambda: true, apply: mapLambda},
		"map_concat":       sig("first", "map", "map").by(mapConcat),
	}
}

// mapLambda is map_filter(m, (k, v) -> …) and its kin. The entries of the map are
// transformed; in the body, k and v are their fields.
func mapLambda(t *translator, c *call) (string, error) {
	if err := t.plainCall(c.n); err != nil {
		return "", err
	}
	if len(c.args) != 2 || text(c.args[1], "class") != "LAMBDA" {
		return "", t.invalid(c.n, "%s takes a map and a function (k, v) -> …", c.name)
	}
	typ, err := t.expr(c.args[0], c.scope)
	if err != nil {
		return "", err
	}
	if !isMap(typ) {
		return "", t.invalid(c.args[0], "%s needs a map, this is %s", c.name, describe(typ))
	}
	names, body, err := t.parameters(c.args[1], 2)
	if err != nil {
		return "", err
	}
	inner := c.scope.function(column{name: names[0], typ: keyOf(typ)}, column{name: names[1], typ: valueOf(typ)})
	result, err := t.expr(body, inner)
	if err != nil {
		return "", err
	}
	entry := lambdaName(body)
	for i, field := range []string{"key", "value"} {
		if !substitute(body, names[i], function("struct_extract", columnRef(entry), varcharConst(field))) {
			return "", t.refuse(c.args[1], "a parameter "+names[i]+" of a function in a function", "give it another name")
		}
	}
	from, err := t.anchored(c.args[0], body, c.scope)
	if err != nil {
		return "", err
	}
	entries := function("map_entries", from)
	each := func(name string, body node) node { return function(name, t.again(entries), lambda(entry, body)) }
	key, value := each("list_transform", function("struct_extract", columnRef(entry), varcharConst("key"))), each("list_transform", function("struct_extract", columnRef(entry), varcharConst("value")))
	switch c.name {
	case "map_filter":
		if result != typeBool && result != typeNull {
			return "", t.invalid(c.args[1], "the function of map_filter must give a boolean, this gives %s", describe(result))
		}
		become(c.n, function("map_from_entries", each("list_filter", body)))
		return typ, nil
	case "transform_values":
		become(c.n, function("map", key, each("list_transform", body)))
		return "map(" + keyOf(typ) + ", " + result + ")" + orderOf(typ), nil
	}
	become(c.n, function("map", each("list_transform", body), value))
	return "map(" + result + ", " + valueOf(typ) + ")" + orderOf(typ), nil
}

// keyed makes the map m one in which a value of type typ can be looked for. DuckDB would make
// a key of the value that it is not: 1.5 becomes 2 among integers, and '1' becomes 1.
func (t *translator) keyed(m node, types []string) error {
	key, typ := keyOf(types[0]), types[1]
	both, ok := common(key, typ)
	exact := func(typ string) bool { return isInteger(typ) || isDecimal(typ) }
	switch {
	case !ok:
		return t.invalid(m, "a map whose keys are %s has none that is %s", describe(key), describe(typ))
	case key == typeNull || key == "" || typ == "", both == key && !(isDecimal(typ) && isFloat(key)):
		return nil
	}
	wide := "map(" + both + ", " + valueOf(types[0]) + ")"
	if _, ok := duckType(wide); !ok || !exact(key) || !exact(both) {
		return t.refuse(m, "a key of type "+describe(typ)+" in a map whose keys are "+describe(key), "cast the key to "+describe(key))
	}
	t.settle(m, wide)
	return nil
}

// orderOf is anyOrder for a map that has it.
func orderOf(typ string) string {
	if strings.HasSuffix(typ, anyOrder) {
		return anyOrder
	}
	return ""
}

// sorters are the functions for which the order of an array's elements does not matter.
var sorters = map[string]bool{"array_sort": true, "cardinality": true, "contains": true, "array_max": true, "array_min": true, "arrays_overlap": true}

// listsMap reports whether n is map_keys or map_values of something.
func listsMap(n node) bool {
	name := strings.ToLower(text(n, "function_name"))
	return name == "map_keys" || name == "map_values"
}

// mapList is map_keys and map_values.
func mapList(part func(typ string) string) func(*translator, *call) (string, error) {
	return func(t *translator, c *call) (string, error) {
		if strings.HasSuffix(c.types[0], anyOrder) && !c.sorted {
			return "", t.refuse(c.n, c.name+" of a map that an aggregate made", "its order is no one's promise: write array_sort("+c.name+"(…))")
		}
		return "array(" + part(c.types[0]) + ")", nil
	}
}

// parameters are the names before the arrow, and what stands behind it.
func (t *translator) parameters(n node, count int) (names []string, body node, err error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "lhs", "expr"); err != nil {
		return nil, nil, err
	}
	lhs := child(n, "lhs")
	list := []node{lhs}
	if text(lhs, "function_name") == "row" { // (k, v)
		list = children(lhs)
	}
	for _, p := range list {
		name := strings1(p, "column_names")
		if text(p, "class") != "COLUMN_REF" || len(name) != 1 {
			return nil, nil, t.invalid(n, "what stands before -> must be names")
		}
		names = append(names, name[0])
	}
	if len(names) != count {
		return nil, nil, t.invalid(n, "the function needs %d parameters and has %d", count, len(names))
	}
	return names, child(n, "expr"), nil
}

// substitute puts a copy of value wherever the column name is named at or below v; false
// when an inner lambda calls its own parameter so.
func substitute(v any, name string, value node) bool {
	switch v := v.(type) {
	case map[string]any:
		if text(v, "class") == "LAMBDA" && mentions(child(v, "lhs"), name) {
			return false
		}
		if names := strings1(v, "column_names"); text(v, "class") == "COLUMN_REF" && len(names) == 1 && strings.EqualFold(names[0], name) {
			become(v, copyOf(value))
			return true
		}
		for _, x := range v {
			if !substitute(x, name, value) {
				return false
			}
		}
	case []any:
		for _, x := range v {
			if !substitute(x, name, value) {
				return false
			}
		}
	}
	return true
}

func mentions(n node, name string) bool {
	for _, p := range append(children(n), n) {
		if names := strings1(p, "column_names"); len(names) == 1 && strings.EqualFold(names[0], name) {
			return true
		}
	}
	return false
}

func mapConcat(t *translator, c *call) (string, error) {
	typ := sameMap(c.types[0], c.types[1])
	if typ == "" {
		return "", t.refuse(c.n, "map_concat of "+describe(c.types[0])+" and "+describe(c.types[1]), "cast one of them")
	}
	become(c.n, function(internal+"map_concat", c.args...))
	return typ, nil
}
