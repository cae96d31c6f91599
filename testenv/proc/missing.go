package proc

import (
	"fmt"
	"os"
	"testing"
)

// Missing ends a test for which this machine lacks something. When CI is true the test
// fails: there everything is checked. Elsewhere it is skipped, and standard error says
// what has not been checked, and why.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s, and CI must not pass without it", why)
	}
	fmt.Fprintf(os.Stderr, "NOT CHECKED: %s: %s\n", t.Name(), why)
	t.Skip("NOT CHECKED: " + why)
}
