package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Spellings of DuckDB's own that Trino takes for mistakes. Most leave no trace in the
// tree but their place in the text; some not even that, and are looked for among the lexemes.

// foreign refuses such spellings that the tree does not show.
func (l lexemeList) foreign(sql string) error {
	for i, tok := range l {
		next := l.at(i + 1)
		switch {
		case tok.is("as") && next.is("'"):
			return errAt(sql, next.start, athena.ErrSyntax, "AS "+sql[next.start:next.end], `quote names with "`)
		case tok.is(":"):
			return errAt(sql, tok.start, athena.ErrRefused, "a colon", "write 5 AS x for x: 5, and slice(a, i, n) for a[i:j]")
		case tok.is(".") && l.at(i+2).is("("):
			name := sql[next.start:next.end]
			return errAt(sql, next.start, athena.ErrRefused, "a name or value with a point before the function "+name, "write "+name+"(…)")
		case foreignTypes[tok.word] != "" && next.is("'"):
			return foreignType(sql, tok)
		case tok.is("in") && !next.is("(") && !l.at(l.enclosing(i)-1).is("position"):
			return errAt(sql, tok.start, athena.ErrSyntax, "IN without parentheses", "write x IN (a, b), or contains(array, x)")
		case (tok.is("cast") || tok.is("try_cast")) && next.is("("):
			if err := l.castType(sql, i+1); err != nil {
				return err
			}
		}
	}
	return l.fromFirst(sql)
}

// foreignTypes are DuckDB's names of types that Trino does not know, and Trino's.
var foreignTypes = map[string]string{
	"string": typeVarchar, "text": typeVarchar, "bpchar": typeVarchar, "nvarchar": typeVarchar,
	"bool": typeBool, "logical": typeBool,
	"int1": "tinyint", "int2": "smallint", "int16": "smallint", "short": "smallint", "int4": typeInt, "int32": typeInt, "signed": typeInt, "integral": typeInt,
	"int8": typeBigint, "int64": typeBigint, "long": typeBigint, "oid": typeBigint,
	"float": typeReal, "float4": typeReal, "float8": typeDouble, "numeric": "decimal(p, s)",
	"datetime": typeTime, "timestamp_us": typeTime, "timestamp_ms": typeTime, "timestamp_s": typeTime, "timestamptz": typeZone,
	"struct": "row(name type, …)",
}

func foreignType(sql string, tok lexeme) error {
	return errAt(sql, tok.start, athena.ErrInvalid, "type "+sql[tok.start:tok.end], "write "+foreignTypes[tok.word])
}

// castType looks at the type of the cast whose parenthesis is the lexeme open.
func (l lexemeList) castType(sql string, open int) error {
	depth, inType := 0, false
	for i := open; i < len(l); i++ {
		switch tok := l[i]; {
		case tok.is("["):
			if inType {
				return errAt(sql, tok.start, athena.ErrSyntax, "type with [", "write array(type)")
			}
			depth++
		case tok.is("("):
			depth++
		case tok.is(")"), tok.is("]"):
			if depth--; depth == 0 {
				return nil
			}
		case tok.is("as") && depth == 1:
			inType = true
		case inType && foreignTypes[tok.word] != "" && !isWordByte(l.at(i+1).first()): // the name of a field has its type behind it
			return foreignType(sql, tok)
		}
	}
	return nil
}

// enclosing is the parenthesis around the lexeme i, -1 where there is none.
func (l lexemeList) enclosing(i int) int {
	for depth := 0; i >= 0; i-- {
		switch l[i].word {
		case ")", "]":
			depth++
		case "(", "[":
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// first is the first byte of the lexeme, 0 of none.
func (t lexeme) first() byte {
	if t.word == "" {
		return 0
	}
	return t.word[0]
}

// takeFrom are the functions with a FROM among their arguments.
var takeFrom = map[string]bool{"extract": true, "trim": true, "substring": true}

// fromFirst refuses a FROM that no SELECT stands before.
func (l lexemeList) fromFirst(sql string) error {
	if word := firstWord(sql); !mayStartSelect(word) && word != "FROM" {
		return nil
	}
	selected := []bool{false} // for each open parenthesis, and around them all: whether SELECT was seen
	for i, tok := range l {
		last := len(selected) - 1
		switch tok.word {
		case "(", "[":
			selected = append(selected, takeFrom[l.at(i-1).word])
		case ")", "]":
			if last > 0 {
				selected = selected[:last]
			}
		case "select":
			selected[last] = true
		case "union", "except", "intersect":
			selected[last] = false
		case "from":
			distinct := l.at(i-1).is("distinct") && (l.at(i-2).is("is") || l.at(i-2).is("not"))
			if !selected[last] && !distinct {
				return errAt(sql, tok.start, athena.ErrSyntax, "FROM without SELECT", "write SELECT * FROM …")
			}
		}
	}
	return nil
}

// written is the text from where n stands in the query; "" for what was put there later.
func (t *translator) written(n node) string {
	at := location(n)
	if at < 0 || at > len(t.sql) {
		return ""
	}
	return t.sql[at:]
}

// writtenWord is the word there, in lower case.
func (t *translator) writtenWord(n node) string {
	s := t.written(n)
	return strings.ToLower(s[:wordLen(s)])
}

// nullTest refuses x ISNULL, x NOTNULL and x NOT NULL.
func (t *translator) nullTest(n node) error {
	switch t.writtenWord(n) {
	case "isnull":
		return t.fail(n, athena.ErrSyntax, "ISNULL", "write IS NULL")
	case "notnull", "not":
		return t.fail(n, athena.ErrSyntax, "NOT NULL behind a value", "write IS NOT NULL")
	}
	return nil
}

// operators are ways to write an operator of Trino's, which stand where it would.
var operators = []struct{ foreign, own string }{{"==", "="}, {"~~", "LIKE"}, {"!~~", "NOT LIKE"}}

// foreignOperator refuses them.
func (t *translator) foreignOperator(n node) error {
	for _, o := range operators {
		if strings.HasPrefix(t.written(n), o.foreign) {
			return t.fail(n, athena.ErrSyntax, o.foreign, "write "+o.own)
		}
	}
	return nil
}

// limitFirst refuses LIMIT before OFFSET.
func (t *translator) limitFirst(m node) error {
	limit, offset := location(child(m, "limit")), location(child(m, "offset"))
	if limit < 0 || offset < limit {
		return nil
	}
	return t.fail(child(m, "limit"), athena.ErrSyntax, "LIMIT before OFFSET", "write OFFSET 20 LIMIT 10")
}
