package dialect

import (
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// column is a column of a relation with its Trino type; "" when not known.
type column struct {
	name  string
	typ   string
	plain bool // of a select list: the item is the table's column of that name
	// stored: it is a column of the table itself, whose texts have no length in their type.
	stored bool
}

// relation is one entry of a FROM clause, or other columns that names may mean.
type relation struct {
	alias string
	cols  []column
	named map[string]occurrence // by name in lower case: a query may name many of many columns
	// merged are its columns, in lower case, that a USING has made one with others, and which
	// USING of its query that is: they are no longer the relation's own.
	merged map[string]int
	path   []string // as FROM has it; nil: an alias is in its place
}

// occurrence is where a name is among columns: the first of them, and how many there are.
type occurrence struct{ first, count int }

func newRelation(alias string, cols []column) relation {
	r := relation{alias: alias, cols: cols, named: make(map[string]occurrence, len(cols)), merged: make(map[string]int)}
	for i, c := range cols {
		name := strings.ToLower(c.name)
		p, again := r.named[name]
		if !again {
			p.first = i
		}
		p.count++
		r.named[name] = p
	}
	return r
}

// column is the first one of that name, and how many there are.
func (r *relation) column(name string) (c column, count int) {
	p, ok := r.named[strings.ToLower(name)]
	if !ok {
		return column{}, 0
	}
	return r.cols[p.first], p.count
}

func (r *relation) has(name string) bool {
	_, count := r.column(name)
	return count > 0
}

// merge notes that the column of that name, if there is one, is that of a USING.
func (r *relation) merge(name string, using int) {
	if r.has(name) {
		r.merged[strings.ToLower(name)] = using
	}
}

// scope is what names mean at one place of the query.
type scope struct {
	parent *scope // of the enclosing query: correlation
	rels   []relation
	ctes   map[string][]column // WITH; nil: look at the parent
	first  relation            // ORDER BY: the names of the select list come first; or of a function x -> …: its parameters
	lambda bool                // it is that of a function x -> …
	// ordering: within an expression of ORDER BY, where DuckDB looks at the table first.
	ordering   bool
	using      int    // how many joins with USING there are: the order of SELECT * differs from Trino's
	where      node   // of the SELECT, before it is translated; nil: none
	alone      bool   // there is one relation, and it is no join and no subquery
	aggregates bool   // the select list or HAVING has one, which is no window function
	exact      []node // parts of where about which Within decides
	correlated bool   // the relation that was added last is a subquery with references to those before it
	besides    *int   // it stands around a subquery of FROM: how many references of that are to rels
	items      []any  // the select list; nil: it is no scope of a SELECT
	isOperand  bool   // it stands around a subquery in an expression, and has nothing else
	selecting  bool   // the select list, which has no aggregate, is translated
	left       int    // so many of rels are to the left of the join of which a part is translated
}

func (s *scope) cte(name string) ([]column, bool) {
	for ; s != nil; s = s.parent {
		if cols, ok := s.ctes[strings.ToLower(name)]; ok {
			return cols, true
		}
	}
	return nil, false
}

// lookup resolves a column reference. found is false when no relation has it.
func (s *scope) lookup(names []string) (typ string, found bool) {
	c, found := s.column(names)
	return c.typ, found
}

// column is what lookup finds.
func (s *scope) column(names []string) (c column, found bool) {
	for ; s != nil && !found; s = s.parent {
		c, found = s.own(names)
	}
	return c, found
}

// own is what lookup finds in s itself.
func (s *scope) own(names []string) (column, bool) {
	if len(names) == 1 {
		if c, count := s.first.column(names[0]); count > 0 {
			return c, true
		}
	}
	for _, r := range s.visible() {
		if len(names) > 1 && !strings.EqualFold(r.alias, names[len(names)-2]) {
			continue
		}
		if c, count := r.column(names[len(names)-1]); count > 0 {
			return c, true
		}
	}
	return column{}, false
}

// torn reports whether name, within an expression of ORDER BY, is the select
// list's for Trino and the table's for DuckDB.
func (s *scope) torn(name string) bool {
	for ; s != nil; s = s.parent {
		if !s.ordering {
			continue
		}
		c, count := s.first.column(name)
		if count == 0 || c.plain {
			return false
		}
		_, isColumn := s.parent.lookup([]string{name})
		return isColumn
	}
	return false
}

// within is the scope of a query in that of s.
func (s *scope) within() *scope { return &scope{parent: s, ctes: make(map[string][]column)} }

// function is the scope of a function x -> … in that of s.
func (s *scope) function(parameters ...column) *scope {
	return &scope{parent: s, first: newRelation("", parameters), lambda: true}
}

// level is how many queries around the one of s the column of that name is; -1: there is
// none, or it is a parameter.
func (s *scope) level(names []string) int {
	for level := 0; s != nil; s = s.parent {
		if _, ok := s.own(names); ok && s.lambda {
			return -1
		} else if ok {
			return level
		}
		if s.ctes != nil { // the query ends here
			level++
		}
	}
	return -1
}

// alike reports whether a and b, which are not translated yet, are one expression.
func (s *scope) alike(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		if text(a, "class") == "COLUMN_REF" && text(b, "class") == "COLUMN_REF" {
			return s.sameColumn(strings1(a, "column_names"), strings1(b, "column_names"))
		}
		for k, x := range a {
			if k != "alias" && k != "query_location" && !s.alike(x, b[k]) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, s.alike)
	}
	return a == b
}

