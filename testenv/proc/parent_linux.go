package proc

import "syscall"

// DieWithParent keeps a killed test from leaving a server behind: the kernel sends it
// the signal.
func DieWithParent(signal syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: signal}
}
