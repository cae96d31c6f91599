package verify

import (
	"cmp"
	"context"
	"encoding/binary"
	"iter"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
)

// Options say what to verify, and against what.
type Options struct {
	Store  object.Store
	Prefix string // of the archive in its bucket; may be empty
	Root   string // the root verifier key, from the caller's own configuration

	// Levels are those to look at; nil: 1 to 3, and 0 with Settings. Level 1 is always
	// done; level 4 compares with what level 3 read, and reads all of its range.
	Levels   []int
	Settings Settings // for level 0; nil: level 0 cannot be looked at
	SQL      SQL      // for level 4; nil: level 4 cannot be looked at

	// State is a folder of this verifier's own, on a disk that the writer cannot
	// change: what it accepted. "": remember nothing and trust no earlier run.
	State string
	Full  bool      // take nothing that State says about objects and content for granted
	Since time.Time // check objects and content of batches that were sealed at or after it
	// Sample is the share of the files whose content is read, from 0 to 1; 0: all.
	Sample float64

	Workers  int              // commits at once; 0: twice as many as there are processors
	Progress func(Progress)   // called often, from several goroutines; nil: nobody asks
	Now      func() time.Time // nil: time.Now

	most int // foreign versions to remember at once; 0: maxForeign
}

// maxForeign bounds the foreign versions that a run remembers until it can decide
// about them: of files that may turn out to be committed, of attestations whose signer
// may turn out to be certified, of what SQL reads besides. Each is about 30 MB.
const maxForeign = 100_000

func (o *Options) bound() int { return cmp.Or(o.most, maxForeign) }

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
	Name  string       `json:"name"` // versioning, object_lock, lifecycle, encryption, …
	State SettingState `json:"state"`
	Value string       `json:"value,omitempty"` // what it is, in words
	Why   string       `json:"why,omitempty"`   // what is bad about it, or why it is unknown
}

// Settings looks at the bucket's settings as far as they concern an archive, whose
// archive object is a. When that is not known, a is the zero Archive.
type Settings interface {
	Settings(ctx context.Context, a ledger.Archive) []Setting
}

// SQL is an engine that reads the bucket as any other program would: the current
// versions of whatever lies under events/, whoever put it there.
type SQL interface {
	// Files yields one SQLFile per object that such an engine reads and that want
	// asks for, by its key in the bucket.
	Files(ctx context.Context, want func(key string) bool) iter.Seq2[SQLFile, error]
}

// SQLFile is what an engine says about the rows of one object.
type SQLFile struct {
	Object object.Info // the version that it read, as listed
	Rows   int64
	MinSeq int64
	MaxSeq int64
	Digest Digest
	Err    error // why it cannot read the object; the rest is nothing then
}

// Digest stands for rows in any order: the sum, modulo 2^64, of the first eight
// bytes of each row's leaf hash as a big-endian number. It shows that an engine
// gives the rows that level 3 proved, to one who does not choose the rows; it is no
// proof by itself.
type Digest uint64

// Add returns the digest with one more row, given its leaf hash (event.LeafHash).
func (d Digest) Add(leaf [32]byte) Digest {
	return d + Digest(binary.BigEndian.Uint64(leaf[:8]))
}
