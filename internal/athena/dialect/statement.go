package dialect

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/audit-archiver/archiver/internal/athena"
)

// The types of statements, as Athena's StatementType has them. EXPLAIN is DML
// there, whatever the reference says: its answer has a row of names and a plan.
const (
	TypeDML     = "DML"
	TypeDDL     = "DDL"
	TypeUtility = "UTILITY"
)

// What a statement is, as in Athena's SubstatementType. Only these are answered.
const (
	Select          = "SELECT"
	ExplainQuery    = "EXPLAIN"
	ShowTables      = "SHOW_TABLES"
	ShowDatabases   = "SHOW_DATABASES"
	ShowColumns     = "SHOW_COLUMNS"
	ShowCreateTable = "SHOW_CREATE_TABLE"
	ShowCreateView  = "SHOW_CREATE_VIEW"
	ShowViews       = "SHOW_VIEWS"
	ShowPartitions  = "SHOW_PARTITIONS"
	ShowProperties  = "SHOW_TABLE_PROPERTIES"
	DescribeTable   = "DESCRIBE_TABLE"
	DescribeView    = "DESC_VIEW" // DESCRIBE or SHOW COLUMNS of a view

	showOther = "SHOW" // is refused
)

const answered = "SELECT, SHOW, DESCRIBE and EXPLAIN are answered"

// Statement is what a text asks for.
type Statement struct {
	Type string // DML, DDL or UTILITY
	Sub  string // Select, ShowTables, …; for what is refused Athena's name of it too

	Path      []string       // the table or view that it names, as written: [[catalog,] database,] name
	Database  []string       // where SHOW TABLES, VIEWS and DATABASES look; nil: where the query is
	Match     *regexp.Regexp // of names; nil: all
	Property  string         // of SHOW TBLPROPERTIES; "" is all
	Formatted bool           // DESCRIBE FORMATTED

	Explain Explain
	// Query is the query of EXPLAIN: the text with blanks for all that stands before
	// it, so that places in it are places in the text.
	Query string
}

// Explain says what EXPLAIN shall answer.
type Explain struct {
	Analyze bool   // run it
	JSON    bool   // in place of text
	Kind    string // DISTRIBUTED (the default), LOGICAL, VALIDATE or IO
}

// Read finds out what a text asks for. What is not answered is an error, and the
// Statement still has its Type and Sub. The text of a Select is not looked at any
// further: that is for [Prepare].
func Read(sql string) (Statement, error) {
	if err := readable(sql); err != nil {
		return Statement{Type: TypeDML, Sub: Select}, err
	}
	c := newCursor(sql)
	for c.take("(") {
	}
	st, err := c.classify()
	if err != nil || st.Sub == Select {
		return st, err
	}
	switch {
	case st.Sub == ExplainQuery:
		return c.explain(st)
	case st.Type == TypeUtility && c.take("SHOW"):
		return c.show(st)
	default:
		c.next()
		return c.describe(st)
	}
}

// Refuse returns an error for a statement that would change something, and for an
// EXPLAIN of one. It is for engines with a grammar of their own.
func Refuse(sql string) error {
	c := newCursor(sql)
	for {
		for c.take("(") {
		}
		st, err := c.classify()
		if err != nil || st.Sub != ExplainQuery {
			return err
		}
		c.take("EXPLAIN")
		if c.take("ANALYZE") {
			c.take("VERBOSE")
		}
		if c.peek().is("(") && c.ahead(1).is("FORMAT", "TYPE") {
			for t := c.next(); !t.is(")") && t.kind != tokenEnd; t = c.next() {
			}
		}
	}
}

// readable refuses what is no text of a statement in any language.
func readable(sql string) error {
	if len(sql) > athena.MaxSQLBytes {
		return &athena.Error{Kind: athena.ErrRefused, Detail: fmt.Sprintf("query is %d bytes long, at most %d are read", len(sql), athena.MaxSQLBytes)}
	}
	if i := strings.IndexByte(sql, 0); i >= 0 {
		return errAt(sql, i, athena.ErrSyntax, "character U+0000", "")
	}
	if !utf8.ValidString(sql) {
		return &athena.Error{Kind: athena.ErrSyntax, Detail: "query is not valid UTF-8"}
	}
	return nil
}

// classify looks at the first words.
func (c *cursor) classify() (Statement, error) {
	first := c.peek()
	switch {
	case first.is("EXPLAIN"):
		return Statement{Type: TypeDML, Sub: ExplainQuery}, nil
	case first.is("DESCRIBE", "DESC"):
		return Statement{Type: TypeUtility, Sub: DescribeTable}, nil
	case first.is("SHOW"):
		return Statement{Type: TypeUtility, Sub: c.shown()}, nil
	case first.kind != tokenWord:
		return Statement{Type: TypeDML, Sub: Select}, nil
	}
	if r, ok := refusals()[strings.ToUpper(first.value)]; ok {
		construct, sub := c.changing(r)
		return Statement{Type: r.typ, Sub: sub}, errAt(c.sql, first.begin, athena.ErrRefused, construct, r.advice(sub))
	}
	return Statement{Type: TypeDML, Sub: Select}, nil
}

// shown is what SHOW shows.
func (c *cursor) shown() string {
	second, third := c.ahead(1), c.ahead(2)
	switch {
	case second.is("TABLES"):
		return ShowTables
	case second.is("DATABASES", "SCHEMAS"):
		return ShowDatabases
	case second.is("COLUMNS"):
		return ShowColumns
	case second.is("VIEWS"):
		return ShowViews
	case second.is("PARTITIONS"):
		return ShowPartitions
	case second.is("TBLPROPERTIES"):
		return ShowProperties
	case second.is("CREATE") && third.is("TABLE"):
		return ShowCreateTable
	case second.is("CREATE") && third.is("VIEW"):
		return ShowCreateView
	}
	return showOther
}
