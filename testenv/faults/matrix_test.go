//go:build linux

package faults

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const matrixFile = "../../docs/reliability.md"

// rooms are the folders whose tests the matrix may name, by package.
var rooms = []string{"internal/buffer", "internal/archive", "internal/durable", "internal/durable/crashfs", "internal/s3store",
	"internal/doctor", "internal/kms", "internal/ingest", "internal/event", "internal/object/memstore", "internal/repair", "internal/streams",
	"internal/verify", "internal/sandbox", "internal/athena/duckdb", "testenv/drill", "testenv/e2e", "testenv/faults"}

// TestMatrix: every case has a row in docs/reliability.md, which names tests that
// exist, or says that it waits and for what.
func TestMatrix(t *testing.T) {
	raw, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`^\| ([ABD]\d\d) \|`)
	name := regexp.MustCompile("`([a-z0-9]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	exists := testNames(t)
	var seen []string
	for line := range strings.Lines(string(raw)) {
		found := row.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		seen = append(seen, found[1])
		names := name.FindAllStringSubmatch(line, -1)
		if len(names) == 0 && !strings.Contains(line, "waits") {
			t.Errorf("%s names no test", found[1])
		}
		for _, n := range names {
			if full := n[1] + "." + n[2]; !exists[full] {
				t.Errorf("%s: there is no test %s", found[1], full)
			}
		}
	}
	var want []string
	for i := 1; i <= 50; i++ {
		group := "A"
		if i > 32 {
			group = "B"
		}
		want = append(want, fmt.Sprintf("%s%02d", group, i))
	}
	want = append(want, "D67", "D68", "D70")
	if !slices.Equal(seen, want) {
		t.Errorf("rows %v, want %v", seen, want)
	}
	fault := regexp.MustCompile(`\.TestFault[A-Z]`)
	for full := range exists {
		if fault.MatchString(full) && !strings.Contains(string(raw), "`"+full+"`") {
			t.Errorf("%s is in no row", full)
		}
	}
}

// TestSecurityPage: the tests that docs/security.md names exist.
func TestSecurityPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := testNames(t)
	names := regexp.MustCompile("`((?:sandbox|duckdb)\\.Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(raw), -1)
	if len(names) < 10 {
		t.Errorf("it names %d tests", len(names))
	}
	for _, n := range names {
		if !exists[n[1]] {
			t.Errorf("there is no test %s", n[1])
		}
	}
}

// testNames finds all tests of the rooms, as package.Test.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, room := range rooms {
		files, err := filepath.Glob(filepath.Join("../..", room, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no tests, %v", room, err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range parsed.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
					names[strings.TrimSuffix(parsed.Name.Name, "_test")+"."+f.Name.Name] = true
				}
			}
		}
	}
	return names
}
