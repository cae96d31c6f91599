package dialect

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// The functions that search with a regular expression.

func regexpLike(t *translator, c *call) (string, error) {
	if err := t.regexpArgs(c); err != nil {
		return "", err
	}
	become(c.n, function("regexp_matches", c.args...))
	return typeBool, nil
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

func regexpPosition(t *translator, c *call) (string, error) {
	if err := t.regexpArgs(c); err != nil {
		return "", err
	}
	if _, err := nativeOf("regexp_position", typeInt)(t, c); err != nil {
		return "", err
	}
	become(c.n, castTo(copyOf(c.n), "INTEGER"))
	return typeInt, nil
}

// regexpAll checks the pattern of a call that looks for all matches. Go cannot begin a
// search within a text and look at what is before, which an empty match behind another
// would take: see [searcher.all].
func (t *translator) regexpAll(c *call) (*syntax.Regexp, error) {
	s, _ := literal(c.args[1]) // of a NULL, nothing is looked for
	if err := t.regexpArgs(c); err != nil {
		return nil, err
	}
	tree, err := parsePattern(s)
	if err == nil && looksBack(tree) && canBeEmpty(tree) && !atBeginning(tree) {
		return nil, t.refuse(c.args[1], c.name+" of '"+clipped(s)+"'", "a pattern with ^ or \\b in it must not find an empty text, unless all of it stands behind one ^")
	}
	return tree, err
}

func regexpCount(t *translator, c *call) (string, error) {
	if _, err := t.regexpAll(c); err != nil {
		return "", err
	}
	return nativeOf("regexp_count", typeBigint)(t, c)
}

func regexpSplit(t *translator, c *call) (string, error) {
	if _, err := t.regexpAll(c); err != nil {
		return "", err
	}
	return nativeOf("regexp_split", "array(varchar)")(t, c)
}

func regexpExtractAll(t *translator, c *call) (string, error) {
	if _, err := t.regexpAll(c); err != nil {
		return "", err
	}
	if len(c.args) == 2 {
		c.args = append(c.args, intConst(0))
	}
	return nativeOf("regexp_extract_all", "array(varchar)")(t, c)
}

// regexpReplace replaces all matches, and groups are written $1 as in Trino. DuckDB does
// not see an empty match right behind another one.
func regexpReplace(t *translator, c *call) (string, error) {
	replacement := ""
	if len(c.args) == 3 {
		s, ok := literal(c.args[2])
		if !ok {
			return "", t.refuse(c.n, "regexp_replace with a computed replacement", "write it as a literal")
		}
		replacement = s
	}
	tree, err := t.regexpAll(c)
	if err != nil {
		return "", err
	}
	translated, ok := groupReferences(replacement, tree.CapNames())
	if !ok {
		return "", t.refuse(c.n, "replacement '"+replacement+"'", "groups are $0 to $9, and ${name} among the first nine, as far as the pattern has them")
	}
	if canBeEmpty(tree) {
		become(c.n, function(internal+"regexp_replace", c.args[0], c.args[1], varcharConst(translated)))
	} else {
		become(c.n, function("regexp_replace", c.args[0], c.args[1], varcharConst(translated), varcharConst("g")))
	}
	return typeVarchar, nil
}

// groupReferences turns $1 into \1; ok is false for what has no counterpart. groups are the
// names of the pattern's groups, the first being the whole of it.
func groupReferences(s string, groups []string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			name, _, closed := strings.Cut(s[i+2:], "}")
			group := slices.Index(groups, name)
			if !closed || name == "" || group < 1 || group > 9 {
				return "", false
			}
			b.WriteString(`\` + itoa(group))
			i += len(name) + 2
		case s[i] == '$':
			if i+1 >= len(s) || !isDigit(s[i+1]) || int(s[i+1]-'0') >= len(groups) || i+2 < len(s) && isDigit(s[i+2]) {
				return "", false
			}
			b.WriteString(`\` + s[i+1:i+2])
			i++
		case s[i] == '\\' && i+1 < len(s): // an escaped character stands for itself
			i++
			if s[i] == '\\' {
				b.WriteString(`\\`)
			} else {
				b.WriteByte(s[i])
			}
		case s[i] == '\\':
			return "", false
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), true
}

// searcher is a compiled regular expression.
type searcher struct {
	*regexp.Regexp
	looksBack bool
}

// patterns are compiled regular expressions, in the process of a query, which has few. All
// of them were seen by parsePattern, and are [respelled].
var patterns = struct {
	sync.Mutex
	compiled map[string]searcher
}{compiled: make(map[string]searcher)}

func pattern(s string) (searcher, error) {
	const most = 1000
	patterns.Lock()
	defer patterns.Unlock()
	if p, ok := patterns.compiled[s]; ok {
		return p, nil
	}
	tree, err := boundedPattern(s)
	if err != nil {
		return searcher{}, err
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return searcher{}, err
	}
	if len(patterns.compiled) >= most {
		clear(patterns.compiled)
	}
	p := searcher{re, looksBack(tree)}
	patterns.compiled[s] = p
	return p, nil
}

// all are all matches, as Joni finds them: an empty one also right behind another, which Go
// leaves out. A pattern that looks back finds none there: regexpAll has seen to that.
func (p searcher) all(s string) [][]int {
	if p.looksBack {
		return p.FindAllStringSubmatchIndex(s, -1)
	}
	var all [][]int
	for at := 0; at <= len(s); {
		m := p.FindStringSubmatchIndex(s[at:])
		if m == nil {
			break
		}
		for i := range m {
			if m[i] >= 0 {
				m[i] += at
			}
		}
		all = append(all, m)
		if at = m[1]; m[0] == m[1] {
			_, n := utf8.DecodeRuneInString(s[at:])
			at += max(n, 1)
		}
	}
	return all
}

func regexpNatives() map[string]Native {
	native := func(result string, f func(p searcher, args []any) (any, error), more ...string) Native {
		return Native{append([]string{"VARCHAR", "VARCHAR"}, more...), result, func(args []any) (any, error) {
			p, err := pattern(args[1].(string))
			if err != nil {
				return nil, err
			}
			return f(p, args)
		}}
	}
	return map[string]Native{
		"regexp_count":    native("BIGINT", func(p searcher, args []any) (any, error) { return int64(len(p.all(args[0].(string)))), nil }),
		"regexp_split":    native("VARCHAR[]", func(p searcher, args []any) (any, error) { return p.split(args[0].(string)), nil }),
		"regexp_position": native("BIGINT", func(p searcher, args []any) (any, error) { return p.position(args[0].(string)), nil }),
		"regexp_replace":  native("VARCHAR", func(p searcher, args []any) (any, error) { return p.replace(args[0].(string), args[2].(string)) }, "VARCHAR"),
		"regexp_extract_all": native("VARCHAR[]", func(p searcher, args []any) (any, error) {
			s, group := args[0].(string), args[2].(int64)
			if err := p.hasGroup(group); err != nil {
				return nil, err
			}
			out := []any{}
			for _, m := range p.all(s) {
				out = append(out, groupOf(s, m, group))
			}
			return out, nil
		}, "BIGINT"),
		"regexp_group": native("VARCHAR", func(p searcher, args []any) (any, error) {
			s, group := args[0].(string), args[2].(int64)
			if err := p.hasGroup(group); err != nil {
				return nil, err
			}
			if m := p.FindStringSubmatchIndex(s); m != nil {
				return groupOf(s, m, group), nil
			}
			return nil, nil
		}, "BIGINT"),
	}
}

func (p searcher) split(s string) []any {
	var parts []any
	from := 0
	for _, m := range p.all(s) {
		parts = append(parts, s[from:m[0]])
		from = m[1]
	}
	return append(parts, s[from:])
}

// position is -1 in an empty text, whatever the pattern finds there: Trino looks whether the
// first character is behind the end before it searches.
func (p searcher) position(s string) int64 {
	if s == "" {
		return -1
	}
	m := p.FindStringIndex(s)
	if m == nil {
		return -1
	}
	return int64(utf8.RuneCountInString(s[:m[0]])) + 1
}

// replace puts replacement, in which groupReferences has written the groups, in place of
// all matches. A group that is no part of a match is an empty text.
func (p searcher) replace(s, replacement string) (any, error) {
	const most = 1 << 20 // that the text may grow by
	var b strings.Builder
	from := 0
	for _, m := range p.all(s) {
		b.WriteString(s[from:m[0]])
		from = m[1]
		for i := 0; i < len(replacement); i++ {
			if b.Len() > len(s)+most {
				return nil, Unsupported("regexp_replace of empty texts that makes one longer by more than 1 MiB")
			}
			c := replacement[i]
			if c != '\\' {
				b.WriteByte(c)
				continue
			}
			i++ // a digit or a second backslash follows
			if c = replacement[i]; c == '\\' {
				b.WriteByte(c)
			} else if part, ok := groupOf(s, m, int64(c-'0')).(string); ok {
				b.WriteString(part)
			}
		}
	}
	return b.String() + s[from:], nil
}

func (p searcher) hasGroup(group int64) error {
	if group < 0 || group > int64(p.NumSubexp()) {
		return errors.New("Pattern has " + itoa(p.NumSubexp()) + " groups. Cannot access group " + itoa(int(group)))
	}
	return nil
}

// groupOf is the text of a group of the match m, nil where it is no part of it.
func groupOf(s string, m []int, group int64) any {
	if from, to := m[2*group], m[2*group+1]; from >= 0 {
		return s[from:to]
	}
	return nil
}
