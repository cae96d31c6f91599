package dialect

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The Trino types that the translator reasons about. "" is a type it does not know.
const (
	typeBool     = "boolean"
	typeInt      = "integer"
	typeBigint   = "bigint"
	typeReal     = "real"
	typeDouble   = "double"
	typeVarchar  = "varchar"
	typeJSON     = "json"
	typeDate     = "date"
	typeTime     = "timestamp"
	typeZone     = "timestamp with time zone"
	typeInterval = "interval"
	typeNull     = "unknown"
)

// internal begins the names of relations and macros that users cannot reach.
const internal = "__audit_"

// nameMembers are where names stand that the writer of a query gives or uses.
var nameMembers = []string{"alias", "aliases", "column_name_alias", "column_names", "expected_names", "key", "relation_name", "using_columns"}

// taken refuses such names at or below v, which was written and is not translated: they would
// reach what the translation makes, or be in its way.
func (t *translator) taken(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range nameMembers {
			for _, name := range append(strings1(v, member), text(v, member)) {
				if isInternal(name) {
					return t.refuse(v, "name "+name, "names that begin with "+internal+" are taken")
				}
			}
		}
		for _, member := range slices.Sorted(maps.Keys(v)) {
			if err := t.taken(v[member]); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := t.taken(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// isInternal reports whether name is one of those, to DuckDB, which reads no case.
func isInternal(name string) bool { return strings.HasPrefix(strings.ToLower(name), internal) }

// unnamed is what the column i of a query is called that has no name, as far as users can name it.
func unnamed(i int) string { return internal + "col" + itoa(i) }

// answerName is what the column i of an answer is called.
func answerName(c column, i int) string {
	if isInternal(c.name) {
		return "_col" + itoa(i)
	}
	return c.name
}

func isInteger(t string) bool {
	switch t {
	case "tinyint", "smallint", typeInt, typeBigint:
		return true
	}
	return false
}

func isNumber(t string) bool {
	return isInteger(t) || t == typeReal || t == typeDouble || isDecimal(t)
}

func isTime(t string) bool {
	_, ok := stampOf(t)
	return ok || t == typeDate
}

func isArray(t string) bool { return strings.HasPrefix(t, "array(") }

func isMap(t string) bool { return strings.HasPrefix(t, "map(") }

func isInterval(t string) bool { return strings.HasPrefix(t, typeInterval) }

func elementOf(t string) string {
	return strings.TrimSuffix(strings.TrimPrefix(t, "array("), ")")
}

// anyOrder ends the type of a map that an aggregate made: the order of its entries is
// that of a hash table in Trino, which changes with its release.
const anyOrder = " of an aggregate"

// entriesOf is K, V of map(K, V).
func entriesOf(t string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(t, anyOrder), "map("), ")")
}

// sameMap is the type of values that are maps of both types; "" where there is none.
func sameMap(a, b string) string {
	switch {
	case !isMap(a) || !isMap(b) || entriesOf(a) != entriesOf(b):
		return ""
	case strings.HasSuffix(a, anyOrder):
		return a
	}
	return b
}

// valueOf returns V of map(K, V).
func valueOf(t string) string {
	inner := entriesOf(t)
	depth := 0
	for i, c := range inner {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				return strings.TrimSpace(inner[i+1:])
			}
		}
	}
	return ""
}

func keyOf(t string) string {
	return strings.TrimSuffix(entriesOf(t), ", "+valueOf(t))
}

func describe(t string) string {
	if t == "" {
		return "a value whose type is not known"
	}
	return spellRows(strings.ReplaceAll(t, anyOrder, ""))
}

// common is the type that values of both types can be compared or mixed in;
// ok is false where Trino has none. DuckDB is laxer.
func common(a, b string) (typ string, ok bool) {
	switch {
	case a == b:
		return a, true
	case a == "" || a == typeNull:
		return b, true
	case b == "" || b == typeNull:
		return a, true
	case isDecimal(a) && (isDecimal(b) || isInteger(b)), isDecimal(b) && isInteger(a):
		return commonDecimal(a, b), true
	case isNumber(a) && isNumber(b):
		return widest(a, b), true
	case isTime(a) && isTime(b):
		return commonStamp(a, b), true
	case isClock(a) && isClock(b):
		return max(a, b), true // the one with more digits
	case sameMap(a, b) != "":
		return sameMap(a, b), true
	case isRow(a) && isRow(b):
		return commonRow(a, b)
	case isArray(a) && isArray(b):
		e, ok := common(elementOf(a), elementOf(b))
		return "array(" + e + ")", ok
	}
	return "", false
}

func widest(a, b string) string {
	order := []string{"tinyint", "smallint", typeInt, typeBigint, typeReal, typeDouble}
	for i := len(order) - 1; i >= 0; i-- {
		if a == order[i] || b == order[i] {
			return order[i]
		}
	}
	return ""
}

func itoa(i int) string { return strconv.Itoa(i) }
