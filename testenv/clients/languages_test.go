package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// language is one of the SDKs, and how its programs are run.
type language struct {
	name    string
	prefix  string // of its sub-folders in a spool
	killapp func(t *testing.T) program
	example func(t *testing.T) program
	folder  string // of the example
}

// program is a command that is ready to run.
type program struct {
	args []string
	dir  string // "": here
	env  []string
}

func languages() []language {
	return []language{
		{"go", "go-", goProgram("clients/go", "./internal/killapp"), goProgram("examples/nethttp", "."), "nethttp"},
		{"typescript", "ts-", nodeKillapp, nodeExample, "express"},
		{"python", "py-", pythonKillapp, pythonExample, "fastapi"},
	}
}

// at is a path of the repository, from the root of the file system.
func at(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// need skips the test when a file of the repository is not there.
func need(t *testing.T, path string) string {
	t.Helper()
	full := at(t, path)
	if _, err := os.Stat(full); err != nil {
		absent(t, "%s is not there", path)
	}
	return full
}

// tool skips the test when a program is not there.
func tool(t *testing.T, name string) string {
	t.Helper()
	full, err := exec.LookPath(name)
	if err != nil {
		absent(t, "%v", err)
	}
	return full
}

// run runs a step of a build.
func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v in %s: %v\n%s", args, dir, err, out)
	}
}

func goProgram(module, pkg string) func(t *testing.T) program {
	return func(t *testing.T) program {
		dir := filepath.Dir(need(t, module+"/go.mod"))
		binary := filepath.Join(built, filepath.Base(module))
		run(t, dir, "go", "build", "-o", binary, pkg)
		return program{args: []string{binary}}
	}
}

// nodeLock keeps two tests from installing into one folder at a time.
var nodeLock sync.Mutex

// install brings the dependencies of a package and leaves them where they are.
func install(t *testing.T, folder string) {
	t.Helper()
	dir := filepath.Dir(need(t, folder+"/package.json"))
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		run(t, dir, tool(t, "npm"), "ci", "--no-audit", "--no-fund")
	}
}

func nodeClient(t *testing.T) (node string) {
	t.Helper()
	node = tool(t, "node")
	install(t, "clients/typescript")
	run(t, at(t, "clients/typescript"), tool(t, "npm"), "run", "--silent", "build")
	return node
}

func nodeKillapp(t *testing.T) program {
	nodeLock.Lock()
	defer nodeLock.Unlock()
	node := nodeClient(t)
	return program{args: []string{node, need(t, "clients/typescript/test/killapp.mjs")}}
}

func nodeExample(t *testing.T) program {
	nodeLock.Lock()
	defer nodeLock.Unlock()
	dir := filepath.Dir(need(t, "examples/express/package.json"))
	node := nodeClient(t)
	install(t, "examples/express")
	return program{args: []string{node, "."}, dir: dir}
}

// python is the interpreter with the packages that a program needs.
func python(t *testing.T, packages ...string) string {
	t.Helper()
	name := os.Getenv("CLIENTS_PYTHON")
	if name == "" {
		name = "python3"
		// What the checks of the Python client have installed, if they ran.
		if venv := at(t, ".tools/python-client/bin/python"); isFile(venv) {
			name = venv
		}
	}
	interpreter := tool(t, name)
	for _, p := range packages {
		if err := exec.Command(interpreter, "-c", "import "+p).Run(); err != nil {
			absent(t, "%s has no package %s: run clients/python/check.sh, or name another interpreter in CLIENTS_PYTHON", interpreter, p)
		}
	}
	return interpreter
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func pythonKillapp(t *testing.T) program {
	return program{
		args: []string{python(t), need(t, "clients/python/tests/killapp.py")},
		env:  []string{"PYTHONPATH=" + at(t, "clients/python/src"), "PYTHONDONTWRITEBYTECODE=1"},
	}
}

func pythonExample(t *testing.T) program {
	script := need(t, "examples/fastapi/main.py")
	return program{
		args: []string{python(t, "fastapi", "uvicorn"), script},
		dir:  filepath.Dir(script),
		env:  []string{"PYTHONPATH=" + at(t, "clients/python/src"), "PYTHONDONTWRITEBYTECODE=1"},
	}
}
