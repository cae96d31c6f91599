//go:build linux && (amd64 || arm64)

package sandbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// Enter puts this process, all of its threads, into the sandbox. It is called once.
// What could not be done is in the report; the rest is done all the same.
func Enter(f Folders, l Limits) Report {
	var r Report
	// Opened before the walls, to look at them afterwards.
	status, err := os.Open("/proc/self/status")
	if err != nil {
		r.miss("proc", err)
	} else {
		defer status.Close()
	}
	// When memory runs out, the kernel takes this process and not the one that takes events.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // no wall: what there is for it is what is in DataBytes
	if err := limit(l); err != nil {
		r.miss("limits", err)
	}
	if err := dropRights(l.OtherUser); err != nil {
		r.miss("rights", err)
	}
	r.UID = os.Geteuid()
	if r.Landlock, err = restrict(allOf(f.Read), accessRead, f.Write); err != nil {
		r.miss("landlock", err)
	}
	if err := filter(baseFilter()); err != nil {
		r.miss("seccomp", err)
	} else {
		r.Seccomp = true
	}
	if status != nil {
		readBack(&r, status)
	}
	return r
}

// Narrow leaves of the folders to read only the given files, and takes away
// the calls that Enter and Narrow need themselves. Walls that Enter has reported
// missing are left out. Each of files is asked for once, and has to be open no longer
// than until the next one is.
func Narrow(r Report, files iter.Seq2[int, error], write int) error {
	if r.Landlock > 0 {
		if _, err := restrict(files, accessReadFile, write); err != nil {
			return fmt.Errorf("narrow the sandbox: %w", err)
		}
	} else {
		for _, err := range files {
			if err != nil {
				return err
			}
		}
	}
	if r.Seccomp {
		if err := filter(narrowFilter()); err != nil {
			return fmt.Errorf("narrow the sandbox: %w", err)
		}
	}
	return nil
}

// allOf gives what is open already.
func allOf(fds []int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for _, fd := range fds {
			if !yield(fd, nil) {
				return
			}
		}
	}
}

// limit sets what the kernel counts. There is no limit for processes: it would
// count all of the user's, and the filter lets none be made.
func limit(l Limits) error {
	seconds := uint64(l.CPU.Seconds()) + 1
	for _, s := range []struct {
		name     string
		resource int
		value    uint64
	}{
		{"core", unix.RLIMIT_CORE, 0},
		{"data", unix.RLIMIT_DATA, uint64(l.DataBytes)},
		{"fsize", unix.RLIMIT_FSIZE, uint64(l.FileBytes)},
		{"nofile", unix.RLIMIT_NOFILE, uint64(l.Files)},
		{"cpu", unix.RLIMIT_CPU, seconds},
		{"memlock", unix.RLIMIT_MEMLOCK, 0},
		{"msgqueue", unix.RLIMIT_MSGQUEUE, 0},
	} {
		var had unix.Rlimit
		if err := unix.Getrlimit(s.resource, &had); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		most := min(s.value, had.Max)
		if err := unix.Setrlimit(s.resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// dropRights leaves a process that has no capability and can gain none.
func dropRights(otherUser bool) error {
	if otherUser && os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(Nobody, Nobody, Nobody), syscall.Setresuid(Nobody, Nobody, Nobody)); err != nil {
			return fmt.Errorf("become user %d: %w", Nobody, err)
		}
	}
	// Changing the user has taken this back.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("die with the parent: %w", err)
	}
	const version3 = 0x20080522
	header := struct {
		version uint32
		pid     int32
	}{version3, 0}
	var none [2]struct{ effective, permitted, inheritable uint32 }
	if err := everyThread(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("no new privileges: %w", errno)
	}
	return nil
}

// everyThread makes a call on every thread of the process, those of C++ included:
// rights, and rules about files, belong to threads.
func everyThread(call, a, b, c uintptr) error {
	if _, _, errno := psx.Syscall3(call, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

// readBack trusts no call that said it succeeded.
func readBack(r *Report, status *os.File) {
	text := make([]byte, 16<<10)
	n, err := status.ReadAt(text, 0)
	if n == 0 {
		r.miss("read back", err)
		return
	}
	got := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text[:n])); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		got[name] = strings.TrimSpace(value)
	}
	for name, want := range map[string]string{
		"NoNewPrivs": "1", "Seccomp": "2", "CapEff": "0000000000000000", "CapPrm": "0000000000000000", "CapInh": "0000000000000000", "CapAmb": "0000000000000000",
	} {
		if got[name] != want {
			r.miss("read back", fmt.Errorf("%s is %q, not %s", name, got[name], want))
		}
	}
	for _, try := range attempts {
		stands := r.Seccomp
		if try.want == unix.EACCES {
			stands = r.Landlock > 0
		}
		if !stands { // and the report says so already
			continue
		}
		switch err := try.do(); {
		case err == nil:
			r.miss("read back", fmt.Errorf("%s: it works", try.name))
		case !errors.Is(err, try.want):
			r.miss("read back", fmt.Errorf("%s: it is no %w: %w", try.name, try.want, err))
		}
	}
}

// attempts are things that must not work any more: files are Landlock's business
// (EACCES), all else is the filter's (EPERM).
var attempts = []struct {
	name string
	want unix.Errno
	do   func() error
}{
	{"list the root folder", unix.EACCES, func() error { return opened(unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)) }},
	{"read this program", unix.EACCES, func() error { return opened(unix.Open("/proc/self/exe", unix.O_RDONLY, 0)) }},
	{"open a socket", unix.EPERM, func() error { return opened(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)) }},
	{"open a local socket", unix.EPERM, func() error { return opened(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)) }},
	{"start a program", unix.EPERM, func() error {
		name := []byte{0} // no program has this name
		_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(&name[0])), 0, 0)
		return failed(errno)
	}},
	{"look into another process", unix.EPERM, func() error {
		_, _, errno := unix.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(os.Getppid()), 0)
		return failed(errno)
	}},
	{"signal another process", unix.EPERM, func() error { return unix.Kill(os.Getppid(), 0) }},
}

func opened(fd int, err error) error {
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func failed(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
