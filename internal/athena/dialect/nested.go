package dialect

import (
	"strings"
)

// Casts to and from values that have parts: arrays, maps and json.

// nestedType reads the target of a cast that is no scalar; ok is false for one that is.
func (t *translator) nestedType(n, ct node) (typ string, ok bool, err error) {
	info := child(ct, "type_info")
	switch text(ct, "id") {
	case "LIST":
		element, err := t.typeOf(n, child(info, "child_type"))
		return "array(" + element + ")", true, err
	case "MAP":
		var parts []string
		for _, f := range list(child(child(info, "child_type"), "type_info"), "child_types") {
			field, _ := f.(map[string]any)
			part, err := t.typeOf(n, child(field, "second"))
			if err != nil {
				return "", true, err
			}
			parts = append(parts, part)
		}
		return "map(" + strings.Join(parts, ", ") + ")", true, nil
	case "STRUCT":
		typ, err := t.rowOf(n, ct)
		return typ, true, err
	case "UNBOUND":
		switch strings.ToLower(text(info, "name")) {
		case typeJSON:
			return typeJSON, true, nil
		case typeIP:
			return typeIP, true, nil
		}
	}
	return "", false, nil
}

// typeOf reads a type within a cast of n.
func (t *translator) typeOf(n, ct node) (string, error) {
	if typ, ok, err := t.nestedType(n, ct); ok || err != nil {
		return typ, err
	}
	scalar := node{"cast_type": ct, "child": n["child"], "query_location": n["query_location"], "try_cast": n["try_cast"]}
	typ, err := t.castType(scalar)
	if changed := child(scalar, "cast_type"); err == nil && text(changed, "id") != text(ct, "id") {
		clear(ct)
		for k, v := range changed {
			ct[k] = v
		}
	}
	return typ, err
}

// convertNested translates the cast n of c, one of whose types has parts; done is
// false when it is none of those.
func (t *translator) convertNested(n, c node, from, to string) (done bool, err error) {
	ct := child(n, "cast_type")
	switch {
	case to == typeJSON:
		return true, t.toJSON(n, c, from)
	case n["try_cast"] == true && (from == typeJSON || isArray(from) || isRow(from)):
		return t.tryNested(n, c, from, to)
	case from == typeJSON:
		value, err := t.fromJSON(n, castTo(c, "VARCHAR"), ct, to)
		if err != nil {
			return true, err
		}
		become(n, value)
		return true, nil
	case to == typeIP && from == typeVarchar:
		name := internal + "ip"
		if n["try_cast"] == true {
			name = internal + "try_ip"
		}
		become(n, function(name, c))
		return true, nil
	case from == typeIP && to == typeVarchar:
		become(n, function(internal+"ip_text", c))
		return true, nil
	case isArray(from) && isArray(to):
		return true, t.convertArray(n, c, from, to)
	case isRow(from) && isRow(to):
		return true, t.convertRow(n, c, from, to)
	case isMap(from) && isMap(to):
		if key := keyOf(from); valueOf(from) == typeNull && (key == keyOf(to) || key == typeNull) {
			ownType(n, to)
			return true, nil
		}
		return true, t.refuse(n, "CAST of "+from+" to "+to, "")
	}
	return false, nil
}

// tryNested is TRY_CAST(c AS …), which is NULL where the cast fails, and fails where c
// does. So the cast is tried in a function over c, which is computed outside of it: also
// where c is a column, since DuckDB puts what a subquery computes where its column is used.
func (t *translator) tryNested(n, c node, from, to string) (done bool, err error) {
	value := internal + "t"
	n["try_cast"] = false
	if done, err := t.convertNested(n, columnRef(value), from, to); !done || err != nil {
		return done, err
	}
	try := node{"class": "OPERATOR", "type": "OPERATOR_TRY", "alias": "", "query_location": nowhere, "children": []any{copyOf(n)}}
	become(n, function("list_extract", function("list_transform", arrayOf(c), lambda(value, try)), intConst(1)))
	return true, nil
}

// ownType makes the target of the cast n, which is to, one of DuckDB's: fields of rows are
// called as ours are, since casts of structs go by name.
func ownType(n node, to string) {
	if ct, ok := duckType(to); ok && (to == typeIP || isArray(to) || isMap(to) || isRow(to)) {
		n["cast_type"] = ct
	}
}

// castName is the name of a parameter of a function that makes values of type to. Those of
// functions within it make parts of these values, and have other names. It follows from the
// type alone, so that a cast that stands twice is one to DuckDB, as in GROUP BY.
func castName(letter, to string) string { return internal + letter + itoa(strings.Count(to, "(")) }

// convertArray casts element by element.
func (t *translator) convertArray(n, c node, from, to string) error {
	a, b := elementOf(from), elementOf(to)
	if a == b || a == typeNull {
		ownType(n, to)
		return nil
	}
	name := castName("c", to)
	element := columnRef(name)
	cast := castTo(element, "")
	cast["cast_type"] = child(child(child(n, "cast_type"), "type_info"), "child_type")
	cast["query_location"] = n["query_location"]
	if err := t.convert(cast, element, a, b); err != nil {
		return err
	}
	list := function("list_transform", c, lambda(name, cast))
	become(n, list)
	return nil
}

