package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrLocked: another process works in this folder.
var ErrLocked = errors.New("folder is locked by another process")

// Lock takes the folder dir for this process, by flock on dir/lock, until the
// returned Closer is closed or the process dies. When another process has it,
// the error is ErrLocked and names that process. The file stays when the lock
// is given back: removing it would let two processes lock two files of one name.
func Lock(dir string) (io.Closer, error) {
	name := filepath.Join(dir, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := uninterrupted("flock", name, f, func(fd int) error {
		return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}); err != nil {
		holder := readHolder(f)
		err = errors.Join(err, f.Close())
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w (%s)", dir, ErrLocked, holder)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := writeHolder(f); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, errors.Join(err, f.Close()))
	}
	return f, nil
}

// The pid is for people who read the error; the lock itself does not need it.
func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readHolder(f *os.File) string {
	var room [32]byte
	n, _ := f.ReadAt(room[:], 0) // an unreadable pid only makes the message vaguer
	pid := bytes.TrimSpace(room[:n])
	if _, err := strconv.Atoi(string(pid)); err != nil {
		return "pid unknown"
	}
	return "pid " + string(pid)
}
