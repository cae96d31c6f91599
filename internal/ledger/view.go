package ledger

import (
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
)

// View is what a Reader knows about an archive after a Refresh. It does not
// change: a later Refresh makes another one.
type View struct {
	Archive Archive
	Object  Accepted // the archive object
	Streams []Stream // those that the root key certified, in order of OpenedAt

	// Findings tell what was in the bucket that should not be, or was not and
	// should be. None of it is part of Streams.
	Findings []Finding
	// MoreFindings counts what did not fit in Findings.
	MoreFindings int
}

// Stream is a certified stream up to its last trusted commit.
type Stream struct {
	Open      Open
	Object    Accepted // the open object
	Head      Head
	Manifests []Manifest // from index 0; shared between views, not to be changed
	Commits   []Accepted // the commit objects of the manifests
	// Stuck says why there are commits after Head that cannot be trusted; ""
	// when there are none.
	Stuck string

	// What proofs are made of.
	openRaw    []byte
	leaves     []Hash // of the log, one per commit
	checkpoint []byte // the signed note of the last one
}

// A writer sends the files of a batch, and then the commit that names them. Whoever finds a file before its commit asks
// how long it has been there.
const (
	// Flight is how long a file may lie in the bucket before its commit and be no news.
	Flight = time.Hour
	// Skew is how far a writer's clock may be from the store's: S3 refuses requests of
	// a writer whose clock is off by more.
	Skew = 15 * time.Minute
)

// Files yields every committed file.
func (v *View) Files() iter.Seq[*File] {
	return func(yield func(*File) bool) {
		for i := range v.Streams {
			for j := range v.Streams[i].Manifests {
				m := &v.Streams[i].Manifests[j]
				for k := range m.Files {
					if !yield(&m.Files[k]) {
						return
					}
				}
			}
		}
	}
}

// CompleteThrough returns the instant up to which the archive is known to be
// complete, and the stream that holds it back: the least Through of all streams
// that are not closed. ok is false when there is no such stream; then nothing
// can be added to what is committed.
func (v *View) CompleteThrough() (through time.Time, laggard uuid.UUID, ok bool) {
	for i := range v.Streams {
		h := &v.Streams[i].Head
		if !h.Closed && (!ok || h.Through.Before(through)) {
			through, laggard, ok = h.Through, h.Stream, true
		}
	}
	return through, laggard, ok
}

// FindingKind says what is wrong. The set is closed.
type FindingKind string

// The kinds of findings.
const (
	FindingHidden      FindingKind = "hidden"       // a delete marker on a ledger object
	FindingReplaced    FindingKind = "replaced"     // a foreign version above the true one
	FindingInjected    FindingKind = "injected"     // a foreign version below the true one
	FindingAltered     FindingKind = "altered"      // versions, but none is the true one
	FindingMissing     FindingKind = "missing"      // no version where there must be one
	FindingFork        FindingKind = "fork"         // a second object with a true signature
	FindingGap         FindingKind = "gap"          // something is promised that cannot be known
	FindingShortLocked FindingKind = "short-locked" // a lock ends before it should
	FindingUnknownKey  FindingKind = "unknown-key"  // a stream that the root did not certify, or an object of no kind
)

// Finding is one observation.
type Finding struct {
	Kind    FindingKind
	Key     string    // in the bucket
	Version string    // "" when it is not about one version
	Stream  uuid.UUID // Nil when it is not about one stream
	Index   int64     // of the commit; -1 when it is not about one
	Detail  string    // for people
}

func (f Finding) String() string {
	s := fmt.Sprintf("%s: %s", f.Kind, f.Key)
	if f.Version != "" {
		s += " version " + f.Version
	}
	return s + ": " + f.Detail
}
