// Package proc runs the servers that are measured, each in its own process, and reads what they take from /proc.
// Linux only.
package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks of /proc/<pid>/stat in a second; the same on every Linux that Go runs on.
const ticks = 100

// Usage is what processes took from the machine.
type Usage struct {
	CPU      time.Duration // user and system, so far
	Peak     int64         // bytes of memory
	Resident int64         // bytes of memory now; 0: not known
	Files    int           // open now; 0: not known
}

// Process is a server of one process that says on standard output when it is ready.
type Process struct {
	cmd  *exec.Cmd
	done chan error
	log  *bytes.Buffer
}

// Start starts a server and returns when ready has understood its output.
func Start(cmd *exec.Cmd, ready func(io.Reader) error) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan error, 1), log: new(bytes.Buffer)}
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
		err = errors.Join(err, p.Kill())
		return nil, fmt.Errorf("start %s: %w: %s", filepath.Base(cmd.Path), err, p.log)
	}
	return p, nil
}

// Kill ends the process at once; its data is thrown away anyway.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	return err
}

// End asks the process to stop and waits for it.
func (p *Process) End() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := <-p.done; err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(p.cmd.Path), err, p.log)
	}
	return nil
}

// Pid is its number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Usage is of this process.
func (p *Process) Usage() (Usage, error) {
	cpu, err := CPU(p.Pid(), false)
	if err != nil {
		return Usage{}, err
	}
	peak, err1 := Status(p.Pid(), "VmHWM")
	now, err2 := Status(p.Pid(), "VmRSS")
	files, err3 := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	return Usage{cpu, peak, now, len(files)}, errors.Join(err1, err2, err3)
}

// CPU is the CPU time of a process, with that of children it has waited for if asked.
func CPU(pid int, children bool) (time.Duration, error) {
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

// OwnCPU is the CPU time of this process: the load generator.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("getrusage of ourselves: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Status is a size in bytes from /proc/<pid>/status.
func Status(pid int, name string) (int64, error) {
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

// RefuseMemory refuses folders where a sync costs nothing.
func RefuseMemory(dir string) error {
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

// Size is the sum of the lengths of all files below a folder.
func Size(dir string) (sum int64, _ error) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum += info.Size()
		return nil
	})
	return sum, err
}
