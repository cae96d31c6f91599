// Package durable writes files so that they are there after a crash.
//
// All of the archiver's disk access goes through FS, so that tests can crash a
// file system to any legal state and make any operation of it fail.
package durable

import (
	"io"
	"io/fs"
)

// FS is the file-system seam. Paths are as for package os. It has as many
// methods as the WAL has kinds of system calls: each is a point where a test
// can fail or crash.
type FS interface {
	// OpenFile opens with the flags of package os. A file that it creates is not
	// durable until SyncDir of its folder returned nil.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newName atomically; durable after SyncDir.
	Rename(oldName, newName string) error
	// Remove deletes one name; durable after SyncDir.
	Remove(name string) error
	// Mkdir creates one folder, durable after SyncDir of its parent; see MkdirAll.
	Mkdir(name string, perm fs.FileMode) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes the names in a folder durable. An error of the sync is final, and
	// marked ErrSync. Any other one says that the folder could not be opened, and so
	// nothing about the disk: the call may be repeated.
	SyncDir(name string) error
	// OpenDir opens a folder that is to be synced at a moment when there may be no
	// descriptor left to open it.
	OpenDir(name string) (Dir, error)
	// Free returns the bytes that this process can still write under name.
	Free(name string) (int64, error)
}

// Dir is an open folder.
type Dir interface {
	io.Closer
	// Sync is FS.SyncDir; any error is marked ErrSync.
	Sync() error
}

// File is an open file. ReadAt may run beside itself and beside Sync.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// WriteZeros writes size zeros at off, past the page cache where that works. Like
	// what WriteAt writes, they are durable after Sync. It may be used only while
	// nobody else uses the file. A disk that fails under it is marked ErrSync.
	WriteZeros(off, size int64) error
	// Sync makes the content, and what is needed to read it back, durable
	// (fdatasync). An error is final: the kernel may have dropped the pages, so
	// the file must not be trusted or synced again.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}
