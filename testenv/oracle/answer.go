// Package oracle compares the embedded SQL engine with Trino, which is what Athena's
// SQL is: a corpus of queries, Trino's answers to them, and what tells two answers apart.
//
// corpus/THEME.sql holds queries, answers/THEME.txt what Trino says, as it was when
// `make oracle` last wrote it down. The test of this package compares the embedded
// engine with that, without Trino; `make oracle` starts one, and compares both.
package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Answer is what an engine says to a query: columns and rows, or that the query is wrong.
type Answer struct {
	Columns []athena.Column
	Rows    []string      // each a JSON array
	Err     *athena.Error // nil: it is answered
}

// Ask returns the whole answer of e. An error is none that the query is to blame for.
func Ask(ctx context.Context, e athena.Engine, q athena.Query) (a Answer, err error) {
	defer func() {
		if own := new(athena.Error); errors.As(err, &own) {
			a, err = Answer{Err: own}, nil
		}
	}()
	r, err := e.Query(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	a.Columns = r.Columns()
	for {
		row, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return Answer{}, err
		}
		line := []byte("[")
		for i, v := range row {
			if i > 0 {
				line = append(line, ',')
			}
			if line, err = athena.AppendJSON(line, a.Columns[i].Type, v); err != nil {
				return Answer{}, err
			}
		}
		a.Rows = append(a.Rows, string(append(line, ']')))
	}
}

// overflow names the numbers of a sum, which are others each time: they follow the order
// in which threads came to the rows.
var overflow = regexp.MustCompile(`(overflow): .*`)

// String is the answer as it is recorded.
func (a Answer) String() string {
	if a.Err != nil {
		return "!" + overflow.ReplaceAllString(strings.ReplaceAll(a.Err.Error(), "\n", " "), "$1") + "\n"
	}
	var b strings.Builder
	for i, c := range a.Columns {
		if i > 0 {
			b.WriteString(" | ")
		}
		fmt.Fprintf(&b, "%s: %s", c.Name, c.Type)
	}
	b.WriteByte('\n')
	for _, r := range a.Rows {
		b.WriteString(r + "\n")
	}
	return b.String()
}

// parseAnswer reads what [Answer.String] has written.
func parseAnswer(text string) (Answer, error) {
	if message, ok := strings.CutPrefix(text, "!"); ok {
		return Answer{Err: &athena.Error{Kind: athena.ErrExecution, Detail: strings.TrimSpace(message)}}, nil
	}
	head, rest, ok := strings.Cut(text, "\n")
	if !ok {
		return Answer{}, fmt.Errorf("recorded answer %q has no columns", text)
	}
	var a Answer
	for c := range strings.SplitSeq(head, " | ") {
		name, typ, ok := strings.Cut(c, ": ")
		if !ok {
			return Answer{}, fmt.Errorf("recorded column %q has no type", c)
		}
		a.Columns = append(a.Columns, athena.Column{Name: name, Type: typ})
	}
	for row := range strings.Lines(rest) {
		a.Rows = append(a.Rows, strings.TrimSuffix(row, "\n"))
	}
	return a, nil
}

// normal is the answer with its rows in one order, unless sql gives them one, and with
// the entries of maps in the order of their keys: they have none of their own.
func (a Answer) normal(sql string) Answer {
	if slices.ContainsFunc(a.Columns, func(c athena.Column) bool { return strings.Contains(c.Type, "map(") }) {
		rows := make([]string, len(a.Rows))
		for i, row := range a.Rows {
			rows[i] = sortedKeys(row)
		}
		a.Rows = rows
	}
	if !Ordered(sql) {
		a.Rows = slices.Sorted(slices.Values(a.Rows))
	}
	return a
}

// sortedKeys is a JSON text with the members of objects sorted by their names.
func sortedKeys(text string) string {
	var v any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return text
	}
	sorted, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return string(sorted)
}

// Differ tells how two answers to sql differ, or "". Two refusals do not: each engine
// has its own words for them.
func Differ(sql string, want, got Answer) string {
	switch {
	case want.Err != nil && got.Err != nil:
		return ""
	case want.Err != nil:
		return fmt.Sprintf("it must fail: %v\nit is answered:\n%s", want.Err, got)
	case got.Err != nil:
		return fmt.Sprintf("it fails: %v\nit must be answered:\n%s", got.Err, want)
	}
	if w, g := want.normal(sql).String(), got.normal(sql).String(); w != g {
		return fmt.Sprintf("want:\n%sgot:\n%s", w, g)
	}
	return ""
}

// Ordered reports whether sql ends in an ORDER BY of its own.
func Ordered(sql string) bool {
	depth, last := 0, ""
	for _, word := range words(sql) {
		switch word {
		case "(":
			depth++
		case ")":
			depth--
		case "by":
			if depth == 0 && last == "order" {
				return true
			}
		}
		last = word
	}
	return false
}

// words are the words and parentheses of sql outside of quotes and comments, lower case.
func words(sql string) []string {
	var out []string
	for sql != "" {
		n := 1
		switch c := sql[0]; {
		case c == '\'' || c == '"':
			if end := strings.IndexByte(sql[1:], c); end >= 0 {
				n = end + 2 // a doubled quote is two quoted texts, which is as good
			} else {
				n = len(sql)
			}
		case strings.HasPrefix(sql, "--"):
			if n = strings.IndexByte(sql, '\n'); n < 0 {
				n = len(sql)
			}
		case c == '(' || c == ')':
			out = append(out, sql[:1])
		case isLetter(c):
			for n < len(sql) && isLetter(sql[n]) {
				n++
			}
			out = append(out, strings.ToLower(sql[:n]))
		}
		sql = sql[n:]
	}
	return out
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
