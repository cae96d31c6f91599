package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestList: every safeguard is where the list says, so that `make mutants`, which takes
// long, does not stop in its middle.
func TestList(t *testing.T) {
	for _, m := range mutants {
		source, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: %s has the text of this safeguard %d times, want once", m.name, m.file, n)
		}
	}
}
