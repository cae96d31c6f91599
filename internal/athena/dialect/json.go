package dialect

import (
	"regexp"
	"strings"
)

// jsonExtract is json_extract and json_extract_scalar. DuckDB's own functions are the
// quicker ones, and answer for whole documents and the scalars at names.
func jsonExtract(t *translator, c *call) (string, error) {
	s, isLiteral := literal(c.args[1])
	if _, ok := jsonSteps(s); isLiteral && !ok {
		return "", t.refuse(c.args[1], "JSON path '"+s+"'", `write $.name, $["any name"] and $[0]`)
	}
	doc := castTo(c.args[0], "VARCHAR")
	if c.name == "json_extract" {
		become(c.n, function(internal+"json_at", doc, c.args[1]))
		return typeJSON, nil
	}
	if path, ok := jsonPath(s); isLiteral && ok && !strings.Contains(path, "[") && !numbered.MatchString(path) {
		become(c.n, function(internal+"json_extract_scalar", doc, varcharConst(path), varcharConst(s)))
		return typeVarchar, nil
	}
	become(c.n, function(internal+"scalar_at", doc, c.args[1]))
	return typeVarchar, nil
}

// numbered has a name of digits, which is also the place in an array.
var numbered = regexp.MustCompile(`"[0-9]+"`)

// jsonPath turns a path as Trino writes it into one of DuckDB's with every name quoted.
func jsonPath(s string) (string, bool) {
	rest, ok := strings.CutPrefix(s, "$")
	if !ok {
		return "", false
	}
	var b strings.Builder
	b.WriteByte('$')
	for rest != "" {
		var name string
		switch {
		case strings.HasPrefix(rest, `["`):
			name, rest, ok = strings.Cut(rest[2:], `"]`)
		case strings.HasPrefix(rest, "["):
			name, rest, ok = strings.Cut(rest[1:], "]")
			if !ok || name == "" || strings.Trim(name, "0123456789") != "" {
				return "", false
			}
			b.WriteString("[" + name + "]")
			continue
		case strings.HasPrefix(rest, `."`):
			name, rest, ok = strings.Cut(rest[2:], `"`)
		case strings.HasPrefix(rest, "."):
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			name, rest = rest[1:1+end], rest[1+end:]
			ok = strings.IndexFunc(name, func(r rune) bool {
				return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80
			}) < 0
		default:
			return "", false
		}
		if !ok || name == "" || strings.ContainsAny(name, `"\`) {
			return "", false
		}
		b.WriteString(`."` + name + `"`)
	}
	return b.String(), true
}

func jsonFormat(_ *translator, c *call) (string, error) {
	become(c.n, castTo(c.args[0], "VARCHAR"))
	return typeVarchar, nil
}
