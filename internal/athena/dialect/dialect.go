// Package dialect turns a query in Athena's SQL into one that DuckDB answers in the same way.
//
// The promise: what leaves this package is a single SELECT that reads nothing
// but the table, calls only functions on a list, and gives Trino's answer.
// What would be answered differently is translated; what cannot be translated
// is refused by name. The check is an allow-list at every node and every field
// of the syntax tree: what this package has never heard of is refused.
//
// The tree is DuckDB's own, from json_serialize_sql; this package never runs it.
package dialect

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Table is the one table there is; all else are views over it. Users may also write audit.audit_logs and
// "AwsDataCatalog"."audit"."audit_logs".
const Table = "audit_logs"

// The names under which Table may be found.
const (
	Database = "audit"
	Catalog  = "awsdatacatalog"
)

// Scan is one mention of the table: the relation that the translated query
// reads, and what is known about the rows that it can use.
type Scan struct {
	Name   string
	Bounds athena.Bounds
	Wide   bool // the query names many of the table's columns

	// MinMS and MaxMS are between which timestamps the conditions hold that [Within] decides about.
	MinMS, MaxMS int64

	// What the engine finds out about it.
	Files int
	Bytes int64 // of these files
}

// wideColumns is how many columns a query names for which reading them is not much less than reading all.
const wideColumns = 8

// Plan is a checked and translated query.
type Plan struct {
	Tree  []byte   // for json_deserialize_sql
	Names []string // of the answer's columns, Athena's spelling
	Types []string // of the answer's columns; "" where only the engine knows, decimal without its precision
	Scans []Scan

	// InOrder says that each row of the answer is made of one row of the only scan, in
	// the order of that: its first rows are the same ones whenever they are asked for.
	InOrder bool

	// Short says that the answer has at most shortRows rows, however large the table is.
	Short bool
}

// shortRows is the largest LIMIT of an answer that is short.
const shortRows = 4096

// Prepare looks at the text before DuckDB parses it. It refuses what DuckDB's
// parser would read differently from Trino's without leaving a trace in the
// tree, and takes away a trailing semicolon.
func Prepare(sql string) (string, error) {
	if err := readable(sql); err != nil {
		return "", err
	}
	sql, err := lex(sql)
	if err != nil {
		return "", err
	}
	return respell(sql)
}

// Translate checks the tree that json_serialize_sql made of sql (which Prepare
// returned) and translates it. now is what now() means throughout the query. parse is
// json_serialize_sql, for the definitions of the views that the query names.
func Translate(sql string, tree []byte, now time.Time, parse func(sql string) ([]byte, error)) (*Plan, error) {
	doc, err := decode(tree)
	if err != nil {
		return nil, err
	}
	if doc["error"] == true {
		return nil, parseError(sql, doc)
	}
	t := &translator{sql: sql, now: now.UTC().Truncate(time.Millisecond), fns: functions(), parse: parse, bareDecimal: bareDecimal.MatchString(sql), laterals: lateralsOf(sql), named: make(map[string]bool), zeros: make(map[bool]bool)}
	statements, _ := doc["statements"].([]any)
	if len(statements) != 1 {
		return nil, &athena.Error{Kind: athena.ErrRefused, Construct: fmt.Sprintf("%d statements", len(statements)), Detail: "send exactly one SELECT"}
	}
	stmt, _ := statements[0].(map[string]any)
	if strings.Contains(strings.ToLower(sql), internal) {
		if err := t.taken(stmt); err != nil {
			return nil, err
		}
	}
	cols, err := t.statement(stmt, &scope{})
	if err != nil {
		return nil, err
	}
	if t.grownTooMuch() {
		return nil, t.tooMuch(stmt)
	}
	if t.zeros[true] && t.zeros[false] { // Trino takes one for the other where it has both
		return nil, t.refuse(nil, "0e0 and -0e0 in one query", "write 0e0 * -1 for the negative one")
	}
	if l := t.laterals; l.used && l.possible > l.written {
		return nil, t.refuse(nil, "a subquery of FROM without LATERAL in a query with it", "write LATERAL before each that is not the first relation, or WITH for those that need none")
	}
	if err := t.answerable(cols); err != nil {
		return nil, err
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode syntax tree: %w", err)
	}
	for i := range t.scans {
		t.scans[i].Wide = len(t.named) >= wideColumns
	}
	plan := &Plan{InOrder: t.inOrder(child(stmt, "node")), Short: t.short(child(stmt, "node")), Tree: out, Scans: t.scans, Names: make([]string, len(cols)), Types: make([]string, len(cols))}
	for i, c := range cols {
		plan.Names[i], plan.Types[i] = answerName(c, i), publicType(c.typ)
	}
	return plan, nil
}

