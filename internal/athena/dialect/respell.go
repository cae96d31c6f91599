package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// respell writes what only Trino's parser reads in a way that DuckDB's reads. All but
// the last three keep the length of the text, so that places in one are places in the
// other; behind those, a message may name a place some columns too far.
//
//	array(varchar)                         varchar[]
//	if(a, b)                               _2(a, b)
//	lag(x) IGNORE NULLS OVER (…)           lag(x  IGNORE NULLS)OVER (…)
//	listagg(x, ',') WITHIN GROUP (ORDER BY y)   listagg(x, ','                ORDER BY y)
//	VALUES 1, 2                            VALUES (1), (2)
//	AS at                                  AS "at"
//	json_value(x, 'lax $.a' NULL ON EMPTY) json_value(x, 'lax $.a', 'empty=null'              )
//
// sql was checked by lex.
func respell(sql string) (string, error) {
	lexemes, err := lexemesOf(sql)
	if err != nil {
		return "", err
	}
	if err := lexemes.foreign(sql); err != nil {
		return "", err
	}
	if err := lexemes.chained(sql); err != nil {
		return "", err
	}
	out, inserts := []byte(sql), make(map[int]string)
	arguments := lexemes.arguments()
	for i, tok := range lexemes {
		switch {
		case tok.is("_2") && lexemes.at(i+1).is("("):
			return "", errAt(sql, tok.start, athena.ErrRefused, "function _2", "")
		case tok.is("if") && lexemes.at(i+1).is("("):
			if arguments[i+1] == 2 {
				copy(out[tok.start:], "_2")
			}
		case sqlJSONNames[tok.word] && lexemes.at(i+1).is("("):
			if err := lexemes.jsonClauses(sql, out, inserts, i); err != nil {
				return "", err
			}
		case (tok.is("ignore") || tok.is("respect")) && lexemes.at(i+1).is("nulls") && lexemes.at(i-1).is(")"):
			after := lexemes.at(i + 1).end
			if after >= len(sql) || !isBlank(sql[after]) {
				return "", errAt(sql, tok.start, athena.ErrSyntax, strings.ToUpper(tok.word)+" NULLS", "OVER belongs behind it, after a blank")
			}
			out[lexemes.at(i-1).start], out[after] = ' ', ')'
		case tok.is("within") && lexemes.at(i+1).is("group") && lexemes.at(i+2).is("(") && lexemes.at(i-1).is(")"):
			if err := lexemes.withinGroup(sql, out, i); err != nil {
				return "", err
			}
		}
	}
	for i := len(lexemes) - 1; i >= 0; i-- { // the inner ones first
		if lexemes[i].is("array") && lexemes.at(i+1).is("(") {
			arrayType(out, lexemes[i].start, lexemes[i+1].start)
		}
	}
	return longer(string(out), inserts)
}

var sqlJSONNames = map[string]bool{"json_exists": true, "json_value": true, "json_query": true}

// reservedHere are words that name columns in Trino and not in DuckDB.
var reservedHere = map[string]bool{
	"analyse": true, "analyze": true, "any": true, "all": true, "asc": true, "both": true, "check": true, "collate": true, "column": true, "default": true,
	"desc": true, "do": true, "fetch": true, "foreign": true, "lambda": true, "lateral": true, "leading": true, "limit": true, "offset": true, "only": true, "placing": true,
	"primary": true, "qualify": true, "references": true, "returning": true, "show": true, "some": true, "summarize": true, "symmetric": true, "to": true, "trailing": true,
	"unique": true, "unpivot": true, "pivot": true, "variadic": true, "window": true,
}

const mostBareValues = 100

// longer does what needs room, besides the inserts that are due already, by their place.
func longer(sql string, inserts map[int]string) (string, error) {
	lexemes, err := lexemesOf(sql)
	if err != nil {
		return "", err
	}
	bareValues := 0
	for i, tok := range lexemes {
		switch {
		case tok.is("at") && !lexemes.at(i+1).is("time"), reservedHere[tok.word] && lexemes.at(i-1).is("as") && !lexemes.at(i+1).is("("):
			inserts[tok.start] += `"`
			inserts[tok.end] = `"` + inserts[tok.end]
		case tok.is("values") && i+1 < len(lexemes) && !lexemes[i+1].is("("):
			if bareValues++; bareValues > mostBareValues { // each is looked through to its end
				return "", errAt(sql, tok.start, athena.ErrRefused, "so many VALUES without parentheses", "write VALUES (1), (2)")
			}
			lexemes.values(i+1, inserts)
		case tok.is(",") && endsList[lexemes.at(i+1).word]:
			return "", errAt(sql, tok.start, athena.ErrSyntax, "comma", "nothing follows it")
		case tok.is("with") && lexemes.at(i+1).is("ties"):
			return "", errAt(sql, tok.start, athena.ErrRefused, "WITH TIES", "use rank()")
		}
	}
	if len(inserts) == 0 {
		return sql, nil
	}
	var b strings.Builder
	for i := range len(sql) + 1 {
		b.WriteString(inserts[i])
		if i < len(sql) {
			b.WriteByte(sql[i])
		}
	}
	return b.String(), nil
}

