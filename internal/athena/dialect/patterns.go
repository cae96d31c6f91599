package dialect

import (
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
	if err := t.checkPattern(c.args[1]); err != nil {
		return err
	}
	for _, guard := range guards(s) {
		c.args[0] = function(internal+guard, c.args[0])
	}
	if re, err := pattern(s); err == nil && slices.ContainsFunc(re.SubexpNames(), func(name string) bool { return name != "" }) {
		c.args[1] = varcharConst(strings.ReplaceAll(s, "(?<", "(?P<")) // as RE2 in DuckDB has it
	}
	return nil
}

// guards are the macros that refuse the texts for which the pattern means other
// things to RE2 than to Java.
func guards(pattern string) []string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil // checkPattern has refused it
	}
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
	tree, err := syntax.Parse(s, syntax.Perl)
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