// sameColumn reports whether both name one column, of which one may leave out the relation.
func (s *scope) sameColumn(a, b []string) bool {
	if len(a) == 1 || len(b) == 1 {
		return strings.EqualFold(a[len(a)-1], b[len(b)-1]) && s.level(a) == s.level(b)
	}
	return slices.EqualFunc(a, b, strings.EqualFold)
}

func (s *scope) isRelation(name string) bool {
	for ; s != nil; s = s.parent {
		for _, r := range s.visible() {
			if strings.EqualFold(r.alias, name) {
				return true
			}
		}
	}
	return false
}

// ambiguous reports whether several columns of one scope have the name. Those that a USING
// has made one are one.
func (s *scope) ambiguous(names []string) bool {
	for ; s != nil; s = s.parent {
		if _, items := s.first.column(names[0]); items > 1 && len(names) == 1 {
			return true
		}
		count, usings := 0, make(map[int]bool)
		for _, r := range s.visible() {
			if len(names) > 1 && !strings.EqualFold(r.alias, names[len(names)-2]) {
				continue
			}
			_, more := r.column(names[len(names)-1])
			if using := r.merged[strings.ToLower(names[len(names)-1])]; using > 0 && !usings[using] {
				usings[using] = true
			} else if using > 0 {
				more--
			}
			count += more
		}
		if count > 0 || len(names) == 1 && s.first.has(names[0]) {
			return count > 1
		}
	}
	return false
}

// ofUsing reports whether names are relation.column, of a column that a USING has made one
// with that of another relation. Trino knows it by its bare name only.
func (s *scope) ofUsing(names []string) bool {
	if len(names) < 2 {
		return false
	}
	for ; s != nil; s = s.parent {
		if _, found := s.own(names); !found {
			continue
		}
		return slices.ContainsFunc(s.rels, func(r relation) bool {
			return strings.EqualFold(r.alias, names[len(names)-2]) && r.merged[strings.ToLower(names[len(names)-1])] > 0
		})
	}
	return false
}

// ofPath reports whether the relation of a column by that path is one that FROM has by it, or
// by one of which it is the end, and without an alias.
func (s *scope) ofPath(path []string, column string) bool {
	for ; s != nil; s = s.parent {
		if _, found := s.own([]string{path[len(path)-1], column}); !found {
			continue
		}
		return slices.ContainsFunc(s.visible(), func(r relation) bool {
			return r.has(column) && len(r.path) >= len(path) && slices.EqualFunc(r.path[len(r.path)-len(path):], path, strings.EqualFold)
		})
	}
	return false
}

