package ledger

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/object"
)

// Manifest says what one commit adds to a stream: a batch's files, or only
// notes. [Head.Next] fills in Version, Archive, Stream, Index and Prev.
//
// The Extra fields of this and the other types hold, as JSON, the members that
// a later minor version appended; writers leave them empty.
type Manifest struct {
	Version  int       `json:"version"`
	Archive  uuid.UUID `json:"archive"`
	Stream   uuid.UUID `json:"stream"`
	Index    int64     `json:"index"` // from 0, contiguous
	Prev     Hash      `json:"prev"`  // SHA-256 of the manifest before; of the open object for index 0
	First    int64     `json:"first"` // the commit before ended at First-1
	Last     int64     `json:"last"`  // inclusive; First-1 when the commit adds no seq
	Count    int64     `json:"count"` // rows: Last-First+1, less what gap notes name
	Through  time.Time `json:"through"`
	SealedAt time.Time `json:"sealed_at"` // whole seconds, UTC
	Files    []File    `json:"files"`     // in order of Key
	Notes    []Note    `json:"notes"`
	Writer   string    `json:"writer"` // name and version of the program

	Extra jsontext.Value `json:",embed"`
}

// File is one Parquet object of a batch.
type File struct {
	Key            string      `json:"key"` // DataName: relative to the archive's prefix
	VersionID      string      `json:"version_id"`
	Size           int64       `json:"size"` // bytes
	SHA256         Hash        `json:"sha256"`
	Rows           int64       `json:"rows"`
	Root           Hash        `json:"root"`      // of the Tree over its rows' leaf hashes, in stored order
	FirstSeq       int64       `json:"first_seq"` // the least and greatest seq in the file
	LastSeq        int64       `json:"last_seq"`
	MinTimestampNS int64       `json:"min_timestamp_ns,string"` // always above 2^53, so a string in JSON
	MaxTimestampNS int64       `json:"max_timestamp_ns,string"`
	Class          string      `json:"class"`
	Day            string      `json:"day"`          // yyyy-MM-dd
	Mode           object.Mode `json:"mode"`         // object.Compliance
	RetainUntil    time.Time   `json:"retain_until"` // as asked and confirmed; whole seconds, UTC
	Aux            []Aux       `json:"aux,omitempty"`

	Extra jsontext.Value `json:",embed"`
}

// Aux is another object that belongs to a file, an index for example.
type Aux struct {
	Kind        string      `json:"kind"` // as a class name
	Key         string      `json:"key"`  // relative to the archive's prefix
	VersionID   string      `json:"version_id"`
	Size        int64       `json:"size"`
	SHA256      Hash        `json:"sha256"`
	Mode        object.Mode `json:"mode"`
	RetainUntil time.Time   `json:"retain_until"`

	Extra jsontext.Value `json:",embed"`
}

// NoteKind says what a note is about. The set grows with minor versions:
// readers keep a kind that they do not know.
type NoteKind string

// The kinds of notes.
const (
	NoteStart     NoteKind = "start"     // a process took the stream over: Machine, Boot, Inode, Host
	NoteStop      NoteKind = "stop"      // a process ended in good order; the stream may go on
	NoteHeartbeat NoteKind = "heartbeat" // nothing happened up to Through
	NoteGap       NoteKind = "gap"       // Range, within the commit's, was acknowledged and is lost
	NoteMoved     NoteKind = "moved"     // what was acknowledged as Range of Stream is To of this stream
	NoteOrphan    NoteKind = "orphan"    // an object (Key, VersionID) or a Range of Stream that does not count
	NoteRecover   NoteKind = "recover"   // this was made of what the lost node had shipped; every commit of the root key has it
	NoteRotate    NoteKind = "rotate"    // the stream is closed; Stream, if any, continues it
	NoteOverride  NoteKind = "override"  // the operator went on although the store failed the check that Text names
)

// Note is a signed remark. Which fields are set depends on Kind.
type Note struct {
	Kind      NoteKind  `json:"kind"`
	Text      string    `json:"text,omitzero"` // for people
	Machine   string    `json:"machine,omitzero"`
	Boot      string    `json:"boot,omitzero"`
	Inode     string    `json:"inode,omitzero"` // of the WAL folder
	Host      string    `json:"host,omitzero"`
	Stream    uuid.UUID `json:"stream,omitzero"` // another stream of the archive
	Range     *Range    `json:"range,omitzero"`
	To        *Range    `json:"to,omitzero"`
	Key       string    `json:"key,omitzero"` // relative to the archive's prefix
	VersionID string    `json:"version_id,omitzero"`

	Extra jsontext.Value `json:",embed"`
}

// Range is a range of seq numbers, both inclusive.
type Range struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Has reports whether there is a note of that kind.
func (m *Manifest) Has(kind NoteKind) bool {
	return slices.ContainsFunc(m.Notes, func(n Note) bool { return n.Kind == kind })
}
