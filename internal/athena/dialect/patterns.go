package dialect

import (
	"cmp"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
)

// Regular expressions. Trino's are those of Joni, which reads them as Java's; DuckDB's and
// Go's are RE2's. Where both read the same pattern they find the same, but for the texts that
// guards look after, and the patterns that parsePattern refuses.

// regexpArgs checks the pattern of a call, and puts a guard around the text that is searched.
func (t *translator) regexpArgs(c *call) error {
	s, ok := literal(c.args[1])
	if c.types[1] == typeNull {
		return nil
	}
	if !ok {
		return t.refuse(c.n, c.name+" with a computed regular expression", "write it as a literal, or give it as a parameter")
	}
	tree, err := parsePattern(s)
	if err != nil {
		return t.refuse(c.args[1], "regular expression '"+clipped(s)+"'", err.Error())
	}
	for _, guard := range guards(s, tree) {
		c.args[0] = function(internal+guard, c.args[0])
	}
	c.args[1] = varcharConst(respelled(s))
	return nil
}

// A few bytes of a pattern may stand for a machine of a hundred megabytes, in this
// process, which may be the one that takes events.
const (
	mostPattern = 8192   // bytes
	mostSteps   = 10_000 // of the machine
)

// parsePattern reads a regular expression, and refuses those that Trino's engine reads and
// ours does not, or otherwise.
func parsePattern(s string) (*syntax.Regexp, error) {
	if len(s) > mostPattern {
		return nil, fmt.Errorf("it has more than %d bytes", mostPattern)
	}
	if nestedClass(s) {
		return nil, errors.New("a class in a class and && are not supported: write the characters that are meant")
	}
	tree, err := boundedPattern(s)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(spelledAlike(s), namesAlike(tree.CapNames()), repeatsAlike(tree)); err != nil {
		return nil, err
	}
	if folds(tree) {
		return tree, foldedAlike(s)
	}
	return tree, nil
}

// boundedPattern parses a regular expression, which may be [respelled].
func boundedPattern(s string) (*syntax.Regexp, error) {
	tree, err := syntax.Parse(s, syntax.Perl)
	switch {
	case err != nil:
		return nil, errors.New("look-around and references to groups are not supported, nor is what is no regular expression")
	case steps(tree) > mostSteps:
		return nil, fmt.Errorf("written out without {n}, it has more than %d parts", mostSteps)
	}
	return tree, nil
}

// steps counts what a pattern looks for, one after the other or one or the other.
func steps(tree *syntax.Regexp) int {
	n := 1 + len(tree.Rune)
	if tree.Op == syntax.OpCharClass {
		n = 1
	}
	for _, sub := range tree.Sub {
		n += steps(sub)
	}
	if tree.Op == syntax.OpRepeat { // the parser has seen to it that this is 1000 at most, with those in each other multiplied
		n *= max(1, tree.Min, tree.Max)
	}
	return n
}

// patternPiece is the length of what s begins with: a quoted text, an escaped character, a
// class or a character. nested tells that a class in brackets has another in it, or &&: Joni
// unites and intersects them, RE2 takes them for characters.
func patternPiece(s string) (n int, nested bool) {
	switch {
	case strings.HasPrefix(s, `\Q`):
		if n = strings.Index(s, `\E`); n < 0 {
			n = len(s)
		}
		return n, false
	case s[0] == '\\':
		return escapeLength(s), false
	case s[0] == '[':
		return class(s)
	}
	return 1, false
}

// class reads the character class at the beginning of s. A bracket is no end right behind
// the first one. Names such as [:alpha:] are no classes of their own.
func class(s string) (n int, nested bool) {
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	for first := i; i < len(s); i++ {
		rest := s[i:]
		switch {
		case rest[0] == ']' && i > first:
			return i + 1, nested
		case rest[0] == '\\':
			i++
		case strings.HasPrefix(rest, "[:") && strings.Contains(rest[2:], ":]"):
			i += strings.Index(rest[2:], ":]") + 3
		case rest[0] == '[', strings.HasPrefix(rest, "&&"):
			nested = true
		}
	}
	return len(s), nested
}

func nestedClass(pattern string) bool {
	for pattern != "" {
		n, nested := patternPiece(pattern)
		if nested {
			return true
		}
		pattern = pattern[n:]
	}
	return false
}

