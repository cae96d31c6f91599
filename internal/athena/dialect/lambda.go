package dialect

import "slices"

// callWithLambda translates a call of f, which has a function x -> … among its arguments.
func (t *translator) callWithLambda(f signature, c *call) (string, error) {
	if holds(functionsIn(c.n), "SUBQUERY") {
		return "", t.invalid(c.n, "a function x -> … cannot have a subquery in it")
	}
	return f.apply(t, c)
}

// anchored is value, over which the translated body of a function runs, made to name the
// columns of the query around the one of s that the body names: DuckDB finds them in a
// function only where what stands before it needs that query as well.
func (t *translator) anchored(value, body node, s *scope) (node, error) {
	columns, level := columnsIn(body), -1
	for _, names := range columns {
		switch l := s.level(names); {
		case l == level || l < 0:
		case level >= 0:
			return nil, t.refuse(value, "a function x -> … that names columns of several queries", "select them in the query around it, and use their names there")
		default:
			level = l
		}
	}
	if level <= 0 {
		return value, nil
	}
	always := []node{castTo(varcharConst("t"), "BOOLEAN")}
	for _, names := range columns {
		if s.level(names) == level {
			column := columnRef("")
			column["column_names"] = list1(names)
			always = append(always, isNotNull(column))
		}
	}
	t.grow(always)
	return caseWhen(conjunction("OR", always...), value, nullConst()), nil
}

// unanchored refuses functions in the translated call n of an aggregate that name a
// column of another query than its own: DuckDB takes it for one to be grouped by.
func (t *translator) unanchored(n node, name string, s *scope) error {
	for _, names := range columnsIn(functionsIn(n)) {
		if s.level(names) > 0 {
			return t.refuse(n, "a function x -> … that names "+spelled(names)+" of the query around it, in "+name, "compute the argument in a subquery")
		}
	}
	return nil
}

// functionsIn are what stands behind the arrows at or below v.
func functionsIn(v any) (bodies []any) {
	switch v := v.(type) {
	case map[string]any:
		if text(v, "class") == "LAMBDA" {
			return []any{v["expr"]}
		}
		for _, x := range v {
			bodies = append(bodies, functionsIn(x)...)
		}
	case []any:
		for _, x := range v {
			bodies = append(bodies, functionsIn(x)...)
		}
	}
	return bodies
}

// columnsIn are the names of columns at or below v, each once and in order, and those of
// parameters of functions around v.
func columnsIn(v any) [][]string {
	columns := namesIn(v)
	slices.SortFunc(columns, slices.Compare)
	return slices.CompactFunc(columns, slices.Equal)
}

func namesIn(v any) (names [][]string) {
	switch v := v.(type) {
	case map[string]any:
		switch text(v, "class") {
		case "COLUMN_REF":
			return [][]string{strings1(v, "column_names")}
		case "LAMBDA": // its parameters are its own
			return slices.DeleteFunc(namesIn(v["expr"]), func(n []string) bool { return len(n) == 1 && mentions(child(v, "lhs"), n[0]) })
		}
		for _, x := range v {
			names = append(names, namesIn(x)...)
		}
	case []any:
		for _, x := range v {
			names = append(names, namesIn(x)...)
		}
	}
	return names
}
