package sqlgen

import (
	"fmt"
	"strconv"
	"strings"
)

// item is one column of a select list.
type item struct {
	name string
	typ  Type
}

// valuesQuery is SELECT expression FROM one row of literals.
func (g *gen) valuesQuery() string {
	t := pick(g.source, append(pools["T"], pools["O"]...))
	rel := &relation{}
	text := g.literalRows(rel, 1)
	expr := g.within(&scope{columns: rel.columns}, func() string { return g.expr(t, 3) })
	return "SELECT " + expr + " AS x FROM " + text
}

// topQuery is a whole query, ordered in a way that only one answer has.
func (g *gen) topQuery() string {
	var ctes []string
	for range g.n(3) - 1 {
		name := g.name("w")
		text, items := g.body(1)
		ctes = append(ctes, name+" AS ("+text+")")
		g.ctes = append(g.ctes, named{name, items})
	}
	text, items := g.body(2)
	if len(ctes) > 0 {
		text = "WITH " + strings.Join(ctes, ", ") + " " + text
	}
	return text + g.limit(items, true)
}

// named is a relation that FROM may name.
type named struct {
	name  string
	items []item
}

// limit writes ORDER BY all columns, and perhaps LIMIT: rows that tie are the same rows.
func (g *gen) limit(items []item, top bool) string {
	defer g.begin("limit")()
	if !g.chance(60) {
		return ""
	}
	keys := make([]string, len(items))
	for i, it := range items {
		if it.typ.name == "json" || it.typ.name == "map" {
			return ""
		}
		keys[i] = it.name
		if g.chance(30) {
			keys[i] = fmt.Sprint(i + 1)
		}
		keys[i] += g.direction()
	}
	text := " ORDER BY " + strings.Join(keys, ", ")
	g.ordered = g.ordered || top
	switch g.n(6) {
	case 1:
		text += fmt.Sprintf(" LIMIT %d", g.n(8))
	case 2:
		text += fmt.Sprintf(" OFFSET %d LIMIT %d", g.n(4), g.n(8))
	case 3:
		text += fmt.Sprintf(" OFFSET %d ROWS FETCH FIRST %d ROWS ONLY", g.n(4), 1+g.n(8))
	case 4:
		text += " LIMIT ALL"
	}
	return text
}

// body is a SELECT or a set operation.
func (g *gen) body(depth int) (string, []item) {
	defer g.begin("body")()
	kind := g.n(10)
	if depth <= 0 || kind < 8 {
		return g.selectQuery(depth, nil)
	}
	left, items := g.selectQuery(depth-1, nil)
	right, _ := g.selectQuery(depth-1, items)
	op := pick(g.source, []string{"UNION ALL", "UNION", "INTERSECT", "EXCEPT", "UNION DISTINCT", "EXCEPT DISTINCT", "INTERSECT ALL", "EXCEPT ALL"})
	for _, it := range items {
		if it.typ.name == "json" || it.typ.name == "map" {
			op = "UNION ALL"
		}
	}
	return left + " " + op + " " + right, items
}

