package dialect

import (
	"errors"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What Go's parser and RE2 take, and Joni, which is Trino's engine of regular expressions,
// takes for something else.

// spelledAlike refuses what is spelled in a way that Joni reads otherwise. Go has parsed s.
func spelledAlike(s string) error {
	begin := true // of a branch: nothing stands before
	for s != "" {
		n, _ := patternPiece(s)
		var err error
		switch {
		case strings.HasPrefix(s, `\Q\E`) && len(s) > 4 && strings.ContainsRune("*+?{", rune(s[4])):
			err = errors.New(`what repeats behind an empty \Q\E repeats nothing`)
		case strings.HasPrefix(s, `\Q`):
		case s[0] == '\\':
			err = escapedAlike(s[:n], false)
		case s[0] == '[':
			err = classAlike(s[:n])
		case strings.HasPrefix(s, "(?"):
			n, err = groupAlike(s, begin)
		case s[0] == '{':
			err = repeatedAlike(s)
		}
		if err != nil {
			return err
		}
		begin = s[0] == '(' || s[0] == '|'
		s = s[n:]
	}
	return nil
}

// groupAlike looks at the beginning of a group, up to its colon or the end of its flags or
// name, which are n bytes.
func groupAlike(s string, begin bool) (n int, err error) {
	if name, ok := strings.CutPrefix(s, "(?<"); ok {
		if isDigit(name[0]) {
			return 0, errors.New("the name of a group begins with a letter")
		}
		return strings.IndexByte(s, '>') + 1, nil
	}
	n = strings.IndexAny(s, ":)") + 1
	switch {
	case strings.HasPrefix(s, "(?P"):
		return 0, errors.New("a named group is written (?<name>…)")
	case strings.HasPrefix(s, "(?)"), strings.Contains(s[:n], "U"):
		return 0, errors.New("the flags of a group are i, m and s")
	case s[n-1] == ')' && !begin:
		return 0, errors.New("flags within a branch hold for all branches behind it in Trino: write them at the beginning, or (?i:…) around what they are for")
	}
	return n, nil
}

// repeatedAlike: with a zero in front, {01} is a text to Go.
func repeatedAlike(s string) error {
	numbers, _, closed := strings.Cut(s[1:], "}")
	if !closed {
		return nil
	}
	for _, n := range strings.Split(numbers, ",") {
		if len(n) > 1 && n[0] == '0' && strings.Trim(n, "0123456789") == "" {
			return errors.New("a number in {…} has no zero in front")
		}
	}
	return nil
}

// escapedAlike looks at an escape.
func escapedAlike(s string, inClass bool) error {
	switch {
	case s[1] == 'x' && s[2] > '7' && s[2] != '{': // to Joni, one byte of several
		return errors.New(`beyond \x7f, a character is written \x{e9}`)
	case s[1] >= '1' && s[1] <= '9':
		return errors.New(`references to groups are not supported, and a character is written \x41 or \x{e9}`)
	case inClass && (s[1] == 'p' || s[1] == 'P'): // what else is in these brackets may be lost
		return errors.New(`\p in brackets is not supported: write (?:\p{L}|[0-9])`)
	case (s[1] == 'p' || s[1] == 'P') && s[2] == '{':
		if name := strings.Trim(s[2:], "{}"); !slices.Contains(properties, name) {
			return errors.New(`of \p{…}, the general categories (L, Lu, Nd, …) are supported, Latin, Greek, Cyrillic, Hebrew and Han`)
		}
	}
	return nil
}

// properties are the names of \p{…} that Joni, Go and RE2 know.
var properties = strings.Fields("L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs C Cc Cf Co Latin Greek Cyrillic Hebrew Han")

// namesProperty reports whether the pattern has a \p in it.
func namesProperty(s string) bool {
	for s != "" {
		n, _ := patternPiece(s)
		if n > 2 && (s[1] == 'p' || s[1] == 'P') && s[0] == '\\' {
			return true
		}
		s = s[n:]
	}
	return false
}

// classAlike looks at a class in brackets.
func classAlike(class string) error {
	behind := false // behind a range or another class, which begins no range
	for items := members(class); items != ""; {
		n, set := member(items)
		switch {
		case items[0] == '\\':
			if err := escapedAlike(items[:n], true); err != nil {
				return err
			}
		case strings.Contains(items[:n], ":punct:"), strings.Contains(items[:n], ":^punct:"):
			return errors.New(`[:punct:] has not the characters $+<=>^|~ and the backtick in Trino: write those that are meant`)
		}
		if behind && items[0] == '-' && len(items) > 1 {
			return errors.New(`a - behind a range or a class, as in [\w-.], stands last or is written \-`)
		}
		items = items[n:]
		if behind = set; !set && len(items) > 1 && items[0] == '-' {
			if items[1] == '[' {
				return errors.New(`a range to [ is written to \[`)
			}
			n, _ = member(items[1:])
			if items[1] == '\\' {
				if err := escapedAlike(items[1:1+n], true); err != nil {
					return err
				}
			}
			items, behind = items[1+n:], true
		}
	}
	return nil
}

// members is what stands in the brackets of a class.
func members(class string) string {
	return strings.TrimPrefix(class[1:len(class)-1], "^")
}

// member is the length of the character or class that the members of a class begin with.
func member(s string) (n int, set bool) {
	switch {
	case s[0] == '\\':
		return escapeLength(s), strings.ContainsRune("pPwWdDsS", rune(s[1]))
	case strings.HasPrefix(s, "[:"):
		return strings.Index(s[2:], ":]") + 4, true
	}
	_, n = utf8.DecodeRuneInString(s)
	return n, false
}

// escapeLength is that of the escape that s begins with.
func escapeLength(s string) int {
	switch {
	case len(s) < 3:
		return len(s)
	case strings.ContainsRune("xpP", rune(s[1])) && s[2] == '{':
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1
		}
		return 3
	case s[1] == 'x':
		return min(4, len(s))
	case s[1] == 'p' || s[1] == 'P':
		return 3
	}
	return 2
}

