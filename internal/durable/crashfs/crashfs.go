// Package crashfs is a file system in memory that forgets what was not synced.
//
// It implements durable.FS as badly as the contract allows. At a crash each
// sector that was written since the last Sync of its file survives or not, on
// its own, and so does each change of a folder since its last SyncDir: also that a
// folder was made in it, or removed, with all that is in there. Any operation can be
// made to fail, before or after it was done, and any write can be cut short.
package crashfs

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"sync"
)

// Sector is the unit in which unsynced data survives, in bytes.
const Sector = 512

// Kind is a kind of operation.
type Kind string

// The operations that a fault can hit.
const (
	Open     Kind = "open"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	Mkdir    Kind = "mkdir"
	ReadDir  Kind = "readdir"
	SyncDir  Kind = "syncdir"
	Free     Kind = "free"
	Read     Kind = "read"
	Write    Kind = "write"
	Sync     Kind = "sync"
	Truncate Kind = "truncate"
	Size     Kind = "size"
	Close    Kind = "close"
)

// Op is one operation that is about to happen.
type Op struct {
	N    int // counts all operations of the file system, from 1
	Kind Kind
	Name string // the file or folder; of a rename: the old name
	Size int    // of a read or write, in bytes
}

// Fault is an error for Inject to return when the operation is to be done in
// part or in full all the same.
type Fault struct {
	Err  error // what the caller gets
	Done bool  // the operation is done, and fails
	Part int   // bytes of a write that are done, and counted, when Done is false
	// Lost is what Linux does when it cannot write pages back: the sync fails
	// once, and the pages count as clean from then on. They can be read, but do
	// not reach the disk unless they are written again, whatever later syncs say.
	Lost bool
}

func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns what the caller gets.
func (f *Fault) Unwrap() error { return f.Err }

// FS is a file system. It is safe for concurrent use.
type FS struct {
	mu       sync.Mutex
	root     *inode
	capacity int64 // bytes; 0: no bound
	inject   func(Op) error
	ops      int
}

// dir is a folder: as programs see it, as it is on disk, and the way between.
type dir struct {
	now, disk map[string]*inode
	pending   []change
}

// change is one step of a folder that is not synced: each name gets its inode,
// or loses it (nil). A rename within a folder is one change of two names.
type change map[string]*inode

// inode is a file's content, or a folder.
type inode struct {
	now, disk []byte
	dirty     map[int64]bool // sectors that differ, maybe
	dir       *dir           // nil: a file
}

// New returns an empty file system with the folder "/".
func New() *FS {
	return &FS{root: newFolder(nil)}
}

func newFolder(names map[string]*inode) *inode {
	d := &dir{now: make(map[string]*inode), disk: make(map[string]*inode)}
	maps.Copy(d.now, names)
	maps.Copy(d.disk, names)
	return &inode{dir: d}
}

// Inject calls f before each operation from now on; nil ends that. If f returns
// an error, the operation fails with it, and is not done unless the error is a
// *Fault that says so. f must not use the file system.
func (f *FS) Inject(hook func(Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inject = hook
}

// SetCapacity bounds the bytes of all files. Writes beyond it are cut short and
// return ENOSPC. 0 means no bound.
func (f *FS) SetCapacity(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capacity = bytes
}

// Ops returns the number of operations so far.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Crash returns what a machine finds after losing power now. Of the changes that
// were not synced each survives with a chance of keepPercent. f itself stays as
// it is; open files still belong to it.
func (f *FS) Crash(rng *rand.Rand, keepPercent int) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	keep := func() bool { return rng.IntN(100) < keepPercent }
	files := make(map[*inode]*inode) // a file may survive under two names of two folders
	return &FS{root: f.root.survive(keep, files), capacity: f.capacity}
}

// survive returns what a crash leaves of an inode, and of all that is in it.
func (i *inode) survive(keep func() bool, files map[*inode]*inode) *inode {
	if i.dir != nil {
		names := i.dir.survive(keep)
		for _, base := range sortedKeys(names) {
			names[base] = names[base].survive(keep, files)
		}
		return newFolder(names)
	}
	if files[i] == nil {
		files[i] = newFile(i.content(keep))
	}
	return files[i]
}

// survive applies a random choice of the pending changes. One that builds on a
// lost one is lost too.
func (d *dir) survive(keep func() bool) map[string]*inode {
	names := maps.Clone(d.disk)
	lost := make(map[string]bool)
	for _, c := range d.pending {
		ok := keep()
		for name := range c {
			ok = ok && !lost[name]
		}
		for name, file := range c {
			switch {
			case !ok:
				lost[name] = true
			case file == nil:
				delete(names, name)
			default:
				names[name] = file
			}
		}
	}
	return names
}

// content returns that of a file with a random choice of its unsynced sectors.
func (i *inode) content(keep func() bool) []byte {
	size := len(i.disk)
	if len(i.now) != size && keep() {
		size = len(i.now)
	}
	data := make([]byte, size)
	copy(data, i.disk)
	for _, s := range sortedKeys(i.dirty) {
		if !keep() {
			continue
		}
		from := s * Sector
		if to := min(from+Sector, int64(len(i.now)), int64(size)); from < to {
			copy(data[from:to], i.now[from:to])
		}
	}
	return data
}

func newFile(data []byte) *inode {
	return &inode{now: data, disk: append([]byte(nil), data...), dirty: make(map[int64]bool)}
}

// begin counts an operation and asks for its fault. It returns a Fault that says
// what is to be done all the same. The caller holds mu.
func (f *FS) begin(kind Kind, name string, size int) *Fault {
	f.ops++
	if f.inject == nil {
		return nil
	}
	err := f.inject(Op{N: f.ops, Kind: kind, Name: name, Size: size})
	if err == nil {
		return nil
	}
	fault := new(Fault)
	if !errors.As(err, &fault) {
		fault = &Fault{Err: err}
	}
	return &Fault{Err: &fs.PathError{Op: string(kind), Path: name, Err: fault.Err}, Done: fault.Done, Part: fault.Part, Lost: fault.Lost}
}

// used is the size of all files. The caller holds mu.
func (f *FS) used() int64 {
	return f.root.used()
}

func (i *inode) used() int64 {
	if i.dir == nil {
		return int64(len(i.now))
	}
	var n int64
	for _, below := range i.dir.now {
		n += below.used()
	}
	return n
}

func (d *dir) apply(c change) {
	for name, file := range c {
		if file == nil {
			delete(d.now, name)
		} else {
			d.now[name] = file
		}
	}
	d.pending = append(d.pending, c)
}