// selectQuery writes a SELECT; its columns have the types of like, when there are any.
func (g *gen) selectQuery(depth int, like []item) (string, []item) {
	defer g.begin("select")()
	rel := g.from(depth)
	if g.chance(4) {
		rel = g.using()
	}
	rows := &scope{columns: rel.columns, unique: rel.unique}
	var where string
	if g.chance(60) {
		filter := &scope{columns: rel.columns, subqueries: true}
		where = g.within(filter, func() string { return g.expr(Type{name: "boolean"}, 2) })
	}
	where = strings.Join(append(rel.conds, nonEmpty(where)...), " AND ")
	if where != "" {
		where = " WHERE " + where
	}
	if g.chance(35) {
		return g.grouped(rel, rows, where, like)
	}
	rows.windows, rows.subqueries = true, true
	list, items := g.selectList(rows, like)
	distinct := ""
	if g.chance(10) && comparable(items) {
		distinct = "DISTINCT "
	}
	return "SELECT " + distinct + list + " FROM " + rel.text + where, items
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func comparable(items []item) bool {
	for _, it := range items {
		if it.typ.name == "json" {
			return false
		}
	}
	return true
}

// selectList writes expressions over s, of the types of like or of any.
func (g *gen) selectList(s *scope, like []item) (string, []item) {
	types := make([]Type, 0, 4)
	for _, it := range like {
		types = append(types, it.typ)
	}
	if len(like) == 0 {
		for range 1 + g.n(4) {
			types = append(types, pick(g.source, append(pools["O"], pools["T"]...)))
		}
	}
	var parts []string
	var items []item
	for _, t := range types {
		it := item{name: g.name("c"), typ: t}
		items = append(items, it)
		parts = append(parts, g.within(s, func() string { return g.expr(t, 2) })+" AS "+it.name)
	}
	return strings.Join(parts, ", "), items
}

// grouped writes a query with GROUP BY, or aggregates over everything.
func (g *gen) grouped(rel *relation, rows *scope, where string, like []item) (string, []item) {
	defer g.begin("grouped")()
	var keys []column
	for range g.n(3) {
		t := pick(g.source, pools["O"])
		if columns := columnsOnly(rows, t); len(columns) > 0 { // a literal would be the number of a column
			keys = append(keys, g.key(column{text: pick(g.source, columns).text, typ: t}))
		}
	}
	groups := &scope{columns: keys, groups: rows}
	list, items := g.selectList(groups, like)
	by := g.groupBy(keys)
	switch {
	case len(keys) > 0 && len(like) == 0 && g.chance(10): // the keys first, by their places
		places := make([]string, len(keys))
		texts := make([]string, len(keys))
		var first []item
		for i, k := range keys {
			name := g.name("c")
			first = append(first, item{name: name, typ: k.typ})
			places[i], texts[i] = strconv.Itoa(i+1), k.text+" AS "+name
		}
		list, items = strings.Join(texts, ", ")+", "+list, append(first, items...)
		by = " GROUP BY " + strings.Join(places, ", ")
	case len(keys) > 0 && len(like) == 0 && !strings.Contains(keys[0].text, "(") && g.chance(15):
		it := item{name: g.name("c"), typ: Type{name: "integer"}}
		list, items = "grouping("+keys[0].text+") AS "+it.name+", "+list, append([]item{it}, items...)
	}
	text := "SELECT " + list + " FROM " + rel.text + where + by
	if g.chance(25) {
		text += " HAVING " + g.within(groups, func() string { return g.expr(Type{name: "boolean"}, 2) })
	} else if len(keys) == 0 {
		text += " HAVING count(*) >= 0" // the query has an aggregate, whatever is in the list
	}
	return text, items
}

// keyOf are expressions that rows are grouped by, by the type of their column.
var keyOf = map[string][]struct{ before, after, typ string }{
	"varchar":     {{"lower(", ")", "varchar"}, {"substr(", ", 1, 2)", "varchar"}, {"length(", ")", "bigint"}, {"coalesce(", ", '-')", "varchar"}},
	"timestamp":   {{"date_trunc('day', ", ")", "timestamp"}, {"date_trunc('hour', ", ")", "timestamp"}, {"hour(", ")", "bigint"}, {"CAST(", " AS date)", "date"}, {"date(", " AT TIME ZONE 'Europe/Berlin')", "date"}, {"date_format(", ", '%Y-%m')", "varchar"}},
	"timestamptz": {{"date_trunc('month', ", ")", "timestamptz"}, {"year(", ")", "bigint"}},
	"date":        {{"date_trunc('month', ", ")", "date"}, {"day_of_week(", ")", "bigint"}},
	"bigint":      {{"(", " % 3)", "bigint"}, {"if(", " > 2, 'many', 'few')", "varchar"}},
}

// key is a column that is grouped by, or an expression over one.
func (g *gen) key(c column) column {
	forms := keyOf[c.typ.name]
	if len(forms) == 0 || !g.chance(30) {
		return c
	}
	f := pick(g.source, forms)
	return column{text: f.before + c.text + f.after, typ: Type{name: f.typ}}
}

func columnsOnly(s *scope, t Type) (found []column) {
	for _, c := range s.columns {
		if c.typ.equal(t) {
			found = append(found, c)
		}
	}
	return found
}

func (g *gen) groupBy(keys []column) string {
	if len(keys) == 0 {
		return ""
	}
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = k.text
	}
	all := strings.Join(texts, ", ")
	switch g.n(8) {
	case 5:
		return " GROUP BY ROLLUP (" + all + ")"
	case 6:
		return " GROUP BY CUBE (" + all + ")"
	case 7:
		return " GROUP BY GROUPING SETS ((" + all + "), (" + texts[0] + "), ())"
	}
	return " GROUP BY " + all
}
