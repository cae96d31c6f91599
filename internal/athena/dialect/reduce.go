package dialect

import (
	"strconv"
	"strings"
)

// reduce is reduce(array, start, (state, x) -> …, state -> …). DuckDB's list_reduce wants
// a state of the type of the elements; so both are rows of a state and an element.
func reduce(t *translator, c *call) (string, error) {
	if err := t.plainCall(c.n); err != nil {
		return "", err
	}
	if len(c.args) != 4 || text(c.args[2], "class") != "LAMBDA" || text(c.args[3], "class") != "LAMBDA" {
		return "", t.invalid(c.n, "reduce takes an array, a first state, a function (state, x) -> … and a function state -> …")
	}
	types, err := t.exprs(c.args[:2], c.scope)
	if err != nil {
		return "", err
	}
	if !isArray(types[0]) {
		return "", t.invalid(c.args[0], "reduce needs an array, this is %s", describe(types[0]))
	}
	state, element := types[1], elementOf(types[0])
	again := t.again(c.args[2])
	result, step, err := t.step(c, c.args[2], state, element)
	if err == nil && result != state { // the first state is of a narrower type, such as 0 among bigints
		if both, ok := common(state, result); ok {
			state = both
		}
		result, step, err = t.step(c, again, state, element)
	}
	if err != nil {
		return "", err
	}
	stateType, ok1 := duckType(state)
	elementType, ok2 := duckType(element)
	if result != state || !ok1 || !ok2 {
		return "", t.refuse(c.n, "reduce from "+describe(types[1])+" to "+describe(result), "cast the first state")
	}
	typed := func(n, ct node) node {
		cast := castTo(n, "")
		cast["cast_type"] = ct
		return cast
	}
	pair := func(state, element node) node {
		state, element = typed(state, stateType), typed(element, elementType)
		return structOf([]node{state, element})
	}
	e := internal + "e0"
	pairs := function("list_transform", c.args[0], lambda(e, pair(nullConst(), columnRef(e))))
	reduced := function("list_reduce", pairs, step(func(body node) node { return pair(body, nullConst()) }), pair(c.args[1], nullConst()))

	names, last, err := t.parameters(c.args[3], 1)
	if err != nil {
		return "", err
	}
	typ, err := t.expr(last, c.scope.function(column{name: names[0], typ: state}))
	if err != nil {
		return "", err
	}
	final := lambdaName(last)
	if !substitute(last, names[0], fieldAt(columnRef(final), 0)) {
		return "", t.refuse(c.args[3], "a parameter "+names[0]+" of a function in a function", "give it another name")
	}
	states, err := t.anchored(arrayOf(reduced), last, c.scope)
	if err != nil {
		return "", err
	}
	answer := function("list_extract", function("list_transform", states, lambda(final, last)), intConst(1))
	become(c.n, caseWhen(isNotNull(t.again(c.args[0])), answer, nullConst()))
	return typ, nil
}

// lambdaName is a name for a parameter of the function whose translated body is given, that
// no function within it has. It follows from the body: where an expression stands twice, as
// in GROUP BY and in what is selected, DuckDB must see that it is one.
func lambdaName(body node) string { return internal + "e" + itoa(1+highestLambda(body)) }

// highestLambda is the greatest number of a parameter that lambdaName has named at or below v.
func highestLambda(v any) (highest int) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range strings1(v, "column_names") {
			if number, ok := strings.CutPrefix(name, internal+"e"); ok {
				i, _ := strconv.Atoi(number)
				highest = max(highest, i)
			}
		}
		for _, x := range v {
			highest = max(highest, highestLambda(x))
		}
	case []any:
		for _, x := range v {
			highest = max(highest, highestLambda(x))
		}
	}
	return highest
}

// step translates the function (state, x) -> … of a reduce, whose parameters become
// fields of pairs. finish makes the lambda, with what its body is wrapped in.
func (t *translator) step(c *call, n node, state, element string) (result string, finish func(wrap func(node) node) node, err error) {
	names, body, err := t.parameters(n, 2)
	if err != nil {
		return "", nil, err
	}
	if strings.EqualFold(names[0], names[1]) {
		return "", nil, t.invalid(n, "both parameters are called %s", names[0])
	}
	inner := c.scope.function(column{name: names[0], typ: state}, column{name: names[1], typ: element})
	if result, err = t.expr(body, inner); err != nil {
		return "", nil, err
	}
	for _, name := range columnsIn(body) {
		if len(name) > 1 || !strings.EqualFold(name[0], names[0]) && !strings.EqualFold(name[0], names[1]) {
			// DuckDB takes it from another row, once the arrays of some rows have ended.
			return "", nil, t.refuse(n, "reduce with "+spelled(name)+" in its function", "put it into the elements with transform")
		}
	}
	before := lambdaName(body)
	next := before + "n"
	for i, value := range []node{fieldAt(columnRef(before), 0), fieldAt(columnRef(next), 1)} {
		if !substitute(body, names[i], value) {
			return "", nil, t.refuse(n, "a parameter "+names[i]+" of a function in a function", "give it another name")
		}
	}
	return result, func(wrap func(node) node) node {
		f := lambda(before, wrap(body))
		f["lhs"] = function("row", columnRef(before), columnRef(next))
		return f
	}, nil
}
