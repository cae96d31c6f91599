package main

import "testing"

// TestNamesAreShownSafely: whoever may write to the bucket chooses names, and others
// read them on a terminal.
func TestNamesAreShownSafely(t *testing.T) {
	for name, want := range map[string]string{
		"audit-logs/archive":    "audit-logs/archive",
		"a\x1b[2Jb":             `"a\x1b[2Jb"`,
		"a\u009b2J":             `"a\u009b2J"`,
		"a\u202egpj.exe":        `"a\u202egpj.exe"`,
		"two\nlines":            `"two\nlines"`,
		"not \xff UTF-8":        `"not \xff UTF-8"`,
		`says "missing" itself`: `"says \"missing\" itself"`,
	} {
		if got := visible(name); got != want {
			t.Errorf("visible(%q) = %s, want %s", name, got, want)
		}
	}
}
