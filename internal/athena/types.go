package athena

import (
	"strconv"
	"strings"
)

// elementType returns T of array(T), or "".
func elementType(typ string) string {
	inner, ok := strings.CutPrefix(typ, "array(")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(inner, ")")
}

// entryTypes returns K and V of map(K, V).
func entryTypes(typ string) (key, value string) {
	inner, ok := strings.CutPrefix(typ, "map(")
	if !ok {
		return "", ""
	}
	parts := splitTypes(strings.TrimSuffix(inner, ")"))
	if len(parts) != 2 {
		return "", ""
	}
	return parts[0], parts[1]
}

// fieldTypes returns the types of row(a T, b U). Field names in a row type are
// quoted when they hold anything but letters, digits and _.
func fieldTypes(typ string) []string {
	inner, ok := strings.CutPrefix(typ, "row(")
	if !ok {
		return nil
	}
	fields := splitTypes(strings.TrimSuffix(inner, ")"))
	for i, f := range fields {
		_, fields[i] = nameAndType(f)
	}
	return fields
}

// nameAndType splits a field; without a name it is a type alone, such as
// map(varchar, double) or timestamp with time zone.
func nameAndType(field string) (name, typ string) {
	if name, typ, ok := quotedName(field); ok {
		return name, typ
	}
	name, typ, ok := strings.Cut(field, " ")
	if !ok || typ == "with time zone" || strings.Contains(name, "(") {
		return "", field
	}
	return name, typ
}

// quotedName splits a field whose name is quoted: it ends at the first quote that is
// not doubled. The type may have quotes of its own.
func quotedName(field string) (name, typ string, ok bool) {
	if !strings.HasPrefix(field, `"`) {
		return "", "", false
	}
	for i := 1; i < len(field); i++ {
		switch {
		case field[i] != '"':
		case strings.HasPrefix(field[i+1:], `"`):
			i++
		default:
			typ, ok = strings.CutPrefix(field[i+1:], " ")
			return strings.ReplaceAll(field[1:i], `""`, `"`), typ, ok
		}
	}
	return "", "", false
}

// fieldNames returns a and b of row(a T, b U); a field without a name is called
// field0, field1, …, as in Trino's own texts.
func fieldNames(typ string) []string {
	inner, _ := strings.CutPrefix(typ, "row(")
	names := splitTypes(strings.TrimSuffix(inner, ")"))
	for i, f := range names {
		if names[i], _ = nameAndType(f); names[i] == "" {
			names[i] = "field" + strconv.Itoa(i)
		}
	}
	return names
}

// splitTypes splits at commas that are outside of parentheses and quotes.
func splitTypes(s string) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}
