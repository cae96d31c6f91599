//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package spool

import (
	"fmt"
	"os"
	"runtime"
)

// flock refuses: without a lock that ends with its process two of them could
// deliver, and remove, the same folder.
func flock(f *os.File) error {
	return fmt.Errorf("lock %s: spools are not supported on %s", f.Name(), runtime.GOOS)
}
