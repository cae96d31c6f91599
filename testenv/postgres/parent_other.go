//go:build !linux

package postgres

import "syscall"

// dieWithParent is a Linux feature.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
