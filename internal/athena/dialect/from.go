package dialect

import (
	"fmt"
	"math"
	"strings"

	"github.com/audit-archiver/archiver/internal/athena"
)

// from adds the relations of n to s.
func (t *translator) from(n node, s *scope) error {
	if n["sample"] != nil {
		return t.refuse(n, "TABLESAMPLE", "")
	}
	switch typ := text(n, "type"); typ {
	case "EMPTY":
		return nil
	case "BASE_TABLE":
		return t.table(n, s)
	case "SUBQUERY":
		return t.subqueryTable(n, s)
	case "JOIN":
		return t.join(n, s)
	case "TABLE_FUNCTION":
		return t.unnest(n, s)
	case "EXPRESSION_LIST":
		return t.values(n, s)
	default:
		return t.refuse(n, construct(typ), "")
	}
}

func (t *translator) table(n node, s *scope) error {
	err := t.fields(n, "type", "alias", "sample", "query_location", "schema_name", "table_name",
		"column_name_alias", "catalog_name", "at_clause")
	if err != nil {
		return err
	}
	if n["at_clause"] != nil {
		return t.refuse(n, "time travel", "")
	}
	name, path := text(n, "table_name"), tablePath(n)
	if strings.HasPrefix(t.written(n), "'") {
		return t.fail(n, athena.ErrSyntax, "table '"+name+"'", `write the name without quotes, or in "`)
	}
	alias, written := text(n, "alias"), []string(nil)
	if alias == "" {
		alias, written = name, path
	}
	cols, isCTE := s.cte(name)
	isCTE = isCTE && len(path) == 1
	if !isCTE {
		renamed, first := len(list(n, "column_name_alias")) > 0, len(t.scans)
		if query, ok := definition(path); ok {
			err := t.expand(n, s, alias, query)
			if err == nil {
				s.rels[len(s.rels)-1].path = written
			}
			if err == nil && !renamed && len(t.scans) == first+1 { // a view: its columns are the table's
				t.bound(&t.scans[first], alias, s)
			}
			return err
		}
		if r, ok := Resolve(path); !ok || r != Table {
			return t.fail(n, athena.ErrInvalid, "table "+strings.Join(path, "."), "the table is "+Table+"; SHOW TABLES lists the views over it")
		}
		cols = tableColumns()
		scan := fmt.Sprintf("%sscan%d", internal, len(t.scans))
		t.scans = append(t.scans, Scan{Name: scan, Bounds: athena.Everything(), MinMS: math.MinInt64, MaxMS: math.MaxInt64})
		if !renamed {
			t.bound(&t.scans[first], alias, s)
		}
		n["table_name"], n["schema_name"], n["catalog_name"], n["alias"] = scan, "main", "", alias
	}
	if cols, err = t.rename(n, cols, strings1(n, "column_name_alias")); err != nil {
		return err
	}
	r := newRelation(alias, cols)
	r.path = written
	s.rels = append(s.rels, r)
	return nil
}

// isScan reports whether n, which is translated, is the table itself; the name of a WITH
// stands in the tree like that of a table.
func isScan(n node) bool {
	return text(n, "type") == "BASE_TABLE" && strings.HasPrefix(text(n, "table_name"), internal+"scan")
}

func tablePath(n node) []string {
	var path []string
	for _, key := range []string{"catalog_name", "schema_name", "table_name"} {
		if name := text(n, key); name != "" {
			path = append(path, name)
		}
	}
	return path
}

func (t *translator) subqueryTable(n node, s *scope) error {
	if err := t.fields(n, "type", "alias", "sample", "query_location", "subquery", "column_name_alias"); err != nil {
		return err
	}
	if len(s.rels) > 0 {
		t.laterals.possible++
	}
	around := s.beside()
	cols, err := t.statement(child(n, "subquery"), around)
	if err != nil {
		return err
	}
	s.correlated = *around.besides > 0
	if text(n, "alias") == "" { // outward needs one
		t.aliases++
		n["alias"] = internal + "q" + itoa(t.aliases)
	}
	if cols, err = t.rename(n, cols, strings1(n, "column_name_alias")); err != nil {
		return err
	}
	s.rels = append(s.rels, newRelation(text(n, "alias"), cols))
	return nil
}

