package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// node is one object of DuckDB's syntax tree. Numbers are json.Number: query
// locations and big constants do not fit a float64.
type node = map[string]any

func text(n node, key string) string {
	s, _ := n[key].(string)
	return s
}

func list(n node, key string) []any {
	l, _ := n[key].([]any)
	return l
}

func child(n node, key string) node {
	c, _ := n[key].(map[string]any)
	return c
}

func children(n node) []node {
	l := list(n, "children")
	out := make([]node, len(l))
	for i, c := range l {
		out[i], _ = c.(map[string]any)
	}
	return out
}

// meaning is a text that two parts of a tree have in common if they mean the same, whatever
// they are called and wherever they stand in the query.
func meaning(part any) string {
	var b strings.Builder
	var write func(any)
	write = func(part any) {
		switch p := part.(type) {
		case map[string]any:
			b.WriteByte('{')
			for _, key := range slices.Sorted(maps.Keys(p)) {
				if key != "alias" && key != "query_location" {
					fmt.Fprintf(&b, "%q:", key)
					write(p[key])
				}
			}
			b.WriteByte('}')
		case []any:
			b.WriteByte('[')
			for _, item := range p {
				write(item)
				b.WriteByte(',')
			}
			b.WriteByte(']')
		case string:
			fmt.Fprintf(&b, "%q", p)
		default:
			fmt.Fprint(&b, p)
		}
	}
	write(part)
	return b.String()
}

func strings1(n node, key string) []string {
	l := list(n, key)
	out := make([]string, len(l))
	for i, c := range l {
		out[i], _ = c.(string)
	}
	return out
}

// location is the byte offset of n in the query, or -1.
func location(n node) int {
	num, ok := n["query_location"].(json.Number)
	if !ok {
		return -1
	}
	i, err := strconv.Atoi(num.String())
	if err != nil { // 2^64-1 stands for unknown
		return -1
	}
	return i
}

// become turns n into m in place; the alias stays.
func become(n, m node) {
	alias, had := n["alias"]
	place := n["query_location"]
	clear(n)
	maps.Copy(n, m)
	if had {
		n["alias"] = alias
	}
	if _, ok := n["query_location"]; !ok && place != nil {
		n["query_location"] = place
	}
}

// clone is a deep copy.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, x := range v {
			m[k] = clone(x)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = clone(x)
		}
		return l
	}
	return v
}

func copyOf(n node) node {
	c, _ := clone(n).(map[string]any)
	c["alias"] = ""
	return c
}

var nowhere = json.Number("18446744073709551615")

func function(name string, args ...node) node {
	return node{
		"class": "FUNCTION", "type": "FUNCTION", "alias": "", "query_location": nowhere,
		"function_name": name, "schema": "", "catalog": "", "children": toList(args),
		"filter": nil, "order_bys": node{"type": "ORDER_MODIFIER", "orders": []any{}},
		"distinct": false, "is_operator": false, "export_state": false,
	}
}

func operator(name string, args ...node) node {
	f := function(name, args...)
	f["is_operator"] = true
	return f
}

func toList(args []node) []any {
	l := make([]any, len(args))
	for i, a := range args {
		l[i] = a
	}
	return l
}

func castTo(n node, id string) node {
	return node{
		"class": "CAST", "type": "OPERATOR_CAST", "alias": "", "query_location": nowhere,
		"child": n, "cast_type": node{"id": id, "type_info": nil}, "try_cast": false,
	}
}

func constant(id string, value any) node {
	return node{
		"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "query_location": nowhere,
		"value": node{"type": node{"id": id, "type_info": nil}, "is_null": false, "value": value},
	}
}

func varcharConst(s string) node { return constant("VARCHAR", s) }

func intConst(i int) node { return constant("INTEGER", json.Number(strconv.Itoa(i))) }

func nullConst() node {
	return node{
		"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "query_location": nowhere,
		"value": node{"type": node{"id": "NULL", "type_info": nil}, "is_null": true},
	}
}

// literal returns the text of a varchar constant.
func literal(n node) (string, bool) {
	if text(n, "class") != "CONSTANT" {
		return "", false
	}
	v := child(n, "value")
	if text(child(v, "type"), "id") != "VARCHAR" || v["is_null"] == true {
		return "", false
	}
	s, ok := v["value"].(string)
	return s, ok
}

// holds reports whether a node of the class is at or below v.
func holds(v any, class string) bool {
	switch v := v.(type) {
	case map[string]any:
		if text(v, "class") == class {
			return true
		}
		for _, x := range v {
			if holds(x, class) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			if holds(x, class) {
				return true
			}
		}
	}
	return false
}

// fields refuses members of n that are not in known: a newer parser may say
// something there that changes the meaning.
func (t *translator) fields(n node, known ...string) error {
next:
	for k := range n {
		for _, name := range known {
			if k == name {
				continue next
			}
		}
		return fmt.Errorf("check syntax tree: node %s %s has an unknown member %q", text(n, "class"), text(n, "type"), k)
	}
	return nil
}

func (t *translator) fail(n node, kind error, construct, detail string) error {
	e := &athena.Error{Kind: kind, Construct: construct, Detail: detail}
	if at := location(n); at >= 0 {
		e.Line, e.Column = athena.Position(t.sql, at)
	}
	return e
}

func (t *translator) refuse(n node, construct, detail string) error {
	return t.fail(n, athena.ErrRefused, construct, detail)
}

func (t *translator) invalid(n node, format string, args ...any) error {
	return t.fail(n, athena.ErrInvalid, "", fmt.Sprintf(format, args...))
}