// endsList are words that no value begins with.
var endsList = map[string]bool{
	"": true, ")": true, "]": true, "from": true, "where": true, "group": true, "having": true, "order": true, "limit": true, "union": true, "except": true, "intersect": true,
}

// values puts the rows of VALUES 1, 2 in parentheses. i is the lexeme behind VALUES.
func (l lexemeList) values(i int, inserts map[int]string) {
	depth := 0
	inserts[l[i].start] += "("
	for ; i < len(l); i++ {
		switch l[i].word {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		}
		if depth < 0 || depth == 0 && (endsList[l[i].word] && l[i].word != "]" && l[i].word != ")" || l[i].is("offset") || l[i].is("fetch")) {
			break
		}
		if depth == 0 && l[i].is(",") && i+1 < len(l) {
			inserts[l[i].start] = ")" + inserts[l[i].start]
			inserts[l[i+1].start] += "("
		}
	}
	end := l[i-1].end
	inserts[end] = ")" + inserts[end]
}

// lexeme is a word, a quoted text or a single character.
type lexeme struct {
	start, end int
	word       string // in lower case; of a quoted text only its quote
}

func (t lexeme) is(word string) bool { return t.word == word }

type lexemeList []lexeme

// at is the lexeme i, or one that is nothing.
func (l lexemeList) at(i int) lexeme {
	if i < 0 || i >= len(l) {
		return lexeme{}
	}
	return l[i]
}

// lexemesOf leaves out blanks and comments.
func lexemesOf(sql string) (lexemeList, error) {
	var lexemes lexemeList
	for i := 0; i < len(sql); {
		if isWordByte(sql[i]) || startsNumber(sql[i:]) {
			n, err := wordOrNumber(sql, i)
			if err != nil {
				return nil, err
			}
			lexemes = append(lexemes, lexeme{i, i + n, strings.ToLower(sql[i : i+n])})
			i += n
			continue
		}
		n, err := skip(sql, i, "")
		if err != nil {
			return nil, err
		}
		if !isBlank(sql[i]) && !isComment(sql[i:]) {
			lexemes = append(lexemes, lexeme{i, i + n, sql[i : i+1]})
		}
		i += n
	}
	return lexemes, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// arguments counts, for each opening parenthesis, what stands between it and the one
// that closes it; 0 where none does.
func (l lexemeList) arguments() []int {
	counts, commas := make([]int, len(l)), make([]int, len(l))
	var open []int
	for i, tok := range l {
		n := len(open) - 1
		switch tok.word {
		case "(", "[":
			open = append(open, i)
		case ")", "]":
			if n >= 0 {
				counts[open[n]] = commas[open[n]] + 1
				open = open[:n]
			}
		case ",":
			if n >= 0 {
				commas[open[n]]++
			}
		}
	}
	return counts
}

// withinGroup moves the order of listagg into its arguments: the words and the two
// parentheses between them go. i is the lexeme WITHIN.
func (l lexemeList) withinGroup(sql string, out []byte, i int) error {
	open := i - 1
	for depth := 0; open >= 0; open-- {
		switch l[open].word {
		case ")":
			depth++
		case "(":
			depth--
		}
		if depth == 0 {
			break
		}
	}
	if !l.at(open - 1).is("listagg") {
		return errAt(sql, l[i].start, athena.ErrRefused, "WITHIN GROUP", "only listagg has one")
	}
	for j := open; j < i; j++ {
		if l[j].is("overflow") && l.at(j-1).is("on") {
			return errAt(sql, l[j-1].start, athena.ErrRefused, "ON OVERFLOW", "")
		}
	}
	for j := l[i-1].start; j < l[i+2].end; j++ {
		out[j] = ' '
	}
	return nil
}

// arrayType turns array(T) into T[]. Only what a type is written with may stand in it.
func arrayType(out []byte, start, open int) {
	const longest = 1000
	depth := 0
	for i := open; i < len(out) && i < open+longest; i++ {
		switch c := out[i]; {
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth > 0 {
				continue
			}
			inner := strings.TrimRight(string(out[open+1:i]), " \t\r\n")
			n := copy(out[start:], inner+"[]")
			for j := start + n; j <= i; j++ {
				out[j] = ' '
			}
			return
		case !isWordByte(c) && !isBlank(c) && !strings.ContainsRune(`,"[]`, rune(c)):
			return
		}
	}
}