// inOrder is said of a translated query in [Plan].
func (t *translator) inOrder(n node) bool {
	return len(t.scans) == 1 && !t.mixed && text(n, "type") == "SELECT_NODE" && isScan(child(n, "from_table")) &&
		len(list(n, "modifiers"))+len(list(n, "group_expressions"))+len(list(child(n, "cte_map"), "map")) == 0 && n["having"] == nil
}

// short is said of a translated query in [Plan].
func (t *translator) short(n node) bool {
	for _, item := range list(n, "modifiers") {
		m, _ := item.(map[string]any)
		most, _ := child(child(m, "limit"), "value")["value"].(json.Number)
		if rows, err := strconv.Atoi(most.String()); text(m, "type") == "LIMIT_MODIFIER" && err == nil && rows <= shortRows {
			return true
		}
	}
	return t.oneRow && text(n, "type") == "SELECT_NODE"
}

// parseError turns DuckDB's report about a text it cannot serialize into ours.
func parseError(sql string, doc node) error {
	message, _ := doc["error_message"].(string)
	if doc["error_type"] == "not implemented" {
		return &athena.Error{Kind: athena.ErrRefused, Construct: firstWord(sql), Detail: answered}
	}
	e := &athena.Error{Kind: athena.ErrSyntax, Detail: message}
	if strings.HasPrefix(message, "Max expression depth") { // and what to set, which nobody here can
		return &athena.Error{Kind: athena.ErrRefused, Construct: "query", Detail: "nested more than 1000 levels deep, or a list of as many relations; put parts into WITH"}
	}
	if strings.HasPrefix(message, "exprLocation") {
		return &athena.Error{Kind: athena.ErrRefused, Construct: "LIMIT or ORDER BY behind parentheses with one", Detail: "write SELECT * FROM (…) LIMIT 1"}
	}
	if strings.HasSuffix(message, " is not supported") { // SQL that the parser knows by name
		e.Kind = athena.ErrRefused
	}
	if p, ok := doc["position"].(string); ok {
		if offset, err := strconv.Atoi(p); err == nil {
			e.Line, e.Column = athena.Position(sql, offset)
		}
	}
	if word := firstWord(sql); !mayStartSelect(word) {
		e.Kind, e.Construct, e.Detail = athena.ErrRefused, word, answered
	}
	return e
}

func mayStartSelect(word string) bool {
	switch word {
	case "SELECT", "WITH", "VALUES", "TABLE", "":
		return true
	}
	return false
}

// firstWord is the statement's first word in capitals, comments skipped.
func firstWord(sql string) string {
	sql = strings.TrimLeft(stripComments(sql), " \t\r\n(;")
	end := strings.IndexFunc(sql, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_'
	})
	if end < 0 {
		end = len(sql)
	}
	return strings.ToUpper(sql[:end])
}

func errAt(sql string, offset int, kind error, construct, detail string) error {
	e := &athena.Error{Kind: kind, Construct: construct, Detail: detail}
	e.Line, e.Column = athena.Position(sql, offset)
	return e
}
