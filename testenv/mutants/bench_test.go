package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// guarded is a module with one safeguard, and tests that are fit for it and not.
var guarded = map[string]string{
	"go.mod": "module guarded\n\ngo 1.26\n",
	"guard.go": `package guarded

func Safe() bool {
	return true
}
`,
	"guard_test.go": `package guarded

import "testing"

func TestLooks(t *testing.T) {
	t.Run("closely", func(t *testing.T) {
		if !Safe() {
			t.Error("not safe")
		}
	})
}

func TestPanics(t *testing.T) {
	if !Safe() {
		panic("not safe")
	}
}

func TestWaits(t *testing.T) {
	if !Safe() {
		select {}
	}
}

func TestLooksAway(t *testing.T) {}

func TestIsSkipped(t *testing.T) { t.Skip("not here") }

func TestIsRed(t *testing.T) { t.Error("always") }
`,
	"first/first_test.go": `package first

import (
	"os"
	"testing"

	"guarded"
)

func TestMain(m *testing.M) {
	if !guarded.Safe() {
		os.Exit(3)
	}
	m.Run()
}

func TestLooksAway(t *testing.T) {}
`,
}

// TestBench: only a test that is green without the mutant, runs, and fails with it has
// noticed the mutant. What only looks like that is an error.
func TestBench(t *testing.T) {
	root := t.TempDir()
	for name, text := range guarded {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := newBench(root, t.TempDir())
	b.least = 5 * time.Second // TestWaits takes no time when it does not wait
	unsafe := mutant{file: "guard.go", old: "return true", new: "return false", pkg: "."}
	for _, test := range []struct {
		name    string
		change  func(*mutant)
		noticed string
		err     string // what it says; "": there is none
	}{
		{"a failure", func(m *mutant) { m.tests = "TestLooks$|TestIsSkipped" }, "`TestLooks`", ""},
		{"a panic", func(m *mutant) { m.tests = "TestPanics" }, "`TestPanics`", ""},
		{"for ever", func(m *mutant) { m.tests = "TestWaits" }, "`TestWaits`, which waits for ever", ""},
		{"a survivor", func(m *mutant) { m.tests = "TestLooksAway" }, "", ""},
		{"red anyway", func(m *mutant) { m.tests = "TestLooks|TestIsRed" }, "", "red with nothing taken out: `TestIsRed`"},
		{"all are skipped", func(m *mutant) { m.tests = "TestIsSkipped" }, "", "none of these tests runs"},
		{"no such test", func(m *mutant) { m.tests = "TestLost" }, "", "none of these tests runs"},
		{"no such package", func(m *mutant) { m.pkg, m.tests = "./lost", "TestLooks" }, "", "directory not found"},
		{"before the tests", func(m *mutant) { m.pkg, m.tests = "./first", "." }, "", "it ended before a test began"},
		{"does not compile", func(m *mutant) { m.tests, m.new = "TestLooks$", "return nil" }, "", "does not compile"},
		{"a safeguard that has moved", func(m *mutant) { m.tests, m.old = "TestLooks$", "return safe" }, "", "0 times, want once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := unsafe
			test.change(&m)
			noticed, err := b.try(t.Context(), &m)
			if noticed != test.noticed {
				t.Errorf("noticed by %q, want %q", noticed, test.noticed)
			}
			switch {
			case test.err == "" && err != nil:
				t.Error(err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v, want one that says %q", err, test.err)
			}
		})
	}
}
