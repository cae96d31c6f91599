package dialect

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// What the clauses of json_exists, json_value and json_query ask for.

// clausesOf reads the argument that [jsonClauses] writes.
func clausesOf(spec string) map[string]string {
	clauses := make(map[string]string)
	for word := range strings.FieldsSeq(spec) {
		key, value, _ := strings.Cut(word, "=")
		clauses[key] = value
	}
	return clauses
}

func existsItem(found []*jsonItem, ok bool, clauses map[string]string) (any, error) {
	switch {
	case ok:
		return len(found) > 0, nil
	case clauses["error"] == "error":
		return nil, errors.New("json_exists failed: the text is no JSON, or the path leads nowhere")
	case clauses["error"] == "unknown":
		return nil, nil
	}
	return clauses["error"] == "true", nil
}

func queryItems(found []*jsonItem, ok bool, clauses map[string]string) (any, error) {
	instead := func(behaviour string) (any, error) {
		switch behaviour {
		case "error":
			return nil, errors.New("json_query found nothing, or several values")
		case "empty_array":
			return "[]", nil
		case "empty_object":
			return "{}", nil
		}
		return nil, nil
	}
	if !ok {
		return instead(clauses["error"])
	}
	if len(found) == 0 {
		return instead(clauses["empty"])
	}
	structured := len(found) == 1 && (found[0].kind == '[' || found[0].kind == '{')
	if w := clauses["wrapper"]; w == "with" || w == "conditional" && !structured {
		found = []*jsonItem{{kind: '[', parts: found}}
	}
	switch {
	case len(found) > 1:
		return instead(clauses["error"])
	case found[0].kind == '"' && clauses["quotes"] == "omit":
		return found[0].text, nil
	}
	return string(found[0].append(nil)), nil
}

// The tags of what sql_json_item finds: a scalar's type, or that there is none. What
// follows a tag is the value.
const (
	tagText    = "s"
	tagWhole   = "i"
	tagDouble  = "d"
	tagBoolean = "b"
	tagNull    = "n"
	tagEmpty   = "e" // the path leads to nothing
	tagError   = "x"
)

func taggedItem(found []*jsonItem, ok bool) string {
	switch {
	case !ok || len(found) > 1:
		return tagError
	case len(found) == 0:
		return tagEmpty
	}
	switch v := found[0]; v.kind {
	case '"':
		return tagText + v.text
	case 't':
		return tagBoolean + "true"
	case 'f':
		return tagBoolean + "false"
	case 'n':
		return tagNull
	case '0':
		return taggedNumber(v.text)
	}
	return tagError
}

// taggedNumber is a bigint, or a double when it has a fraction or an exponent.
func taggedNumber(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return tagWhole + strconv.FormatInt(i, 10)
		}
		return tagError
	}
	f, _ := strconv.ParseFloat(s, 64) // infinite where it is out of range, as in Java
	if math.IsInf(f, 0) {
		return tagDouble + map[bool]string{true: "Infinity", false: "-Infinity"}[f > 0]
	}
	return tagDouble + strconv.FormatFloat(f, 'g', -1, 64)
}

// valuesOf counts the clauses that have an argument of their own.
func valuesOf(clauses map[string]string) int {
	n := 0
	for key, value := range clauses {
		if key == "returning" || value == "default" {
			n++
		}
	}
	return n
}

// jsonReturns are the types that json_value casts to, but for decimals.
var jsonReturns = map[string]bool{
	typeVarchar: true, typeBool: true, "tinyint": true, "smallint": true, typeInt: true, typeBigint: true, typeReal: true, typeDouble: true, typeDate: true, typeTime: true,
}

