// Command mutants takes one safeguard out of the program at a time and demands that
// the tests notice: a suite that stays green without an fsync proves nothing about it.
//
// It changes no file of the work tree: go test -overlay compiles a changed copy. For
// each mutant it runs the tests that are there for its safeguard. The result is a
// table on standard output; the exit code is 1 when a mutant survived, and 2 when a
// safeguard is not where this list believes it to be.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// timeout ends the tests of a mutant that waits for ever. That counts as noticed.
const timeout = 2 * time.Minute

func main() {
	only := flag.String("only", "", "run only mutants whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	survivors, err := run(ctx, *only)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	case survivors > 0:
		fmt.Fprintf(os.Stderr, "mutants: %d survived\n", survivors)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) (survivors int, err error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return 0, err
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return 0, errors.New("run it in the root of the repository")
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Println("| taken out | where | tests | noticed by |")
	fmt.Println("|---|---|---|---|")
	for _, m := range mutants {
		if !strings.Contains(m.name, only) {
			continue
		}
		noticed, err := m.try(ctx, root, dir)
		if err != nil {
			return survivors, fmt.Errorf("%s: %w", m.name, err)
		}
		if noticed == "" {
			survivors++
			noticed = "**nobody**"
		}
		fmt.Printf("| %s | `%s` | `%s -run '%s'` | %s |\n", m.name, m.file, m.pkg, strings.ReplaceAll(m.tests, "|", `\|`), noticed)
	}
	return survivors, nil
}

// try runs the tests of a mutant. It returns the name of the first test that failed,
// "" when none did.
func (m *mutant) try(ctx context.Context, root, dir string) (noticed string, err error) {
	file := filepath.Join(root, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%s has the text of this safeguard %d times, want once: mend the list in testenv/mutants", m.file, n)
	}
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		return "", err
	}
	config := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(config, overlay, 0o600); err != nil {
		return "", err
	}
	// Vet would find some mutants, but it is the tests that must.
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", config, "-vet=off", "-count=1", "-timeout", timeout.String(), "-run", m.tests, m.pkg)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case err == nil && strings.Contains(string(out), "[no tests to run]"):
		return "", fmt.Errorf("%s has no tests %s", m.pkg, m.tests)
	case err == nil:
		return "", nil
	case !errors.As(err, &failed) || ctx.Err() != nil:
		return "", err
	case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]"):
		return "", fmt.Errorf("does not compile:\n%s", out)
	}
	return firstFailure(string(out)), nil
}

func firstFailure(out string) string {
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(line, "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return "`" + name + "`"
		}
	}
	if strings.Contains(out, "panic: test timed out") {
		return "a test that waits for ever"
	}
	return "a panic"
}
