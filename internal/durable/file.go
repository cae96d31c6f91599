package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// tempSuffix marks a file that WriteFile has not renamed yet. Nobody may rely
// on the content of such a file, and anybody may delete it.
const tempSuffix = ".tmp"

// ErrSync marks the failure of a sync, which is final: see File and FS. Any other
// error of WriteFile leaves name as it was, and the call may be repeated.
var ErrSync = errors.New("sync failed")

// WriteFile replaces name with data, all or nothing, and returns nil only once
// both the bytes and the name are durable.
//
// What is true if we die after each step:
//
//	write, sync   name is as before; a leftover name.tmp is overwritten next time
//	rename        name is as before or new, never a mixture: the bytes are durable already
//	sync folder   name is new
//
// The folder is open before: with no descriptor left after the rename, name would be
// new and perhaps not for long.
func WriteFile(fsys FS, name string, data []byte, perm fs.FileMode) (err error) {
	dir, err := fsys.OpenDir(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("write %s: folder: %w", name, err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	temp := name + tempSuffix
	if err := writeSynced(fsys, temp, data, perm); err != nil {
		// Best effort: the leftover does no harm, but it may fill the disk.
		return errors.Join(fmt.Errorf("write %s: %w", name, err), ignoreMissing(fsys.Remove(temp)))
	}
	if err := fsys.Rename(temp, name); err != nil {
		return fmt.Errorf("write %s: rename: %w", name, err)
	}
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func writeSynced(fsys FS, name string, data []byte, perm fs.FileMode) (err error) {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := f.WriteAt(data, 0)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("%w: %w", ErrSync, err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ReadFile returns the whole content of name; fs.ErrNotExist when there is no
// such file.
func ReadFile(fsys FS, name string) (_ []byte, err error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), data); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}