func (t *translator) join(n node, s *scope) error {
	err := t.fields(n, "type", "alias", "sample", "query_location", "left", "right", "condition", "join_type",
		"ref_type", "using_columns", "delim_flipped", "duplicate_eliminated_columns")
	if err != nil {
		return err
	}
	switch ref := text(n, "ref_type"); ref {
	case "REGULAR", "CROSS":
	default:
		return t.refuse(n, ref+" JOIN", "")
	}
	switch kind := text(n, "join_type"); kind {
	case "INNER", "LEFT", "RIGHT", "OUTER", "FULL":
	default:
		return t.refuse(n, kind+" JOIN", "")
	}
	begin, middle, unnests := len(s.rels), 0, text(child(n, "right"), "type") == "TABLE_FUNCTION"
	outer := s.left
	s.left = begin
	defer func() { s.left = outer }()
	for _, side := range []string{"left", "right"} {
		s.correlated, middle = false, len(s.rels)
		if err := t.from(child(n, side), s); err != nil {
			return err
		}
		uncross(child(n, side))
	}
	if names := strings1(n, "using_columns"); len(names) > 0 {
		s.using++
		for _, name := range names {
			if err := t.usable(n, name, s.rels[begin:middle], s.rels[middle:]); err != nil {
				return err
			}
			for _, r := range s.rels[begin:] {
				r.merge(name, s.using)
			}
		}
	}
	switch {
	case unnests:
		err = t.onTrue(n, "UNNEST")
	case s.correlated:
		err = t.onTrue(n, "a subquery of columns beside it")
	}
	if err != nil {
		return err
	}
	if cond := child(n, "condition"); cond != nil {
		return t.condition(cond, s)
	}
	return nil
}

// usable refuses columns of USING that DuckDB compares otherwise than Trino does, and those
// of two types: in Trino the column has the type that both have in common, in DuckDB that of
// one side.
func (t *translator) usable(n node, name string, left, right []relation) error {
	var types []string
	for _, side := range [][]relation{left, right} {
		alone := &scope{rels: side}
		c, found := alone.own([]string{name})
		if !found {
			return t.invalid(n, "column %s of USING does not exist on both sides", name)
		}
		if alone.ambiguous([]string{name}) {
			return t.invalid(n, "column %s of USING is ambiguous: several are called so on one side", name)
		}
		types = append(types, c.typ)
	}
	typ, ok := common(types[0], types[1])
	switch {
	case !ok:
		return t.invalid(n, "column %s of USING is %s and %s", name, describe(types[0]), describe(types[1]))
	case types[0] != types[1]:
		return t.refuse(n, "USING of "+describe(types[0])+" and "+describe(types[1]), "cast one of them in a subquery, or write ON a."+name+" = b."+name)
	case isFloat(typ) || isArray(typ) || isMap(typ) || isRow(typ) || typ == typeJSON:
		return t.refuse(n, "USING of "+describe(typ), "write ON a."+name+" = b."+name)
	}
	return nil
}

// uncross turns a cross join within another join into one that is always true. DuckDB
// prints the former with a comma, which joins later than JOIN.
func uncross(n node) {
	if text(n, "type") == "JOIN" && text(n, "ref_type") == "CROSS" {
		n["ref_type"], n["join_type"], n["condition"] = "REGULAR", "INNER", castTo(varcharConst("t"), "BOOLEAN")
	}
}

// unnest is the only table function: UNNEST(array) [WITH ORDINALITY] AS t(x [, n]).
func (t *translator) unnest(n node, s *scope) error {
	err := t.fields(n, "type", "alias", "sample", "query_location", "function", "column_name_alias", "with_ordinality")
	if err != nil {
		return err
	}
	f := child(n, "function")
	name := strings.ToLower(text(f, "function_name"))
	if text(f, "class") != "FUNCTION" || name != "unnest" || text(f, "schema") != "" || text(f, "catalog") != "" {
		return t.refuse(n, "table function "+name, "the only table is "+Table)
	}
	if err := t.plainCall(f); err != nil {
		return err
	}
	args := children(f)
	if len(args) == 0 {
		return t.invalid(n, "UNNEST takes arrays or maps")
	}
	if len(args) > 1 {
		return t.unnestSeveral(n, args, s)
	}
	typ, err := t.expr(args[0], s.within())
	if err != nil {
		return err
	}
	if isMap(typ) {
		if isRow(valueOf(typ)) {
			return t.refuse(n, "UNNEST of a map of rows", "unnest map_values(m)")
		}
		if strings.HasSuffix(typ, anyOrder) && text(n, "with_ordinality") == "WITH_ORDINALITY" {
			return t.refuse(n, "UNNEST WITH ORDINALITY of a map that an aggregate made", "its order is no one's promise: write row_number() OVER (ORDER BY key)")
		}
		return t.unnestLists(n, []node{function("map_keys", args[0]), function("map_values", t.again(args[0]))}, []string{keyOf(typ), valueOf(typ)}, s)
	}
	if !isArray(typ) {
		return t.refuse(n, "UNNEST of "+describe(typ), "only arrays and maps are unnested")
	}
	if isRow(elementOf(typ)) || holds(args[0], "LAMBDA") && holds(args[0], "COLUMN_REF") {
		return t.unnestLists(n, args, []string{elementOf(typ)}, s)
	}
	t.settle(args[0], typ)
	cols := []column{{name: internal + "unnest", typ: elementOf(typ)}} // it has no name to Trino
	if text(n, "with_ordinality") == "WITH_ORDINALITY" {
		cols = append(cols, column{name: internal + "ordinality", typ: typeBigint})
	}
	if cols, err = t.rename(n, cols, strings1(n, "column_name_alias")); err != nil {
		return err
	}
	alias := text(n, "alias")
	if alias == "" {
		alias = "unnest"
	}
	s.rels = append(s.rels, newRelation(alias, cols))
	return nil
}

