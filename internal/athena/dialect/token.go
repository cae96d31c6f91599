package dialect

import "strings"

// tokenKind is what a token of a statement is.
type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a keyword, a name without quotes, or a number
	tokenName             // a name in " or `, which is how Hive and Trino quote it
	tokenString           // a string in '
	tokenMark             // one byte of anything else
	tokenBroken           // a quote or a comment that is not closed
)

// token is one piece of a text. value is what a name or string means: quotes taken
// off, doubled ones single.
type token struct {
	kind       tokenKind
	value      string
	begin, end int
}

// is reports whether the token is one of words, whatever their case.
func (t token) is(words ...string) bool {
	for _, w := range words {
		if t.kind == tokenWord && strings.EqualFold(t.value, w) || t.kind == tokenMark && t.value == w {
			return true
		}
	}
	return false
}

// tokens splits a text of which nothing is known yet: SHOW and DESCRIBE are Hive's
// grammar and not Trino's, so that names may be in backquotes. Blanks and comments
// separate. What cannot be read is one broken token at the end.
func tokens(sql string) []token {
	var list []token
	for i := 0; i < len(sql); {
		rest := sql[i:]
		t := token{kind: tokenMark, value: rest[:1], begin: i, end: i + 1}
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isComment(rest):
			n, err := skip(sql, i, "")
			if err != nil {
				return append(list, token{kind: tokenBroken, begin: i, end: len(sql)})
			}
			i += n
			continue
		case c == '\'' || c == '"' || c == '`':
			n, err := quoted(sql, i, c)
			if err != nil {
				return append(list, token{kind: tokenBroken, begin: i, end: len(sql)})
			}
			t.kind, t.end = tokenName, i+n
			if c == '\'' {
				t.kind = tokenString
			}
			quote := string(c)
			t.value = strings.ReplaceAll(rest[1:n-1], quote+quote, quote)
		case isWordByte(c):
			n := wordLen(rest)
			t.kind, t.value, t.end = tokenWord, rest[:n], i+n
		}
		list = append(list, t)
		i = t.end
	}
	return list
}

// cursor reads tokens one by one. Past the end there is a token of kind tokenEnd.
type cursor struct {
	sql  string
	list []token
	at   int
}

func newCursor(sql string) *cursor { return &cursor{sql: sql, list: tokens(sql)} }

func (c *cursor) peek() token { return c.ahead(0) }

func (c *cursor) ahead(n int) token {
	if c.at+n < len(c.list) {
		return c.list[c.at+n]
	}
	return token{begin: len(c.sql), end: len(c.sql)}
}

func (c *cursor) next() token {
	t := c.peek()
	c.at++
	return t
}

// take goes over the next token if it is one of words.
func (c *cursor) take(words ...string) bool {
	if c.peek().is(words...) {
		c.at++
		return true
	}
	return false
}

// finish takes a semicolon at the end.
func (c *cursor) finish() bool {
	c.take(";")
	return c.peek().kind == tokenEnd
}
