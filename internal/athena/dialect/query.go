package dialect

import (
	"fmt"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// translator walks one tree once, from the top, and rewrites it in place.
type translator struct {
	sql      string
	now      time.Time
	scans    []Scan
	fns      map[string]signature
	parse    func(sql string) ([]byte, error)
	mixed    bool            // there are aggregates, window functions or subqueries
	named    map[string]bool // columns, those of * included; not within the definitions of views
	oneRow   bool            // the SELECT that was translated last makes one row of all: it has aggregates and no groups
	depth    int
	laterals laterals
	// growth is how many nodes were added to the tree, and how many columns a * stands for.
	growth      int
	aliases     int  // that subqueries of FROM were given
	bareDecimal bool // the query has a type decimal without digits
	// zeros are those that are written as doubles: with the sign, and without.
	zeros map[bool]bool
	// sorted is for the call that is translated next: see call.
	sorted bool
}

// maxDepth bounds the recursion; DuckDB's own limit is 1000.
const maxDepth = 200

// statement translates {"node": …} and returns the columns of its answer.
func (t *translator) statement(stmt node, parent *scope) ([]column, error) {
	if err := t.fields(stmt, "node", "named_param_map"); err != nil {
		return nil, err
	}
	if len(list(stmt, "named_param_map")) > 0 {
		return nil, t.refuse(stmt, "parameter", "put the value into the query")
	}
	return t.query(child(stmt, "node"), parent)
}

func (t *translator) query(n node, parent *scope) ([]column, error) {
	t.depth++
	defer func() { t.depth-- }()
	if t.depth > maxDepth {
		return nil, t.refuse(n, "query", fmt.Sprintf("nested more than %d levels deep", maxDepth))
	}
	s := &scope{parent: parent, ctes: make(map[string][]column)}
	begin := s.sideways()
	if err := t.with(n, s); err != nil {
		return nil, err
	}
	switch text(n, "type") {
	case "SELECT_NODE":
		return t.selectNode(n, s, begin)
	case "SET_OPERATION_NODE":
		return t.setOperation(n, s, begin)
	}
	return nil, t.refuse(n, construct(text(n, "type")), "")
}

// construct names a node type for a message.
func construct(typ string) string {
	switch typ {
	case "RECURSIVE_CTE_NODE":
		return "WITH RECURSIVE"
	case "SHOW_REF":
		return "SHOW, DESCRIBE or SUMMARIZE"
	case "EXPRESSION_LIST":
		return "VALUES"
	case "VALUE_PARAMETER":
		return "parameter ?"
	}
	return strings.ToUpper(strings.ReplaceAll(strings.TrimSuffix(typ, "_NODE"), "_", " "))
}

func (t *translator) with(n node, s *scope) error {
	for _, entry := range list(child(n, "cte_map"), "map") {
		e, _ := entry.(map[string]any)
		name, value := text(e, "key"), child(e, "value")
		if err := t.fields(value, "aliases", "query", "materialized", "key_targets"); err != nil {
			return err
		}
		if len(list(value, "key_targets")) > 0 || text(value, "materialized") != "CTE_MATERIALIZE_DEFAULT" {
			return t.refuse(value, "WITH "+name+" AS MATERIALIZED or USING KEY", "")
		}
		cols, err := t.statement(child(value, "query"), s)
		if err != nil {
			return err
		}
		if cols, err = t.rename(value, cols, strings1(value, "aliases")); err != nil {
			return err
		}
		if r := newRelation("", cols); len(list(value, "aliases")) > len(r.named) {
			return t.invalid(value, "WITH %s gives two columns one name", name)
		}
		s.ctes[strings.ToLower(name)] = cols
	}
	return nil
}

// rename applies a list of column aliases.
func (t *translator) rename(n node, cols []column, names []string) ([]column, error) {
	if len(names) == 0 {
		return cols, nil
	}
	if len(names) != len(cols) {
		return nil, t.invalid(n, "%d column names for %d columns", len(names), len(cols))
	}
	out := make([]column, len(cols))
	for i, name := range names {
		out[i] = column{name: name, typ: cols[i].typ}
	}
	return out, nil
}

func (t *translator) setOperation(n node, s *scope, begin int) ([]column, error) {
	if err := t.fields(n, "type", "modifiers", "cte_map", "setop_type", "left", "right", "setop_all"); err != nil {
		return nil, err
	}
	switch text(n, "setop_type") {
	case "UNION", "EXCEPT", "INTERSECT":
	default:
		return nil, t.refuse(n, construct(text(n, "setop_type")), "write UNION and name the columns in order")
	}
	for _, part := range []node{child(n, "left"), child(n, "right")} {
		if len(list(child(part, "cte_map"), "map")) > 0 {
			return nil, t.fail(part, athena.ErrSyntax, "WITH in a part of "+text(n, "setop_type"), "write it before the first part")
		}
	}
	left, err := t.query(child(n, "left"), s)
	if err != nil {
		return nil, err
	}
	right, err := t.query(child(n, "right"), s)
	if err != nil {
		return nil, err
	}
	if s.sideways() > begin {
		return nil, t.refuse(n, "UNION, INTERSECT or EXCEPT with a column of a relation beside it, in a LATERAL subquery", lateralAdvice)
	}
	if len(left) != len(right) {
		return nil, t.invalid(n, "%s of %d and %d columns", text(n, "setop_type"), len(left), len(right))
	}
	for i := range left {
		typ, ok := common(left[i].typ, right[i].typ)
		if !ok {
			return nil, t.invalid(n, "column %d of %s is %s on the left and %s on the right", i+1, text(n, "setop_type"), left[i].typ, right[i].typ)
		}
		left[i].typ = typ
		all := n["setop_all"] == true
		if all && text(n, "setop_type") == "UNION" {
			continue
		}
		if all && isArray(typ) { // Trino orders the rows, and no array with a NULL in it
			return nil, t.refuse(n, text(n, "setop_type")+" ALL of arrays", "leave out ALL, or select their elements")
		}
		if err := t.unmapped(n, typ, text(n, "setop_type")); err != nil {
			return nil, err
		}
	}
	for _, item := range list(n, "modifiers") {
		m, _ := item.(map[string]any)
		for _, o := range list(m, "orders") {
			order, _ := o.(map[string]any)
			if e := child(order, "expression"); text(e, "class") != "COLUMN_REF" && text(e, "class") != "CONSTANT" {
				return nil, t.refuse(e, "an expression in ORDER BY of "+text(n, "setop_type"), "write SELECT * FROM (…) ORDER BY it")
			}
		}
	}
	return left, t.modifiers(n, &scope{parent: s, first: newRelation("", left)})
}

func (t *translator) selectNode(n node, s *scope, begin int) ([]column, error) {
	err := t.fields(n, "type", "modifiers", "cte_map", "select_list", "from_table", "where_clause",
		"group_expressions", "group_sets", "aggregate_handling", "having", "sample", "qualify")
	if err != nil {
		return nil, err
	}
	switch {
	case text(n, "aggregate_handling") != "STANDARD_HANDLING":
		return nil, t.refuse(n, "GROUP BY ALL", "name the columns")
	case n["sample"] != nil:
		return nil, t.refuse(n, "SAMPLE", "")
	case n["qualify"] != nil:
		return nil, t.refuse(child(n, "qualify"), "QUALIFY", "filter the window function in an outer query")
	}
	uses := sidewaysUses{from: text(child(n, "from_table"), "type"), begin: begin}
	s.where, s.alone, s.items = child(n, "where_clause"), uses.from == "BASE_TABLE", list(n, "select_list")
	if err := t.from(child(n, "from_table"), s); err != nil {
		return nil, err
	}
	uses.tables = s.sideways()
	t.groupsByPlace(n)
	var written []any
	if isDistinct(n) {
		written, _ = clone(n["select_list"]).([]any)
	}
	s.selecting = !t.aggregates(s.items)
	cols, err := t.selectList(n, s)
	s.selecting = false
	if err != nil {
		return nil, err
	}
	uses.selected = s.sideways()
	for _, key := range []string{"where_clause", "having"} {
		if cond := child(n, key); cond != nil {
			if err := t.condition(cond, s); err != nil {
				return nil, err
			}
		}
	}
	uses.where = s.sideways()
	if err := t.groups(n, s); err != nil {
		return nil, err
	}
	uses.groups = s.sideways()
	if err := t.decorrelated(n, uses); err != nil {
		return nil, err
	}
	ordering := &scope{parent: s, first: newRelation("", cols)}
	if written != nil {
		err = t.distinctOrders(n, written, ordering)
	}
	if err == nil {
		err = t.modifiers(n, ordering)
	}
	if err == nil {
		err = t.limited(n, ordering)
	}
	if err != nil {
		return nil, err
	}
	if s.sideways() > uses.groups && limits(n) {
		return nil, t.refuse(n, "ORDER BY with a column of a relation beside it, and LIMIT, in a LATERAL subquery", lateralAdvice)
	}
	t.byDay(n)
	inOrderOfSets(n)
	wrap(s.exact)
	t.oneRow = s.aggregates && len(list(n, "group_expressions")) == 0
	return cols, nil
}

// storable refuses values that DuckDB holds otherwise than Trino does: they may
// be used within an expression, and not be grouped, ordered or returned.
func (t *translator) storable(n node, typ string) error {
	switch {
	case isInterval(typ):
		return t.refuse(n, "a value of type interval", "compare it with an interval, add it to a timestamp, or use date_diff")
	}
	return nil
}

// condition translates an expression that must be boolean.
func (t *translator) condition(n node, s *scope) error {
	typ, err := t.expr(n, s)
	if err != nil {
		return err
	}
	if typ != "" && typ != typeNull && typ != typeBool {
		return t.invalid(n, "a condition must be boolean, this is %s", typ)
	}
	return nil
}

func (t *translator) selectList(n node, s *scope) ([]column, error) {
	var cols []column
	for _, item := range list(n, "select_list") {
		e, _ := item.(map[string]any)
		if text(e, "class") == "STAR" {
			all, err := t.star(e, s)
			if err != nil {
				return nil, err
			}
			for _, c := range all {
				c.plain = true
				cols = append(cols, c)
			}
			continue
		}
		name := text(e, "alias")
		if name == "" && text(e, "class") == "COLUMN_REF" {
			names := strings1(e, "column_names")
			name = names[len(names)-1]
			if _, isColumn := s.lookup(names); !isColumn && !s.isField(names) {
				name = ""
			}
		}
		if name == "" {
			name = unnamed(len(cols))
		}
		plain := isColumn(e, name) && !s.isField(strings1(e, "column_names"))
		typ, err := t.expr(e, s)
		if err != nil {
			return nil, err
		}
		if err := t.storable(e, typ); err != nil {
			return nil, err
		}
		if text(e, "class") != "COLUMN_REF" {
			t.settle(e, typ)
		}
		if text(e, "alias") != "" || !isColumn(e, name) { // a bare one may be of a query around: see outward
			e["alias"] = name
		}
		cols = append(cols, column{name: name, typ: typ, plain: plain})
	}
	return cols, nil
}

// isColumn reports whether e is nothing but a column called name.
func isColumn(e node, name string) bool {
	names := strings1(e, "column_names")
	return text(e, "class") == "COLUMN_REF" && len(names) > 0 && strings.EqualFold(names[len(names)-1], name)
}

func (t *translator) star(n node, s *scope) ([]column, error) {
	err := t.fields(n, "class", "type", "alias", "query_location", "relation_name", "exclude_list",
		"replace_list", "columns", "expr", "qualified_exclude_list", "rename_list")
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"exclude_list", "replace_list", "qualified_exclude_list", "rename_list"} {
		if len(list(n, key)) > 0 {
			return nil, t.refuse(n, "* EXCLUDE, REPLACE or RENAME", "name the columns")
		}
	}
	if n["columns"] == true || n["expr"] != nil {
		return nil, t.refuse(n, "COLUMNS(…)", "name the columns")
	}
	if s.using > 0 && text(n, "relation_name") == "" {
		return nil, t.refuse(n, "SELECT * from a join with USING", "name the columns, or join with ON")
	}
	var cols []column
	for _, r := range s.rels {
		if name := text(n, "relation_name"); name == "" || strings.EqualFold(name, r.alias) {
			if len(r.merged) > 0 { // Trino leaves out the columns of USING
				return nil, t.refuse(n, "SELECT "+name+".* from a join with USING", "name the columns, or join with ON")
			}
			if t.growth += len(r.cols); t.grownTooMuch() {
				return nil, t.tooMuch(n)
			}
			cols = append(cols, r.cols...)
		}
	}
	for _, c := range cols {
		t.named[strings.ToLower(c.name)] = true
	}
	if name := text(n, "relation_name"); len(cols) == 0 && s.isRelation(name) {
		return nil, t.refuse(n, name+".* of the query around", "name the columns")
	}
	if len(cols) == 0 {
		return nil, t.invalid(n, "nothing to select with *")
	}
	return cols, nil
}