// tableColumns is audit_logs as the dialect sees it.
func tableColumns() []column {
	var cols []column
	for _, c := range athena.Columns() {
		cols = append(cols, column{name: c.Name, typ: c.Type, stored: true})
	}
	return cols
}

// reference checks a column reference and returns its type.
func (t *translator) reference(n node, s *scope) (string, error) {
	if err := t.fields(n, "class", "type", "alias", "query_location", "column_names"); err != nil {
		return "", err
	}
	names := strings1(n, "column_names")
	if err := t.concealed(n, names, s); err != nil {
		return "", err
	}
	if len(names) == 1 {
		if typ, ok, err := t.keyword(n, names[0], s); ok || err != nil {
			return typ, err
		}
	}
	if typ, ok, err := t.rowField(n, names, s); ok || err != nil {
		return typ, err
	}
	if len(names) > 2 { // "AwsDataCatalog"."audit"."audit_logs"."action", audit.audit_logs.action
		path := names[:len(names)-1]
		_, isTable := Resolve(path)
		_, isOther := definition(path)
		if !isTable && !isOther {
			return "", t.refuse(n, strings.Join(names, "."), "the table is "+Table+", and no row is called so")
		}
		if names = names[len(names)-2:]; !s.ofPath(path, names[1]) {
			return "", t.invalid(n, "FROM has no %s, written so and without an alias, with a column %s", strings.Join(path, "."), names[1])
		}
		n["column_names"] = []any{names[0], names[1]}
	}
	if len(names) == 1 && s.torn(names[0]) {
		return "", t.refuse(n, names[0]+" in an expression of ORDER BY", "it names a column and another item of the select list; rename the item")
	}
	if s.ofUsing(names) {
		return "", t.refuse(n, strings.Join(names, ".")+", a column of USING", "write "+names[len(names)-1]+" alone, or join with ON")
	}
	if s.ambiguous(names) {
		return "", t.invalid(n, "column %s is ambiguous: several are called so", strings.Join(names, "."))
	}
	if typ, ok := s.lookup(names); ok {
		if err := t.lateral(n, names, s); err != nil {
			return "", err
		}
		if err := t.planless(n, names, s); err != nil {
			return "", err
		}
		if err := t.outward(n, names, s); err != nil {
			return "", err
		}
		t.named[strings.ToLower(names[len(names)-1])] = true
		return typ, nil
	}
	if len(names) == 1 && s.isRelation(names[0]) {
		return "", t.refuse(n, names[0], "a table is no value; name its columns")
	}
	return "", t.invalid(n, "column %s does not exist here", strings.Join(names, "."))
}

// keyword handles the functions that are written like a column.
func (t *translator) keyword(n node, name string, s *scope) (typ string, ok bool, err error) {
	if _, isColumn := s.lookup([]string{name}); isColumn {
		return "", false, nil
	}
	switch strings.ToLower(name) {
	case "current_timestamp":
		become(n, t.nowConst())
		return typeZone, true, nil
	case "localtimestamp":
		become(n, castTo(varcharConst(t.now.Format(microLayout)), "TIMESTAMP"))
		return typeTime, true, nil
	case "current_date":
		become(n, castTo(varcharConst(t.now.Format("2006-01-02")), "DATE"))
		return typeDate, true, nil
	case "current_time", "localtime", "current_user", "current_role", "current_catalog",
		"current_schema", "session_user", "user", "current_path":
		return "", false, t.refuse(n, strings.ToLower(name), "")
	}
	return "", false, nil
}

const microLayout = "2006-01-02 15:04:05.000000"

// nowConst is the instant of the query: the same everywhere in it, as in Trino.
func (t *translator) nowConst() node {
	return castTo(varcharConst(t.now.Format(microLayout)+"+00"), "TIMESTAMP WITH TIME ZONE")
}
