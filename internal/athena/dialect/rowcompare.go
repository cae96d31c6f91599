package dialect

// Comparisons of rows.

// equalRows translates = and <> of rows: they are equal when all fields are, and whether
// they are is not known when it is not for one field, unless others differ.
func (t *translator) equalRows(n node, left, right node, types []string) error {
	op := text(n, "type")
	if op != "COMPARE_EQUAL" && op != "COMPARE_NOTEQUAL" {
		return t.refuse(n, "an order of rows", "compare their fields")
	}
	a, b := fieldsOf(types[0]), fieldsOf(types[1])
	terms := make([]node, len(a))
	for i := range a {
		terms[i] = compareNode("COMPARE_EQUAL", fieldAt(t.again(left), i), fieldAt(t.again(right), i))
		fields, pair := []node{child(terms[i], "left"), child(terms[i], "right")}, []string{a[i].typ, b[i].typ}
		if isRow(a[i].typ) {
			if err := t.equalRows(terms[i], fields[0], fields[1], pair); err != nil {
				return err
			}
			continue
		}
		if t.equalArrays(terms[i], pair) {
			continue
		}
		if err := t.comparable(n, fields, pair); err != nil {
			return err
		}
		t.compareAsTrino(terms[i], pair)
	}
	equal := apart("AND", terms...)
	if op == "COMPARE_NOTEQUAL" {
		equal = not(equal)
	}
	become(n, equal)
	return nil
}

// comparesRows reports whether n, which is not translated yet, is a comparison of rows.
func comparesRows(n node, s *scope) bool {
	if text(n, "class") != "COMPARISON" {
		return false
	}
	for _, side := range []node{child(n, "left"), child(n, "right")} {
		if text(side, "function_name") == "row" || text(child(side, "cast_type"), "id") == "STRUCT" {
			return true
		}
		if names := strings1(side, "column_names"); len(names) > 0 {
			if typ, _ := s.lookup(names); isRow(typ) {
				return true
			}
		}
	}
	return false
}

func not(n node) node {
	return node{"class": "OPERATOR", "type": "OPERATOR_NOT", "alias": "", "query_location": nowhere, "children": []any{n}}
}

// rowAmong is x IN (…) of rows.
func (t *translator) rowAmong(n node, args []node, types []string) error {
	terms := make([]node, len(args)-1)
	for i, a := range args[1:] {
		if !isRow(types[i+1]) {
			return t.refuse(a, "IN of rows and "+describe(types[i+1]), "write rows")
		}
		terms[i] = compareNode("COMPARE_EQUAL", args[0], a)
		if err := t.equalRows(terms[i], args[0], a, []string{types[0], types[i+1]}); err != nil {
			return err
		}
	}
	among := apart("OR", terms...)
	if text(n, "type") == "COMPARE_NOT_IN" {
		among = not(among)
	}
	become(n, among)
	return nil
}
