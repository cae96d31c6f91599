package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Spellings of DuckDB's own that Trino takes for mistakes. Most leave no trace in the
// tree but their place in the text; some not even that, and are looked for among the lexemes.

// foreign refuses such spellings that the tree does not show.
func (l lexemeList) foreign(sql string) error {
	first := firstWord(sql)
	query := mayStartSelect(first) || first == "FROM"
	open := []parenthesis{{}} // those around the lexeme; the first stands for the whole text
	if l.at(0).is("(") && first == "WITH" {
		return errAt(sql, l[0].start, athena.ErrSyntax, "WITH in parentheses", "write it without them")
	}
	for i, tok := range l {
		in, next := &open[len(open)-1], l.at(i+1)
		if err := l.foreignArgument(sql, i, in); err != nil {
			return err
		}
		switch tok.word {
		case "(", "[":
			if tok.is("[") && in.isType {
				return errAt(sql, tok.start, athena.ErrSyntax, "type with [", "write array(type)")
			}
			open = append(open, parenthesis{before: l.at(i - 1).word, isType: in.isType})
		case ")", "]":
			open = open[:max(1, len(open)-1)]
		case "limit", "offset":
			if next.is("(") || next.is("+") || next.is("-") || next.is("null") {
				return errAt(sql, next.start, athena.ErrSyntax, strings.ToUpper(tok.word)+" "+sql[next.start:next.end], "write a whole number")
			}
		case "'":
			if next.is("'") {
				return errAt(sql, next.start, athena.ErrSyntax, "a text behind a text", "write || between them")
			}
		case "select":
			in.selects = true
		case "union", "except", "intersect":
			in.selects = false
		case "from":
			distinct := l.at(i-1).is("distinct") && (l.at(i-2).is("is") || l.at(i-2).is("not"))
			if query && !in.selects && !distinct && (!takeFrom[in.before] || l.at(i-1).is("(")) {
				return errAt(sql, tok.start, athena.ErrSyntax, "FROM without SELECT", "write SELECT * FROM …, and trim(x)")
			}
		case "in":
			if !next.is("(") && in.before != "position" {
				return errAt(sql, tok.start, athena.ErrSyntax, "IN without parentheses", "write x IN (a, b), or contains(array, x)")
			}
		case "as":
			if next.is("'") {
				return errAt(sql, next.start, athena.ErrSyntax, "AS "+sql[next.start:next.end], `quote names with "`)
			}
			in.isType = in.isType || in.before == "cast" || in.before == "try_cast"
		case ":":
			return errAt(sql, tok.start, athena.ErrRefused, "a colon", "write 5 AS x for x: 5, and slice(a, i, n) for a[i:j]")
		case ".":
			if next.is("*") && in.before == "count" {
				return errAt(sql, next.start, athena.ErrSyntax, "count of all columns of a relation", "write count(*)")
			}
			if l.at(i + 2).is("(") {
				name := sql[next.start:next.end]
				return errAt(sql, next.start, athena.ErrRefused, "a name or value with a point before the function "+name, "write "+name+"(…)")
			}
		}
		// The name of a field has its type behind it.
		if own := foreignTypes[tok.word]; own != "" && (next.is("'") || in.isType && (next.word == "" || !isWordByte(next.word[0]))) {
			return errAt(sql, tok.start, athena.ErrInvalid, "type "+sql[tok.start:tok.end], "write "+own)
		}
	}
	return nil
}

// foreignArgument refuses words between parentheses that belong elsewhere. i is a lexeme
// in those of in.
func (l lexemeList) foreignArgument(sql string, i int, in *parenthesis) error {
	tok, next := l[i], l.at(i+1)
	first := l.at(i - 1).is("(")
	switch {
	case tok.is("filter") && l.at(i-1).is(")") && next.is("(") && !l.at(i+2).is("where"):
		return errAt(sql, tok.start, athena.ErrSyntax, "FILTER without WHERE", "write FILTER (WHERE …)")
	case first && in.before == "extract" && !extractFields[tok.word]:
		return errAt(sql, tok.start, athena.ErrSyntax, "EXTRACT of "+sql[tok.start:tok.end], "write extract(year FROM x)")
	case tok.is("'") && foreignUnits[next.word] && l.intervalBefore(i):
		return errAt(sql, next.start, athena.ErrSyntax, "an interval of "+next.word, "write interval '1' year, month, day, hour, minute or second")
	case tok.is("for") && in.before == "substring" && !in.from:
		return errAt(sql, tok.start, athena.ErrSyntax, "FOR without FROM", "write substring(x FROM 1 FOR 2)")
	case tok.is("from"):
		in.from = true
	case trimSides[tok.word] && first && in.before == "trim" && !next.is(")") && !next.is(","):
		in.side = i
	case tok.is(")") && in.side > 0 && !in.from:
		return errAt(sql, l[in.side].start, athena.ErrSyntax, strings.ToUpper(l[in.side].word)+" without FROM", "write trim("+l[in.side].word+" FROM x)")
	}
	return nil
}

