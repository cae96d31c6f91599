// Package sqlgen writes random queries in Athena's SQL over the table audit_logs:
// typed, so that most of them are valid, and with one answer only, so that two
// engines can be compared.
//
// A query is made from a seed and nothing else. What it is made of is remembered,
// so that [Shrink] can look for a smaller one that shows the same thing.
package sqlgen

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Query is one generated query.
type Query struct {
	SQL string
	// Ordered: the order of the rows is part of the answer.
	Ordered bool
	// Fragile: something in it may end the query with an error, and whether it
	// does depends on which rows an engine looks at, and when.
	Fragile bool
	// Lazy: it has CASE, AND, a NULL or the like, beside which not all parts need be looked at.
	Lazy bool
	// Approximate: doubles in the answer may differ in their last digits.
	Approximate bool

	shape   Shape
	data    *Data
	choices []int
	spans   []span
}

// Shape is what kind of query is made.
type Shape int

const (
	// Values are expressions over one row of literals. Errors are part of their answer.
	Values Shape = iota
	// Rows are queries of every kind over the table and over literals.
	Rows
)

// Data is what the queries ask about.
type Data struct {
	// Columns of audit_logs and their types: varchar, bigint or timestamp.
	Columns []Column
	// Unique is a column without duplicates and NULLs.
	Unique string
	// Counter is a column of whole numbers from 0 that picks a few rows.
	Counter string
}

// Column is one column of the table and literals that occur in it.
type Column struct {
	Name, Type string
	Values     []string
}

// New makes the query of a seed.
func New(data *Data, shape Shape, seed uint64) Query {
	return generate(data, shape, &source{rng: rand.New(rand.NewPCG(seed, 0))})
}

func (q Query) again(choices []int) Query {
	return generate(q.data, q.shape, &source{old: choices})
}

func (q Query) with(e *edit) Query {
	return generate(q.data, q.shape, &source{old: q.choices, edit: e})
}

func generate(data *Data, shape Shape, s *source) Query {
	g := &gen{source: s, data: data, scope: &scope{}}
	switch shape {
	case Values:
		g.careless = true
		g.sql = g.valuesQuery()
	case Rows:
		g.careless = g.chance(10)
		g.sql = g.topQuery()
	}
	return Query{SQL: g.sql, Ordered: g.ordered, Fragile: g.fragile, Lazy: g.lazy, Approximate: g.approx,
		shape: shape, data: data, choices: s.made, spans: s.spans}
}

// gen writes one query.
type gen struct {
	*source
	data  *Data
	scope *scope
	names int // given so far
	ctes  []named

	careless bool // rules that may fail are used
	sql      string
	ordered  bool
	fragile  bool
	lazy     bool
	approx   bool
}

// column is something that an expression may name.
type column struct {
	text   string
	typ    Type
	values []string // literals that it is worth comparing with
}

// scope is what an expression may use.
type scope struct {
	columns []column
	unique  string // one of the columns; "": none is known to be
	groups  *scope // of an aggregate's arguments; nil: no aggregates here
	windows bool
	// subqueries: they may stand here; Trino has none in lambdas, in the
	// arguments of aggregates and in conditions of joins.
	subqueries bool
}

func (g *gen) name(prefix string) string {
	g.names++
	return prefix + strconv.Itoa(g.names)
}

// within runs f with another scope.
func (g *gen) within(s *scope, f func() string) string {
	before := g.scope
	g.scope = s
	defer func() { g.scope = before }()
	return f()
}

// expr writes an expression of type t, at most depth rules deep.
func (g *gen) expr(t Type, depth int) string {
	defer g.begin("expression " + t.String())()
	columns := g.columnsOf(t)
	switch how := g.n(10); {
	case depth <= 0 && len(columns) > 0 && how > 2:
		return pick(g.source, columns).text
	case depth <= 0 || how < 2:
		return g.literal(t)
	case how < 4 && len(columns) > 0:
		return pick(g.source, columns).text
	case how == 4 && g.scope.groups != nil:
		return g.aggregate(t, depth)
	case how == 4 && g.scope.windows:
		inner := *g.scope
		inner.windows = false
		return g.within(&inner, func() string { return g.rule(windows, t, depth) })
	case how == 5 && t.name == "boolean":
		return g.sargable(depth)
	case how == 6 && g.scope.subqueries && g.chance(40):
		return g.subquery(t, depth)
	}
	return g.rule(scalars, t, depth)
}

