package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	// firstForeign: there are no numbers of another interface.
	firstForeign = 0x40000000
)

// oldCalls have other names here.
var oldCalls = []uintptr{unix.SYS_FSTATAT}
