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
