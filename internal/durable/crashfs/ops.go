package crashfs

import (
	"cmp"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/audit-archiver/archiver/internal/durable"
)

var _ durable.FS = (*FS)(nil)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// op runs do as one operation, or not, as its fault says.
func (f *FS) op(kind Kind, name string, do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.begin(kind, name, 0)
	if fault != nil && !fault.Done {
		return fault.Err
	}
	if err := do(); err != nil {
		return &fs.PathError{Op: string(kind), Path: name, Err: err}
	}
	if fault != nil {
		return fault.Err
	}
	return nil
}

// find returns what has that name. The caller holds mu.
func (f *FS) find(name string) (*inode, error) {
	at := f.root
	for base := range strings.SplitSeq(path.Clean(name), "/") {
		switch {
		case base == "": // the root's
		case at.dir == nil:
			return nil, unix.ENOTDIR
		case at.dir.now[base] == nil:
			return nil, fs.ErrNotExist
		default:
			at = at.dir.now[base]
		}
	}
	return at, nil
}

func (f *FS) folder(name string) (*dir, error) {
	i, err := f.find(name)
	if err == nil && i.dir == nil {
		err = unix.ENOTDIR
	}
	if err != nil {
		return nil, err
	}
	return i.dir, nil
}

func (f *FS) parent(name string) (*dir, string, error) {
	d, err := f.folder(path.Dir(path.Clean(name)))
	return d, path.Base(name), err
}

// OpenFile opens a file; permissions are not kept.
func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (durable.File, error) {
	var out *file
	err := f.op(Open, name, func() error {
		d, base, err := f.parent(name)
		if err != nil {
			return err
		}
		i := d.now[base]
		switch {
		case i != nil && i.dir != nil:
			return unix.EISDIR
		case i == nil && flag&os.O_CREATE == 0:
			return fs.ErrNotExist
		case i != nil && flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
			return fs.ErrExist
		case i == nil:
			i = newFile(nil)
			d.apply(change{base: i})
		case flag&os.O_TRUNC != 0:
			i.resize(0)
		}
		out = &file{fs: f, name: name, inode: i, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Rename moves a file. Between two folders it is two changes, each of which can
// be lost on its own.
func (f *FS) Rename(oldName, newName string) error {
	return f.op(Rename, oldName, func() error {
		from, oldBase, err := f.parent(oldName)
		if err != nil {
			return err
		}
		to, newBase, err := f.parent(newName)
		if err != nil {
			return err
		}
		i := from.now[oldBase]
		switch {
		case i == nil:
			return fs.ErrNotExist
		case i.dir != nil: // nobody moves a folder
			return unix.ENOTSUP
		case to.now[newBase] != nil && to.now[newBase].dir != nil:
			return unix.EISDIR
		case from != to:
			to.apply(change{newBase: i})
			from.apply(change{oldBase: nil})
		case oldBase != newBase:
			from.apply(change{oldBase: nil, newBase: i})
		}
		return nil
	})
}

// Remove deletes a file or an empty folder.
func (f *FS) Remove(name string) error {
	return f.op(Remove, name, func() error {
		d, base, err := f.parent(name)
		if err != nil {
			return err
		}
		switch i := d.now[base]; {
		case i == nil:
			return fs.ErrNotExist
		case i.dir != nil && len(i.dir.now) > 0:
			return unix.ENOTEMPTY
		}
		d.apply(change{base: nil})
		return nil
	})
}

// Free is what SetCapacity leaves; without it, a lot.
func (f *FS) Free(name string) (free int64, err error) {
	err = f.op(Free, name, func() error {
		if free = 1 << 50; f.capacity > 0 {
			free = max(0, f.capacity-f.used())
		}
		return nil
	})
	return free, err
}

type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// file is an open file.
type file struct {
	fs       *FS
	name     string
	inode    *inode
	writable bool
	closed   bool // guarded by fs.mu
}

// op is FS.op for a file that must be open.
func (f *file) op(kind Kind, do func() error) error {
	return f.fs.op(kind, f.name, func() error {
		if f.closed {
			return fs.ErrClosed
		}
		return do()
	})
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.op(Read, func() error {
		if off < int64(len(f.inode.now)) {
			n = copy(p, f.inode.now[off:])
		}
		return nil
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	fail := func(err error) error { return &fs.PathError{Op: string(Write), Path: f.name, Err: err} }
	if f.closed {
		return 0, fail(fs.ErrClosed)
	}
	if !f.writable {
		return 0, fail(unix.EBADF)
	}
	var failed error
	if fault := f.fs.begin(Write, f.name, len(p)); fault != nil {
		failed = fault.Err
		if !fault.Done {
			p = p[:min(fault.Part, len(p))]
		}
	}
	if growth := off + int64(len(p)) - int64(len(f.inode.now)); growth > 0 && f.fs.capacity > 0 {
		if over := growth - max(0, f.fs.capacity-f.fs.used()); over > 0 {
			p, failed = p[:max(0, int64(len(p))-over)], fail(unix.ENOSPC)
		}
	}
	f.inode.write(p, off)
	return len(p), failed
}

func (f *file) WriteZeros(off, size int64) error {
	n, err := f.WriteAt(make([]byte, size), off)
	if err == nil && int64(n) < size {
		err = io.ErrShortWrite
	}
	return err
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	fault := f.fs.begin(Sync, f.name, 0)
	switch {
	case f.closed:
		return &fs.PathError{Op: string(Sync), Path: f.name, Err: fs.ErrClosed}
	case fault == nil:
		f.inode.sync()
		return nil
	case fault.Done:
		f.inode.sync()
	case fault.Lost:
		clear(f.inode.dirty)
	}
	return fault.Err
}

func (i *inode) sync() {
	size := len(i.now)
	if len(i.disk) > size {
		i.disk = i.disk[:size]
	}
	i.disk = append(i.disk, make([]byte, size-len(i.disk))...)
	for s := range i.dirty {
		from := min(s*Sector, int64(size))
		copy(i.disk[from:min(from+Sector, int64(size))], i.now[from:])
	}
	clear(i.dirty)
}

func (f *file) Truncate(size int64) error {
	return f.op(Truncate, func() error {
		if !f.writable {
			return unix.EBADF
		}
		f.inode.resize(size)
		return nil
	})
}

func (f *file) Size() (size int64, err error) {
	err = f.op(Size, func() error {
		size = int64(len(f.inode.now))
		return nil
	})
	return size, err
}

func (f *file) Close() error {
	return f.op(Close, func() error {
		f.closed = true
		return nil
	})
}

func (i *inode) write(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	if end := off + int64(len(p)); end > int64(len(i.now)) {
		i.resize(end)
	}
	copy(i.now[off:], p)
	for s := off / Sector; s*Sector < off+int64(len(p)); s++ {
		i.dirty[s] = true
	}
}

// resize changes the length; what is new is zero.
func (i *inode) resize(size int64) {
	old := int64(len(i.now))
	if size < old {
		i.now = i.now[:size]
	} else {
		i.now = append(i.now, make([]byte, size-old)...)
	}
	for s := min(old, size) / Sector; s*Sector < max(old, size); s++ {
		i.dirty[s] = true
	}
}
