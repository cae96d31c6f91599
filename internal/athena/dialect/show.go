package dialect

import (
	"regexp"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// show reads what follows SHOW.
func (c *cursor) show(st Statement) (Statement, error) {
	begin := c.peek()
	c.next()
	var err error
	switch st.Sub {
	case ShowTables, ShowViews:
		if c.take("IN", "FROM") {
			st.Database, err = c.path()
		}
		if err == nil {
			st.Match, err = c.pattern(c.take("LIKE") || st.Sub == ShowTables, namePattern)
		}
	case ShowDatabases:
		if c.take("IN", "FROM") { // Trino's: the catalogue
			st.Database, err = c.path()
		}
		if err == nil && c.take("LIKE") {
			st.Match, err = c.pattern(true, wholeExpression)
		}
	case ShowColumns:
		if !c.take("FROM", "IN") {
			return st, c.unexpected("SHOW COLUMNS FROM table")
		}
		if st.Path, err = c.path(); err == nil && c.take("FROM", "IN") {
			var database []string
			database, err = c.path()
			st.Path = append(database, st.Path...)
		}
	case ShowCreateTable, ShowCreateView:
		c.next()
		st.Path, err = c.path()
	case ShowPartitions:
		st.Path, err = c.path()
	case ShowProperties:
		if st.Path, err = c.path(); err == nil {
			st.Property, err = c.property()
		}
	default:
		return st, errAt(c.sql, begin.begin, athena.ErrRefused, strings.TrimSpace("SHOW "+strings.ToUpper(begin.value)),
			"SHOW TABLES, DATABASES, VIEWS, COLUMNS, PARTITIONS, TBLPROPERTIES, CREATE TABLE and CREATE VIEW are answered")
	}
	if err == nil && !c.finish() {
		err = c.unexpected("")
	}
	return ofView(st), err
}

// describe reads what follows DESCRIBE.
func (c *cursor) describe(st Statement) (Statement, error) {
	if t := c.peek(); t.is("EXTENDED") && c.ahead(1).kind != tokenEnd && !c.ahead(1).is(".", ";") {
		return st, errAt(c.sql, t.begin, athena.ErrRefused, "DESCRIBE EXTENDED", "DESCRIBE FORMATTED says the same in lines")
	}
	if c.peek().is("FORMATTED") && c.ahead(1).kind != tokenEnd && !c.ahead(1).is(".", ";") {
		c.next()
		st.Formatted = true
	}
	if t := c.peek(); t.is("INPUT", "OUTPUT") && c.ahead(1).kind == tokenWord {
		return st, errAt(c.sql, t.begin, athena.ErrRefused, "DESCRIBE "+strings.ToUpper(t.value), onlyInAPI)
	}
	var err error
	if st.Path, err = c.path(); err != nil {
		return st, err
	}
	st = ofView(st)
	if t := c.peek(); t.is("PARTITION") || t.kind == tokenName || t.kind == tokenWord {
		return st, errAt(c.sql, t.begin, athena.ErrRefused, "DESCRIBE of a part of a table", "describe all of it")
	}
	if !c.finish() {
		return st, c.unexpected("")
	}
	return st, nil
}

// ofView changes what Athena calls differently for a view.
func ofView(st Statement) Statement {
	if st.Sub != ShowColumns && st.Sub != DescribeTable {
		return st
	}
	if name, ok := Resolve(st.Path); ok && name != Table {
		st.Sub, st.Formatted = DescribeView, false
	}
	return st
}

// explain reads what follows EXPLAIN.
func (c *cursor) explain(st Statement) (Statement, error) {
	c.take("EXPLAIN")
	st.Explain.Kind = "DISTRIBUTED"
	if c.take("ANALYZE") {
		st.Explain.Analyze = true
		c.take("VERBOSE")
	}
	if c.peek().is("(") && c.ahead(1).is("FORMAT", "TYPE") {
		if err := c.options(&st.Explain); err != nil {
			return st, err
		}
	}
	if st.Explain.Kind == "IO" && !st.Explain.Analyze {
		st.Explain.JSON = true // the only form that it has
	}
	from := c.peek().begin
	blank := func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}
	// A blank for each character, so that line and column stay what they are.
	st.Query = strings.Map(blank, c.sql[:from]) + c.sql[from:]
	for c.take("(") {
	}
	inner, err := c.classify()
	switch first := c.peek(); {
	case err != nil:
		return st, err
	case first.kind == tokenEnd:
		return st, c.unexpected("EXPLAIN SELECT …")
	case inner.Sub != Select:
		return st, errAt(c.sql, first.begin, athena.ErrRefused, "EXPLAIN of "+strings.ToUpper(first.value), "only a query has a plan")
	}
	return st, nil
}

