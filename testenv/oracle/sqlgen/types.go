package sqlgen

import "strings"

// Type is a Trino type: a name and what stands in its parentheses. One capital
// letter is a variable of a rule. A decimal has no precision here.
type Type struct {
	name string
	args []Type
}

func (t Type) String() string {
	if len(t.args) == 0 {
		return t.name
	}
	parts := make([]string, len(t.args))
	for i, a := range t.args {
		parts[i] = a.String()
	}
	return t.name + "(" + strings.Join(parts, ", ") + ")"
}

func (t Type) isVariable() bool { return len(t.name) == 1 }

func (t Type) equal(u Type) bool { return t.String() == u.String() }

// parseType reads what String prints.
func parseType(s string) Type {
	name, rest, nested := strings.Cut(strings.TrimSpace(s), "(")
	t := Type{name: name}
	if !nested {
		return t
	}
	rest = strings.TrimSuffix(rest, ")")
	depth, start := 0, 0
	for i, c := range rest {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			t.args = append(t.args, parseType(rest[start:i]))
			start = i + 1
		}
	}
	t.args = append(t.args, parseType(rest[start:]))
	return t
}

// binding says what the variables of a rule stand for.
type binding map[string]Type

// unify binds the variables of pattern so that it becomes t.
func (b binding) unify(pattern, t Type) bool {
	if pattern.isVariable() {
		if bound, ok := b[pattern.name]; ok {
			return bound.equal(t)
		}
		for _, u := range pools[pattern.name] {
			if u.equal(t) {
				b[pattern.name] = t
				return true
			}
		}
		return false
	}
	if pattern.name != t.name || len(pattern.args) != len(t.args) {
		return false
	}
	for i := range t.args {
		if !b.unify(pattern.args[i], t.args[i]) {
			return false
		}
	}
	return true
}

// fill replaces variables; one that is not bound yet is chosen from its pool.
func (b binding) fill(s *source, pattern Type) Type {
	if pattern.isVariable() {
		if _, ok := b[pattern.name]; !ok {
			b[pattern.name] = pick(s, pools[pattern.name])
		}
		return b[pattern.name]
	}
	t := Type{name: pattern.name}
	for _, a := range pattern.args {
		t.args = append(t.args, b.fill(s, a))
	}
	return t
}

func typesOf(names ...string) []Type {
	types := make([]Type, len(names))
	for i, n := range names {
		types[i] = parseType(n)
	}
	return types
}

// pools are what a variable may stand for: T and U any type, O one with an order,
// E one with equality, N a number, I a whole number, S one that fits into an array.
var pools = map[string][]Type{
	"T": typesOf("bigint", "varchar", "boolean", "integer", "double", "real", "decimal", "date", "timestamp", "timestamptz", "array(bigint)", "array(varchar)", "map(varchar, bigint)", "json"),
	"U": typesOf("bigint", "varchar", "boolean", "double", "date", "timestamp"),
	"O": typesOf("bigint", "varchar", "boolean", "integer", "double", "real", "decimal", "date", "timestamp", "timestamptz"),
	"E": typesOf("bigint", "varchar", "boolean", "integer", "double", "decimal", "date", "timestamp", "timestamptz", "array(bigint)", "array(varchar)", "map(varchar, bigint)"),
	"N": typesOf("bigint", "integer", "double", "decimal"),
	"I": typesOf("bigint", "integer"),
	"S": typesOf("bigint", "varchar", "double", "timestamp", "date", "boolean"),
	"K": typesOf("varchar", "bigint"),
	"V": typesOf("bigint", "varchar"),
	"W": typesOf("bigint", "varchar"),
}
