//go:build !linux

package proc

import "syscall"

// DieWithParent is a Linux feature.
func DieWithParent(syscall.Signal) *syscall.SysProcAttr { return new(syscall.SysProcAttr) }
