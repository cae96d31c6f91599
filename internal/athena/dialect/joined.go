package dialect

import "strings"

// A part of FROM sees what stands to the left of it in its own join; DuckDB shows it all
// that stands to the left.

// visible are the relations that names may be of where a part of FROM is translated, or
// what stands behind FROM.
func (s *scope) visible() []relation { return s.rels[s.left:] }

// has reports whether names are those of a column at s itself, or of a row there and a field.
func (s *scope) has(names []string) bool {
	if _, isColumn := s.own(names); isColumn || len(names) == 1 {
		return isColumn
	}
	c, found := s.own(names[:len(names)-1])
	return found && isRow(c.typ)
}

// concealed refuses names, of a reference n in s, that DuckDB would find in a relation that
// is not visible there.
func (t *translator) concealed(n node, names []string, s *scope) error {
	for ; s != nil; s = s.parent {
		if s.has(names) {
			return nil
		}
		if left := (&scope{rels: s.rels[:s.left]}); left.has(names) {
			return t.refuse(n, "column "+strings.Join(names, ".")+" of a relation to the left of this join", "name columns of the two sides of the join, and put the condition into WHERE")
		}
	}
	return nil
}
