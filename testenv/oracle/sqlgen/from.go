package sqlgen

import (
	"fmt"
	"strings"
)

// relation is a FROM clause.
type relation struct {
	text    string
	columns []column
	unique  string   // a column without duplicates and NULLs
	conds   []string // that WHERE must hold: they keep the answer small
	rows    int      // about how many there are
}

// mostRows is what a query may look at after its joins.
const mostRows = 20_000

func (g *gen) from(depth int) *relation {
	defer g.begin("from")()
	kind := g.n(13)
	if depth <= 0 {
		kind = min(kind, 5)
	}
	switch {
	case kind < 3:
		rel := &relation{}
		rel.text = g.literalRows(rel, 1+g.n(5))
		return rel
	case kind < 6:
		return g.table()
	case kind == 6 && len(g.ctes) > 0:
		c := pick(g.source, g.ctes)
		return g.derived(c.name, c.items)
	case kind < 9:
		return g.derivedQuery(depth)
	case kind == 9:
		return g.unnest(depth)
	case kind == 12:
		return g.lateral(depth)
	}
	return g.join(depth)
}

// literalRows are VALUES whose first column, k, is unique.
func (g *gen) literalRows(rel *relation, n int) string {
	defer g.begin("rows")()
	alias := g.name("v")
	names := []string{"k"}
	types := []Type{{name: "bigint"}}
	for range 1 + g.n(4) {
		names = append(names, g.name("c"))
		types = append(types, pick(g.source, append(pools["T"], pools["O"]...)))
	}
	rows := make([]string, n)
	for i := range rows {
		values := []string{fmt.Sprintf("bigint '%d'", i+1)}
		for _, t := range types[1:] {
			values = append(values, g.literal(t))
		}
		rows[i] = "(" + strings.Join(values, ", ") + ")"
	}
	for i, name := range names {
		rel.columns = append(rel.columns, column{text: alias + "." + name, typ: types[i]})
	}
	rel.unique, rel.rows = alias+".k", n
	return "(VALUES " + strings.Join(rows, ", ") + ") AS " + alias + "(" + strings.Join(names, ", ") + ")"
}

// table is audit_logs, of which a few rows are taken most of the time.
func (g *gen) table() *relation {
	alias := g.name("a")
	rel := &relation{text: "audit_logs AS " + alias, unique: alias + "." + g.data.Unique, rows: 3000}
	for _, c := range g.data.Columns {
		rel.columns = append(rel.columns, column{text: alias + "." + c.Name, typ: Type{name: c.Type}, values: c.Values})
	}
	if !g.chance(20) {
		rel.rows = 20
		rel.conds = []string{fmt.Sprintf("%s.%s < %d", alias, g.data.Counter, 1+g.n(20))}
	}
	return rel
}

func (g *gen) derived(text string, items []item) *relation {
	alias := g.name("d")
	rel := &relation{text: text + " AS " + alias, rows: 100}
	for _, it := range items {
		rel.columns = append(rel.columns, column{text: alias + "." + it.name, typ: it.typ})
	}
	return rel
}

func (g *gen) derivedQuery(depth int) *relation {
	text, items := g.body(depth - 1)
	return g.derived("("+text+g.limit(items, false)+")", items)
}

// unnest joins a relation with the elements of an array of its rows.
func (g *gen) unnest(depth int) *relation {
	left := g.from(depth - 1)
	if g.chance(20) {
		return g.unnestMap(left)
	}
	t := pick(g.source, pools["S"])
	arrayOf := func(t Type) string {
		return g.within(&scope{columns: left.columns}, func() string { return g.expr(Type{name: "array", args: []Type{t}}, 2) })
	}
	array, alias := arrayOf(t), g.name("u")
	rel := &relation{columns: left.columns, conds: left.conds, rows: left.rows * 3}
	rel.columns = append(rel.columns, column{text: alias + ".e", typ: t})
	if g.chance(50) {
		rel.text = fmt.Sprintf("%s CROSS JOIN UNNEST(%s) WITH ORDINALITY AS %s(e, o)", left.text, array, alias)
		rel.columns = append(rel.columns, column{text: alias + ".o", typ: Type{name: "bigint"}})
		return rel
	}
	switch g.n(4) {
	case 1: // side by side
		t := pick(g.source, pools["S"])
		rel.columns = append(rel.columns, column{text: alias + ".f", typ: t})
		rel.text = fmt.Sprintf("%s CROSS JOIN UNNEST(%s, %s) AS %s(e, f)", left.text, array, arrayOf(t), alias)
	case 2:
		rel.text = fmt.Sprintf("%s LEFT JOIN UNNEST(%s) AS %s(e) ON true", left.text, array, alias)
	default:
		rel.text = fmt.Sprintf("%s CROSS JOIN UNNEST(%s) AS %s(e)", left.text, array, alias)
	}
	return rel
}

