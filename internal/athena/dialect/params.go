package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Number gives each ? of sql, which Prepare returned, its number in the order of
// the text: ? becomes $1. DuckDB would count them in its own order. places are
// where they stood, in bytes.
func Number(sql string) (numbered string, places []int, err error) {
	var b strings.Builder
	for i := 0; i < len(sql); {
		var n int
		switch {
		case isWordByte(sql[i]) || startsNumber(sql[i:]):
			if n, err = wordOrNumber(sql, i); err != nil {
				return "", nil, err
			}
		case sql[i] == '?':
			if i+1 < len(sql) && (isWordByte(sql[i+1]) || sql[i+1] == '?') {
				return "", nil, errAt(sql, i, athena.ErrSyntax, "parameter "+sql[i:i+2], "write ? and a blank after it")
			}
			places = append(places, i)
			b.WriteString("$" + strconv.Itoa(len(places)))
			i++
			continue
		default:
			if n, err = skip(sql, i, ""); err != nil {
				return "", nil, err
			}
		}
		b.WriteString(sql[i : i+n])
		i += n
	}
	return b.String(), places, nil
}

// Bind puts values into the tree of a numbered query: values is the tree of
// SELECT with one literal per place. The result is a tree of sql, the query
// before it was numbered: no text is put together, so a value stays a value.
func Bind(sql string, tree, values []byte, places []int) ([]byte, error) {
	doc, err := decode(tree)
	if err != nil {
		return nil, err
	}
	literals, err := decode(values)
	if err != nil {
		return nil, err
	}
	list, err := selected(literals)
	if err != nil {
		return nil, err
	}
	if len(list) != len(places) {
		return nil, fmt.Errorf("bind parameters: %d values for %d places", len(list), len(places))
	}
	b := binder{sql: sql, places: places, moved: make([]int, len(places)), values: list}
	longer := 0 // the numbered text so far
	for i, at := range places {
		b.moved[i] = at + longer
		longer += len(strconv.Itoa(i + 1)) // $12 for ?
	}
	b.relocate(doc)
	if doc["error"] == true {
		return json.Marshal(doc)
	}
	if err := b.bind(doc); err != nil {
		return nil, err
	}
	if b.bound != len(places) {
		return nil, fmt.Errorf("bind parameters: the syntax tree has %d of %d", b.bound, len(places))
	}
	return json.Marshal(doc)
}

func decode(tree []byte) (node, error) {
	var doc node
	dec := json.NewDecoder(bytes.NewReader(tree))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("decode syntax tree: %w", err)
	}
	return doc, nil
}

// selected is the select list of SELECT literal, ….
func selected(doc node) ([]node, error) {
	statements := list(doc, "statements")
	if len(statements) != 1 {
		return nil, &athena.Error{Kind: athena.ErrInvalid, Construct: "parameters", Detail: text(doc, "error_message")}
	}
	stmt, _ := statements[0].(map[string]any)
	return children(node{"children": child(stmt, "node")["select_list"]}), nil
}

type binder struct {
	sql    string
	places []int // in sql
	moved  []int // the same in the numbered text
	values []node
	bound  int
}

// relocate turns places in the numbered text into places in the original.
func (b *binder) relocate(v any) {
	switch v := v.(type) {
	case map[string]any:
		if at := location(v); at >= 0 {
			v["query_location"] = json.Number(strconv.Itoa(b.original(at)))
		}
		if s, ok := v["position"].(string); ok {
			if at, err := strconv.Atoi(s); err == nil {
				v["position"] = strconv.Itoa(b.original(at))
			}
		}
		for _, x := range v {
			b.relocate(x)
		}
	case []any:
		for _, x := range v {
			b.relocate(x)
		}
	}
}

func (b *binder) original(at int) int {
	i, is := slices.BinarySearch(b.moved, at)
	switch {
	case is:
		return b.places[i]
	case i == 0:
		return at
	}
	before := i - 1
	longer := len(strconv.Itoa(before + 1))
	return max(b.places[before], at-(b.moved[before]-b.places[before])-longer)
}

// bind replaces the parameters at and below v.
func (b *binder) bind(v any) error {
	switch v := v.(type) {
	case map[string]any:
		if text(v, "class") == "PARAMETER" {
			return b.put(v)
		}
		if _, ok := v["named_param_map"]; ok {
			v["named_param_map"] = []any{}
		}
		if err := b.ordinals(v); err != nil {
			return err
		}
		for _, x := range v {
			if err := b.bind(x); err != nil {
				return err
			}
		}
	case []any:
		for _, x := range v {
			if err := b.bind(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// ordinals refuses parameters where a whole number would be the number of a column.
func (b *binder) ordinals(n node) error {
	keys := list(n, "group_expressions")
	for _, o := range list(n, "orders") {
		order, _ := o.(map[string]any)
		keys = append(keys, order["expression"])
	}
	for _, k := range keys {
		key, _ := k.(map[string]any)
		if text(key, "class") == "PARAMETER" {
			i := b.index(key)
			if i < 0 {
				i = 0
			}
			return errAt(b.sql, b.places[i], athena.ErrRefused, "parameter in GROUP BY or ORDER BY", "name the column")
		}
	}
	return nil
}

func (b *binder) index(n node) int {
	i, err := strconv.Atoi(text(n, "identifier"))
	if err != nil || i < 1 || i > len(b.values) {
		return -1
	}
	return i - 1
}

func (b *binder) put(n node) error {
	i := b.index(n)
	if i < 0 {
		return fmt.Errorf("bind parameters: the syntax tree names parameter %q", text(n, "identifier"))
	}
	value, _ := clone(b.values[i]).(map[string]any)
	at := json.Number(strconv.Itoa(b.places[i]))
	place(value, at)
	delete(n, "query_location")
	become(n, value)
	b.bound++
	return nil
}

// place says that all that has a place stands at one.
func place(v any, at json.Number) {
	switch v := v.(type) {
	case map[string]any:
		if location(v) >= 0 {
			v["query_location"] = at
		}
		for _, x := range v {
			place(x, at)
		}
	case []any:
		for _, x := range v {
			place(x, at)
		}
	}
}
