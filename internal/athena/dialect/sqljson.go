package dialect

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// json_exists, json_value and json_query, over paths of names and places: lax $.name,
// lax $."any name", lax $[0], and * for all of them, or strict in place of lax.

func sqlJSONFunctions() map[string]signature {
	clauses := []string{"varchar", "varchar", "varchar?", "any?", "any?", "any?"} // see jsonClauses
	return map[string]signature{
		"json_exists": sig(typeBool, clauses...).by(sqlJSON),
		"json_value":  sig(typeVarchar, clauses...).by(sqlJSON),
		"json_query":  sig(typeVarchar, clauses...).by(sqlJSON),
	}
}

func sqlJSON(t *translator, c *call) (string, error) {
	s, ok := literal(c.args[1])
	if !ok {
		return "", t.invalid(c.args[1], "the path of %s must be a literal", c.name)
	}
	if strings.HasPrefix(t.written(c.n), `"`) {
		return "", t.invalid(c.n, "there is no function of the quoted name %s: write it without quotes", c.name)
	}
	if _, ok := parsePath(s); !ok {
		return "", t.refuse(c.args[1], "JSON path '"+s+"'", `write lax $.name, $."any name", $[0] and $[*]`)
	}
	spec := ""
	if len(c.args) > 2 {
		spec, _ = literal(c.args[2])
	}
	clauses := clausesOf(spec)
	switch c.name {
	case "json_value":
		return t.jsonValue(c, clauses)
	case "json_query":
		if clauses["quotes"] != "" && clauses["wrapper"] != "" && clauses["wrapper"] != "without" {
			return "", t.invalid(c.n, "json_query has either a WRAPPER or QUOTES")
		}
	}
	become(c.n, function(internal+"sql_"+c.name, c.args[0], c.args[1], varcharConst(spec)))
	return t.fns[c.name].returns, nil
}

func sqlJSONNatives() map[string]Native {
	find := func(result string, use func(found []*jsonItem, ok bool, clauses map[string]string) (any, error)) Native {
		return Native{[]string{"VARCHAR", "VARCHAR", "VARCHAR"}, result, func(args []any) (any, error) {
			found, ok, err := jsonItems(args[0].(string), args[1].(string))
			if err != nil {
				return nil, err
			}
			if ok && result != "BOOLEAN" && len(found) == 1 && found[0].kind == 0 {
				return nil, Unsupported("json_value or json_query of an empty text")
			}
			return use(found, ok, clausesOf(args[2].(string)))
		}}
	}
	return map[string]Native{
		"sql_json_exists": find("BOOLEAN", existsItem),
		"sql_json_query":  find("VARCHAR", queryItems),
		"sql_json_value":  find("VARCHAR", func(found []*jsonItem, _ bool, _ map[string]string) (any, error) { return scalarOf(found), nil }),
		"sql_json_item":   find("VARCHAR", func(found []*jsonItem, ok bool, _ map[string]string) (any, error) { return taggedItem(found, ok), nil }),
		"sql_json_fail": fromText("VARCHAR", func(string) (any, error) {
			return nil, errors.New("json_value found nothing, or no scalar of that type")
		}),
	}
}

// jsonItems are those that a path leads to in a text; ok is false where the text is no
// JSON, or the path fails.
func jsonItems(text, path string) (found []*jsonItem, ok bool, err error) {
	p, ok := parsePath(path)
	if !ok {
		return nil, false, errors.New("Invalid JSON path: '" + path + "'")
	}
	if hasHalf(text) {
		return nil, false, Unsupported(halfPair)
	}
	root := new(jsonItem) // of an empty text, which is no error to Trino
	if strings.Trim(text, " \t\r\n") != "" {
		dec := jsonReader(text)
		if root, err = readItem(dec); err != nil || !ends(root, text[dec.InputOffset():]) {
			return nil, false, nil //nolint:nilerr // it is what ON ERROR is about
		}
	}
	found, ok = p.find(root)
	return found, ok, nil
}

// ends reports whether what follows a document may follow it: Jackson looks at the
// character behind a number or a word.
func ends(v *jsonItem, rest string) bool {
	return v.kind == '"' || v.kind == '{' || v.kind == '[' || rest == "" || isBlank(rest[0])
}

// jsonItem is a JSON value. kind is jsontext's.
type jsonItem struct {
	kind  jsontext.Kind
	text  string // of a string, or as a number is written
	names []string
	parts []*jsonItem // elements, or the values of names
}

// readItem reads one value. Of members with one name the last counts, in the place of
// the first.
func readItem(dec *jsontext.Decoder) (*jsonItem, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	item := &jsonItem{kind: tok.Kind()}
	switch item.kind {
	case '"', '0':
		item.text = tok.String()
	case '[', '{':
		for k := dec.PeekKind(); k != ']' && k != '}'; k = dec.PeekKind() {
			name := ""
			if item.kind == '{' {
				if tok, err = dec.ReadToken(); err != nil {
					return nil, err
				}
				name = tok.String()
			}
			part, err := readItem(dec)
			if err != nil {
				return nil, err
			}
			item.add(name, part)
		}
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
	}
	return item, nil
}

func (v *jsonItem) add(name string, part *jsonItem) {
	if v.kind == '{' {
		if i := slices.Index(v.names, name); i >= 0 {
			v.parts[i] = part
			return
		}
		v.names = append(v.names, name)
	}
	v.parts = append(v.parts, part)
}

