package dialect

import (
	"encoding/json"
	"slices"
)

// What stands behind GROUP BY.

// groups translates what n groups by.
func (t *translator) groups(n node, s *scope) error {
	for i, g := range list(n, "group_expressions") {
		e, _ := g.(map[string]any)
		if text(e, "class") != "COLUMN_REF" && !inEachSet(n, i) {
			return t.invalid(e, "CUBE, ROLLUP and GROUPING SETS take names of columns only: compute the value in a subquery")
		}
		typ, err := t.expr(e, s)
		if err == nil {
			err = t.storable(e, typ)
		}
		if err == nil {
			err = t.unmapped(e, typ, "GROUP BY")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// groupsByPlace writes what GROUP BY 1 means in the place of the number: the select list
// gets casts of its own, so that other items would not be known to be made of it.
func (t *translator) groupsByPlace(n node) {
	items := list(n, "select_list")
	for _, item := range items {
		if e, _ := item.(map[string]any); text(e, "class") == "STAR" { // nobody knows the places behind it
			return
		}
	}
	if len(list(n, "group_sets")) > 1 { // which takes no numbers
		return
	}
	groups := make(map[string]bool) // the printer has each of them once
	for _, g := range list(n, "group_expressions") {
		groups[meaning(g)] = true
	}
	for _, g := range list(n, "group_expressions") {
		e, _ := g.(map[string]any)
		i, ok := position(e)
		if !ok || i > len(items) {
			continue
		}
		item, _ := items[i-1].(map[string]any)
		if is := meaning(item); !groups[is] && holds(item, "COLUMN_REF") && !holds(item, "SUBQUERY") && !t.aggregates(item) {
			groups[is] = true
			become(e, t.again(item))
		}
	}
}

// inEachSet reports whether n groups by its expression i in all of its grouping sets.
func inEachSet(n node, i int) bool {
	for _, item := range list(n, "group_sets") {
		set, _ := item.([]any)
		if !slices.Contains(set, any(json.Number(itoa(i)))) {
			return false
		}
	}
	return true
}

// inOrderOfSets numbers what n groups by as the parser does, which meets it in the grouping
// sets: those of ROLLUP (a), ROLLUP (b) are printed as (), (b), (a), (a, b).
func inOrderOfSets(n node) {
	groups, sets := list(n, "group_expressions"), list(n, "group_sets")
	var order []int // the old numbers
	for _, item := range sets {
		set, _ := item.([]any)
		for _, number := range set {
			num, _ := number.(json.Number)
			if i, err := num.Int64(); err == nil && !slices.Contains(order, int(i)) {
				order = append(order, int(i))
			}
		}
	}
	if len(order) != len(groups) || slices.IsSorted(order) {
		return
	}
	sorted := make([]any, len(groups))
	for i, old := range order {
		sorted[i] = groups[old]
	}
	n["group_expressions"] = sorted
	for k, item := range sets {
		set, _ := item.([]any)
		var renumbered []any
		for i, old := range order {
			if slices.Contains(set, any(json.Number(itoa(old)))) {
				renumbered = append(renumbered, json.Number(itoa(i)))
			}
		}
		sets[k] = append([]any{}, renumbered...)
	}
}
