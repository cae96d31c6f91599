package ledger

import (
	"strings"
	"testing"
)

func TestParseCheckpoint(t *testing.T) {
	tree := Tree{}
	tree.Add(leafOf(0))
	good := string(checkpointText("origin", &tree))
	origin, size, root, err := parseCheckpoint([]byte(good))
	if err != nil || origin != "origin" || size != 1 || root != tree.Root() {
		t.Fatalf("origin %q, size %d, root %s, %v", origin, size, root, err)
	}
	for name, bad := range map[string]string{
		"empty":                  "",
		"one line":               "origin\n",
		"no root":                "origin\n1\n",
		"an extension":           good + "extension\n",
		"no last newline":        strings.TrimSuffix(good, "\n"),
		"leading zero":           strings.Replace(good, "\n1\n", "\n01\n", 1),
		"plus sign":              strings.Replace(good, "\n1\n", "\n+1\n", 1),
		"minus sign":             strings.Replace(good, "\n1\n", "\n-1\n", 1),
		"too large":              strings.Replace(good, "\n1\n", "\n9007199254740992\n", 1),
		"short root":             "origin\n1\nAAAA\n",
		"root spelled otherwise": lastDigit(good),
	} {
		if _, _, _, err := parseCheckpoint([]byte(bad)); err == nil {
			t.Errorf("%s: accepted %q", name, bad)
		}
	}
}
