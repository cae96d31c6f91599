package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lockName is the file in a sub-folder that its owner has locked.
const lockName = "lock"

// attempts bounds how often newFolder starts over.
const attempts = 100

// errLocked: another process, or another client in this one, holds the folder.
var errLocked = errors.New("locked")

// makeDurable makes a folder and its parents, where missing, so that a power
// failure does not take them back.
func makeDurable(dir string) error {
	if isFolder(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDurable(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !isFolder(dir) { // another process may have been faster
		return err
	}
	return syncDir(parent)
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// newFolder makes a sub-folder that is locked, and whose name is durable.
//
// Between its making and its lock it looks like the empty folder of a dead
// process, and an adopter may take and remove it. Then we start over with
// another name; no event was in it.
func newFolder(spools, language string, id func() string) (string, *folderLock, error) {
	for range attempts {
		dir := filepath.Join(spools, language+"-"+id())
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", nil, err
		}
		lock, err := lockFolder(dir)
		if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, errors.Join(err, os.Remove(dir))
		}
		if err := syncDir(spools); err != nil {
			return "", nil, errors.Join(err, removeFolder(dir), lock.release())
		}
		return dir, lock, nil
	}
	return "", nil, fmt.Errorf("make a folder in %s: %d times another process removed it", spools, attempts)
}

// lockFolder takes the lock of a folder, or returns errLocked.
func lockFolder(dir string) (*folderLock, error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// The file may have been removed, and its folder with it, before we had the
	// lock: then it locks nothing.
	ours, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	there, err := os.Stat(name)
	if err != nil || !os.SameFile(ours, there) {
		return nil, errors.Join(errLocked, f.Close())
	}
	return &folderLock{f}, nil
}

// folderLock is held until release, or until the process ends.
type folderLock struct{ f *os.File }

func (l *folderLock) release() error { return l.f.Close() }

// removeFolder deletes a folder that we hold and that holds no event any more.
// The lock file goes last: what is left after a crash can be adopted.
func removeFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		return err
	}
	// Without its lock file the folder may be taken by an adopter, who finds it
	// empty: then it has one again, or is gone.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Orphan is the folder of a process that has ended, taken over by this one.
type Orphan struct {
	*Reader
	lock *folderLock
}

// Orphans lists the sub-folders of a language, oldest first if their ids tell
// the time as UUIDv7 do. Those of living processes are among them.
func Orphans(spools, language string) ([]string, error) {
	entries, err := os.ReadDir(spools)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), language+"-") {
			dirs = append(dirs, filepath.Join(spools, e.Name()))
		}
	}
	return dirs, nil
}

// Adopt takes over a sub-folder. It returns nil without an error when its owner
// lives, or when it is gone.
func Adopt(dir string) (*Orphan, error) {
	lock, err := lockFolder(dir)
	if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("adopt %s: %w", dir, err)
	}
	r, err := openReader(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("adopt %s: %w", dir, err), lock.release())
	}
	return &Orphan{Reader: r, lock: lock}, nil
}

// openReader reads what a process left. Segments before the cursor, which it did
// not live to delete, are passed over and go with the folder.
func openReader(dir string) (*Reader, error) {
	list, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	at, err := readCursor(dir)
	if err != nil {
		return nil, err
	}
	return &Reader{dir: dir, segments: list, at: at}, nil
}

// Remove deletes the folder, once Next gives nothing more, and releases it.
func (o *Orphan) Remove() error {
	o.Reader.Close()
	if err := errors.Join(removeFolder(o.dir), o.lock.release()); err != nil {
		return fmt.Errorf("remove spool: %w", err)
	}
	return nil
}

// Release gives the folder back as it is, to be adopted again.
func (o *Orphan) Release() error {
	o.Reader.Close()
	return o.lock.release()
}
