package verify

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// Result is the answer to the question that was asked. There is no fourth.
type Result string

// The results, with the exit codes of the command.
const (
	OK            Result = "OK"            // 0: everything that was asked for was looked at, and is as it should be
	Violation     Result = "VIOLATION"     // 3: something is not as it should be
	Indeterminate Result = "INDETERMINATE" // 4: nothing is known to be wrong, and not everything could be looked at
)

// Kind says what was found. The set is closed.
type Kind string

// The kinds of findings that make a Violation.
const (
	Hidden      Kind = "hidden"       // a delete marker on something that is committed
	Replaced    Kind = "replaced"     // a foreign version above the committed one
	Injected    Kind = "injected"     // a foreign object, or a foreign version below the committed one
	Missing     Kind = "missing"      // the committed version is gone
	Altered     Kind = "altered"      // the committed version does not say what was committed
	ShortLocked Kind = "short-locked" // a lock that ends before it should, or none
	Gap         Kind = "gap"          // a signed note says that acknowledged events are lost
	Fork        Kind = "fork"         // the right key signed two histories
	Truncated   Kind = "truncated"    // the ledger ends before the place that this verifier remembers
	UnknownKey  Kind = "unknown-key"  // a stream that the root key did not certify, or an object of no kind
	BadSetting  Kind = "setting"      // a setting of the bucket that endangers the evidence
)

// The kinds that are information: they never make a Violation.
const (
	Expired  Kind = "expired"  // the lock's time is over and the object is gone
	Repaired Kind = "repaired" // a foreign version under what a signed repair put above it
	Pending  Kind = "pending"  // sent by a live writer and not committed yet
	Orphan   Kind = "orphan"   // a signed note says that this object does not count
)

// Information reports whether a finding of this kind leaves the result alone.
func (k Kind) Information() bool {
	return k == Expired || k == Repaired || k == Pending || k == Orphan
}

// Finding is one observation about one object, one version, or one range of seqs.
type Finding struct {
	Kind    Kind
	Level   int       // that saw it, 0 to 4
	Key     string    // in the bucket; "" when it is not about an object. An attacker may have chosen it
	Version string    // "" when it is not about one version
	Stream  uuid.UUID // Nil when it is not about a stream that the root key certified
	First   int64     // seqs that it is about, inclusive; -1: none, or unknown
	Last    int64     // -1 with a First: from there on
	Detail  string    // what was seen
	Action  string    // what to do
}

// MarshalJSON writes the members that other verifiers write too, in their order;
// no stream is "".
func (f Finding) MarshalJSON() ([]byte, error) {
	stream := ""
	if f.Stream != uuid.Nil {
		stream = f.Stream.String()
	}
	return json.Marshal(struct {
		Kind    Kind   `json:"kind"`
		Level   int    `json:"level"`
		Key     string `json:"key"`
		Version string `json:"version"`
		Stream  string `json:"stream"`
		First   int64  `json:"first"`
		Last    int64  `json:"last"`
		Action  string `json:"action"`
		Detail  string `json:"detail"`
	}{f.Kind, f.Level, f.Key, f.Version, stream, f.First, f.Last, f.Action, f.Detail})
}

// Unchecked is something that was asked for and could not be looked at.
type Unchecked struct {
	Level   int    `json:"level"`
	Key     string `json:"key"` // "" when it is more than one object
	Version string `json:"version"`
	Why     string `json:"why"`
}

// StreamReport is how far a stream was verified: its checkpoint, to be compared
// with what another verifier saw.
type StreamReport struct {
	Stream  uuid.UUID   `json:"stream"`
	Index   int64       `json:"index"` // of the last commit; -1: none
	Size    int64       `json:"size"`  // of the log: Index + 1
	Root    ledger.Hash `json:"root"`  // of the log's tree
	NextSeq int64       `json:"next_seq"`
	Through time.Time   `json:"through"`
	Closed  bool        `json:"closed"`
}

// LevelState says whether a level was looked at.
type LevelState string

// The states of a level.
const (
	Checked            LevelState = "checked"
	NotApplicable      LevelState = "not_applicable" // nothing of it exists in this store
	Skipped            LevelState = "skipped"        // not asked for
	LevelIndeterminate LevelState = "indeterminate"  // not all of it could be looked at
)

// LevelReport is what one level did.
type LevelReport struct {
	Level   int        `json:"level"`
	State   LevelState `json:"state"`
	Objects int64      `json:"objects"` // looked at: settings, commits, versions, files, files
	Reused  int64      `json:"reused"`  // not looked at again, because an earlier run did
	Rows    int64      `json:"rows"`    // levels 3 and 4
	Bytes   int64      `json:"bytes"`   // level 3
}

// Range is what OK speaks about.
type Range struct {
	Since  time.Time `json:"since,omitzero"` // only batches sealed at or after it had their objects and content checked
	Sample float64   `json:"sample"`         // the share of the files whose content was read; 1: all
	Full   bool      `json:"full"`           // nothing that an earlier run saw was taken for granted
}

// Report is what a run found.
type Report struct {
	Result   Result    `json:"result"`
	Findings []Finding `json:"findings"` // in order of level, key, version
	// MoreFindings counts what is beyond the bound of each kind.
	MoreFindings int            `json:"more_findings"`
	Unchecked    []Unchecked    `json:"unchecked"`
	Archive      uuid.UUID      `json:"archive"`
	Streams      []StreamReport `json:"streams"`
	Levels       []LevelReport  `json:"levels"`
	Settings     []Setting      `json:"settings,omitempty"` // level 0
	Range        Range          `json:"range"`
	From         time.Time      `json:"from"` // when the run began
	To           time.Time      `json:"to"`   // and ended
	// Complete: the range is the whole archive, and all of it was looked at.
	Complete bool `json:"complete"`

	about  ledger.Archive // what the archive object says; zero: not known
	counts map[Kind]int64 // of all findings, those beyond the bound included
	missed int64          // of all that could not be looked at
}

// Violations counts the findings that are not information.
func (r *Report) Violations() (n int64) {
	for kind, count := range r.counts {
		if !kind.Information() {
			n += count
		}
	}
	return n
}

// Progress is where a run is; for people.
type Progress struct {
	Level   int
	Objects int64 // done
	Total   int64 // 0: not known
	Rows    int64
	Bytes   int64
}