// fromJSON is a value of type to from the JSON text that c gives.
func (t *translator) fromJSON(n, c, ct node, to string) (node, error) {
	switch {
	case to == typeJSON:
		return c, nil
	case to == typeVarchar, to == typeBigint, to == typeDouble, to == typeBool:
		return function(internal+"json_to_"+to, c), nil
	case isInteger(to):
		return castTo(function(internal+"json_to_bigint", c), strings.ToUpper(to)), nil
	case isArray(to):
		elements := function(internal+"json_elements", c)
		return t.fromEach(n, elements, child(child(ct, "type_info"), "child_type"), elementOf(to))
	case isRow(to):
		return t.rowFromJSON(n, c, ct, to)
	case isMap(to) && keyOf(to) == typeVarchar:
		fields := list(child(child(child(ct, "type_info"), "child_type"), "type_info"), "child_types")
		value, _ := fields[1].(map[string]any)
		values, err := t.fromEach(n, function(internal+"json_values", c), child(value, "second"), valueOf(to))
		if err != nil {
			return nil, err
		}
		return function("map", function(internal+"json_keys", t.again(c)), values), nil
	}
	return nil, t.refuse(n, "CAST of json to "+to, "use json_extract_scalar, or CAST AS varchar first")
}

// fromEach converts each of a list of JSON texts.
func (t *translator) fromEach(n, texts, ct node, to string) (node, error) {
	if to == typeJSON {
		return texts, nil
	}
	name := castName("j", to)
	value, err := t.fromJSON(n, columnRef(name), ct, to)
	if err != nil {
		return nil, err
	}
	return function("list_transform", texts, lambda(name, value)), nil
}

// toJSON is CAST(x AS json): a varchar becomes a JSON string.
func (t *translator) toJSON(n, c node, from string) error {
	scalar := from
	for isArray(scalar) || isMap(scalar) && keyOf(scalar) == typeVarchar {
		if isArray(scalar) {
			scalar = elementOf(scalar)
		} else {
			scalar = valueOf(scalar)
		}
	}
	if scalar != typeVarchar && scalar != typeBool && !isInteger(scalar) {
		return t.refuse(n, "CAST of "+from+" to json", "varchar, boolean and whole numbers can be cast, and arrays and maps of them")
	}
	// Trino sorts the keys of maps, and has its own escapes.
	become(n, caseWhen(isNotNull(t.again(c)), function(internal+"json_parse", castTo(function("to_json", c), "VARCHAR")), nullConst()))
	return nil
}

// settle says in DuckDB's terms that n is of type typ, where a NULL may have lost it.
func (t *translator) settle(n node, typ string) {
	if typ == typeJSON || t.grownTooMuch() { // DuckDB's own type of that name is no varchar
		return
	}
	if ct, ok := duckType(typ); ok {
		t.grow(ct)
		cast := castTo(copyOf(n), "")
		cast["cast_type"] = ct
		become(n, cast)
	}
}

// duckType is a type of a translated value as a cast takes it; ok is false where that is not known.
func duckType(typ string) (ct node, ok bool) {
	listOf := func(element node) node {
		return node{"type": "LIST_TYPE_INFO", "alias": "", "extension_info": nil, "child_type": element}
	}
	if isArray(typ) {
		element, ok := duckType(elementOf(typ))
		return node{"id": "LIST", "type_info": listOf(element)}, ok
	}
	if isMap(typ) {
		key, ok := duckType(keyOf(typ))
		value, known := duckType(valueOf(typ))
		entry := node{"type": "STRUCT_TYPE_INFO", "alias": "", "extension_info": nil,
			"child_types": []any{node{"first": "key", "second": key}, node{"first": "value", "second": value}}}
		return node{"id": "MAP", "type_info": listOf(node{"id": "STRUCT", "type_info": entry})}, ok && known
	}
	if isRow(typ) {
		return duckRow(typ)
	}
	if isDecimal(typ) {
		return child(castDecimal(nil, typ), "cast_type"), true
	}
	if s, ok := stampOf(typ); ok {
		id := map[bool]string{true: "TIMESTAMP", false: "TIMESTAMP WITH TIME ZONE"}[s.zone == ""]
		return node{"id": id, "type_info": nil}, true
	}
	if isClock(typ) {
		return node{"id": "TIME", "type_info": nil}, true
	}
	id := ""
	switch typ {
	case typeBool, "tinyint", "smallint", typeInt, typeBigint, typeDouble, typeVarchar, typeDate:
		id = strings.ToUpper(typ)
	case typeReal:
		id = "FLOAT"
	case typeJSON:
		id = "VARCHAR"
	case typeBytes, typeIP:
		id = "BLOB"
	}
	return node{"id": id, "type_info": nil}, id != ""
}
