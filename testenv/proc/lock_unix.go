//go:build unix

// Package proc is what the servers that tests start have in common.
package proc

import (
	"os"
	"syscall"
)

// Lock waits for an exclusive lock on a file, which also ends with the process.
func Lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
