//go:build linux && (amd64 || arm64)

package sandbox

import (
	"errors"
	"fmt"
	"iter"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNoLandlock: the kernel is older than 5.13, or started without it.
var errNoLandlock = errors.New("this kernel has no Landlock: it takes Linux 5.13 or later, with landlock among its security modules (/sys/kernel/security/lsm)")

// rulesetAttr is struct landlock_ruleset_attr. Kernels know as much of it as their
// version has, and refuse what they do not know unless it is zero.
type rulesetAttr struct {
	handledFS, handledNet, scoped uint64
}

// pathAttr is struct landlock_path_beneath_attr, which has no padding at its end.
type pathAttr struct {
	access uint64
	parent int32
	_      int32
}

const (
	rulePathBeneath = 1

	// accessRead is for folders and accessReadFile for files: rights that a file
	// cannot have are refused.
	accessRead     = unix.LANDLOCK_ACCESS_FS_READ_FILE
	accessReadFile = unix.LANDLOCK_ACCESS_FS_READ_FILE
	accessWrite    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
)

// taskFolder is held open as long as the process lives: psx lists the threads through it,
// and a rule is about this inode, which procfs would make anew.
var taskFolder = -1

// restrict lets every thread, from now on, read what is in or below the given
// folders or files, write below one folder, and nothing else. It returns the
// version of Landlock. Restrictions add up.
func restrict(read iter.Seq2[int, error], access uint64, write int) (version int, err error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || int(v) < 1 {
		return 0, errNoLandlock
	}
	version = int(v)
	attr, known := handled(version)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), known, 0)
	if errno != 0 {
		return 0, fmt.Errorf("create rules: %w", errno)
	}
	ruleset := int(fd)
	defer func() { err = errors.Join(err, unix.Close(ruleset)) }()
	if taskFolder < 0 {
		if taskFolder, err = unix.Open("/proc/self/task", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return 0, fmt.Errorf("open the list of threads: %w", err)
		}
	}
	if err := allow(ruleset, taskFolder, unix.LANDLOCK_ACCESS_FS_READ_DIR); err != nil {
		return 0, err
	}
	for fd, err := range read {
		if err != nil {
			return 0, err
		}
		if err := allow(ruleset, fd, access); err != nil {
			return 0, err
		}
	}
	if err := allow(ruleset, write, accessWrite&attr.handledFS|unix.LANDLOCK_ACCESS_FS_TRUNCATE&attr.handledFS); err != nil {
		return 0, err
	}
	if err := everyThread(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); err != nil {
		return 0, fmt.Errorf("apply rules: %w", err)
	}
	return version, nil
}

// handled is all that a version can refuse, and how much of the struct it knows.
func handled(version int) (attr rulesetAttr, known uintptr) {
	attr.handledFS = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // version 1
	known = unsafe.Sizeof(attr.handledFS)
	if version >= 2 {
		attr.handledFS |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		attr.handledFS |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		attr.handledNet = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		known += unsafe.Sizeof(attr.handledNet)
	}
	if version >= 5 {
		attr.handledFS |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		attr.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		known += unsafe.Sizeof(attr.scoped)
	}
	if version >= 7 { // in version 6 threads of one process could not signal each other
		attr.scoped |= unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr, known
}

func allow(ruleset, fd int, access uint64) error {
	attr := pathAttr{access: access, parent: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), rulePathBeneath, uintptr(unsafe.Pointer(&attr)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("add a rule: %w", errno)
	}
	return nil
}