// lateral joins a relation with values that are computed of each of its rows.
func (g *gen) lateral(depth int) *relation {
	left := g.from(depth - 1)
	t, alias := pick(g.source, append(pools["O"], pools["T"]...)), g.name("l")
	value := g.within(&scope{columns: left.columns}, func() string { return g.expr(t, 2) })
	rel := &relation{columns: append([]column{{text: alias + ".e", typ: t}}, left.columns...), conds: left.conds, rows: left.rows, unique: left.unique}
	rel.text = left.text + " CROSS JOIN LATERAL (SELECT " + value + " AS e) AS " + alias
	return rel
}

// using joins rows of literals by the name of their column.
func (g *gen) using() *relation {
	left, right := &relation{}, &relation{}
	text := g.literalRows(left, 1+g.n(4)) + " " + pick(g.source, []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}) + " " + g.literalRows(right, 1+g.n(4)) + " USING (k)"
	rel := &relation{text: text, columns: []column{{text: "k", typ: Type{name: "bigint"}}}, unique: "k", rows: 8}
	rel.columns = append(append(rel.columns, left.columns[1:]...), right.columns[1:]...) // the first is k
	return rel
}

// unnestMap joins a relation with the entries of a map of its rows.
func (g *gen) unnestMap(left *relation) *relation {
	typ := parseType("map(varchar, bigint)")
	text := g.within(&scope{columns: left.columns}, func() string { return g.expr(typ, 2) })
	alias := g.name("u")
	rel := &relation{columns: left.columns, conds: left.conds, rows: left.rows * 2}
	rel.columns = append(rel.columns, column{text: alias + ".k", typ: typ.args[0]}, column{text: alias + ".v", typ: typ.args[1]}, column{text: alias + ".o", typ: Type{name: "bigint"}})
	rel.text = left.text + " CROSS JOIN UNNEST(" + text + ") WITH ORDINALITY AS " + alias + "(k, v, o)"
	return rel
}

// join joins two relations on an equality, or crosses small ones.
func (g *gen) join(depth int) *relation {
	left, right := g.from(depth-1), g.from(depth-1)
	rel := &relation{rows: left.rows * right.rows}
	rel.columns = append(append(rel.columns, left.columns...), right.columns...)
	kind := pick(g.source, []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "INNER JOIN", "LEFT OUTER JOIN"})
	if rel.rows > mostRows || kind == "CROSS JOIN" && rel.rows > 400 {
		return left
	}
	if kind == "CROSS JOIN" {
		rel.text = left.text + " CROSS JOIN " + right.text
		rel.conds = append(append(rel.conds, left.conds...), right.conds...)
		return rel
	}
	on := g.equality(left, right)
	conds := append(append([]string{on}, left.conds...), right.conds...)
	if kind != "JOIN" && kind != "INNER JOIN" { // a condition in WHERE would make an inner join of it
		left, right = narrowed(left), narrowed(right)
		conds = conds[:1]
	}
	rel.text = left.text + " " + kind + " " + right.text + " ON " + strings.Join(conds, " AND ")
	return rel
}

// equality is a condition that both relations can join on.
func (g *gen) equality(left, right *relation) string {
	var pairs []string
	for _, l := range left.columns {
		for _, r := range right.columns {
			if l.typ.equal(r.typ) && l.typ.name != "json" && l.typ.name != "map" {
				pairs = append(pairs, l.text+" = "+r.text)
			}
		}
	}
	if len(pairs) == 0 {
		return "true"
	}
	return pick(g.source, pairs)
}

// narrowed puts the conditions of a table into its text.
func narrowed(rel *relation) *relation {
	if len(rel.conds) == 0 {
		return rel
	}
	name, alias, ok := strings.Cut(rel.text, " AS ")
	if !ok || strings.Contains(alias, " ") {
		return rel
	}
	c := *rel
	c.text = "(SELECT * FROM " + name + " AS " + alias + " WHERE " + strings.Join(rel.conds, " AND ") + ") AS " + alias
	c.conds = nil
	return &c
}