// foldedAlike refuses what Joni takes for other letters than RE2 where it takes both cases
// of letters, over texts in ASCII.
func foldedAlike(s string) error {
	for rest := s; rest != ""; {
		n, _ := patternPiece(rest)
		piece := rest[:n]
		rest = rest[n:]
		switch {
		case strings.ContainsFunc(piece, func(r rune) bool { return r > unicode.MaxASCII }), strings.Contains(piece, `\x{`) && !strings.HasPrefix(piece, `\Q`):
			return errors.New("(?i) beside characters beyond ASCII is not supported: ß is also ss in Trino; write lower(x), and small letters")
		case strings.HasPrefix(piece, `\Q`):
		case strings.HasPrefix(piece, `\p`), strings.HasPrefix(piece, `\P`):
			return errors.New(`(?i) beside \p{…} is not supported`)
		case piece[0] == '[' && (strings.Contains(piece, "[:^") || strings.ContainsFunc(`WSD`, func(r rune) bool { return strings.Contains(piece, `\`+string(r)) })):
			return errors.New(`(?i) beside a class with \W, \S, \D or [:^…:] in brackets is not supported`)
		}
	}
	return nil
}

// namesAlike refuses two groups of one name, which Go takes.
func namesAlike(names []string) error {
	for i, name := range names {
		if name != "" && slices.Contains(names[:i], name) {
			return errors.New("two groups have one name")
		}
	}
	return nil
}

// repeatsAlike refuses repetitions that Joni ends at another place, or with other groups: of
// what may be empty, as (a*)*, and of another one where one of them is not greedy.
func repeatsAlike(tree *syntax.Regexp) error {
	if repeats(tree) {
		sub := tree.Sub[0]
		once := tree.Op == syntax.OpQuest || tree.Op == syntax.OpRepeat && (tree.Max == 0 || tree.Max == 1)
		if !once && canBeEmpty(sub) {
			return errors.New("what is repeated must not find an empty text, as in (a*)*")
		}
		if repeats(sub) && (tree.Flags|sub.Flags)&syntax.NonGreedy != 0 {
			return errors.New("a repetition of a repetition, as in (?:a+?)+, is greedy")
		}
	}
	for _, sub := range tree.Sub {
		if err := repeatsAlike(sub); err != nil {
			return err
		}
	}
	return nil
}

func repeats(tree *syntax.Regexp) bool {
	return slices.Contains([]syntax.Op{syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat}, tree.Op)
}

// respelled writes a pattern as RE2 reads it: groups (?<name>…), and the vertical tab that
// \s finds in Trino.
func respelled(s string) string {
	var b strings.Builder
	for s != "" {
		n, _ := patternPiece(s)
		piece := s[:n]
		switch {
		case strings.HasPrefix(s, "(?<"):
			n, piece = 3, "(?P<"
		case piece == `\s`:
			piece = `[\x09-\x0d\x20]`
		case piece == `\S`:
			piece = `[^\x09-\x0d\x20]`
		case piece[0] == '[':
			piece = respelledClass(piece)
		}
		b.WriteString(piece)
		s = s[n:]
	}
	return b.String()
}

func respelledClass(class string) string {
	items := members(class)
	var b strings.Builder
	b.WriteString(class[:len(class)-len(items)-1])
	for items != "" {
		n, _ := member(items)
		switch items[:n] {
		case `\s`:
			b.WriteString(`\x09-\x0d\x20`)
		case `\S`:
			b.WriteString(`\x00-\x08\x0e-\x1f!-\x{10ffff}`)
		default:
			b.WriteString(items[:n])
		}
		items = items[n:]
	}
	return b.String() + "]"
}
