package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decoder walks a YAML tree and a Config side by side. The library's own
// decoder stops at the first problem, and it turns scalars into numbers before
// a field can say that it wants text (a hash of 64 digits would lose most of
// them), so we take only its parser.
type decoder struct {
	dir    string
	lookup func(string) (string, bool)

	problems []Problem
	lines    map[string]int  // field path -> line of its key
	broken   map[string]bool // field paths whose value could not be read
	fatal    bool            // the tree could not be read at all
}

func (d *decoder) complain(tk *token.Token, field, format string, args ...any) {
	p := Problem{Field: field, Text: fmt.Sprintf(format, args...)}
	if tk != nil && tk.Position != nil {
		p.Line = tk.Position.Line
	}
	d.problems = append(d.problems, p)
	d.broken[field] = true
}

// line finds the line of a field, or of the nearest parent that is in the file.
func (d *decoder) line(field string) int {
	for field != "" {
		if line, ok := d.lines[field]; ok {
			return line
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return 0
}

// inFileOrder sorts problems by line; those without one come last.
func inFileOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		switch {
		case a.Line == b.Line:
			return 0
		case a.Line == 0:
			return 1
		case b.Line == 0:
			return -1
		default:
			return a.Line - b.Line
		}
	})
	return problems
}

func (d *decoder) decode(data []byte, c *Config) {
	// Duplicate keys are let through here and refused in object, so that one of
	// them does not hide all other problems.
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.fatal = true
		text, tk := err.Error(), (*token.Token)(nil)
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			text, tk = syntax.GetMessage(), syntax.GetToken()
		}
		d.complain(tk, "", "not YAML: %s", text)
		return
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) > 1 {
		d.fatal = true
		d.complain(bodies[1].GetToken(), "", "a second document: the file must hold one")
		return
	}
	if len(bodies) == 1 {
		d.value(bodies[0], reflect.ValueOf(c).Elem(), "", "")
	}
}

// value decodes one node into one field of a Config.
func (d *decoder) value(node ast.Node, to reflect.Value, field, kind string) {
	switch node.Type() {
	case ast.AnchorType, ast.AliasType, ast.TagType, ast.MergeKeyType:
		d.complain(node.GetToken(), field, "anchors, aliases, tags and merge keys are not supported")
		return
	case ast.NullType:
		// A section whose keys are all commented out is an empty section.
		if to.Kind() != reflect.Struct && to.Kind() != reflect.Slice {
			d.complain(node.GetToken(), field, "has no value")
		}
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		d.object(node, to, field)
	case reflect.Slice:
		d.list(node, to, field)
	default:
		d.scalar(node, to, field, kind)
	}
}

func (d *decoder) object(node ast.Node, to reflect.Value, field string) {
	m, ok := node.(ast.MapNode)
	if !ok {
		d.complain(node.GetToken(), field, "must be a mapping of keys to values")
		return
	}
	seen := map[string]int{}
	for it := m.MapRange(); it.Next(); {
		key := it.Key()
		name := key.GetToken().Value
		path := join(field, name)
		line := key.GetToken().Position.Line
		if first, dup := seen[name]; dup {
			d.complain(key.GetToken(), path, "is here a second time; the first is in line %d", first)
			d.broken[path] = false // the first one was read
			continue
		}
		seen[name] = line
		sf, ok := fieldNamed(to.Type(), name)
		if !ok {
			d.complain(key.GetToken(), path, "unknown key; known here: %s", strings.Join(names(to.Type()), ", "))
			continue
		}
		d.lines[path] = line
		d.value(it.Value(), to.FieldByIndex(sf.Index), path, sf.Tag.Get("kind"))
	}
}

func (d *decoder) list(node ast.Node, to reflect.Value, field string) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.complain(node.GetToken(), field, "must be a list")
		return
	}
	items := reflect.MakeSlice(to.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		path := field + "[" + strconv.Itoa(i) + "]"
		d.lines[path] = item.GetToken().Position.Line
		d.value(item, items.Index(i), path, "")
	}
	to.Set(items)
}

func (d *decoder) scalar(node ast.Node, to reflect.Value, field, kind string) {
	raw, ok := scalarText(node)
	if !ok {
		d.complain(node.GetToken(), field, "must be a single value")
		return
	}
	text, err := expand(raw, d.lookup)
	if err == nil {
		err = setScalar(to, text)
	}
	if err != nil {
		d.complain(node.GetToken(), field, "%s", err)
		return
	}
	if kind == "path" {
		to.SetString(absolute(d.dir, text))
	}
}

// scalarText is what stands in the file, without quotes.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	default:
		return "", false
	}
}

func setScalar(to reflect.Value, text string) error {
	switch to.Interface().(type) {
	case time.Duration:
		v, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration: write it as in 90s, 15m or 1h30m", text)
		}
		to.SetInt(int64(v))
		return nil
	case Size:
		v, err := parseSize(text)
		to.SetInt(int64(v))
		return err
	}
	switch to.Kind() {
	case reflect.String:
		to.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		to.SetBool(text == "true")
	case reflect.Int, reflect.Int64:
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		to.SetInt(v)
	default:
		panic("bug: no decoding for " + to.Type().String())
	}
	return nil
}

// expand replaces ${NAME} by the environment's value and $$ by a dollar sign.
// What comes out is not expanded or parsed again: a value cannot add keys.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		if after, ok := strings.CutPrefix(rest, "$"); ok {
			out.WriteByte('$')
			text = after
			continue
		}
		name, after, closed := strings.Cut(strings.TrimPrefix(rest, "{"), "}")
		if !strings.HasPrefix(rest, "{") || !closed || name == "" {
			return "", errors.New("a dollar sign begins ${NAME}; write $$ for the sign itself")
		}
		value, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		out.WriteString(value)
		text = after
	}
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if keyOf(t.Field(i)) == name {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

func names(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		all = append(all, keyOf(t.Field(i)))
	}
	return all
}