// unnestSeveral is UNNEST(a, b): side by side, NULLs behind the shorter one.
func (t *translator) unnestSeveral(n node, args []node, s *scope) error {
	var elements []string
	for _, a := range args {
		typ, err := t.expr(a, s.within())
		if err != nil {
			return err
		}
		if !isArray(typ) {
			return t.refuse(n, "UNNEST of several values that are no arrays", "use one UNNEST each")
		}
		elements = append(elements, elementOf(typ))
	}
	return t.unnestLists(n, args, elements, s)
}

// unnestLists makes n a subquery beside the relations before it: SELECT unnest(a), unnest(b).
func (t *translator) unnestLists(n node, lists []node, elements []string, s *scope) error {
	var cols []column
	var picks []any
	pick := func(name, typ string, e node) {
		e["alias"] = name
		picks, cols = append(picks, e), append(cols, column{name: name, typ: typ})
	}
	longest := []node{}
	for i, l := range lists {
		t.settle(l, "array("+elements[i]+")")
		longest = append(longest, coalesce(function("len", t.again(l)), castTo(intConst(0), "BIGINT")))
		if !isRow(elements[i]) {
			pick(internal+"u"+itoa(i), elements[i], function("unnest", l))
			continue
		}
		for j, f := range fieldsOf(elements[i]) { // a column each
			pick(internal+"u"+itoa(i)+fieldKey(j), f.typ, fieldAt(function("unnest", t.again(l)), j))
		}
	}
	if text(n, "with_ordinality") == "WITH_ORDINALITY" {
		most := longest[0]
		if len(longest) > 1 {
			most = function("greatest", longest...)
		}
		pick(internal+"ordinality", typeBigint, function("unnest", function("generate_series", castTo(intConst(1), "BIGINT"), most)))
	}
	cols, err := t.rename(n, cols, strings1(n, "column_name_alias"))
	if err != nil {
		return err
	}
	alias := text(n, "alias")
	if alias == "" {
		alias = "unnest"
	}
	s.rels = append(s.rels, newRelation(alias, cols))
	aliases := n["column_name_alias"]
	none := []any{}
	query := node{
		"type": "SELECT_NODE", "modifiers": none, "cte_map": node{"map": none}, "select_list": picks,
		"from_table": node{"type": "EMPTY", "alias": "", "sample": nil, "query_location": nowhere}, "where_clause": nil, "group_expressions": none,
		"group_sets": none, "aggregate_handling": "STANDARD_HANDLING", "having": nil, "sample": nil, "qualify": nil,
	}
	clear(n)
	for k, v := range (node{"type": "SUBQUERY", "alias": alias, "sample": nil, "query_location": nowhere, "column_name_alias": aliases,
		"subquery": node{"node": query, "named_param_map": none}}) {
		n[k] = v
	}
	return nil
}

func (t *translator) values(n node, s *scope) error {
	err := t.fields(n, "type", "alias", "sample", "query_location", "expected_names", "expected_types", "values", "column_name_alias")
	if err != nil {
		return err
	}
	var cols []column
	for i, r := range list(n, "values") {
		row, _ := r.([]any)
		for j, v := range row {
			e, _ := v.(map[string]any)
			typ, err := t.expr(e, s)
			if err != nil {
				return err
			}
			if len(row) == 1 && isRow(typ) { // whose fields are columns in Trino
				return t.refuse(e, "VALUES of a row", "write VALUES (1, 2) for two columns")
			}
			if i == 0 {
				cols = append(cols, column{name: unnamed(j), typ: typ})
				continue
			}
			if j >= len(cols) {
				return t.invalid(e, "VALUES of different lengths")
			}
			both, ok := common(cols[j].typ, typ)
			if !ok {
				return t.invalid(e, "VALUES mixes %s and %s in one column", cols[j].typ, typ)
			}
			cols[j].typ = both
		}
	}
	for _, r := range list(n, "values") {
		row, _ := r.([]any)
		for j, v := range row {
			if e, _ := v.(map[string]any); cols[j].typ != typeNull {
				t.settle(e, cols[j].typ)
			}
		}
	}
	names := strings1(n, "expected_names")
	if len(names) == 0 {
		names = strings1(n, "column_name_alias")
	}
	if cols, err = t.rename(n, cols, names); err != nil {
		return err
	}
	s.rels = append(s.rels, newRelation(text(n, "alias"), cols))
	return nil
}
