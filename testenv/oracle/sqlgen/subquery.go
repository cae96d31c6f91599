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
		return pick(g.source, []string{"", "NOT "}) + "EXISTS (SELECT 1 FROM " + rel.text + where + ")"
	}
	e := pick(g.source, pools["O"])
	left := g.within(&scope{columns: outer.columns}, func() string { return g.expr(e, depth-1) })
	right := g.within(rows, func() string { return g.expr(e, 1) })
	return "(" + left + pick(g.source, []string{" IN", " NOT IN", " = ANY", " <> ALL", " > ALL", " <= ANY", " < SOME", " >= ALL"}) + " (SELECT " + right + " FROM " + rel.text + where + "))"
}
