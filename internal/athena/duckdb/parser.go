//go:build cgo

package duckdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
)

// parser turns SQL into syntax trees and back. The work is done by DuckDB, in the
// worker: the text is as hostile there as it is when it runs.
type parser struct{ w *worker }

// treeMost bounds the syntax tree of a query, of which this process, which may be the one
// that takes events, holds two at a time, and each in ten times as many bytes.
const treeMost = 8 << 20

// tree parses query.
func (p parser) tree(query string) ([]byte, error) {
	tree, err := p.w.ask(kindParse, query)
	if err != nil {
		return nil, fmt.Errorf("parse query: %w", err)
	}
	return bounded([]byte(tree), treeMost)
}

func bounded(tree []byte, most int) ([]byte, error) {
	if len(tree) > most {
		return nil, overrun("it has too many values, names or calls; put a long list into one text, such as contains(split('a,b,c', ','), x)")
	}
	return tree, nil
}

// bound parses query and puts params into its tree.
func (p parser) bound(query string, params []string) ([]byte, error) {
	numbered, places, err := dialect.Number(query)
	if err != nil {
		return nil, err
	}
	if len(places) != len(params) {
		return nil, &athena.Error{Kind: athena.ErrInvalid, Construct: "parameters",
			Detail: fmt.Sprintf("the query has %d places (?) for them, and there are %d values", len(places), len(params))}
	}
	tree, err := p.tree(numbered)
	if err != nil || len(params) == 0 {
		return tree, err
	}
	checked, err := athena.CheckLiterals(params)
	if err != nil {
		return nil, err
	}
	list := "SELECT " + strings.Join(checked, ", ")
	if len(list) > athena.MaxSQLBytes {
		return nil, &athena.Error{Kind: athena.ErrRefused, Construct: "parameters", Detail: fmt.Sprintf("together they are %d bytes long, at most %d are read", len(list), athena.MaxSQLBytes)}
	}
	values, err := p.tree(list)
	if err != nil {
		return nil, err
	}
	return dialect.Bind(query, tree, values, places)
}

// translate returns the plan of query and its text in DuckDB's dialect. meanwhile, unless it is nil, is called with the
// plan while the worker reads what it has printed again; its error is that of translate.
func (p parser) translate(query string, params []string, now time.Time, meanwhile func(*dialect.Plan) error) (*dialect.Plan, string, error) {
	tree, err := p.bound(query, params)
	if err != nil {
		return nil, "", err
	}
	plan, err := dialect.Translate(query, tree, now, p.tree)
	if err != nil {
		return nil, "", err
	}
	text, err := p.w.ask(kindPrint, string(plan.Tree))
	if err != nil {
		return nil, "", fmt.Errorf("print translated query: %w", err)
	}
	if meanwhile != nil {
		if err := meanwhile(plan); err != nil {
			return nil, "", err
		}
	}
	// The printer is not ours. What runs must be what was checked.
	again, err := p.w.receive(kindText)
	if err != nil {
		return nil, "", fmt.Errorf("parse translated query: %w", err)
	}
	if again, err = bounded(again, treeMost+2*len(plan.Tree)); err != nil {
		return nil, "", err
	}
	if err := sameTree(plan.Tree, again); err != nil {
		return nil, "", fmt.Errorf("print translated query %q: %w", text, err)
	}
	return plan, text, nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// sameTree compares two syntax trees without the places in the text.
func sameTree(a, b []byte) error {
	x, err := decodeTree(a)
	if err != nil {
		return err
	}
	y, err := decodeTree(b)
	if err != nil {
		return err
	}
	if path, ok := differ(x, y, "$"); ok {
		return fmt.Errorf("the text does not mean the tree at %s", path)
	}
	return nil
}

func decodeTree(b []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode syntax tree: %w", err)
	}
	return v, nil
}

// differ returns the path of the first difference.
func differ(x, y any, path string) (string, bool) {
	switch a := x.(type) {
	case map[string]any:
		b, ok := y.(map[string]any)
		if ok && a["type"] == "EXPRESSION_LIST" && b["type"] == "SUBQUERY" {
			a = valuesQuery(a)
		}
		if !ok || len(a) != len(b) {
			return fmt.Sprintf("%s: %v / %v", path, x, y), true
		}
		for k := range a {
			if k == "query_location" {
				continue
			}
			if _, both := b[k]; !both {
				return path + "." + k, true
			}
			if p, ok := differ(a[k], b[k], path+"."+k); ok {
				return p, true
			}
		}
		return "", false
	case []any:
		b, ok := y.([]any)
		if !ok || len(a) != len(b) {
			return path, true
		}
		for i := range a {
			if p, ok := differ(a[i], b[i], fmt.Sprintf("%s[%d]", path, i)); ok {
				return p, true
			}
		}
		return "", false
	}
	if reflect.DeepEqual(x, y) {
		return "", false
	}
	return fmt.Sprintf("%s: %v / %v", path, x, y), true
}

// valuesQuery is what the parser makes of (VALUES …) in a FROM clause.
func valuesQuery(values map[string]any) map[string]any {
	none := []any{}
	return map[string]any{
		"type": "SUBQUERY", "alias": values["alias"], "sample": nil, "query_location": nil, "column_name_alias": none,
		"subquery": map[string]any{"named_param_map": none, "node": map[string]any{
			"type": "SELECT_NODE", "modifiers": none, "cte_map": map[string]any{"map": none},
			"select_list": []any{map[string]any{
				"class": "STAR", "type": "STAR", "alias": "", "query_location": nil, "relation_name": "",
				"exclude_list": none, "replace_list": none, "columns": false, "expr": nil,
				"qualified_exclude_list": none, "rename_list": none,
			}},
			"from_table": values, "where_clause": nil, "group_expressions": none, "group_sets": none,
			"aggregate_handling": "STANDARD_HANDLING", "having": nil, "sample": nil, "qualify": nil,
		}},
	}
}
