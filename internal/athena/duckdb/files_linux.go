//go:build cgo

package duckdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/sandbox"
)

// identityOf tells one state of one file from all others.
func identityOf(info fs.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}
}

// nameOf is a name by which the open folder is found by whoever may not look into
// the folders above it.
func nameOf(fd int, _ string) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// openFolders opens folders so that they can be handed over.
func openFolders(paths ...string) (folders []*os.File, err error) {
	for _, path := range paths {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return folders, &os.PathError{Op: "open", Path: path, Err: err}
		}
		folders = append(folders, os.NewFile(uintptr(fd), path))
	}
	return folders, nil
}

// openSame opens a file of a job, without any right to its content: a rule about
// files is about what is open, so what comes under that name later is not readable.
func openSame(root int, _ string, f jobFile) (int, error) {
	fd, err := unix.Openat(root, f.Name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", f.Name, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, errors.Join(fmt.Errorf("look at %s: %w", f.Name, err), unix.Close(fd))
	}
	now := identity{st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()}
	if now != f.Identity || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return -1, errors.Join(fmt.Errorf("open %s: it is not the file that was checked", f.Name), unix.Close(fd))
	}
	return fd, nil
}

func closeFile(fd int) { _ = unix.Close(fd) } // what cannot be closed is not open

// closeInherited closes what came from the engine without being handed over. All
// that this process opened itself is closed when a program is started, so the rest
// was open when this one was.
func closeInherited(from int) {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // the sandbox says that /proc is missing
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name.Name())
		if err != nil || fd < from {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd) // what cannot be closed is not open
		}
	}
}

// program is this very program, also when its file was replaced since it started.
func program() (string, error) { return "/proc/self/exe", nil }

func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// handOver lets a worker that becomes another user into a folder, and nobody else.
// It reports whether it can become one: without the rights of root it cannot, nor
// needs it to.
func handOver(roots []string, dir string) (otherUser bool, err error) {
	if os.Geteuid() != 0 {
		return false, nil
	}
	if err := os.Chown(dir, sandbox.Nobody, sandbox.Nobody); err != nil {
		return false, nil //nolint:nilerr // root without its rights
	}
	for _, root := range roots {
		if err := errors.Join(os.Chown(root, -1, sandbox.Nobody), os.Chmod(root, 0o710)); err != nil {
			return false, fmt.Errorf("hand over %s: %w", root, err)
		}
	}
	return true, nil
}

// residentBytes is the memory that a process has in use.
func residentBytes(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	return resident * int64(os.Getpagesize()), nil
}
