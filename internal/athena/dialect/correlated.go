package dialect

import "strings"

// Trino has plans for some subqueries that name columns of a query around. What it has none
// for, DuckDB answers; some of that is refused here.

const correlatedAdvice = "join the subquery as a relation, or select in a subquery of FROM what it needs"

// operand is the scope around a subquery in an expression of s.
func (s *scope) operand() *scope { return &scope{parent: s, isOperand: true} }

// planless refuses names, of a reference n in s, that are of a query around the one that has
// the subquery of n as an operand, unless that stands in its select list or it has no
// relations; and so the field of a row of the query around.
func (t *translator) planless(n node, names []string, s *scope) error {
	field, operands, around, lost := s.isField(names), 0, "the query around", false
	for ; s != nil && !s.has(names); s = s.parent {
		switch {
		case s.isOperand:
			operands++
		case operands == 1:
			lost, around = lost || len(s.rels) > 0 && !s.selecting, "a query around that"
		case operands == 0 && field:
			lost = lost || len(s.rels) > 0 && !s.selecting
		}
	}
	if lost && (operands > 1 || operands == 1 && field) {
		return t.refuse(n, "column "+strings.Join(names, ".")+" of "+around+" in a subquery", correlatedAdvice)
	}
	return nil
}

// limited refuses LIMIT of n, which is an operand and was translated, behind an order by
// columns of a query around. s is the scope of its ORDER BY.
func (t *translator) limited(n node, s *scope) error {
	if !limits(n) {
		return nil
	}
	for _, item := range list(n, "modifiers") {
		m, _ := item.(map[string]any)
		for _, names := range columnsIn(m["orders"]) {
			if s.level(names) > 0 {
				return t.refuse(n, "LIMIT behind an order by "+spelled(names)+" of the query around", correlatedAdvice)
			}
		}
	}
	return nil
}
