package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OS returns the operating system's file system. Its files are opened with
// O_CLOEXEC (package os always does) and O_NOFOLLOW: a symbolic link in place of
// a file of ours is an error, not a way to another file.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag|unix.O_NOFOLLOW, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

func (o osFS) SyncDir(name string) error {
	d, err := o.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) OpenDir(name string) (Dir, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return osDir{f}, nil
}

type osDir struct{ *os.File }

func (d osDir) Sync() error {
	if err := uninterrupted("fsync", d.Name(), d.File, unix.Fsync); err != nil {
		return fmt.Errorf("%w: folder: %w", ErrSync, err)
	}
	return nil
}

func (osFS) Free(name string) (int64, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(name, &st)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("statfs %s: %w", name, err)
		}
		// Bavail, not Bfree: the root's reserve is not ours to use.
		return int64(st.Bavail) * st.Bsize, nil
	}
}

type osFile struct{ *os.File }

// Sync is fdatasync: content and size, but not times. The files that must be
// fast are of fixed size and written before, so nothing else has to move.
func (f osFile) Sync() error {
	return uninterrupted("fdatasync", f.Name(), f.File, unix.Fdatasync)
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// directUnit is what offset, length and memory of a write past the page cache must be
// multiples of: no disk has larger sectors.
const directUnit = 4096

// zeros are never written to, so they take no memory: the kernel has one page for all.
var (
	zeroRoom [8<<20 + directUnit]byte
	zeros    = zeroRoom[-uintptr(unsafe.Pointer(&zeroRoom))%directUnit:][:8<<20]
)

// WriteZeros costs a fifth of the processor time of writing zeros through the page
// cache, which would be filled with pages that nobody reads.
func (f osFile) WriteZeros(off, size int64) error {
	if off%directUnit == 0 && size%directUnit == 0 && f.setDirect(true) == nil {
		err := errors.Join(markDisk(f.writeZeros(off, size)), f.setDirect(false))
		if !errors.Is(err, unix.EINVAL) { // some file systems take the flag, and not the write
			return err
		}
	}
	return f.writeZeros(off, size)
}

// markDisk marks what a disk says of a write past the page cache, and would have told a
// sync: EIO, but also ENODATA of a bad sector, ETIMEDOUT of the way to it, and others.
// Want of room or of memory is not the disk's failure, and passes.
func markDisk(err error) error {
	for _, passes := range []error{nil, unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.ENOMEM, unix.EAGAIN, unix.EINVAL} {
		if errors.Is(err, passes) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrSync, err)
}

func (f osFile) writeZeros(off, size int64) error {
	for end := off + size; off < end; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), end-off)], off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// setDirect makes writes go past the page cache, or through it again.
func (f osFile) setDirect(direct bool) error {
	return uninterrupted("fcntl", f.Name(), f.File, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		flags &^= unix.O_DIRECT
		if direct {
			flags |= unix.O_DIRECT
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
		return err
	})
}

// uninterrupted calls sync until no signal interrupts it. EINTR means that
// nothing was tried; every other error is final and returned at once.
func uninterrupted(op, name string, f *os.File, sync func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			failed = sync(int(fd))
			if !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}
