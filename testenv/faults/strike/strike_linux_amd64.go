package strike

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported says whether this machine can run a Plan.
const Supported = true

// kind is what a system call is to a Plan, and which of its arguments names the
// file: a descriptor, or a path.
type kind struct {
	name, call string
	fd, path   int // index of the argument; -1: has none
}

func kindOf(number uint64) (kind, bool) {
	switch number {
	case unix.SYS_FSYNC:
		return kind{"fsync", Sync, 0, -1}, true
	case unix.SYS_FDATASYNC:
		return kind{"fdatasync", Sync, 0, -1}, true
	case unix.SYS_PWRITE64:
		return kind{"pwrite64", Write, 0, -1}, true
	case unix.SYS_WRITE:
		return kind{"write", Write, 0, -1}, true
	case unix.SYS_RENAME:
		return kind{"rename", Rename, -1, 0}, true
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		return kind{"renameat", Rename, -1, 1}, true
	case unix.SYS_UNLINK:
		return kind{"unlink", Unlink, -1, 0}, true
	case unix.SYS_UNLINKAT:
		return kind{"unlinkat", Unlink, -1, 1}, true
	case unix.SYS_OPENAT:
		return kind{"openat", Open, -1, 1}, true
	}
	return kind{}, false
}

// tracer is one run of a program. Everything happens on one locked thread,
// because only the thread that began a trace may go on with it.
type tracer struct {
	plan    *Plan
	log     *os.File
	main    int
	threads map[int]*thread
	n       int
}

type thread struct {
	inside bool // of a system call
	refuse bool // what it is inside of was refused
	kill   bool // when it comes out
}

func (p *Plan) run(argv []string) (int, error) {
	runtime.LockOSThread()
	log, err := os.OpenFile(p.Log, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return 1, err
	}
	defer log.Close()
	attr := &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Env: environ(), Sys: &syscall.SysProcAttr{Ptrace: true}}
	main, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return 1, fmt.Errorf("start %s: %w", argv[0], err)
	}
	t := &tracer{plan: p, log: log, main: main, threads: map[int]*thread{main: {}}}
	var status unix.WaitStatus
	if _, err := unix.Wait4(main, &status, unix.WALL, nil); err != nil {
		return 1, fmt.Errorf("wait for its first stop: %w", err)
	}
	// The program must not outlive us; its own children are not traced.
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(main, options); err != nil {
		return 1, fmt.Errorf("trace: %w", err)
	}
	// Who wants to end the program in order knows only us.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	go func() {
		for s := range signals {
			_ = unix.Kill(main, s.(syscall.Signal)) // it may be gone
		}
	}()
	if err := unix.PtraceSyscall(main, 0); err != nil {
		return 1, fmt.Errorf("trace: %w", err)
	}
	return t.follow()
}

// environ is ours without the plan: the program may start this binary again.
func environ() (out []string) {
	for _, v := range os.Environ() {
		if len(v) < len(envPlan) || v[:len(envPlan)] != envPlan {
			out = append(out, v)
		}
	}
	return out
}

// follow goes from stop to stop until the program has ended.
func (t *tracer) follow() (int, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 1, fmt.Errorf("wait: %w", err)
		case pid == t.main && status.Exited():
			return status.ExitStatus(), nil
		case pid == t.main && status.Signaled():
			return 128 + int(status.Signal()), nil
		case !status.Stopped():
			delete(t.threads, pid)
			continue
		}
		deliver, err := t.stopped(pid, status)
		if err == nil {
			err = unix.PtraceSyscall(pid, deliver)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: it died meanwhile
			return 1, fmt.Errorf("thread %d: %w", pid, err)
		}
	}
}

// stopped handles one stop of a thread and says which signal to deliver.
func (t *tracer) stopped(pid int, status unix.WaitStatus) (deliver int, _ error) {
	th := t.threads[pid]
	if th == nil { // a new thread begins with a stop of its own
		t.threads[pid] = new(thread)
		return 0, nil
	}
	switch sig := status.StopSignal(); {
	case sig == unix.SIGTRAP|0x80:
		th.inside = !th.inside
		if th.inside {
			return 0, t.enter(pid, th)
		}
		return 0, t.leave(pid, th)
	case sig == unix.SIGTRAP && status.TrapCause() > 0: // a thread was made
		return 0, nil
	default:
		return int(sig), nil
	}
}

func (t *tracer) enter(pid int, th *thread) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	k, ok := kindOf(regs.Orig_rax)
	if !ok {
		return nil
	}
	path := pathOf(pid, k, &regs)
	if !t.plan.matches(k.call, path) {
		return nil
	}
	t.n++
	struck := t.plan.N > 0 && (t.n == t.plan.N || t.plan.Every && t.n > t.plan.N)
	if err := t.note(Hit{t.n, k.name, path, struck}); err != nil || !struck {
		return err
	}
	switch {
	case t.plan.Do == KillAfter:
		th.kill = true
		return nil
	case t.plan.Do == Shorten && t.n == t.plan.N:
		regs.Rdx /= 2
		return unix.PtraceSetRegs(pid, &regs)
	}
	regs.Orig_rax = ^uint64(0) // no such call: the kernel does nothing
	if err := unix.PtraceSetRegs(pid, &regs); err != nil {
		return err
	}
	if t.plan.Do == KillBefore {
		return unix.Kill(t.main, unix.SIGKILL)
	}
	th.refuse = true
	return nil
}

func (t *tracer) leave(pid int, th *thread) error {
	if th.kill {
		return unix.Kill(t.main, unix.SIGKILL)
	}
	if !th.refuse {
		return nil
	}
	th.refuse = false
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	regs.Rax = uint64(-int64(t.plan.Errno))
	return unix.PtraceSetRegs(pid, &regs)
}

func (t *tracer) note(h Hit) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = t.log.Write(append(line, '\n'))
	return err
}

// pathOf is the file of a call, "" if it cannot be told.
func pathOf(pid int, k kind, regs *unix.PtraceRegs) string {
	args := [...]uint64{regs.Rdi, regs.Rsi, regs.Rdx}
	if k.fd >= 0 {
		name, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(int(int32(args[k.fd]))))
		if err != nil {
			return ""
		}
		return name
	}
	var path []byte
	for at := uintptr(args[k.path]); len(path) < unix.PathMax; at += 8 {
		var word [8]byte
		if n, err := unix.PtracePeekData(pid, at, word[:]); err != nil || n < len(word) {
			return ""
		}
		if end := bytes.IndexByte(word[:], 0); end >= 0 {
			return string(append(path, word[:end]...))
		}
		path = append(path, word[:]...)
	}
	return ""
}