// intervalBefore reports whether the number i is that of an interval, which may have a sign.
func (l lexemeList) intervalBefore(i int) bool {
	if l.at(i-1).is("-") || l.at(i-1).is("+") {
		i--
	}
	return l.at(i - 1).is("interval")
}

// extractFields are Trino's, in which DuckDB's parser takes others too, and many years.
var extractFields = map[string]bool{
	"year": true, "quarter": true, "month": true, "week": true, "day": true, "day_of_month": true, "day_of_week": true, "dow": true, "day_of_year": true,
	"doy": true, "year_of_week": true, "yow": true, "hour": true, "minute": true, "second": true, "timezone_minute": true, "timezone_hour": true,
}

// foreignUnits of an interval are a name behind it to Trino.
var foreignUnits = map[string]bool{
	"years": true, "months": true, "days": true, "hours": true, "minutes": true, "seconds": true, "week": true, "weeks": true, "quarter": true, "quarters": true,
	"millisecond": true, "milliseconds": true, "microsecond": true, "microseconds": true, "decade": true, "decades": true, "century": true, "centuries": true,
	"millennium": true, "millennia": true,
}

var trimSides = map[string]bool{"leading": true, "trailing": true, "both": true}

// parenthesis is what was met since one was opened.
type parenthesis struct {
	before  string // the word before it
	selects bool   // SELECT
	isType  bool   // the AS of a cast
	from    bool   // FROM
	side    int    // the lexeme LEADING, TRAILING or BOTH of a trim; 0: none
}

// takeFrom are the functions with a FROM among their arguments.
var takeFrom = map[string]bool{"extract": true, "trim": true, "substring": true}

// foreignTypes are DuckDB's names of types that Trino does not know, and Trino's.
var foreignTypes = map[string]string{
	"string": typeVarchar, "text": typeVarchar, "bpchar": typeVarchar, "nvarchar": typeVarchar,
	"bool": typeBool, "logical": typeBool,
	"int1": "tinyint", "int2": "smallint", "int16": "smallint", "short": "smallint", "int4": typeInt, "int32": typeInt, "signed": typeInt, "integral": typeInt,
	"int8": typeBigint, "int64": typeBigint, "long": typeBigint, "oid": typeBigint,
	"float": typeReal, "float4": typeReal, "float8": typeDouble, "numeric": "decimal(p, s)", "dec": "decimal(p, s)",
	"datetime": typeTime, "timestamp_us": typeTime, "timestamp_ms": typeTime, "timestamp_s": typeTime, "timestamptz": typeZone,
	"struct": "row(name type, …)",
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

// nullTest refuses x ISNULL and x NOTNULL, which in a select list name a column for Trino,
// and x NOT NULL.
func (t *translator) nullTest(n node) error {
	switch word := t.writtenWord(n); word {
	case "isnull", "notnull":
		return t.refuse(n, strings.ToUpper(word), "write IS NULL or IS NOT NULL, and AS "+word+" for a name")
	case "not":
		return t.fail(n, athena.ErrSyntax, "NOT NULL behind a value", "write IS NOT NULL")
	}
	return nil
}

// asCall refuses a function that is called by the name that only DuckDB's parser gives it,
// for something that Trino has a syntax for.
func (t *translator) asCall(n node, name string) error {
	own, ok := syntaxOf[name]
	if !ok {
		return nil
	}
	s := strings.TrimPrefix(t.written(n), `"`)
	if strings.ToLower(s[:wordLen(s)]) == name {
		return t.refuse(n, "function "+name, own)
	}
	return nil
}

// syntaxOf is that syntax.
var syntaxOf = map[string]string{
	"date_part": "write extract(year FROM x)", "timezone": "write x AT TIME ZONE 'UTC'", "count_star": "write count(*)",
	"like_escape": "write x LIKE y ESCAPE z", "not_like_escape": "write x NOT LIKE y ESCAPE z",
	"to_years": "write interval '1' year", "to_months": "write interval '1' month", "to_weeks": "write interval '7' day", "to_days": "write interval '1' day",
	"to_hours": "write interval '1' hour", "to_minutes": "write interval '1' minute", "to_seconds": "write interval '1' second",
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

func operatorName(name string) string {
	switch name {
	case "~~*", "!~~*":
		return "ILIKE"
	case "~~~":
		return "GLOB"
	}
	return name
}

var operatorAdvice = map[string]string{
	"~~*": "write lower(x) LIKE lower(y)", "!~~*": "write lower(x) NOT LIKE lower(y)",
	"~": "use regexp_like", "!~": "use regexp_like",
	"->": "use json_extract", "->>": "use json_extract_scalar",
	"//": "/ of two whole numbers is a whole number", "^": "use power", "**": "use power",
}
