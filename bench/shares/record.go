package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/audit-archiver/archiver/bench/load"
)

// record looks at a process a few hundred times a second while it is loaded, and returns the stacks as `perf script`
// prints them.
func record(ctx context.Context, file string, pid int, loaded func() (load.Measurement, error)) (stacks []byte, m load.Measurement, err error) {
	perf := exec.CommandContext(ctx, "perf", "record", "--quiet", "--freq", "499", "--call-graph", "fp", "--output", file, "--pid", strconv.Itoa(pid))
	var said bytes.Buffer
	perf.Stderr = &said
	if err := perf.Start(); err != nil {
		return nil, m, err
	}
	m, err = loaded()
	err = errors.Join(err, perf.Process.Signal(os.Interrupt))
	if e := perf.Wait(); e != nil {
		var exit *exec.ExitError
		if !errors.As(e, &exit) || exit.ExitCode() != -1 && exit.ExitCode() != 130 { // it ends with the signal that stopped it
			err = errors.Join(err, fmt.Errorf("perf record: %w: %s", e, said.Bytes()))
		}
	}
	if err != nil {
		return nil, m, err
	}
	script := exec.CommandContext(ctx, "perf", "script", "--input", file, "--fields", "ip,sym")
	var told bytes.Buffer
	script.Stderr = &told
	if stacks, err = script.Output(); err != nil {
		return nil, m, fmt.Errorf("perf script: %w: %s", err, told.Bytes())
	}
	return stacks, m, nil
}
