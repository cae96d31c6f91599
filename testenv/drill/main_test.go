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
	"fmt"
	"os"
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
	code, err := s3test.Again(envBinary, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill:", err)
	}
	os.Exit(code)
}

// need skips what is not of the selection.
func need(t *testing.T) {
	t.Helper()
	if os.Getenv(envAll) != "all" {
		t.Skip("not of this selection: make drill")
	}
}
