package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// TestListNamesTests: each of the names that a mutant's tests go by is that of one. A
// test that was renamed would leave its mutants to the others, or to nobody.
func TestListNamesTests(t *testing.T) {
	for _, m := range mutants {
		names := testNames(t, m.pkg)
		for name := range strings.SplitSeq(m.tests, "|") {
			if pattern := regexp.MustCompile(name); !slices.ContainsFunc(names, pattern.MatchString) {
				t.Errorf("%s: %s has no test %s", m.name, m.pkg, name)
			}
		}
	}
}

// testNames are the tests of a package, or of all below it.
func testNames(t *testing.T, pkg string) (names []string) {
	t.Helper()
	dir, all := strings.CutSuffix(filepath.Join("..", "..", pkg), "/...")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && !all:
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestListIsTold: docs/reliability.md has a row for each mutant, as the program prints
// it, and no other.
func TestListIsTold(t *testing.T) {
	raw, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(raw), "\n| taken out | where | tests | noticed by |\n")
	if !found {
		t.Fatal("there is no table of mutants")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")[1:] // under the rule
	for i := range mutants {
		row := mutants[i].row()
		at := slices.IndexFunc(rows, func(r string) bool { return strings.HasPrefix(r, row) })
		if at < 0 {
			t.Errorf("docs/reliability.md does not tell: %s", row)
			continue
		}
		rows = slices.Delete(rows, at, at+1)
	}
	for _, row := range rows {
		t.Errorf("docs/reliability.md tells of a mutant that is not in the list: %s", row)
	}
}
