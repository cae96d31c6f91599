package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/bench/load"
)

// record looks at a process a few hundred times a second while it is loaded, and returns the stacks as `perf script`
// prints them: without functions that were inlined, which not every perf can tell.
func record(ctx context.Context, file string, pid int, loaded func() (load.Measurement, error)) (stacks []byte, m load.Measurement, err error) {
	perf := exec.CommandContext(ctx, "perf", "record", "--quiet", "--no-buildid-cache", "--freq", "499", "--call-graph", "fp", "--output", file, "--pid", strconv.Itoa(pid))
	var said bytes.Buffer
	perf.Stderr = &said
	if err := perf.Start(); err != nil {
		return nil, m, err
	}
	ended := make(chan error, 1)
	go func() { ended <- perf.Wait() }()
	for !begun(file) {
		select {
		case err := <-ended:
			return nil, m, fmt.Errorf("perf record ended (%v): %s", err, said.Bytes()) //nolint:errorlint // it may be nil
		default:
			load.Pause(ctx, 10*time.Millisecond)
		}
	}
	m, err = loaded()
	err = errors.Join(err, perf.Process.Signal(os.Interrupt))
	if e := <-ended; e != nil && !interrupted(e) {
		err = errors.Join(err, fmt.Errorf("perf record: %w: %s", e, said.Bytes()))
	}
	if err != nil {
		return nil, m, err
	}
	script := exec.CommandContext(ctx, "perf", "script", "--input", file, "--no-inline", "--fields", "ip,sym")
	var told bytes.Buffer
	script.Stderr = &told
	if stacks, err = script.Output(); err != nil {
		return nil, m, fmt.Errorf("perf script: %w: %s", err, told.Bytes())
	}
	return stacks, m, nil
}

// begun says that perf looks: it writes the head of its file then.
func begun(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Size() > 0
}

// interrupted says that a process ended because it was asked to.
func interrupted(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, _ := exit.Sys().(syscall.WaitStatus)
	return status.Signaled() && status.Signal() == syscall.SIGINT || exit.ExitCode() == 128+int(syscall.SIGINT)
}
