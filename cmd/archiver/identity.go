package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/archive"
)

// identify tells which run this is. What the machine does not tell is made up
// anew: the run then counts as a new one, and commits a start note.
func identify(walDir string) (archive.Identity, error) {
	info, err := os.Stat(walDir)
	if err != nil {
		return archive.Identity{}, fmt.Errorf("identify %s: %w", walDir, err)
	}
	inode := uuid.NewString()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	// The machine id is confidential (machine-id(5)): only a hash of it leaves.
	machine := sha256.Sum256([]byte("archiver machine\x00" + firstLine("/etc/machine-id", host)))
	return archive.Identity{
		Machine: hex.EncodeToString(machine[:]),
		Boot:    firstLine("/proc/sys/kernel/random/boot_id", uuid.NewString()),
		Inode:   inode,
		Host:    host,
	}, nil
}

func firstLine(path, otherwise string) string {
	raw, err := os.ReadFile(path)
	line, _, _ := strings.Cut(string(raw), "\n")
	if err != nil || line == "" {
		return otherwise
	}
	return line
}