// options reads (FORMAT …, TYPE …).
func (c *cursor) options(x *Explain) error {
	c.next()
	for {
		name, value := c.next(), c.next()
		v := strings.ToUpper(value.value)
		switch {
		case name.is("FORMAT") && value.is("TEXT", "JSON"):
			x.JSON = v == "JSON"
		case name.is("TYPE") && value.is("LOGICAL", "DISTRIBUTED", "VALIDATE", "IO") && !x.Analyze:
			x.Kind = v
		case name.is("FORMAT", "TYPE") && value.kind == tokenWord:
			construct := "EXPLAIN (" + strings.ToUpper(name.value) + " " + v + ")"
			return errAt(c.sql, name.begin, athena.ErrRefused, construct, "FORMAT is TEXT or JSON; TYPE, without ANALYZE, is LOGICAL, DISTRIBUTED, VALIDATE or IO")
		default:
			return errAt(c.sql, name.begin, athena.ErrSyntax, "option of EXPLAIN", "write EXPLAIN (FORMAT JSON, TYPE LOGICAL) SELECT …")
		}
		if c.take(")") {
			return nil
		}
		if !c.take(",") {
			return c.unexpected(") after the options of EXPLAIN")
		}
	}
}

// path reads name, database.name or catalog.database.name. Hive's `database.name`
// in one pair of backquotes means the same.
func (c *cursor) path() ([]string, error) {
	var path []string
	for {
		t := c.next()
		if t.kind != tokenWord && t.kind != tokenName || t.value == "" {
			c.at--
			return nil, c.unexpected("the name of a table")
		}
		if c.sql[t.begin] == '`' {
			path = append(path, strings.Split(t.value, ".")...)
		} else {
			path = append(path, t.value)
		}
		if !c.take(".") {
			break
		}
	}
	if len(path) > 3 {
		return nil, c.unexpected("a name of at most three parts")
	}
	return path, nil
}

// pattern reads a string if there is one; there must be one after LIKE.
func (c *cursor) pattern(may bool, compile func(string) (*regexp.Regexp, error)) (*regexp.Regexp, error) {
	after := c.at > 0 && c.list[c.at-1].is("LIKE")
	t := c.peek()
	switch {
	case t.kind != tokenString && after:
		return nil, c.unexpected("LIKE 'pattern'")
	case t.kind != tokenString || !may:
		return nil, nil //nolint:nilnil // nil matches all names
	}
	c.next()
	re, err := compile(t.value)
	if err != nil {
		return nil, errAt(c.sql, t.begin, athena.ErrInvalid, "pattern '"+clipped(t.value)+"'", err.Error())
	}
	return re, nil
}

// namePattern is how Glue matches names: * or .* is anything, | is or.
func namePattern(s string) (*regexp.Regexp, error) {
	choices := strings.Split(strings.ReplaceAll(s, ".*", "*"), "|")
	for i, c := range choices {
		choices[i] = strings.ReplaceAll(regexp.QuoteMeta(c), `\*`, ".*")
	}
	return regexp.Compile("(?i)^(?:" + strings.Join(choices, "|") + ")$")
}

// wholeExpression is a regular expression for the whole name.
func wholeExpression(s string) (*regexp.Regexp, error) {
	if _, err := parsePattern(s); err != nil {
		return nil, err
	}
	return regexp.Compile("(?i)^(?:" + s + ")$")
}

// property reads ('name').
func (c *cursor) property() (string, error) {
	if !c.take("(") {
		return "", nil
	}
	t := c.next()
	if t.kind != tokenString || t.value == "" || !c.take(")") {
		return "", errAt(c.sql, t.begin, athena.ErrSyntax, "property", "write SHOW TBLPROPERTIES table('name')")
	}
	return t.value, nil
}

// unexpected says what stands where something else should.
func (c *cursor) unexpected(want string) error {
	t := c.peek()
	found := "the end"
	switch t.kind {
	case tokenEnd:
	case tokenBroken:
		found = "quoted text or a comment that is not closed"
	default:
		found = c.sql[t.begin:t.end]
	}
	detail := "it should end here"
	if want != "" {
		detail = "here should be " + want
	}
	return errAt(c.sql, t.begin, athena.ErrSyntax, found, detail)
}
