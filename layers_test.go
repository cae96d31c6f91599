// Package archiver_test holds the architecture as a test: which package may
// import which, and which of them knows a library. When a table here changes,
// the review is about architecture.
package archiver_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/audit-archiver/archiver"

// layers: every package of ours, lowest first. A package imports packages of
// lower layers only. What lies in the folder of another package (durable/crashfs,
// athena/duckdb) is of one room with it: it may import its parent and its
// siblings, and the parent never imports it.
var layers = [][]string{
	{
		"internal/event",
		"internal/object",
		"internal/object/memstore",
		"internal/object/objecttest",
		"internal/durable",
		"internal/durable/crashfs",
	},
	{"internal/awscreds", "internal/sandbox"},
	{
		"internal/buffer",
		"internal/parquet",
		"internal/ledger",
		"internal/kms",
		"internal/s3store",
		"internal/devs3",
		"internal/config",
	},
	{
		"internal/ingest",
		"internal/archive",
		"internal/repair",
		"internal/doctor",
		"internal/policy",
		"internal/receipt",
		"internal/prove",
		"internal/verify",
		"internal/athena",
		"internal/athena/amazon",
		"internal/athena/cache",
		"internal/athena/catalog",
		"internal/athena/dialect",
		"internal/athena/duckdb",
		"internal/athena/hot",
		"internal/athena/httpapi",
		"internal/athena/needle",
		"internal/athena/results",
		"internal/athena/wire",
		"internal/athena/saved",
		"internal/athena/source",
		"internal/athena/trino",
		"internal/mirror",
		"internal/mirror/mirrortest",
		"internal/mirror/postgres",
		"internal/mirror/cloudwatch",
		"internal/pack",
		"internal/pack/export",
	},
	{"internal/streams"},
	{"cmd/archiver"},
}

// never: arrows that point down and are forbidden all the same.
var never = []struct{ from, to, why string }{
	{"internal/verify", "internal/buffer", "the auditor shares no code with the writer"},
	{"internal/verify", "internal/s3store", "the auditor takes any store, so cmd opens it"},
	{"internal/pack", "internal/buffer", "a pack is checked without what wrote the archive"},
	{"internal/pack", "internal/s3store", "a pack is made from any store, so cmd opens it"},
	{"internal/buffer", "internal/object", "the WAL knows nothing of buckets"},
	{"internal/ingest", "internal/buffer", "ingest declares the Appender that it needs"},
	{"internal/ingest", "internal/object", "answers depend on the local disk only"},
	{"internal/config", "internal/event", "configuration is strings and numbers; cmd hands them out"},
}

// forTests: packages that must never be linked into the program.
var forTests = []string{"internal/durable/crashfs", "internal/object/memstore", "internal/object/objecttest", "internal/mirror/mirrortest"}

// walls: the few places that know a library. A foreign type that leaks from
// there would make the wall paint.
var walls = []struct {
	library string
	rooms   []string
}{
	{"github.com/parquet-go/", []string{"internal/parquet"}},
	{"github.com/aws/", []string{"internal/awscreds", "internal/s3store", "internal/kms", "internal/athena/amazon", "internal/athena/results", "internal/mirror/cloudwatch", "internal/devs3"}}, // versitygw speaks the SDK's types
	{"github.com/duckdb/", []string{"internal/athena/duckdb"}},
	{"kernel.org/", []string{"internal/sandbox"}},
	{"github.com/jackc/", []string{"internal/mirror/postgres"}},
	{"github.com/versity/", []string{"internal/devs3"}},
	{"github.com/minio/", []string{"testenv"}},
	{"github.com/spf13/", []string{"cmd/archiver"}},
	{"github.com/goccy/", []string{"internal/config"}},
	{"golang.org/x/mod/sumdb/tlog", []string{"internal/ledger"}},
}

// file is one source file and what it imports.
type file struct {
	path    string // slash-separated, from the root of the module
	dir     string
	test    bool
	imports []string
}

// files parses every Go file of this module; nested modules are their own business.
func files(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && foreign(name, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		slash := filepath.ToSlash(name)
		f := file{path: slash, dir: path.Dir(slash), test: strings.HasSuffix(slash, "_test.go")}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files: this test does not see the module", len(all))
	}
	return all
}

// foreign says whether a folder belongs to another module or to no module.
func foreign(dir, base string) bool {
	if strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" {
		return true
	}
	found, err := filepath.Glob(filepath.Join(dir, "go.mod"))
	return err == nil && len(found) > 0
}

func within(dir string, rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool {
		return dir == room || strings.HasPrefix(dir, room+"/")
	})
}

// sameRoom: a/b may import a and a/c; a may not import a/b.
func sameRoom(from, to string) bool {
	parent := path.Dir(from)
	return parent != "internal" && (to == parent || path.Dir(to) == parent)
}

