package cloudwatch

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/testenv/proc"
)

// StartMoto starts moto's server, an imitation of AWS that has nothing to do with the
// one in this package, and returns its URL. It ends with the test, and with the process
// whatever happens to that. Without its Python the test is skipped, and fails in CI.
func StartMoto(t *testing.T) string {
	t.Helper()
	root := repository(t)
	python := filepath.Join(root, ".tools", "moto", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		proc.Missing(t, "moto is missing: run `make tools` (needs Python 3.11 or later)")
	}
	cmd := exec.Command(python, filepath.Join(root, "testenv", "cloudwatch", "serve_moto.py"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("moto: %v\n%s", err, &stderr)
		}
	})
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("moto does not start: %v", err)
	}
	return strings.TrimSpace(url)
}

// repository returns the folder of go.mod above the working directory.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
	}
}
