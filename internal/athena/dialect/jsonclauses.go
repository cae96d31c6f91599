package dialect

import (
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// jsonClauses reads what may stand behind the path of json_exists, json_value and
// json_query, which DuckDB's parser does not know, and makes arguments of it:
//
//	json_value(x, 'lax $.a' RETURNING bigint DEFAULT 0 ON EMPTY ERROR ON ERROR)
//	json_value(x, 'lax $.a', 'returning empty=default error=error', CAST(NULL AS bigint), (0))
//
// The words become blanks, so that places in the text stay where they are; what is new
// goes to inserts. [clausesOf] reads the third argument.
type jsonClauses struct {
	lexemeList
	sql     string
	out     []byte
	inserts map[int]string

	name string
	path int // the lexeme of the path
	at   int // the next lexeme
	end  int // the closing parenthesis
	spec []string
}

// jsonClauses rewrites the call whose name is the lexeme i.
func (l lexemeList) jsonClauses(sql string, out []byte, inserts map[int]string, i int) error {
	comma, end := l.pathOf(i + 1)
	if comma == 0 || end == len(l) { // no path, or no end: translation and parser have words for that
		return nil
	}
	if !l.at(comma + 1).is("'") { // and nobody writes the arguments that are made here
		return errAt(sql, l.at(comma+1).start, athena.ErrSyntax, "path of "+l[i].word, "write it as a text in quotes")
	}
	for j := i + 2; j < comma; j++ {
		if l[j].is("format") && l.at(j+1).is("json") {
			return errAt(sql, l[j].start, athena.ErrRefused, l[i].word+" with FORMAT", "a varchar is JSON without it")
		}
	}
	c := &jsonClauses{lexemeList: l, sql: sql, out: out, inserts: inserts, name: l[i].word, path: comma + 1, at: comma + 2, end: end}
	if c.peek("as") || c.peek("passing") {
		return errAt(sql, l[c.at].start, athena.ErrRefused, c.name+" with "+strings.ToUpper(l[c.at].word), "write the value into the path")
	}
	if err := c.read(); err != nil {
		return err
	}
	if c.at < c.end {
		return errAt(sql, l[c.at].start, athena.ErrSyntax, sql[l[c.at].start:l[c.at].end]+" behind the path of "+c.name, "in this order: "+jsonGrammar[c.name])
	}
	if len(c.spec) > 0 {
		c.inserts[l[c.path].end] = ", '" + strings.Join(c.spec, " ") + "'" + c.inserts[l[c.path].end]
	}
	return nil
}

var jsonGrammar = map[string]string{
	"json_exists": "TRUE, FALSE, UNKNOWN or ERROR ON ERROR",
	"json_value":  "RETURNING type, NULL, ERROR or DEFAULT x ON EMPTY, NULL, ERROR or DEFAULT x ON ERROR",
	"json_query":  "RETURNING varchar, WITH or WITHOUT WRAPPER, KEEP or OMIT QUOTES, NULL, ERROR, EMPTY ARRAY or EMPTY OBJECT ON EMPTY, and ON ERROR",
}

// pathOf finds the comma before the path and the closing parenthesis of a call that is
// opened by the lexeme open; 0 and the number of lexemes where there is none.
func (l lexemeList) pathOf(open int) (comma, end int) {
	depth := 0
	for end = open; end < len(l); end++ {
		switch l[end].word {
		case "(", "[":
			depth++
		case ")", "]":
			if depth--; depth == 0 {
				return comma, end
			}
		case ",":
			if depth == 1 && comma == 0 {
				comma = end
			}
		}
	}
	return comma, end
}

func (c *jsonClauses) read() error {
	switch c.name {
	case "json_exists":
		c.on("error", "true", "false", "unknown", "error")
	case "json_value":
		if c.next("returning") {
			from := c.at
			c.skipType()
			c.argument(from, c.at, "CAST(NULL AS ", ")")
			c.spec = append(c.spec, "returning")
		}
		for _, on := range []string{"empty", "error"} {
			c.on(on, "null", "error")
			c.defaultOn(on)
		}
	case "json_query":
		return c.readQuery()
	}
	return nil
}

func (c *jsonClauses) readQuery() error {
	if c.next("returning") && !c.next("varchar", "format", "json") && !c.next("varchar") {
		return errAt(c.sql, c.lexemeList.at(c.at).start, athena.ErrRefused, "json_query RETURNING another type than varchar", "write CAST(json_parse(json_query(…)) AS type)")
	}
	for _, w := range []struct{ words, wrapper string }{
		{"without array wrapper", "without"}, {"without wrapper", "without"},
		{"with conditional array wrapper", "conditional"}, {"with conditional wrapper", "conditional"},
		{"with unconditional array wrapper", "with"}, {"with unconditional wrapper", "with"}, {"with array wrapper", "with"}, {"with wrapper", "with"},
	} {
		if c.next(strings.Fields(w.words)...) {
			c.spec = append(c.spec, "wrapper="+w.wrapper)
			break
		}
	}
	for _, quotes := range []string{"keep", "omit"} {
		if c.next(quotes, "quotes") {
			c.next("on", "scalar", "string")
			c.spec = append(c.spec, "quotes="+quotes)
		}
	}
	for _, on := range []string{"empty", "error"} {
		c.on(on, "null", "error", "empty array", "empty object")
	}
	return nil
}

func (c *jsonClauses) peek(word string) bool { return c.at < c.end && c.lexemeList[c.at].is(word) }

// next takes the words, if it is they that follow.
func (c *jsonClauses) next(words ...string) bool {
	if c.at+len(words) > c.end {
		return false
	}
	for i, w := range words {
		if !c.lexemeList[c.at+i].is(w) {
			return false
		}
	}
	for i := c.lexemeList[c.at].start; i < c.lexemeList[c.at+len(words)-1].end; i++ {
		c.out[i] = ' '
	}
	c.at += len(words)
	return true
}

// on takes one of the behaviours, ON EMPTY or ON ERROR.
func (c *jsonClauses) on(what string, behaviours ...string) {
	for _, b := range behaviours {
		if c.next(append(strings.Fields(b), "on", what)...) {
			c.spec = append(c.spec, what+"="+strings.ReplaceAll(b, " ", "_"))
			return
		}
	}
}

// defaultOn takes DEFAULT x ON EMPTY or ON ERROR.
func (c *jsonClauses) defaultOn(what string) {
	if !c.peek("default") {
		return
	}
	depth := 0
	for i := c.at + 1; i < c.end; i++ {
		switch l := c.lexemeList; l[i].word {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		case "on":
			next := l.at(i + 1)
			if depth > 0 || i == c.at+1 || !next.is("empty") && !next.is("error") {
				continue
			}
			if !next.is(what) {
				return
			}
			c.next("default")
			c.argument(c.at, i, "(", ")")
			c.at = i
			c.next("on", what)
			c.spec = append(c.spec, what+"=default")
			return
		}
	}
}

// skipType goes behind the name of a type.
func (c *jsonClauses) skipType() {
	for ; c.at < c.end; c.at++ {
		switch c.lexemeList[c.at].word {
		case "default", "null", "error":
			return
		}
	}
}

// argument makes the lexemes from … to-1 an argument.
func (c *jsonClauses) argument(from, to int, before, after string) {
	if from >= to {
		return
	}
	start, end := c.lexemeList[from].start, c.lexemeList[to-1].end
	c.inserts[start] = ", " + before + c.inserts[start]
	c.inserts[end] += after
}
