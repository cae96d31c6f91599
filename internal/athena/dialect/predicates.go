package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// clause is the part of an expression that AND, a comma, a keyword or a parenthesis ends.
type clause struct {
	before    string // the word before the parenthesis or CASE that opened it
	predicate bool   // a comparison, IS, IN, LIKE or BETWEEN was in it
	between   bool   // the next AND is that of BETWEEN
	named     bool   // what follows AS, which is a name or a type
}

// endsClause are words behind which another expression begins. One that is a name too may
// end a clause too early, and then nothing is refused that was not before.
var endsClause = map[string]bool{
	",": true, ";": true, "or": true, "on": true, "when": true, "then": true, "else": true, "select": true, "distinct": true, "from": true, "where": true, "group": true,
	"having": true, "order": true, "by": true, "limit": true, "offset": true, "fetch": true, "union": true, "intersect": true, "except": true, "values": true,
	"asc": true, "desc": true, "nulls": true, "window": true, "rows": true, "range": true, "groups": true,
}

// chained refuses a predicate whose operand is another one without parentheses: a = b = c,
// x IN (1) IS NULL. Trino's grammar has no such thing, and DuckDB's has an answer.
func (l lexemeList) chained(sql string) error {
	open := []clause{{}} // those around the lexeme; the first stands for the whole text
	for i := 0; i < len(l); i++ {
		tok, in := l[i], &open[len(open)-1]
		switch word := tok.word; {
		case word == "(" || word == "[" || word == "case":
			before := l.at(i - 1).word
			if word == "case" {
				before = word
			}
			open = append(open, clause{before: before})
		case word == ")" || word == "]" || word == "end" && in.before == "case":
			open = open[:max(1, len(open)-1)]
		case word == "and" && in.between:
			in.between = false
		case word == "and" || endsClause[word] || l.arrow(i) > 0:
			*in = clause{before: in.before}
			i += l.arrow(i)
		case word == "as":
			*in = clause{before: in.before, named: true}
		case word == "not" && !negated[l.at(i+1).word]:
			if comparesWith[l.at(i-1).word] {
				return errAt(sql, tok.start, athena.ErrSyntax, "NOT behind a comparison", "put it in parentheses")
			}
			*in = clause{before: in.before}
		case l.predicate(i, in) && in.predicate:
			return errAt(sql, tok.start, athena.ErrSyntax, strings.ToUpper(sql[tok.start:tok.end])+" behind another comparison", "put that one in parentheses")
		case l.predicate(i, in):
			in.predicate, in.between = true, word == "between"
			i = l.operatorEnd(i)
		}
	}
	return nil
}

// negated are the predicates that NOT is a part of.
var negated = map[string]bool{"in": true, "like": true, "between": true}

var comparesWith = map[string]bool{"=": true, "<": true, ">": true}

// predicate reports whether the lexeme i begins one within the clause.
func (l lexemeList) predicate(i int, in *clause) bool {
	switch word := l[i].word; {
	case in.named: // such as array<bigint>
		return false
	case word == "in":
		return in.before != "position"
	case word == "!":
		return l.at(i+1).is("=") && l[i].end == l[i+1].start
	default:
		return comparesWith[word] || word == "is" || word == "like" || word == "between"
	}
}

// operatorEnd is the last lexeme of the operator that i begins: <=, IS NOT DISTINCT FROM.
func (l lexemeList) operatorEnd(i int) int {
	if l[i].is("is") {
		for _, word := range []string{"not", "distinct", "from"} {
			if l.at(i + 1).is(word) {
				i++
			}
		}
		return i
	}
	for comparesWith[l.at(i+1).word] && l[i].end == l[i+1].start {
		i++
	}
	return i
}

// arrow is 1 where -> or => is at i, 0 elsewhere.
func (l lexemeList) arrow(i int) int {
	if (l[i].is("-") || l[i].is("=")) && l.at(i+1).is(">") && l[i].end == l[i+1].start {
		return 1
	}
	return 0
}
