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
	for i := 0; i < len(s); {
		n := 1
		switch {
		case strings.HasPrefix(s[i:], `\Q`):
			if n = strings.Index(s[i:], `\E`); n < 0 {
				n = len(s) - i
			}
		case s[i] == '\\':
			n = min(2, len(s)-i)
		case s[i] == '[':
			n = classLen(s[i:])
		case strings.HasPrefix(s[i:], "(?<"):
			b.WriteString("(?P<")
			i += len("(?<")
			continue
		}
		b.WriteString(s[i : i+n])
		i += n
	}
	return b.String()
}

// classLen is the length of the character class at the beginning of s. A bracket is no end
// right behind the first one, nor that of [:alpha:].
func classLen(s string) int {
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	for first := i; i < len(s); i++ {
		switch {
		case s[i] == ']' && i > first:
			return i + 1
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], "[:"):
			if n := strings.Index(s[i:], ":]"); n > 0 {
				i += n + 1
			}
		}
	}
	return len(s)
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

// nestedClass reports whether a class in brackets has another in it, or &&: Java unites and
// intersects them, RE2 takes them for characters. Names such as [:alpha:] are none.
func nestedClass(pattern string) bool {
	inside := false
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, `\Q`) && !inside:
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return false
			}
			i += end + 1
		case rest[0] == '\\':
			i++
		case rest[0] == '[' && !inside:
			inside = true
			if strings.HasPrefix(rest, "[^") {
				i++
			}
			if strings.HasPrefix(pattern[i+1:], "]") { // it ends no class that has nothing in it
				i++
			}
		case strings.HasPrefix(rest, "[:") && strings.Contains(rest, ":]"):
			i += strings.Index(rest, ":]") + 1
		case rest[0] == '[', inside && strings.HasPrefix(rest, "&&"):
			return true
		case rest[0] == ']':
			inside = false
		}
	}
	return false
}

func regexpLike(t *translator, c *call) (string, error) {
	if err := t.regexpArgs(c); err != nil {
		return "", err
	}
	become(c.n, function("regexp_matches", c.args...))
	return typeBool, nil
}

// regexpCount counts in one go where the pattern looks at what is before it. Go leaves
// out an empty match right behind another one, which Java counts.
func regexpCount(t *translator, c *call) (string, error) {
	s, _ := literal(c.args[1])
	tree, err := parsePattern(s) // regexpArgs says what is wrong with it
	looksBack := false
	for _, op := range []syntax.Op{syntax.OpBeginText, syntax.OpBeginLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary} {
		looksBack = looksBack || err == nil && contains1(tree, op)
	}
	switch {
	case !looksBack:
		return matching("regexp_count", typeBigint)(t, c)
	case canBeEmpty(tree):
		return "", t.refuse(c.args[1], "regexp_count of '"+s+"'", "a pattern with ^ or \\b in it must not find an empty text")
	}
	return matching("regexp_count_at", typeBigint)(t, c)
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

// regexpExtract is NULL where nothing is found, and where the group is no part of
// what is found, which DuckDB does not tell.
func regexpExtract(t *translator, c *call) (string, error) {
	if err := t.regexpArgs(c); err != nil {
		return "", err
	}
	if len(c.args) == 2 {
		become(c.n, function(internal+"regexp_extract", append(c.args, intConst(0))...))
		return typeVarchar, nil
	}
	return nativeOf("regexp_group", typeVarchar)(t, c)
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
