package dialect

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Rows: (a, b) and ROW(a, b), their comparison, and their fields, which CAST names. In
// DuckDB a row is a struct whose fields are called f1, f2, …, whatever their names are.
//
// The type is written row(name:type, …); a field without a name has none before its colon.

func isRow(t string) bool { return strings.HasPrefix(t, "row(") }

// field is one of a row.
type field struct{ name, typ string }

func rowType(fields []field) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.name + ":" + f.typ
	}
	return "row(" + strings.Join(parts, ", ") + ")"
}

// fieldsOf reads what rowType writes.
func fieldsOf(t string) []field {
	inner := strings.TrimSuffix(strings.TrimPrefix(t, "row("), ")")
	var fields []field
	depth, start := 0, 0
	for i := 0; i <= len(inner); i++ {
		switch {
		case i == len(inner), depth == 0 && inner[i] == ',':
			name, typ, _ := strings.Cut(strings.TrimPrefix(inner[start:i], " "), ":")
			fields = append(fields, field{name, typ})
			start = i + 1
		case inner[i] == '(':
			depth++
		case inner[i] == ')':
			depth--
		}
	}
	return fields
}

var fieldMark = regexp.MustCompile(`([(,] ?)(\w*):`)

// spellRows writes the types of rows as Trino does.
func spellRows(t string) string {
	if !strings.Contains(t, "row(") {
		return t
	}
	return fieldMark.ReplaceAllStringFunc(t, func(s string) string {
		name := strings.TrimSuffix(s, ":")
		if isWordByte(name[len(name)-1]) {
			name += " "
		}
		return name
	})
}

func fieldKey(i int) string { return "f" + itoa(i+1) }

// fieldAt is the field i of the row n.
func fieldAt(n node, i int) node { return function("struct_extract", n, varcharConst(fieldKey(i))) }

// structOf makes a row of values.
func structOf(values []node) node {
	for i, v := range values {
		v["alias"] = fieldKey(i)
	}
	return function("struct_pack", values...)
}

// row is the constructor.
func row(t *translator, c *call) (string, error) {
	fields := make([]field, len(c.args))
	for i, typ := range c.types {
		if err := t.storable(c.args[i], typ); err != nil {
			return "", err
		}
		if typ == "" {
			return "", t.refuse(c.args[i], "a row with "+describe(typ), "cast it")
		}
		fields[i].typ = typ
	}
	become(c.n, structOf(c.args))
	return rowType(fields), nil
}

var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// rowOf reads the target of a cast.
func (t *translator) rowOf(n, ct node) (string, error) {
	var fields []field
	for _, item := range list(child(ct, "type_info"), "child_types") {
		f, _ := item.(map[string]any)
		name := text(f, "first")
		if !fieldName.MatchString(name) {
			return "", t.refuse(n, "a field called "+name, "write its name with letters, digits and _")
		}
		typ, err := t.typeOf(n, child(f, "second"))
		if err != nil {
			return "", err
		}
		fields = append(fields, field{name, typ})
	}
	return rowType(fields), nil
}

// convertRow casts field by field.
func (t *translator) convertRow(n, c node, from, to string) error {
	old, want := fieldsOf(from), fieldsOf(to)
	if len(old) != len(want) {
		return t.invalid(n, "cannot cast a row of %d fields to one of %d", len(old), len(want))
	}
	items := list(child(child(n, "cast_type"), "type_info"), "child_types")
	values := make([]node, len(old))
	for i := range old {
		values[i] = fieldAt(t.again(c), i)
		if old[i].typ == want[i].typ || sameMap(old[i].typ, want[i].typ) != "" {
			continue
		}
		if old[i].typ == typeNull {
			values[i] = castTo(nullConst(), "")
			values[i]["cast_type"], _ = duckType(want[i].typ)
			continue
		}
		item, _ := items[i].(map[string]any)
		cast := castTo(values[i], "")
		cast["cast_type"], cast["query_location"] = child(item, "second"), n["query_location"]
		if err := t.convert(cast, values[i], old[i].typ, want[i].typ); err != nil {
			return err
		}
		values[i] = cast
	}
	become(n, caseWhen(isNotNull(t.again(c)), structOf(values), nullConst()))
	return nil
}

// rowFromJSON is a row from the JSON text that c gives: an object with its fields, or
// an array of their values.
func (t *translator) rowFromJSON(n, c, ct node, to string) (node, error) {
	parameter := castName("r", to)
	items := list(child(ct, "type_info"), "child_types")
	fields := fieldsOf(to)
	names, values := make([]string, len(fields)), make([]node, len(fields))
	for i, f := range fields {
		item, _ := items[i].(map[string]any)
		part := function("list_extract", columnRef(parameter), intConst(i+1))
		value, err := t.fromJSON(n, part, child(item, "second"), f.typ)
		if err != nil {
			return nil, err
		}
		names[i], values[i] = strings.ToLower(f.name), value
	}
	texts := arrayOf(function(internal+"json_row", c, varcharConst(strings.Join(names, ","))))
	there := function("list_filter", texts, lambda(parameter, isNotNull(columnRef(parameter))))
	return function("list_extract", function("list_transform", there, lambda(parameter, structOf(values))), intConst(1)), nil
}

