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

// cursor reads the tokens of a text of which nothing is known yet, and no further
// than it is asked: SHOW and DESCRIBE are Hive's grammar and not Trino's, so that names
// may be in backquotes. Blanks and comments separate. Past the end there is a token of
// kind tokenEnd.
type cursor struct {
	sql  string
	from int // what is not split yet
	list []token
	at   int
}

func newCursor(sql string) *cursor { return &cursor{sql: sql} }

// scan splits off the next token. What cannot be read is one broken token at the end.
func (c *cursor) scan() token {
	for c.from < len(c.sql) {
		rest := c.sql[c.from:]
		if n := len(rest) - len(strings.TrimLeft(rest, " \t\r\n")); n > 0 {
			c.from += n
			continue
		}
		if !isComment(rest) {
			break
		}
		n, err := skip(c.sql, c.from, "")
		if err != nil {
			return c.broken()
		}
		c.from += n
	}
	if c.from == len(c.sql) {
		return token{begin: c.from, end: c.from}
	}
	rest := c.sql[c.from:]
	t := token{kind: tokenMark, value: rest[:1], begin: c.from, end: c.from + 1}
	switch b := rest[0]; {
	case b == '\'' || b == '"' || b == '`':
		n, err := quoted(c.sql, c.from, b)
		if err != nil {
			return c.broken()
		}
		quote := rest[:1]
		t.kind, t.value, t.end = tokenName, strings.ReplaceAll(rest[1:n-1], quote+quote, quote), c.from+n
		if b == '\'' {
			t.kind = tokenString
		}
	case isWordByte(b):
		n := wordLen(rest)
		t.kind, t.value, t.end = tokenWord, rest[:n], c.from+n
	}
	c.from = t.end
	return t
}

func (c *cursor) broken() token {
	t := token{kind: tokenBroken, begin: c.from, end: len(c.sql)}
	c.from = len(c.sql)
	return t
}

func (c *cursor) peek() token { return c.ahead(0) }

func (c *cursor) ahead(n int) token {
	for len(c.list) <= c.at+n {
		t := c.scan()
		if t.kind == tokenEnd {
			return t
		}
		c.list = append(c.list, t)
	}
	return c.list[c.at+n]
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