func TestImportsPointDown(t *testing.T) {
	level := map[string]int{}
	for i, names := range layers {
		for _, name := range names {
			level[name] = i
		}
	}
	for _, f := range files(t) {
		here, known := level[f.dir]
		if !known {
			if within(f.dir, "internal", "cmd") {
				t.Errorf("%s: package %s is not in the table of layers", f.path, f.dir)
			}
			continue // testenv may import what it tests
		}
		for _, imported := range f.imports {
			to, ours := strings.CutPrefix(imported, module+"/")
			switch {
			case !ours:
			case within(to, "testenv"):
				if !f.test {
					t.Errorf("%s imports %s: only tests may", f.path, to)
				}
			case f.test:
				// A test may reach sideways (a real buffer under ingest), never up.
				if there, ok := level[to]; !ok || there > here {
					t.Errorf("%s imports %s: arrows point down, in tests too", f.path, to)
				}
			default:
				if there, ok := level[to]; !ok || (there >= here && !sameRoom(f.dir, to)) {
					t.Errorf("%s imports %s: arrows must point down", f.path, to)
				}
			}
		}
	}
}

func TestForbiddenArrows(t *testing.T) {
	for _, f := range files(t) {
		for _, imported := range f.imports {
			to, _ := strings.CutPrefix(imported, module+"/")
			for _, n := range never {
				if !f.test && within(f.dir, n.from) && within(to, n.to) {
					t.Errorf("%s imports %s: %s", f.path, to, n.why)
				}
			}
			if within(to, forTests...) && !f.test && !within(f.dir, "testenv") && !within(f.dir, forTests...) {
				t.Errorf("%s imports %s: it is for tests", f.path, to)
			}
		}
	}
}

// Tests of a package may use a second, independent library to check the first
// one's work, so the walls hold for product code; for tests, only minio-go is
// outside, and it must never come into the product at all.
func TestLibrariesStayBehindTheirWalls(t *testing.T) {
	for _, f := range files(t) {
		if f.test || within(f.dir, "testenv") {
			continue
		}
		for _, imported := range f.imports {
			for _, w := range walls {
				if strings.HasPrefix(imported, w.library) && !within(f.dir, w.rooms...) {
					t.Errorf("%s imports %s: only %s may", f.path, imported, strings.Join(w.rooms, ", "))
				}
			}
		}
	}
}

// The lowest layer has no library but the named ones, so that what is shared by
// writer and auditor stays small enough to be read.
func TestLowestLayerIsPlain(t *testing.T) {
	allowed := []string{
		"github.com/google/uuid",
		"github.com/go-json-experiment/json",
		"golang.org/x/sys",
	}
	for _, f := range files(t) {
		if f.test || !slices.Contains(layers[0], f.dir) {
			continue
		}
		for _, imported := range f.imports {
			first, _, _ := strings.Cut(imported, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(imported, module+"/") && !within(imported, allowed...) {
				t.Errorf("%s imports %s: the lowest layer has no such library", f.path, imported)
			}
		}
	}
}

// The name of a library's package is ours where the two collide: the foreigner
// wears the alias, and always the same one.
func TestForeignersWearTheirAlias(t *testing.T) {
	aliases := map[string]string{
		"github.com/parquet-go/parquet-go":                          "pq",
		"github.com/aws/aws-sdk-go-v2/service/s3":                   "awss3",
		"github.com/aws/aws-sdk-go-v2/service/s3/types":             "s3types",
		"github.com/aws/aws-sdk-go-v2/service/athena":               "awsathena",
		"github.com/aws/aws-sdk-go-v2/service/athena/types":         "athenatypes",
		"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs":       "awslogs",
		"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types": "logstypes",
		"github.com/aws/aws-sdk-go-v2/service/kms":                  "awskms",
		"github.com/aws/aws-sdk-go-v2/service/kms/types":            "kmstypes",
		"github.com/aws/aws-sdk-go-v2/config":                       "awsconfig",
	}
	for _, f := range files(t) {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(f.path), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			want, ruled := aliases[imported]
			if ruled && (spec.Name == nil || (spec.Name.Name != want && spec.Name.Name != "_")) {
				t.Errorf("%s imports %s without its alias %s", f.path, imported, want)
			}
		}
	}
}

// A test that sleeps is slow when it sleeps too long and wrong when it sleeps too
// short. In a synctest bubble sleeping takes no time, so there it is fine.
func TestNobodySleeps(t *testing.T) {
	for _, f := range files(t) {
		if !f.test || slices.Contains(f.imports, "testing/synctest") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(f.path), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" {
				t.Errorf("%s sleeps: wait for what it waits for, or use testing/synctest", f.path)
			}
			return true
		})
	}
}
