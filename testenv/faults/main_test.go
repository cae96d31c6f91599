//go:build linux

// Package faults runs the real binary on a machine that fails: killed at every
// system call, on disks that are full, read-only, slow or broken, beside its own
// copy, without its bucket. docs/reliability.md lists the cases and their tests.
//
// FAULTS says how much: nothing is a selection that takes less than a minute,
// "short" a larger one (make faults-short), "all" everything (make faults). What is
// random follows from a seed that the test prints and FAULT_SEED gives back.
package faults

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/testenv/faults/strike"
	"github.com/audit-archiver/archiver/testenv/s3test"
)

// Environment of the test process inside the mount namespace.
const (
	envBinary = "FAULTS_BINARY"    // the program under test
	envMounts = "FAULTS_MOUNTS"    // "yes": mounts are ours alone
	envServe  = "S3TEST_SERVE_DIR" // s3test starts this binary as its server
)

func TestMain(m *testing.M) {
	strike.Main()
	if os.Getenv(envBinary) != "" || os.Getenv(envServe) != "" {
		s3test.Main(m)
	}
	code, err := outside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	os.Exit(code)
}

// outside builds the program and runs this test binary again, in a mount
// namespace of its own if it may: whatever a test mounts ends with it.
func outside() (int, error) {
	return s3test.Again(envBinary, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if os.Geteuid() == 0 {
			cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
			cmd.Env = append(cmd.Env, envMounts+"=yes")
		}
	})
}

// level is how much of the matrix runs.
type level int

const (
	smoke level = iota
	short
	all
)

func levelOf(t testing.TB) level {
	t.Helper()
	switch s := os.Getenv("FAULTS"); s {
	case "":
		return smoke
	case "short":
		return short
	case "all":
		return all
	default:
		t.Fatalf("FAULTS=%s: want short or all", s)
		return smoke
	}
}

// seedOf is what a test draws its luck from: FAULT_SEED, or another one each time.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("FAULT_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("FAULT_SEED: %v", err)
		}
	}
	t.Logf("FAULT_SEED=%d", seed)
	return seed
}

// need skips a test that is not of the selection.
func need(t testing.TB, least level) {
	t.Helper()
	if levelOf(t) < least {
		t.Skip("not of this selection: make faults-short, make faults")
	}
}

// lacks skips a test that this machine cannot run, loudly, and fails it in CI.
func lacks(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip("NOT TESTED: " + why)
}
