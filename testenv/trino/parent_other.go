//go:build !linux

package trino

import "syscall"

// dieWithParent is a Linux feature.
func dieWithParent() *syscall.SysProcAttr { return nil }
