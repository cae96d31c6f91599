package dialect

import (
	"slices"
	"strings"
)

// A name without a relation before it may be of a column of a query around. Trino looks for
// columns alone. DuckDB takes the alias of an item for it first, of each select list between
// the name and its column; with the relation before it, a name is never that of an alias.

// outward puts its relation before the name of a reference n in s, where that is a column of
// a query around the one of s.
func (t *translator) outward(n node, names []string, s *scope) error {
	if len(names) > 1 || s.level(names) <= 0 {
		return nil
	}
	alias, free := s.relationOf(names)
	if free {
		n["column_names"] = []any{alias, names[0]}
		return nil
	}
	for ; !s.has(names); s = s.parent { // where the column is, it comes before an item
		if s.selects(names[0]) {
			return t.refuse(n, "column "+names[0]+" of a query around one that selects something of this name", "give the item or the relation another name")
		}
	}
	return nil
}

// spelled is the name of a translated reference as it may have been written.
func spelled(names []string) string {
	if isInternal(names[0]) { // a subquery of FROM without an alias
		names = names[1:]
	}
	return strings.Join(names, ".")
}

// relationOf is the alias of the relation that the column names is of; free says that it
// means this one relation at s, and that the column is of no other.
func (s *scope) relationOf(names []string) (alias string, free bool) {
	owner := s
	for ; owner != nil; owner = owner.parent {
		if _, found := owner.own(names); found {
			break
		}
	}
	if owner == nil || owner.first.has(names[0]) {
		return "", false
	}
	owners := 0 // several with USING
	for _, r := range owner.visible() {
		if r.has(names[0]) {
			alias, owners = r.alias, owners+1
		}
	}
	called := 0
	for ; s != owner.parent; s = s.parent {
		for _, r := range s.rels {
			if strings.EqualFold(r.alias, alias) {
				called++
			}
		}
		if c, found := s.own([]string{alias}); found && (s.lambda || isRow(c.typ)) { // whose field it would be
			called++
		}
	}
	return alias, alias != "" && owners == 1 && called == 1
}

// selects reports whether an item of the select list is called name, to DuckDB, and is not
// just the column that has this name there.
func (s *scope) selects(name string) bool {
	return slices.ContainsFunc(s.items, func(item any) bool {
		e, _ := item.(map[string]any)
		alias, names := text(e, "alias"), strings1(e, "column_names")
		return strings.EqualFold(alias, name) || alias == "" && isColumn(e, name) && len(names) > 1
	})
}
