package dialect

import (
	"regexp"
	"strings"
)

// A subquery of FROM sees the relations beside it where LATERAL stands before it. To DuckDB
// each does, and the tree does not say what was written. So a name of theirs is refused
// unless each subquery that has relations before it has the word: Trino would not find the
// name, or find another column of that name in the query around. With the word, Trino has
// plans for some such subqueries, which pass.

var hasLateral = regexp.MustCompile(`(?i)\blateral\b`)

// laterals counts, in one query, the subqueries of FROM that have relations before them.
type laterals struct {
	written  int  // as many have LATERAL before them
	possible int  // as many there are
	used     bool // one of them names a column of such a relation
}

// lateralsOf counts the words in a text.
func lateralsOf(sql string) (l laterals) {
	if !hasLateral.MatchString(sql) {
		return l
	}
	lexemes, err := lexemesOf(sql)
	if err != nil {
		return l // which is stricter
	}
	for i := range lexemes {
		if !lexemes[i].is("lateral") || !lexemes.at(i+1).is("(") {
			continue
		}
		before := i - 1
		for lexemes.at(before).is("(") {
			before--
		}
		if !lexemes.at(before).is("from") { // the first relation has none before it
			l.written++
		}
	}
	return l
}

const lateralAdvice = "join with ON, or select from one subquery"

// beside is the scope around a subquery of FROM in that of s.
func (s *scope) beside() *scope {
	around := *s
	around.besides = new(int)
	return &around
}

// lateral notes that names, of a reference n in s, are of a relation beside a subquery.
func (t *translator) lateral(n node, names []string, s *scope) error {
	for ; s != nil; s = s.parent {
		if _, found := s.own(names); !found {
			continue
		}
		if s.besides == nil {
			return nil
		}
		t.laterals.used = true
		if t.laterals.written == 0 {
			return t.refuse(n, "column "+strings.Join(names, ".")+" of a relation beside the subquery", "write LATERAL before the subquery")
		}
		*s.besides++
		return nil
	}
	return nil
}

// sideways counts what lateral has noted in the scopes around s.
func (s *scope) sideways() (n int) {
	for s = s.parent; s != nil; s = s.parent {
		if s.besides != nil {
			n += *s.besides
		}
	}
	return n
}

// sidewaysUses is sideways before and behind the parts of a SELECT.
type sidewaysUses struct {
	from            string // the type of its relation, before it was translated
	begin, tables   int
	selected, where int
	groups          int
}

// decorrelated refuses a SELECT that was translated, and names columns beside the subquery
// that it is, or is in, in a place for which Trino has no plan.
func (t *translator) decorrelated(n node, u sidewaysUses) error {
	where := child(n, "where_clause")
	inFrom, inList, inWhere, inGroups := u.tables > u.begin, u.selected > u.tables, u.where > u.selected, u.groups > u.where
	if !inFrom && !inList && !inWhere && !inGroups {
		return nil
	}
	var what string
	switch {
	case inList && (u.from != "EMPTY" || where != nil || isDistinct(n)):
		what = "a select list with a column of a relation beside it, and FROM, WHERE or DISTINCT,"
	case inFrom && u.from != "SUBQUERY" && (where != nil || u.from == "EXPRESSION_LIST"):
		what = "VALUES, or UNNEST and WHERE, with a column of a relation beside it,"
	case inWhere && holds(where, "SUBQUERY"):
		what = "WHERE with a subquery and a column of a relation beside it"
	case inGroups:
		what = "GROUP BY with a column of a relation beside it"
	case n["having"] != nil:
		what = "HAVING"
	case holds(n["select_list"], "WINDOW"):
		what = "a window function"
	case limits(n):
		what = "LIMIT"
	default:
		return nil
	}
	return t.refuse(n, what+" in a LATERAL subquery", lateralAdvice)
}

func isDistinct(n node) bool {
	for _, item := range list(n, "modifiers") {
		if m, _ := item.(map[string]any); text(m, "type") == "DISTINCT_MODIFIER" {
			return true
		}
	}
	return false
}

func limits(n node) bool {
	for _, item := range list(n, "modifiers") {
		if m, _ := item.(map[string]any); strings.HasPrefix(text(m, "type"), "LIMIT") {
			return true
		}
	}
	return false
}

// onTrue refuses the condition of a join with UNNEST, or with a subquery that names columns
// beside it, unless it is true. USING is one too.
func (t *translator) onTrue(n node, what string) error {
	cond := child(n, "condition")
	switch s, ok := literal(child(cond, "child")); {
	case ok && text(cond, "class") == "CAST" && s == "t":
		return nil
	case cond == nil && len(strings1(n, "using_columns")) == 0: // CROSS JOIN
		return nil
	case cond == nil:
		cond = n
	}
	return t.refuse(cond, "a join with "+what+" but ON TRUE", "put the condition into WHERE")
}