// jsonValue is json_value: the scalar that is found is cast from its own type.
func (t *translator) jsonValue(c *call, clauses map[string]string) (string, error) {
	v := jsonValueCall{translator: t, c: c, clauses: clauses, to: typeVarchar, target: node{"id": "VARCHAR", "type_info": nil}}
	if len(c.args) > 2 {
		v.rest, v.types = c.args[3:], c.types[3:]
	}
	if len(v.rest) != valuesOf(clauses) { // no spelling leads here: jsonClauses writes both
		return "", t.invalid(c.n, "json_value takes a text, a path and clauses")
	}
	if _, ok := clauses["returning"]; ok {
		v.to, v.target = v.types[0], child(v.rest[0], "cast_type")
		if !jsonReturns[v.to] && !isDecimal(v.to) {
			return "", t.refuse(c.n, "json_value RETURNING "+describe(v.to), "write CAST(json_value(…) AS "+describe(v.to)+")")
		}
		v.rest, v.types = v.rest[1:], v.types[1:]
	}
	v.item = function(internal+"sql_json_item", c.args[0], c.args[1], v.always())
	empty, err := v.instead(clauses["empty"])
	if err != nil {
		return "", err
	}
	if v.failed, err = v.instead(clauses["error"]); err != nil {
		return "", err
	}
	plain := function(internal+"sql_json_value", c.args[0], c.args[1], varcharConst(""))
	if empty == nil && v.failed == nil && v.to == typeVarchar {
		become(c.n, plain)
		return v.to, nil
	}
	var checks []any
	when := func(tag string, then node) {
		is := compareNode("COMPARE_EQUAL", function("left", t.again(v.item), intConst(1)), varcharConst(tag))
		checks = append(checks, node{"when_expr": is, "then_expr": then})
	}
	if empty != nil {
		when(tagEmpty, empty)
	}
	if v.failed != nil {
		when(tagError, v.failed)
	}
	otherwise := plain
	if v.to != typeVarchar {
		for _, from := range []struct{ tag, typ, id string }{{tagText, typeVarchar, ""}, {tagWhole, typeBigint, "BIGINT"}, {tagDouble, typeDouble, "DOUBLE"}, {tagBoolean, typeBool, "BOOLEAN"}} {
			then, err := v.cast(from.typ, from.id)
			if err != nil {
				return "", err
			}
			when(from.tag, then)
		}
		otherwise = nullConst()
	}
	become(c.n, node{"class": "CASE", "type": "CASE_EXPR", "alias": "", "query_location": nowhere, "case_checks": checks, "else_expr": otherwise})
	t.settle(c.n, v.to)
	return v.to, nil
}

// jsonValueCall is one call of json_value.
type jsonValueCall struct {
	*translator
	c       *call
	clauses map[string]string
	rest    []node // the values of DEFAULT that are not used yet
	types   []string
	to      string // the type that is returned
	target  node   // and as a cast has it
	item    node   // what is found, with its tag
	failed  node   // what is answered in place of an error; nil: NULL
}

// always is an empty text that has the values of DEFAULT computed for each row, as in Trino.
func (v *jsonValueCall) always() node {
	text := varcharConst("")
	for _, value := range v.rest {
		if holds(value, "FUNCTION") || holds(value, "OPERATOR") {
			text = caseWhen(isNotNull(v.again(value)), text, varcharConst(""))
		}
	}
	return text
}

// instead is what ON EMPTY or ON ERROR answers; nil is NULL.
func (v *jsonValueCall) instead(behaviour string) (node, error) {
	switch behaviour {
	case "error":
		return v.targeted(function(internal+"sql_json_fail", v.again(v.item))), nil
	case "default":
		value, typ := v.rest[0], v.types[0]
		v.rest, v.types = v.rest[1:], v.types[1:]
		if both, ok := common(v.to, typ); !ok || both != v.to {
			return nil, v.invalid(value, "json_value returns %s, and its DEFAULT is %s", describe(v.to), describe(typ))
		}
		return v.targeted(value), nil
	}
	return nil, nil
}

func (v *jsonValueCall) targeted(n node) node {
	cast := castTo(n, "")
	cast["cast_type"] = copyOf(v.target)
	delete(child(cast, "cast_type"), "alias")
	return cast
}

// cast is the value that is found as one of type from, cast to the type that is returned.
func (v *jsonValueCall) cast(from, id string) (node, error) {
	value := function("substr", v.again(v.item), intConst(2))
	if id != "" {
		value = castTo(value, id)
	}
	if (v.to == typeDate || v.to == typeTime) && from != typeVarchar {
		if v.failed == nil {
			return nullConst(), nil
		}
		return v.again(v.failed), nil
	}
	if from == v.to {
		return value, nil
	}
	cast := v.targeted(value)
	cast["try_cast"], cast["query_location"] = v.clauses["error"] != "error", v.c.n["query_location"]
	if err := v.convert(cast, value, from, v.to); err != nil {
		return nil, err
	}
	if v.clauses["error"] == "default" {
		return coalesce(cast, v.again(v.failed)), nil
	}
	return cast, nil
}
