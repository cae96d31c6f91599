// Package pyverify runs the verifier in Python beside it, which was written from
// docs/format/*.md and shares no code with ours.
package pyverify

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/proc"
)

// Report is what it prints: the members of a report that all verifiers have.
type Report struct {
	Result    string      `json:"result"` // OK, VIOLATION or INDETERMINATE
	Findings  []Finding   `json:"findings"`
	Unchecked []Unchecked `json:"unchecked"`
}

// Finding is one observation; see docs/verify.md.
type Finding struct {
	Kind    string `json:"kind"`
	Level   int    `json:"level"`
	Key     string `json:"key"`
	Version string `json:"version"`
	Stream  string `json:"stream"`
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
	Detail  string `json:"detail"`
}

// Unchecked is what it could not look at.
type Unchecked struct {
	Level   int    `json:"level"`
	Key     string `json:"key"`
	Version string `json:"version"`
	Why     string `json:"why"`
}

// folder is where this file is.
func folder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

func python() string { return filepath.Join(folder(), "..", "..", ".tools", "venv", "bin", "python") }

// Need fails in CI when Python or PyArrow is missing, and skips loudly elsewhere.
func Need(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(python()); err != nil {
		proc.Missing(t, "PyArrow is missing: run `make tools` (needs Python 3.11 or later)")
	}
}

// Dump judges a dump, with locks as they are at now. It needs Need.
func Dump(t testing.TB, dir, root string, now time.Time) Report {
	t.Helper()
	return Run(t, "dump", dir, "--root", root, "--now", now.UTC().Format(time.RFC3339))
}

// Pack judges an evidence pack. It needs Need.
func Pack(t testing.TB, file, root string) Report {
	t.Helper()
	return Run(t, "pack", file, "--root", root)
}

// Run calls it. A call that prints no report, or whose exit code does not fit it,
// fails the test.
func Run(t testing.TB, args ...string) (r Report) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python(), append([]string{"-I", "-B", folder()}, append(args, "--json")...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("pyverify %v: %v\n%s%s", args, err, out, &stderr)
	}
	want, known := map[string]int{"OK": 0, "VIOLATION": 3, "INDETERMINATE": 4}[r.Result]
	if code := cmd.ProcessState.ExitCode(); !known || code != want {
		t.Fatalf("pyverify %v: result %q with exit code %d", args, r.Result, code)
	}
	return r
}
