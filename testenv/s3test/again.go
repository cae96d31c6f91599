package s3test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Again is for a TestMain whose tests need the program: it builds it and runs this test
// binary again, with the path of the program in the environment variable env. The
// package lies two folders below the root. change may be nil; it sees the command before
// it starts. The answer is the exit code of the tests.
func Again(env string, change func(*exec.Cmd)) (code int, err error) {
	dir, err := os.MkdirTemp("", "archiver-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "archiver")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/archiver")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build archiver: %w", err)
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), env+"="+binary)
	if change != nil {
		change(cmd)
	}
	err = cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return 1, err
	}
	return cmd.ProcessState.ExitCode(), nil
}
