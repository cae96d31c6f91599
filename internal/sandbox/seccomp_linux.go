//go:build linux && (amd64 || arm64)

package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// calls are what Go's runtime, libc and DuckDB need to compute, to read files that
// Landlock lets them read, and to keep temporary ones. Everything else is refused:
// sockets, programs, other processes, mounts, keys, modes and owners of files,
// tracing, BPF, io_uring, memory files.
var calls = append([]uintptr{
	// Open files.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_PREADV, unix.SYS_PWRITEV,
	unix.SYS_PREADV2, unix.SYS_PWRITEV2, unix.SYS_LSEEK, unix.SYS_FSTAT, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_FADVISE64,
	unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FLOCK, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE,
	unix.SYS_GETDENTS64, unix.SYS_FSTATFS, unix.SYS_STATFS,
	// Names.
	unix.SYS_OPENAT, unix.SYS_STATX, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT, unix.SYS_GETCWD,
	unix.SYS_UNLINKAT, unix.SYS_MKDIRAT,
	// Memory. With PROT_EXEC: see below.
	unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MEMBARRIER,
	// Threads, signals, waiting. Other processes: see below.
	unix.SYS_FUTEX, unix.SYS_SET_ROBUST_LIST, unix.SYS_GET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_RSEQ, unix.SYS_SCHED_YIELD,
	unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETCPU, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGTIMEDWAIT,
	unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	unix.SYS_PPOLL, unix.SYS_PSELECT6, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY, unix.SYS_GETRANDOM,
	// About this process and machine.
	unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_GETRUSAGE, unix.SYS_UNAME, unix.SYS_SYSINFO,
}, oldCalls...)

// closing are calls that set the sandbox up, so that they can still be made before
// Narrow. tkill names a thread and no process: psx has no other way.
var closing = []uintptr{
	unix.SYS_TKILL, unix.SYS_SECCOMP,
	unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF,
}

// Offsets in struct seccomp_data; arguments have their low half first on both architectures.
const (
	dataNr   = 0
	dataArch = 4
	dataArgs = 16
)

// newCalls is where numbers are the same on all architectures: what is not on our
// list from there on does not exist, so that a newer libc falls back on what is.
const newCalls = 424

const (
	seccompSetModeFilter = 1
	retErrno             = 0x00050000
	retKillProcess       = 0x80000000
	retAllow             = unix.SECCOMP_RET_ALLOW
	refuse               = retErrno | uint32(unix.EPERM)
	absent               = retErrno | uint32(unix.ENOSYS)
)

// program is a filter in the making.
type program []unix.SockFilter

func (p *program) stmt(code uint16, k uint32) { *p = append(*p, unix.SockFilter{Code: code, K: k}) }

func (p *program) jump(code uint16, k uint32, yes, no uint8) {
	*p = append(*p, unix.SockFilter{Code: unix.BPF_JMP | code | unix.BPF_K, Jt: yes, Jf: no, K: k})
}

func (p *program) load(offset uint32) { p.stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset) }
func (p *program) ret(action uint32)  { p.stmt(unix.BPF_RET|unix.BPF_K, action) }

// is answers one call by its number.
func (p *program) is(call uintptr, action uint32) {
	p.jump(unix.BPF_JEQ, uint32(call), 0, 1)
	p.ret(action)
}

// with answers one call by an argument: body ends with a return for every case.
func (p *program) with(call uintptr, arg uint32, body func(*program)) {
	var b program
	b.load(dataArgs + 8*arg)
	body(&b)
	p.jump(unix.BPF_JEQ, uint32(call), 0, uint8(len(b)))
	*p = append(*p, b...)
}

// start refuses the numbers of other architectures, which mean other calls.
func (p *program) start() {
	p.load(dataArch)
	p.jump(unix.BPF_JEQ, auditArch, 1, 0)
	p.ret(retKillProcess)
	p.load(dataNr)
	p.jump(unix.BPF_JGE, firstForeign, 0, 1)
	p.ret(retKillProcess)
}

// baseFilter lets pass what is on the lists, and these where their arguments are harmless.
func baseFilter() program {
	var p program
	p.start()
	for _, call := range slices.Concat(calls, closing) {
		p.is(call, retAllow)
	}
	// Threads, but no processes. clone3 has its flags where a filter cannot look;
	// libc does without it.
	p.with(unix.SYS_CLONE, 0, func(p *program) { p.onBits(unix.CLONE_THREAD, retAllow, refuse) })
	// No memory that was written can be run, and no library loaded.
	for _, call := range []uintptr{unix.SYS_MMAP, unix.SYS_MPROTECT} {
		p.with(call, 2, func(p *program) { p.onBits(unix.PROT_EXEC, refuse, retAllow) })
	}
	for _, call := range []uintptr{unix.SYS_KILL, unix.SYS_TGKILL} {
		p.with(call, 0, func(p *program) { p.allowValues(uint32(os.Getpid())) })
	}
	// Not F_SETOWN and its like, by which a file signals other processes.
	p.with(unix.SYS_FCNTL, 1, func(p *program) {
		p.allowValues(unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD, unix.F_DUPFD_CLOEXEC,
			unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK)
	})
	p.with(unix.SYS_PRCTL, 0, func(p *program) {
		p.allowValues(unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_VMA, unix.PR_GET_NO_NEW_PRIVS)
	})
	p.with(unix.SYS_PRLIMIT64, 2, func(p *program) { p.noPointer() })
	p.jump(unix.BPF_JGE, newCalls, 0, 1)
	p.ret(absent)
	p.ret(refuse)
	return p
}

// narrowFilter comes on top of baseFilter.
func narrowFilter() program {
	var p program
	p.start()
	for _, call := range closing {
		p.is(call, refuse)
	}
	p.ret(retAllow)
	return p
}

// onBits decides by whether any of the bits is set in the low half.
func (p *program) onBits(bits, set, clear uint32) {
	p.jump(unix.BPF_JSET, bits, 0, 1)
	p.ret(set)
	p.ret(clear)
}

// allowValues lets pass these values of the low half, which is all that these arguments have.
func (p *program) allowValues(values ...uint32) {
	for _, v := range values {
		p.jump(unix.BPF_JEQ, v, 0, 1)
		p.ret(retAllow)
	}
	p.ret(refuse)
}

// noPointer lets pass what has no second limit to set.
func (p *program) noPointer() {
	p.jump(unix.BPF_JEQ, 0, 1, 0)
	p.ret(refuse)
	p.load(dataArgs + 8*2 + 4)
	p.allowValues(0)
}

// filter installs p on every thread.
func filter(p program) error {
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, seccompSetModeFilter, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(p)
	switch {
	case errno != 0:
		return fmt.Errorf("install the filter: %w", errno)
	case thread != 0:
		return fmt.Errorf("install the filter: thread %d has another one", thread)
	}
	return nil
}
