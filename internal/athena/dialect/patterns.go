package dialect

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
)

// Regular expressions. Trino's regular expressions are
// Java's; DuckDB's and Go's are RE2's. Where both read the same text they find the
// same, but for the places that guards look after.

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
	c.args[1] = varcharConst(namedGroups(s))
	return nil
}

// A few bytes of a pattern may stand for a machine of a hundred megabytes, in this
// process, which may be the one that takes events.
const (
	mostPattern = 8192   // bytes
	mostSteps   = 10_000 // of the machine
)

// parsePattern reads a regular expression, and refuses those that Java's engine reads and
// ours does not.
func parsePattern(s string) (*syntax.Regexp, error) {
	if len(s) > mostPattern {
		return nil, fmt.Errorf("it has more than %d bytes", mostPattern)
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	switch {
	case nestedClass(s):
		return nil, errors.New("a class in a class and && are not supported: write the characters that are meant")
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

// namedGroups writes the groups (?<name>…) as DuckDB's engine reads them.
func namedGroups(s string) string {
	var b strings.Builder
	for s != "" {
		if rest, ok := strings.CutPrefix(s, "(?<"); ok {
			b.WriteString("(?P<")
			s = rest
			continue
		}
		n, _ := patternPiece(s)
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}

// patternPiece is the length of what s begins with: a quoted text, an escaped character, a
// class or a character. nested tells that a class in brackets has another in it, or &&: Java
// unites and intersects them, RE2 takes them for characters.
func patternPiece(s string) (n int, nested bool) {
	switch {
	case strings.HasPrefix(s, `\Q`):
		if n = strings.Index(s, `\E`); n < 0 {
			n = len(s)
		}
		return n, false
	case s[0] == '\\':
		return min(2, len(s)), false
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
		case strings.HasPrefix(rest, "[:") && strings.Contains(rest, ":]"):
			i += strings.Index(rest, ":]") + 1
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
// things to RE2 than to Java.
func guards(pattern string, tree *syntax.Regexp) []string {
	var all []string
	if strings.Contains(pattern, "[:") || folds(tree) || contains1(tree, syntax.OpWordBoundary) || contains1(tree, syntax.OpNoWordBoundary) {
		all = append(all, "ascii_text")
	}
	if contains1(tree, syntax.OpEndText) {
		all = append(all, "line_text")
	}
	return all
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
