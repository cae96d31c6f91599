package dialect

import (
	"slices"
	"testing"
)

func TestNestedClass(t *testing.T) {
	for pattern, want := range map[string]bool{
		"": false, "[a-z]+[0-9]": false, "[^a]": false, "[]a]": false, "[^]a][b]": false, `[\[\]]`: false, `\[[a]`: false, "[[:alpha:]_]": false, "[&]": false, "a&&b": false, `\Q[[\E[a]`: false, `[\&&]`: false,
		"[a-c&&[b]]": true, "[a[b]]": true, "[[]": true, "[^[a]]": true, "[]a[b]]": true, "[a&&b]": true, "x[[:digit:][a]]": true,
		"[[:]": true, `[[:]\d`: true, "[[:]x": true, "[[:]x]": true, "[[:alpha:]:]": false, "[:a:]": false,
	} {
		if got := nestedClass(pattern); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

func TestRespelled(t *testing.T) {
	for pattern, want := range map[string]string{
		"": "", "(?<a>x)": "(?P<a>x)", "x(?<a>[(?<])": "x(?P<a>[(?<])", `\Q(?<\E(?<a>)`: `\Q(?<\E(?P<a>)`, `\(?<`: `\(?<`, `[\](?<](?<a>)`: `[\](?<](?P<a>)`, `[[:alpha:](?<]`: `[[:alpha:](?<]`, "[]](?<a>)": "[]](?P<a>)",
		`\s+\S`: `[\x09-\x0d\x20]+[^\x09-\x0d\x20]`, `[^a\s-]`: `[^a\x09-\x0d\x20-]`, `[\S]`: `[\x00-\x08\x0e-\x1f!-\x{10ffff}]`, `\\s\Q\s\E[\\s]`: `\\s\Q\s\E[\\s]`, `\p{Ll}\x{73}`: `\p{Ll}\x{73}`,
	} {
		if got := respelled(pattern); got != want {
			t.Errorf("%s becomes %s, want %s", pattern, got, want)
		}
	}
}

// TestEmptyMatches: what matches are found of a pattern that may find an empty text is
// known unless what is before them matters.
func TestEmptyMatches(t *testing.T) {
	for pattern, want := range map[string]bool{
		"x*": true, "": true, "a|": true, "$": true, "^": true, "^a?": true, `\Aa*`: true, "(^a?)": true, "^a?|^b?": true, "(?:^|^b)c*": true, `\bx`: true, "a|^b": true, "^(a|b?)$": true,
		`\b`: false, `\B`: false, "(?m)^": false, "^a?|b?": false, "a?^": false, "(?:^|,)?": false, `x*\b`: false,
	} {
		tree, err := parsePattern(pattern)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		if got := !looksBack(tree) || !canBeEmpty(tree) || atBeginning(tree); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

// TestGuards: which texts are refused is known of a pattern.
func TestGuards(t *testing.T) {
	for pattern, want := range map[string][]string{
		"a": nil, "^a": nil, `\s`: nil, `\\p{L}`: nil, `\Q\p{L}\E`: nil, `a\z`: nil, "(?m)^a": nil, "(?m)a$": nil, `^a?\z`: nil, `a*\z`: nil,
		`\p{L}`: {"known_text"}, `\PL`: {"known_text"}, "(?i)a": {"ascii_text"}, `\b`: {"ascii_text"}, "[[:alpha:]]": {"ascii_text"}, "[:=]": nil, `\[::1\]`: nil, `\Q[[:alpha:]]\E`: nil,
		"a$": {"line_text"}, "(?m)^": {"line_text"}, `\n(?m:^)a`: {"line_text"}, "(?m)^a?": {"line_text"}, "(?m)^a|^b": {"line_text"},
		`a?\z`: {"end_text"}, "(?:a|)$": {"line_text", "end_text"}, "a?(b{0,2})$": {"line_text", "end_text"},
	} {
		tree, err := parsePattern(pattern)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		if got := guards(pattern, tree); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}
