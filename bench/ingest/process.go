package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errMissing says that a peer is not installed.
var errMissing = errors.New("not installed")

// ticks of /proc/<pid>/stat in a second; the same on every Linux that Go runs on.
const ticks = 100

// process is a server of one process that says on standard output when it is ready.
type process struct {
	cmd  *exec.Cmd
	done chan error
	log  *bytes.Buffer
}

// startProcess waits until ready has understood the output.
func startProcess(cmd *exec.Cmd, ready func(io.Reader) error) (*process, error) {
	p := &process{cmd: cmd, done: make(chan error, 1), log: new(bytes.Buffer)}
	cmd.Stderr = p.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	started := make(chan error, 1)
	go func() {
		r := bufio.NewReader(out)
		started <- ready(r)
		_, err := io.Copy(io.Discard, r)
		p.done <- errors.Join(err, cmd.Wait())
	}()
	select {
	case err = <-started:
	case <-time.After(time.Minute):
		err = errors.New("not ready after a minute")
	}
	if err != nil {
		err = errors.Join(err, p.kill())
		return nil, fmt.Errorf("start %s: %w: %s", filepath.Base(cmd.Path), err, p.log)
	}
	return p, nil
}

// kill ends the process at once; its data is thrown away anyway.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	return err
}

// end asks the process to stop and waits for it.
func (p *process) end() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := <-p.done; err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(p.cmd.Path), err, p.log)
	}
	return nil
}

func (p *process) usage() (usage, error) {
	cpu, err := cpuOf(p.cmd.Process.Pid, false)
	if err != nil {
		return usage{}, err
	}
	memory, err := statusOf(p.cmd.Process.Pid, "VmHWM")
	return usage{cpu, memory}, err
}

// cpuOf is the CPU time of a process, with that of children it has waited for if asked.
func cpuOf(pid int, children bool) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything; the rest are numbers from field 3 on.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 15 {
		return 0, fmt.Errorf("/proc/%d/stat: too short", pid)
	}
	last := 13
	if children {
		last = 15
	}
	var sum int64
	for _, f := range fields[11:last] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks, nil
}

// statusOf is a size in bytes from /proc/<pid>/status.
func statusOf(pid int, name string) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, name)
}

// refuseMemory refuses folders where a sync costs nothing.
func refuseMemory(dir string) error {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("folder %s: %w", dir, err)
	}
	if fs.Type == tmpfs || fs.Type == ramfs {
		return fmt.Errorf("folder %s lies in memory; name one on a disk with -dir", dir)
	}
	return nil
}

func buildArchiver(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "archiver")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/archiver")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build archiver: %w: %s", err, out)
	}
	return binary, nil
}
