package dialect

import "testing"

func TestNestedClass(t *testing.T) {
	for pattern, want := range map[string]bool{
		"": false, "[a-z]+[0-9]": false, "[^a]": false, "[]a]": false, "[^]a][b]": false, `[\[\]]`: false, `\[[a]`: false, "[[:alpha:]_]": false, "[&]": false, "a&&b": false, `\Q[[\E[a]`: false, `[\&&]`: false,
		"[a-c&&[b]]": true, "[a[b]]": true, "[[]": true, "[^[a]]": true, "[]a[b]]": true, "[a&&b]": true, "x[[:digit:][a]]": true,
	} {
		if got := nestedClass(pattern); got != want {
			t.Errorf("%s: %v, want %v", pattern, got, want)
		}
	}
}

func TestNamedGroups(t *testing.T) {
	for pattern, want := range map[string]string{
		"": "", "(?<a>x)": "(?P<a>x)", "x(?<a>[(?<])": "x(?P<a>[(?<])", `\Q(?<\E(?<a>)`: `\Q(?<\E(?P<a>)`, `\(?<`: `\(?<`, `[\](?<](?<a>)`: `[\](?<](?P<a>)`, `[[:alpha:](?<]`: `[[:alpha:](?<]`, "[]](?<a>)": "[]](?P<a>)",
	} {
		if got := namedGroups(pattern); got != want {
			t.Errorf("%s becomes %s, want %s", pattern, got, want)
		}
	}
}

// TestEmptyMatches: what matches are found of a pattern that may find an empty text is
// known unless what is before them matters.
func TestEmptyMatches(t *testing.T) {
	for pattern, want := range map[string]bool{
		"x*": true, "": true, "a|": true, "$": true, "^": true, "^a?": true, `\Aa*`: true, "(^a?)": true, "^a?|^b?": true, "(?:^|^b)c*": true, `\bx`: true, "a|^b": true, "^(a|b?)$": true,
		`\b`: false, `\B`: false, "(?m)^": false, "^a?|b?": false, "a?^": false, "(^)*": false, "(?:^|,)?": false, `x*\b`: false,
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
