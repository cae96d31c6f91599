package wire

import (
	"regexp"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// statement is what an execution does: ask the engine, or change what is prepared.
type statement struct {
	kind, sub string
	query     athena.Query
	act       func() error // in place of query
}

var (
	preparedName = `([A-Za-z_][A-Za-z0-9_@:]{0,255})`
	isExecute    = regexp.MustCompile(`(?is)^\s*EXECUTE\s+"?` + preparedName + `"?(?:\s+USING\s+(.*?))?\s*;?\s*$`)
	isPrepare    = regexp.MustCompile(`(?is)^\s*PREPARE\s+"?` + preparedName + `"?\s+FROM\s+(.+)$`)
	isDeallocate = regexp.MustCompile(`(?is)^\s*DEALLOCATE\s+PREPARE\s+"?` + preparedName + `"?\s*;?\s*$`)
)

// statement finds out what a request is. The engine judges the SQL itself.
func (s *Server) statement(c *call, in *startRequest) (statement, error) {
	sql := in.QueryString
	if m := isExecute.FindStringSubmatch(sql); m != nil {
		text, err := s.saved.preparedText(m[1])
		if err != nil {
			return statement{}, err
		}
		params := in.ExecutionParameters
		if m[2] != "" {
			if len(params) > 0 {
				return statement{}, invalid("EXECUTE has USING, so ExecutionParameters must be empty")
			}
			params = splitLiterals(m[2])
		}
		st := classify(text)
		st.query = athena.Query{SQL: text, Params: params, MaxRows: s.o.MaxRows}
		return st, nil
	}
	prepare, deallocate := isPrepare.FindStringSubmatch(sql), isDeallocate.FindStringSubmatch(sql)
	if (prepare != nil || deallocate != nil) && c.who.Role != Admin {
		return statement{}, denied(c, "change prepared statements")
	}
	switch {
	case prepare != nil:
		return statement{kind: dialect.TypeDDL, sub: "PREPARE", act: func() error {
			return s.saved.setPrepared(prepared{Name: prepare[1], SQL: prepare[2], Modified: s.o.Now()}, either)
		}}, nil
	case deallocate != nil:
		return statement{kind: dialect.TypeDDL, sub: "DEALLOCATE_PREPARE", act: func() error { return s.saved.dropPrepared(deallocate[1]) }}, nil
	}
	st := classify(sql)
	st.query = athena.Query{SQL: sql, Params: in.ExecutionParameters, MaxRows: s.o.MaxRows}
	return st, nil
}

// classify names a statement as Athena does. What is not answered has a name too:
// the engine says why.
func classify(sql string) statement {
	st, _ := dialect.Read(sql)
	return statement{kind: st.Type, sub: st.Sub}
}

// splitLiterals splits at commas outside of quotes and parentheses.
func splitLiterals(s string) (list []string) {
	depth, start, quoted := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			list, start = append(list, strings.TrimSpace(s[start:i])), i+1
		}
	}
	return append(list, strings.TrimSpace(s[start:]))
}