func (g *gen) columnsOf(t Type) []column {
	var found []column
	for _, c := range g.scope.columns {
		if c.typ.equal(t) {
			found = append(found, c)
		}
	}
	return found
}

// rule applies one of the rules that give t.
func (g *gen) rule(rules []rule, t Type, depth int) string {
	r, bound, ok := g.choose(rules, t)
	if !ok {
		return g.literal(t)
	}
	g.approx = g.approx || r.approx
	g.fragile = g.fragile || r.fails
	g.lazy = g.lazy || r.lazy
	var b strings.Builder
	for i, hole := range r.holes {
		b.WriteString(r.parts[i])
		b.WriteString(g.hole(hole, bound, depth-1))
	}
	b.WriteString(r.parts[len(r.parts)-1])
	return b.String()
}

func (g *gen) choose(rules []rule, t Type) (rule, binding, bool) {
	var fit []rule
	for _, r := range rules {
		if (binding{}).unify(r.result, t) && (g.careless || !r.fails) {
			fit = append(fit, r)
		}
	}
	if len(fit) == 0 {
		return rule{}, nil, false
	}
	r, bound := pick(g.source, fit), binding{}
	bound.unify(r.result, t)
	return r, bound, true
}

// hole fills one hole of a rule.
func (g *gen) hole(hole string, bound binding, depth int) string {
	switch {
	case strings.HasPrefix(hole, "#"):
		values, ok := kinds[hole[1:]]
		if !ok {
			panic("bug: no literals of kind " + hole)
		}
		return pick(g.source, values)
	case strings.HasPrefix(hole, `\`):
		return g.lambda(hole[1:], bound, depth)
	case strings.HasSuffix(hole, "|type"):
		return typeText(bound.fill(g.source, parseType(strings.TrimSuffix(hole, "|type"))))
	case hole == "@":
		if g.scope.unique == "" {
			g.fragile = true // ties: the answer is not the only one
			return "1"
		}
		return g.scope.unique
	case strings.HasPrefix(hole, "%"):
		return g.window(len(hole))
	}
	return g.expr(bound.fill(g.source, parseType(hole)), depth)
}

// lambda writes x -> …, or (x, y) -> … for a hole such as K,V:boolean; aggregates and
// subqueries have no place in it.
func (g *gen) lambda(hole string, bound binding, depth int) string {
	from, to, _ := strings.Cut(hole, ":")
	inner := &scope{}
	var names []string
	for _, typ := range strings.Split(from, ",") {
		x := g.name("x")
		names = append(names, x)
		inner.columns = append(inner.columns, column{text: x, typ: bound.fill(g.source, parseType(typ))})
	}
	inner.columns = append(inner.columns, g.scope.columns...)
	body := g.within(inner, func() string { return g.expr(bound.fill(g.source, parseType(to)), min(depth, 1)) })
	if len(names) == 1 {
		return names[0] + " -> " + body
	}
	return "(" + strings.Join(names, ", ") + ") -> " + body
}

// aggregate writes an aggregate; its arguments see the rows of the group.
func (g *gen) aggregate(t Type, depth int) string {
	return g.within(g.scope.groups, func() string { return g.rule(aggregates, t, min(depth, 2)) })
}

// sargable compares a column with a value that occurs in it: what engines prune by.
func (g *gen) sargable(depth int) string {
	var found []column
	for _, c := range g.scope.columns {
		if len(c.values) > 0 {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return g.rule(scalars, Type{name: "boolean"}, depth)
	}
	c := pick(g.source, found)
	value := func() string { return pick(g.source, c.values) }
	switch g.n(5) {
	case 0:
		return "(" + c.text + " = " + value() + ")"
	case 1:
		return "(" + c.text + " " + pick(g.source, []string{"<", "<=", ">", ">=", "<>"}) + " " + value() + ")"
	case 2:
		return "(" + value() + " " + pick(g.source, []string{"<", "<=", ">", ">="}) + " " + c.text + ")"
	case 3:
		return "(" + c.text + " IN (" + value() + ", " + value() + "))"
	}
	return fmt.Sprintf("(%s BETWEEN %s AND %s)", c.text, value(), value())
}

// window writes what stands in OVER (…): 1 a total order, 2 any, 3 rows over a total order,
// 4 a range around the value of one key.
func (g *gen) window(kind int) string {
	defer g.begin("window")()
	if kind == 4 {
		return g.rangeWindow()
	}
	inner := &scope{columns: g.scope.columns, unique: g.scope.unique}
	return g.within(inner, func() string {
		var b strings.Builder
		if g.chance(40) {
			b.WriteString("PARTITION BY " + g.expr(pick(g.source, pools["O"]), 1) + " ")
		}
		var keys []string
		for range g.n(2) {
			keys = append(keys, g.expr(pick(g.source, pools["O"]), 1)+g.direction())
		}
		if kind != 2 {
			if g.scope.unique == "" {
				g.fragile = true
			} else {
				keys = append(keys, g.scope.unique+g.direction())
			}
		}
		if len(keys) > 0 {
			b.WriteString("ORDER BY " + strings.Join(keys, ", ") + " ")
		}
		if kind == 3 {
			b.WriteString(pick(g.source, []string{
				"", "ROWS UNBOUNDED PRECEDING", "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING", "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
				"ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING", "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
				"RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", "ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING", "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
				"GROUPS BETWEEN 1 PRECEDING AND 2 FOLLOWING", "GROUPS UNBOUNDED PRECEDING", "ROWS 3 PRECEDING", "ROWS BETWEEN CURRENT ROW AND CURRENT ROW", "GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
			}))
		}
		return strings.TrimSpace(b.String())
	})
}

// rangeWindow is a frame whose ends are as far from the key of the row as is written.
func (g *gen) rangeWindow() string {
	keys := []struct {
		typ   string
		steps []string
	}{
		{"integer", []string{"1", "2", "0", "100"}},
		{"timestamp", []string{"interval '1' day", "interval '1' hour", "interval '30' minute", "interval '1' month", "interval '1' year"}},
		{"date", []string{"interval '1' day", "interval '7' day", "interval '1' month", "interval '1' year"}},
		{"bigint", []string{"1", "2", "0", "100"}},
		{"double", []string{"1e0", "0.5e0", "2e0"}},
		{"decimal", []string{"1", "0.5", "2.25"}},
	}
	k := pick(g.source, keys)
	step := func() string { return pick(g.source, k.steps) }
	inner := &scope{columns: g.scope.columns}
	return g.within(inner, func() string {
		var partition string
		if g.chance(30) {
			partition = "PARTITION BY " + g.expr(pick(g.source, pools["O"]), 1) + " "
		}
		order := "ORDER BY " + g.expr(Type{name: k.typ}, 1) + g.direction()
		return partition + order + " RANGE BETWEEN " + pick(g.source, []string{
			step() + " PRECEDING AND CURRENT ROW", step() + " PRECEDING AND " + step() + " FOLLOWING", "UNBOUNDED PRECEDING AND " + step() + " FOLLOWING",
			"CURRENT ROW AND " + step() + " FOLLOWING", step() + " PRECEDING AND UNBOUNDED FOLLOWING", step() + " FOLLOWING AND UNBOUNDED FOLLOWING",
		})
	})
}

func (g *gen) direction() string {
	return pick(g.source, []string{"", " DESC", " NULLS FIRST", " DESC NULLS FIRST", " ASC NULLS LAST", " DESC NULLS LAST"})
}

// Shape is what kind of query it is.
func (q Query) Shape() Shape { return q.shape }