// jsonRow returns the JSON texts of fields, NULL for one that is not there.
func jsonRow(s, names string) (any, error) {
	fields := strings.Split(names, ",")
	texts := make([]any, len(fields))
	dec := jsonReader(s)
	switch dec.PeekKind() {
	case 'n':
		return nil, nil
	case '[':
		elements, ok := parseArray(s)
		if !ok || len(elements) != len(fields) {
			return nil, cannotCast(s, "a row of "+itoa(len(fields))+" fields")
		}
		for i, e := range elements {
			texts[i] = string(e)
		}
		return texts, nil
	}
	keys, values, err := jsonEntries(s)
	if err != nil {
		return nil, err
	}
	all, _ := keys.([]any)
	for i, k := range all {
		name, _ := k.(string)
		at := slices.Index(fields, strings.ToLower(name))
		if at < 0 {
			continue
		}
		if texts[at] != nil {
			return nil, errors.New("Duplicate field: " + strings.ToLower(name))
		}
		texts[at] = values.([]any)[i]
	}
	return texts, nil
}

// rowField resolves row.field, where names[:len-1] is a column that is a row; ok is
// false where it is none.
func (t *translator) rowField(n node, names []string, s *scope) (typ string, ok bool, err error) {
	if typ, ok = s.rowBefore(names); !ok {
		return "", false, nil
	}
	path, name := names[:len(names)-1], names[len(names)-1]
	if err := t.lateral(n, path, s); err != nil {
		return "", false, err
	}
	if err := t.planless(n, names, s); err != nil {
		return "", false, err
	}
	base := columnRef("")
	base["column_names"] = list1(path)
	if err := t.outward(base, path, s); err != nil {
		return "", false, err
	}
	typ, err = t.takeField(n, base, typ, name)
	return typ, true, err
}

// rowBefore is the type of the column that all of names but the last are, if it is a row.
// Where both a relation and a row are called so, the relation comes first, as in Trino.
func (s *scope) rowBefore(names []string) (typ string, ok bool) {
	for last := len(names) - 1; last > 0 && s != nil; s = s.parent {
		if _, isColumn := s.own(names); isColumn {
			return "", false
		}
		if c, found := s.own(names[:last]); found {
			return c.typ, isRow(c.typ)
		}
	}
	return "", false
}

// isField reports whether names are those of a column that is a row, and a field.
func (s *scope) isField(names []string) bool {
	_, ok := s.rowBefore(names)
	return ok
}

// takeField makes n the field called name of the row base.
func (t *translator) takeField(n, base node, typ, name string) (string, error) {
	for i, f := range fieldsOf(typ) {
		if strings.EqualFold(f.name, name) {
			become(n, fieldAt(base, i))
			return f.typ, nil
		}
	}
	return "", t.invalid(n, "%s has no field %s", describe(typ), name)
}

// dereference is (expression).field.
func (t *translator) dereference(n node, args []node, types []string) (string, error) {
	name, ok := literal(args[1])
	if !ok || !isRow(types[0]) {
		return "", t.refuse(n, "a field of "+describe(types[0]), "only rows have fields")
	}
	return t.takeField(n, args[0], types[0], name)
}

// commonRow is the type in which rows of both types are compared or mixed.
func commonRow(a, b string) (string, bool) {
	x, y := fieldsOf(a), fieldsOf(b)
	if len(x) != len(y) {
		return "", false
	}
	for i := range x {
		typ, ok := common(x[i].typ, y[i].typ)
		if !ok {
			return "", false
		}
		if x[i].typ = typ; !strings.EqualFold(x[i].name, y[i].name) {
			x[i].name = ""
		}
	}
	return rowType(x), true
}

// duckRow is a row's type as a cast takes it.
func duckRow(typ string) (ct node, ok bool) {
	var types []any
	for i, f := range fieldsOf(typ) {
		ct, ok := duckType(f.typ)
		if !ok {
			return nil, false
		}
		types = append(types, node{"first": fieldKey(i), "second": ct})
	}
	info := node{"type": "STRUCT_TYPE_INFO", "alias": "", "extension_info": nil, "child_types": types}
	return node{"id": "STRUCT", "type_info": info}, true
}

// keepsRows are the functions that do nothing with their values but hand them on, or
// count them.
var keepsRows = map[string]bool{
	"row": true, "if": true, "_2": true, "count": true, "arbitrary": true, "any_value": true, "max_by": true, "min_by": true, "array_agg": true,
	"element_at": true, "cardinality": true, "slice": true, "reverse": true, "typeof": true,
}

// rowless refuses rows as arguments: a function that compares them, say, would do it as DuckDB does.
func (t *translator) rowless(c *call) error {
	for i, typ := range c.types {
		if strings.Contains(typ, "row(") && (!keepsRows[c.name] || i > 0 && strings.HasSuffix(c.name, "_by")) {
			return t.refuse(c.args[i], "a row as an argument of "+c.name, "use its fields")
		}
	}
	return nil
}

// elementOfRow is r[i], where i is written as a number from 1.
func (t *translator) elementOfRow(n node, args []node, typ string) (string, error) {
	num, ok := child(args[1], "value")["value"].(json.Number)
	if text(args[1], "class") != "CONSTANT" || !ok {
		return "", t.invalid(args[1], "the place of a field is written as a number from 1")
	}
	fields := fieldsOf(typ)
	i, err := num.Int64()
	if err != nil || i < 1 || i > int64(len(fields)) {
		return "", t.invalid(args[1], "%s has no field %s", describe(typ), num)
	}
	become(n, fieldAt(args[0], int(i)-1))
	return fields[i-1].typ, nil
}

// answerable refuses what no column of an answer has.
func (t *translator) answerable(cols []column) error {
	for i, c := range cols {
		if strings.Contains(c.typ, "row(") {
			return t.refuse(nil, "a row as an answer: column "+answerName(c, i), "select its fields")
		}
		if strings.Contains(c.typ, typeClock) {
			return t.refuse(nil, "a time of day as an answer: column "+answerName(c, i), "CAST(… AS varchar)")
		}
	}
	return nil
}