// guards are the macros that refuse the texts for which the pattern means other
// things to RE2 than to Joni.
func guards(pattern string, tree *syntax.Regexp) []string {
	var all []string
	add := func(guard string, needed bool) {
		if needed {
			all = append(all, guard)
		}
	}
	add("ascii_text", namesClass(pattern) || folds(tree) || contains1(tree, syntax.OpWordBoundary) || contains1(tree, syntax.OpNoWordBoundary))
	add("line_text", contains1(tree, syntax.OpEndText) || looksAtLastLine(tree))
	add("end_text", mayMissEnd(tree))
	add("known_text", namesProperty(pattern))
	return all
}

// namesClass reports whether the pattern has a [:name:] in brackets.
func namesClass(pattern string) bool {
	for pattern != "" {
		n, _ := patternPiece(pattern)
		if pattern[0] == '[' && strings.Contains(pattern[1:n], "[:") {
			return true
		}
		pattern = pattern[n:]
	}
	return false
}

// looksAtLastLine reports whether the pattern may find the beginning of a line at the end of
// a text, where there is none to Joni. Where ^ stands first, what follows is beyond the end.
func looksAtLastLine(tree *syntax.Regexp) bool {
	if tree.Op == syntax.OpConcat && tree.Sub[0].Op == syntax.OpBeginLine && !canBeEmpty(tree) {
		return slices.ContainsFunc(tree.Sub[1:], func(sub *syntax.Regexp) bool { return contains1(sub, syntax.OpBeginLine) })
	}
	return contains1(tree, syntax.OpBeginLine)
}

// mayMissEnd reports whether Trino may find nothing at the end of a text where an empty one
// is: it begins to search as many bytes before the end as the pattern finds at most, as b?$
// does one, which may be within a character.
func mayMissEnd(tree *syntax.Regexp) bool {
	return endsText(tree) && canBeEmpty(tree) && !atBeginning(tree) && !unbounded(tree)
}

func endsText(tree *syntax.Regexp) bool {
	return tree.Op == syntax.OpEndText || slices.ContainsFunc(tree.Sub, endsText)
}

func unbounded(tree *syntax.Regexp) bool {
	return tree.Op == syntax.OpStar || tree.Op == syntax.OpPlus || tree.Op == syntax.OpRepeat && tree.Max < 0 || slices.ContainsFunc(tree.Sub, unbounded)
}

func contains1(tree *syntax.Regexp, op syntax.Op) bool {
	if tree.Op == op && (op != syntax.OpEndText || tree.Flags&syntax.WasDollar != 0) {
		return true
	}
	for _, sub := range tree.Sub {
		if contains1(sub, op) {
			return true
		}
	}
	return false
}

// folds reports whether a part of the pattern takes both cases of letters.
func folds(tree *syntax.Regexp) bool {
	if tree.Flags&syntax.FoldCase != 0 && (tree.Op == syntax.OpLiteral || tree.Op == syntax.OpCharClass) {
		return true
	}
	for _, sub := range tree.Sub {
		if folds(sub) {
			return true
		}
	}
	return false
}

// looksBack reports whether what the pattern finds depends on what stands before it.
func looksBack(tree *syntax.Regexp) bool {
	for _, op := range []syntax.Op{syntax.OpBeginText, syntax.OpBeginLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary} {
		if contains1(tree, op) {
			return true
		}
	}
	return false
}

// atBeginning reports whether the pattern finds something at the beginning of a text only.
func atBeginning(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpCapture, syntax.OpConcat:
		return atBeginning(tree.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(tree.Sub, func(sub *syntax.Regexp) bool { return !atBeginning(sub) })
	}
	return false
}

// canBeEmpty reports whether the pattern may find a text of no length.
func canBeEmpty(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return canBeEmpty(tree.Sub[0])
	case syntax.OpRepeat:
		return tree.Min == 0 || canBeEmpty(tree.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(tree.Sub, func(sub *syntax.Regexp) bool { return !canBeEmpty(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(tree.Sub, canBeEmpty)
	}
	return true
}

// codepoint takes a varchar(1), which only a literal is known to be.
func codepoint(t *translator, c *call) (string, error) {
	if s, ok := literal(c.args[0]); c.types[0] != typeNull && (!ok || len([]rune(s)) != 1) {
		return "", t.invalid(c.n, "codepoint takes one character")
	}
	become(c.n, function("unicode", c.args[0]))
	return typeInt, nil
}

// chr takes a bigint in Trino.
func chr(_ *translator, c *call) (string, error) {
	become(c.n, function("chr", castTo(c.args[0], "INTEGER")))
	return typeVarchar, nil
}
