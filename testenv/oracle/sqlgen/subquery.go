package sqlgen

import "strings"

// subquery writes an expression of type t that is, or has, a subquery.
func (g *gen) subquery(t Type, depth int) string {
	defer g.begin("subquery")()
	outer := g.scope
	rel := g.from(0)
	where := ""
	if len(rel.conds) > 0 {
		where = " WHERE " + strings.Join(rel.conds, " AND ")
	}
	rows := &scope{columns: rel.columns, unique: rel.unique}
	if t.name != "boolean" || g.chance(20) {
		groups := &scope{groups: rows}
		if g.chance(25) { // of the rows that belong to the one outside
			on := g.equality(&relation{columns: outer.columns}, rel)
			if where == "" {
				where = " WHERE " + on
			} else {
				where += " AND " + on
			}
		}
		return "(SELECT " + g.within(groups, func() string { return g.aggregate(t, 1) }) + " FROM " + rel.text + where + ")"
	}
	if g.chance(50) {
		on := g.equality(&relation{columns: outer.columns}, rel)
		if where == "" {
			where = " WHERE " + on
		} else {
			where += " AND " + on
		}
		item := "1"
		if g.chance(40) {
			item, on = g.sameName(outer.columns, rel.columns)
			where += " AND " + on
		}
		return pick(g.source, []string{"", "NOT "}) + "EXISTS (SELECT " + item + " FROM " + rel.text + where + ")"
	}
	e := pick(g.source, pools["O"])
	left := g.within(&scope{columns: outer.columns}, func() string { return g.expr(e, depth-1) })
	right := g.within(rows, func() string { return g.expr(e, 1) })
	return "(" + left + pick(g.source, []string{" IN", " NOT IN", " = ANY", " <> ALL", " > ALL", " <= ANY", " < SOME", " >= ALL"}) + " (SELECT " + right + " FROM " + rel.text + where + "))"
}

// sameName is an item of a subquery that is called as a column outside, and a condition
// that names this one without its relation: an engine may take one for the other.
func (g *gen) sameName(outer, inner []column) (item, cond string) {
	called := func(columns []column, name string) (n int) {
		for _, c := range columns {
			if strings.HasSuffix(c.text, "."+name) {
				n++
			}
		}
		return n
	}
	var pairs [][2]string
	for _, o := range outer {
		_, name, ok := strings.Cut(o.text, ".")
		if !ok || called(outer, name) > 1 || called(inner, name) > 0 {
			continue
		}
		for _, i := range inner {
			if i.typ.equal(o.typ) && i.typ.name != "json" && i.typ.name != "map" {
				pairs = append(pairs, [2]string{i.text + " AS " + name, name + " = " + o.text})
			}
		}
	}
	if len(pairs) == 0 {
		return "1", "true"
	}
	p := pick(g.source, pairs)
	return p[0], p[1]
}
