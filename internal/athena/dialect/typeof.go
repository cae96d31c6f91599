package dialect

import "strings"

// typeOf is typeof(x): a text that depends on the type of x alone. x is evaluated all
// the same, as in Trino: what ends the query there does here.
func typeOf(t *translator, c *call) (string, error) {
	if err := t.plainCall(c.n); err != nil {
		return "", err
	}
	if len(c.args) != 1 {
		return "", t.invalid(c.n, "typeof takes one value")
	}
	endless := endlessText(c.args[0], c.scope)
	typ, err := t.expr(c.args[0], c.scope)
	if err != nil {
		return "", err
	}
	name, ok := typeName(typ)
	if !ok {
		return "", t.refuse(c.n, "typeof of "+describe(typ), "")
	}
	if strings.Contains(name, typeVarchar) && !endless {
		return "", t.refuse(c.n, "typeof of a text that is no column", "its type has a length in Trino, varchar(3) for 'abc': write typeof(CAST(x AS varchar)), which is varchar")
	}
	become(c.n, caseWhen(isNotNull(c.args[0]), varcharConst(name), varcharConst(name)))
	return typeVarchar, nil
}

// endlessText reports whether texts in n are of type varchar, without a length: n is
// not translated yet.
func endlessText(n node, s *scope) bool {
	switch text(n, "class") {
	case "CAST":
		return location(n) >= 0 // as it was written; a literal such as DATE '…' has no place
	case "COLUMN_REF":
		c, ok := s.column(strings1(n, "column_names"))
		return ok && c.stored
	}
	return false
}

// typeName is what Trino calls a type.
func typeName(typ string) (string, bool) {
	s, isStamp := stampOf(typ)
	switch {
	case isStamp && s.zone == "":
		return "timestamp(" + itoa(s.digits) + ")", true
	case isStamp:
		return "timestamp(" + itoa(s.digits) + ") with time zone", true
	case isArray(typ):
		element, ok := typeName(elementOf(typ))
		return "array(" + element + ")", ok
	case isMap(typ):
		key, ok1 := typeName(keyOf(typ))
		value, ok2 := typeName(valueOf(typ))
		return "map(" + key + ", " + value + ")", ok1 && ok2
	case isRow(typ), typ == typeInterval:
		return "", false
	}
	return typ, typ != ""
}
