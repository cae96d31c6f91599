package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_X86_64
	// firstForeign begins the numbers of the x32 interface.
	firstForeign = 0x40000000
)

// oldCalls are those that newer architectures have in one form only.
var oldCalls = []uintptr{
	unix.SYS_OPEN, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT, unix.SYS_ACCESS, unix.SYS_READLINK, unix.SYS_UNLINK, unix.SYS_MKDIR,
	unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_EPOLL_WAIT, unix.SYS_DUP2, unix.SYS_TIME, unix.SYS_ARCH_PRCTL,
}
