//go:build !linux

package minio

import "syscall"

// dieWithParent is a Linux feature.
func dieWithParent() *syscall.SysProcAttr { return nil }
