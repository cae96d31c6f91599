package trino

import "syscall"

// dieWithParent keeps a killed test from leaving a server behind.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
