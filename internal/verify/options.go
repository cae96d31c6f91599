package verify

import (
	"context"
	"iter"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
)

// Options say what to verify, and against what.
type Options struct {
	Store  object.Store
	Prefix string // of the archive in its bucket; may be empty
	Root   string // the root verifier key, from the caller's own configuration

	Levels   []int    // of 0 to 4; nil: 0 to 3. Level 1 is always done
	Settings Settings // for level 0; nil: level 0 cannot be looked at
	SQL      SQL      // for level 4; nil: level 4 cannot be looked at

	// State is a folder of this verifier's own, on a disk that the writer cannot
	// change: what it accepted. "": remember nothing and trust no earlier run.
	State string
	Full  bool      // take nothing that State says about objects and content for granted
	Since time.Time // check objects and content of batches that were sealed at or after it
	// Sample is the share of the files whose content is read, from 0 to 1; 0: all.
	Sample float64

	Workers  int              // files at once; 0: as many as there are processors
	Progress func(Progress)   // called often, from several goroutines; nil: nobody asks
	Now      func() time.Time // nil: time.Now
}

// SettingState says what could be learned about a setting.
type SettingState string

// The states of a setting.
const (
	SettingGood          SettingState = "good"
	SettingBad           SettingState = "bad"            // it endangers the evidence
	SettingNotApplicable SettingState = "not_applicable" // the store has no such thing
	SettingUnknown       SettingState = "unknown"        // it could not be looked at
)

// Setting is one setting of the bucket.
type Setting struct {
	Name  string // versioning, object-lock, lifecycle, encryption, …
	State SettingState
	Value string // what it is
	Why   string // what is bad about it, and what to do
	Err   error  // why it is unknown
}

// Settings looks at the bucket's settings. An error means that none could be
// looked at.
type Settings interface {
	Settings(ctx context.Context) ([]Setting, error)
}

// SQL is an engine that reads the bucket as any other program would: the current
// versions of whatever lies under events/, whoever put it there.
type SQL interface {
	// Files yields one SQLFile per object that has rows.
	Files(ctx context.Context) iter.Seq2[SQLFile, error]
}

// SQLFile is what an engine says about the rows of one object.
type SQLFile struct {
	Key         string // in the bucket
	Rows        int64
	DistinctSeq int64
	MinSeq      int64
	MaxSeq      int64
	Digest      Digest
}

// Digest stands for a set of rows in any order. It is the sum over all rows; what
// it is of, RowDigest says.
type Digest uint64
