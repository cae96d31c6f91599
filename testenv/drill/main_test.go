// Package drill tampers with archives, in every way that we could think of, and
// demands that the auditor says what was done: which kind, which object, which
// version, which seqs. docs/drill.md has the table; TestTable holds it to the code.
//
// The bucket is the embedded S3 and MinIO; the attacker is another vendor's client
// with every permission, or somebody who can write to the disk below the store; the
// auditor is the real program, and beside it the verifier in Python, which must
// agree.
package drill

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/audit-archiver/archiver/testenv/s3test"
)

// Environment of the tests, and of this test binary when it runs again.
const (
	envAll    = "DRILL"            // "all": every drill, as make drill does; otherwise one
	envBinary = "DRILL_BINARY"     // the program under test
	envServe  = "S3TEST_SERVE_DIR" // s3test starts this binary as its server
)

func TestMain(m *testing.M) {
	if os.Getenv(envBinary) != "" || os.Getenv(envServe) != "" {
		s3test.Main(m)
	}
	code, err := outside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
	}
	os.Exit(code)
}

// outside builds the program and runs this test binary again with it.
func outside() (int, error) {
	dir, err := os.MkdirTemp("", "archiver-drill-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "archiver")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/archiver")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build archiver: %w", err)
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), envBinary+"="+binary)
	err = cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return 1, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// need skips what is not of the selection.
func need(t *testing.T) {
	t.Helper()
	if os.Getenv(envAll) != "all" {
		t.Skip("not of this selection: make drill")
	}
}
