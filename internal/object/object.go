// Package object is the contract of a bucket that cannot forget.
//
// A [Store] protects versions, not keys: nobody can change or remove a locked
// version, but anybody who may write can put a newer one on top of it, or hide it
// behind a delete marker. Who reads evidence therefore names versions, and who
// wonders why a key is taken lists all of them.
package object

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"time"
)

// Errors that callers decide on. Everything else is to be retried: no other
// answer of a store is ever final.
var (
	// ErrExists: the key already has a current version (412). The caller looks
	// at all versions and adopts a matching one, or stops.
	ErrExists = errors.New("object exists")
	// ErrNotFound: no such version, or a key without a current version. A delete
	// marker is no version to read. A missing bucket is another error.
	ErrNotFound = errors.New("object not found")
	// ErrUnlocked: a version exists but its lock could not be confirmed.
	ErrUnlocked = errors.New("object lock is not confirmed")
)

// Mode is an Object Lock mode.
type Mode string

// The two modes of S3 Object Lock. The archiver writes Compliance only.
const (
	Compliance Mode = "COMPLIANCE"
	Governance Mode = "GOVERNANCE"
)

// Put describes an object to be created. All fields are required.
type Put struct {
	Key         string
	Body        io.ReaderAt // read from offset 0, possibly several times
	Size        int64
	SHA256      [sha256.Size]byte
	ContentType string
	RetainUntil time.Time // whole UTC seconds; the lock mode is always Compliance
}

// Info describes one version of an object.
type Info struct {
	Key          string
	VersionID    string
	Size         int64
	SHA256       [sha256.Size]byte // zero when the store did not tell
	Mode         Mode              // "" when the version is not locked or the store did not tell
	RetainUntil  time.Time         // zero when not locked or not told
	IsLatest     bool              // from Versions only
	DeleteMarker bool              // from Versions only
	LastModified time.Time
}

// Store is a versioned bucket with Object Lock. Keys are full keys within the
// bucket. Every method may be called concurrently and honours its context.
type Store interface {
	// Put creates a new locked object. It never overwrites: if the key has a
	// current version it returns ErrExists and stores nothing. It returns the
	// version id only after the store said that the bytes are durable; any other
	// error means that the outcome is unknown, and the same Put may be repeated.
	// ErrExists may then be about the caller's own object.
	//
	// A key whose current version is a delete marker counts as free, as in S3: a
	// Put adds a version. Who must not do that lists the versions first.
	Put(ctx context.Context, p Put) (versionID string, err error)

	// Head describes one version, lock and checksum included; versionID "" asks
	// for the current one. ErrNotFound when there is none.
	Head(ctx context.Context, key, versionID string) (Info, error)

	// Get opens one version; versionID "" asks for the current one. The caller
	// closes it. ErrNotFound when there is none. The content is not compared with
	// its checksum: who relies on it hashes what it reads.
	Get(ctx context.Context, key, versionID string) (io.ReadCloser, error)

	// Versions yields every version and delete marker under prefix: keys in
	// order, newest first within a key. Size, IsLatest and LastModified are set;
	// lock and checksum are not: ask Head. The sequence ends at the first error.
	Versions(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Extender is a Store that can also lock a version for longer.
type Extender interface {
	// Extend locks one version until that time, in mode Compliance. A lock that ends
	// later already stays as it is, or is an error: none ever becomes shorter.
	Extend(ctx context.Context, key, versionID string, until time.Time) error
}