// append writes v as Jackson does.
func (v *jsonItem) append(dst []byte) []byte {
	switch v.kind {
	case '"':
		return appendJSONString(dst, v.text)
	case '0':
		return append(dst, javaNumber(v.text)...)
	case '[', '{':
		dst = append(dst, byte(v.kind))
		for i, part := range v.parts {
			if i > 0 {
				dst = append(dst, ',')
			}
			if v.kind == '{' {
				dst = append(appendJSONString(dst, v.names[i]), ':')
			}
			dst = part.append(dst)
		}
		return append(dst, byte(v.kind)+2) // ] is two behind [, as } is behind {
	}
	return append(dst, map[jsontext.Kind]string{'t': "true", 'f': "false", 'n': "null"}[v.kind]...)
}

// scalarOf is the answer of json_value: the text of the only value that was found.
func scalarOf(found []*jsonItem) any {
	if len(found) != 1 {
		return nil
	}
	switch v := found[0]; v.kind {
	case '"':
		return v.text
	case 't':
		return "true"
	case 'f':
		return "false"
	case '0':
		return numberOf(v.text)
	}
	return nil
}

// numberOf is the text of a number: as it stands when it is a bigint, as that of a
// double when it has a fraction or an exponent.
func numberOf(s string) any {
	if strings.ContainsAny(s, ".eE") {
		f, _ := strconv.ParseFloat(s, 64) // infinite where it is out of range, as in Java
		return doubleText(f, 64)
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.FormatInt(i, 10)
	}
	return nil
}

// laxPath is a parsed path of the SQL standard. In strict mode it fails where it leads nowhere.
type laxPath struct {
	strict bool
	steps  []jsonStep
}

// jsonStep goes to members (a name, or all) or to elements (a place, or all).
type jsonStep struct {
	member, all bool
	name        string
	place       int
}

// find returns what the path leads to; ok is false for an error, which only strict
// paths have.
func (p laxPath) find(root *jsonItem) (found []*jsonItem, ok bool) {
	found = []*jsonItem{root}
	for _, step := range p.steps {
		var next []*jsonItem
		for _, v := range found {
			if !p.strict {
				for _, v := range step.relax(v) {
					got, _ := step.from(v)
					next = append(next, got...)
				}
				continue
			}
			got, ok := step.from(v)
			if !ok {
				return nil, false
			}
			next = append(next, got...)
		}
		found = next
	}
	return found, true
}

// relax opens an array where members are wanted, and takes a value for an array of one
// where elements are.
func (s jsonStep) relax(v *jsonItem) []*jsonItem {
	switch {
	case s.member && v.kind == '[':
		return v.parts
	case !s.member && v.kind != '[':
		return []*jsonItem{{kind: '[', parts: []*jsonItem{v}}}
	}
	return []*jsonItem{v}
}

// from takes the step from v; ok is false where there is nothing to step to.
func (s jsonStep) from(v *jsonItem) (found []*jsonItem, ok bool) {
	want := jsontext.Kind('[')
	if s.member {
		want = '{'
	}
	place := s.place
	switch {
	case v.kind != want:
		return nil, false
	case s.all:
		return v.parts, true
	case s.member:
		place = slices.Index(v.names, s.name)
	}
	if place < 0 || place >= len(v.parts) {
		return nil, false
	}
	return v.parts[place : place+1], true
}

// parsePath reads a path; ok is false for one that is none, or does more.
func parsePath(s string) (p laxPath, ok bool) {
	rest := trimPath(s)
	if after, found := cutWord(rest, "strict"); found {
		p.strict, rest = true, after
	} else if rest, found = cutWord(rest, "lax"); !found {
		return p, false
	}
	if rest, ok = strings.CutPrefix(rest, "$"); !ok {
		return p, false
	}
	for rest = trimPath(rest); rest != ""; rest = trimPath(rest) {
		var step jsonStep
		switch rest[0] {
		case '.':
			step, rest, ok = memberStep(trimPath(rest[1:]))
		case '[':
			step, rest, ok = elementStep(rest[1:])
		default:
			return p, false
		}
		if !ok {
			return p, false
		}
		p.steps = append(p.steps, step)
	}
	return p, true
}

func trimPath(s string) string { return strings.TrimLeft(s, " \t\r\n") }

// cutWord takes a mode off, which a blank or $ follows.
func cutWord(s, word string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(s, word)
	if !ok || rest == "" || !isBlank(rest[0]) && rest[0] != '$' {
		return s, false
	}
	return trimPath(rest), true
}

// memberStep reads what stands behind a point.
func memberStep(s string) (step jsonStep, rest string, ok bool) {
	step.member = true
	switch {
	case strings.HasPrefix(s, "*"):
		step.all = true
		return step, s[1:], true
	case strings.HasPrefix(s, `"`):
		step.name, rest, ok = strings.Cut(s[1:], `"`)
		return step, rest, ok && !strings.HasPrefix(rest, `"`) && !strings.Contains(step.name, `\`)
	}
	n := 0
	for n < len(s) && isWordByte(s[n]) && s[n] < 0x80 {
		n++
	}
	step.name, rest = s[:n], s[n:]
	method := strings.HasPrefix(trimPath(rest), "(")
	return step, rest, n > 0 && !isDigit(s[0]) && !method && !pathWords[step.name]
}

// pathWords are no names in a path unless they are quoted.
var pathWords = map[string]bool{"true": true, "false": true, "null": true, "exists": true, "is": true, "starts": true, "unknown": true, "with": true, "flag": true, "like_regex": true}

// elementStep reads what stands in brackets.
func elementStep(s string) (step jsonStep, rest string, ok bool) {
	inside, rest, ok := strings.Cut(s, "]")
	inside = strings.Trim(inside, " \t\r\n")
	if inside == "*" {
		step.all = true
		return step, rest, ok
	}
	place, err := strconv.Atoi(inside)
	step.place = place
	return step, rest, ok && err == nil && strings.Trim(inside, "0123456789") == ""
}
