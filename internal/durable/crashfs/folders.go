package crashfs

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/audit-archiver/archiver/internal/durable"
)

// Mkdir makes a folder. Until its parent is synced, a crash may take it away with all
// that is in it.
func (f *FS) Mkdir(name string, _ fs.FileMode) error {
	return f.op(Mkdir, name, func() error {
		if _, err := f.find(name); err == nil {
			return fs.ErrExist
		}
		d, base, err := f.parent(name)
		if err != nil {
			return err
		}
		d.apply(change{base: newFolder(nil)})
		return nil
	})
}

// ReadDir lists files and folders.
func (f *FS) ReadDir(name string) (out []fs.DirEntry, err error) {
	err = f.op(ReadDir, name, func() error {
		d, err := f.folder(name)
		if err != nil {
			return err
		}
		for base, i := range d.now {
			mode := fs.FileMode(0o600)
			if i.dir != nil {
				mode = fs.ModeDir | 0o700
			}
			out = append(out, fs.FileInfoToDirEntry(info{base, int64(len(i.now)), mode}))
		}
		slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
		return nil
	})
	return out, err
}

// SyncDir makes the names in a folder durable, not what is in the files and folders. It
// is two operations: the folder is opened for it.
func (f *FS) SyncDir(name string) error {
	d, err := f.OpenDir(name)
	if err != nil {
		return err
	}
	return d.Sync()
}

// OpenDir opens a folder.
func (f *FS) OpenDir(name string) (durable.Dir, error) {
	var d *dir
	err := f.op(Open, name, func() (err error) {
		d, err = f.folder(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return openDir{f, name, d}, nil
}

// openDir is an open folder.
type openDir struct {
	fs   *FS
	name string
	dir  *dir
}

func (o openDir) Sync() error {
	err := o.fs.op(SyncDir, o.name, func() error {
		o.dir.disk, o.dir.pending = maps.Clone(o.dir.now), nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: folder: %w", durable.ErrSync, err)
	}
	return nil
}

func (openDir) Close() error { return nil }
