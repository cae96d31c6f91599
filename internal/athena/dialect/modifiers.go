package dialect

import (
	"slices"
	"strings"
)

// What stands behind a query: DISTINCT, ORDER BY, OFFSET and LIMIT.

// distinctOrders refuses ORDER BY what DISTINCT has lost. What is written as an item of the
// select list is, which was items before it was translated, is written as its place. s is the
// scope of ORDER BY.
func (t *translator) distinctOrders(n node, items []any, s *scope) error {
	for _, item := range list(n, "modifiers") {
		m, _ := item.(map[string]any)
		for _, o := range list(m, "orders") {
			order, _ := o.(map[string]any)
			e := child(order, "expression")
			names := strings1(e, "column_names")
			if _, isPlace := position(e); isPlace || len(names) == 1 && s.first.has(names[0]) {
				continue
			}
			at := slices.IndexFunc(items, func(item any) bool { return s.sameItem(item, e) })
			if at < 0 {
				return t.invalid(e, "ORDER BY of SELECT DISTINCT must be in the select list")
			}
			if len(names) > 0 { // it may be none, though the last of its names is one
				if _, err := t.expr(copyOf(e), s); err != nil {
					return err
				}
			}
			if !holds(items[:at+1], "STAR") {
				become(e, intConst(at+1))
			}
		}
	}
	return nil
}

// sameItem reports whether e, of ORDER BY in s, is the item of the select list, or a column
// that it stands for. In an expression, names of items mean these.
func (s *scope) sameItem(item any, e node) bool {
	names := strings1(e, "column_names")
	if i, _ := item.(map[string]any); text(i, "class") == "STAR" {
		relation := text(i, "relation_name")
		return len(names) > 1 && (relation == "" || strings.EqualFold(relation, names[len(names)-2]))
	}
	for _, names := range columnsIn(e) {
		if len(names) == 1 && s.first.has(names[0]) {
			return false
		}
	}
	return s.parent.alike(item, e)
}

func (t *translator) modifiers(n node, s *scope) error {
	for _, item := range list(n, "modifiers") {
		m, _ := item.(map[string]any)
		switch typ := text(m, "type"); typ {
		case "ORDER_MODIFIER":
			if err := t.orders(m, s); err != nil {
				return err
			}
		case "LIMIT_MODIFIER":
			if err := t.limitFirst(m); err != nil {
				return err
			}
			for _, key := range []string{"limit", "offset"} {
				if err := t.limit(child(m, key)); err != nil {
					return err
				}
			}
		case "DISTINCT_MODIFIER":
			if len(list(m, "distinct_on_targets")) > 0 {
				return t.refuse(n, "DISTINCT ON", "use row_number()")
			}
			for _, c := range s.first.cols {
				if err := t.unmapped(n, c.typ, "DISTINCT"); err != nil {
					return err
				}
			}
		default:
			return t.refuse(n, construct(strings.TrimSuffix(typ, "_MODIFIER")), "")
		}
	}
	return nil
}

// limit accepts whole numbers only.
func (t *translator) limit(n node) error {
	if n == nil {
		return nil
	}
	v := child(n, "value")
	id := text(child(v, "type"), "id")
	if text(n, "class") != "CONSTANT" || (id != "INTEGER" && id != "BIGINT" && id != "NULL") {
		return t.refuse(n, "LIMIT or OFFSET that is no whole number", "")
	}
	return nil
}

// orders translates ORDER BY. NULLs come last in both directions in Trino; that
// is DuckDB's default too, and the engine sets it.
func (t *translator) orders(m node, s *scope) error {
	if err := t.fields(m, "type", "orders"); err != nil {
		return err
	}
	for _, item := range list(m, "orders") {
		o, _ := item.(map[string]any)
		if err := t.fields(o, "type", "null_order", "expression"); err != nil {
			return err
		}
		e := child(o, "expression")
		if text(e, "class") == "STAR" {
			return t.refuse(e, "ORDER BY ALL", "name the columns")
		}
		outer := s.ordering // this may be the ORDER BY of a function in an expression of another
		s.ordering = outer || s.first.cols != nil && text(e, "class") != "COLUMN_REF"
		typ, err := t.expr(e, s)
		if s.ordering = outer; err != nil {
			return err
		}
		if text(e, "class") == "CONSTANT" && typ == typeVarchar { // which DuckDB takes for a mistake
			t.settle(e, typ)
		}
		if i, ok := position(e); ok && i <= len(s.first.cols) { // the number of a column
			typ = s.first.cols[i-1].typ
		}
		if err := t.storable(e, typ); err != nil {
			return err
		}
		if isRow(typ) {
			return t.refuse(e, "an order of rows", "order by their fields")
		}
		if isArray(typ) { // Trino compares none with NULLs in it
			return t.refuse(e, "an order of arrays", "order by one of their elements")
		}
		if typ == typeJSON || strings.HasPrefix(typ, "map") {
			return t.invalid(e, "values of type %s have no order", typ)
		}
	}
	return nil
}
