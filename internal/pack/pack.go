// Package pack is the evidence pack: one tar file that holds rows of an archive
// and all that proves them, and the checker that needs nothing else but the root
// verifier key.
//
// The promise: a pack that [Check] accepts holds rows that the archive committed,
// bytes for bytes, and says truthfully which of them could be missing. Nothing in
// a pack is believed because the pack says so. A pack has one spelling: a bit
// that flips anywhere is found, unless it is in a claim that the format names as
// one. Format: docs/format/pack.md. Package export below makes packs.
package pack

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// Version is the version of the format.
const Version = 1

// Names of members. Those under a folder follow the archive's own names.
const (
	ManifestName  = "manifest.json"
	StatementName = "statement.json"
	KeysName      = "keys.txt"
	CSVName       = "rows.csv"
	SummaryHTML   = "summary.html"
	SummaryText   = "summary.txt"
	ArchiveName   = "archive"

	checkpointDir = "checkpoints/"
	fileDir       = "files/"
	ledgerDir     = "ledger/"
	proofDir      = "proofs/"
	rowsDir       = "rows/"
	resultDir     = "results/"

	eventsDir = "events/" // of the archive
)

// Limits. They bound what a checker holds of a hostile pack.
const (
	// MaxMembers is the most members of a pack.
	MaxMembers = 500_000
	// MaxManifestBytes bounds manifest.json.
	MaxManifestBytes = 128 << 20
	// MaxStatementBytes bounds statement.json.
	MaxStatementBytes = 128 << 20
	// MaxMemberBytes is what a ustar header can say.
	MaxMemberBytes = 8<<30 - 1
	// MaxWhereBytes bounds the condition in a statement; Athena's own limit of a query.
	MaxWhereBytes = 262_144
)

// Manifest names every other member, in order of names.
type Manifest struct {
	Version int       `json:"version"`
	Archive uuid.UUID `json:"archive"`
	Members []Member  `json:"members"`
}

// Member is one file of the pack.
type Member struct {
	Name   string      `json:"name"`
	Size   int64       `json:"size"` // bytes
	SHA256 ledger.Hash `json:"sha256"`
}

// Statement says what was asked and what is in the pack. Created, Writer and the
// evaluation of Where are claims; everything else a checker derives again.
type Statement struct {
	Version    int       `json:"version"`
	Archive    uuid.UUID `json:"archive"`
	Created    time.Time `json:"created"` // whole seconds, UTC
	Writer     string    `json:"writer"`  // name and version of the program
	FromNS     int64     `json:"from_ns,string"`
	ToNS       int64     `json:"to_ns,string"`   // exclusive
	Where      string    `json:"where,omitzero"` // a condition in Athena's SQL; "" when time alone decides
	WholeFiles bool      `json:"whole_files"`
	// Through: every event that the archive received at or before it is in one of
	// the commits. Zero when all streams are closed: nothing can come any more.
	Through time.Time    `json:"complete_through,omitzero"`
	Rows    int64        `json:"rows"`
	Streams []StreamPart `json:"streams"` // in order of ids
	Files   []FilePart   `json:"files"`   // in order of streams, commits and keys
}

// StreamPart is what the pack has of a stream: its commits from the first one on.
type StreamPart struct {
	Stream  uuid.UUID      `json:"stream"`
	Commits int64          `json:"commits"`
	Root    ledger.Hash    `json:"root"`     // of the log, as the last checkpoint signs it
	NextSeq int64          `json:"next_seq"` // seqs 0 to NextSeq-1 are in the commits, less Gaps
	Through time.Time      `json:"through"`
	Closed  bool           `json:"closed"`
	Gaps    []ledger.Range `json:"gaps"` // acknowledged and lost, as signed notes say
}

// FilePart is a committed file that may hold rows of the period.
type FilePart struct {
	Stream   uuid.UUID `json:"stream"`
	Index    int64     `json:"index"` // of the commit
	Key      string    `json:"key"`   // relative to the archive's prefix
	Rows     int64     `json:"rows"`
	Exported int64     `json:"exported"` // of them are in the pack
}

// overlaps says whether f may hold a row of [from, to).
func overlaps(f *ledger.File, from, to int64) bool {
	return f.MaxTimestampNS >= from && f.MinTimestampNS < to
}

// within says that all rows of f are of [from, to).
func within(f *ledger.File, from, to int64) bool {
	return f.MinTimestampNS >= from && f.MaxTimestampNS < to
}

// Proved says whether a checked pack proves that no matching row of a file is left
// out: all its rows are here, or the file is and time alone decides. With a
// condition that somebody evaluated, the rest of the file is needed to evaluate it
// again, as Check does with a Select.
func Proved(s *Statement, part *FilePart, f *ledger.File) bool {
	return part.Exported == f.Rows || s.Where == "" && (s.WholeFiles || within(f, s.FromNS, s.ToNS))
}

// Build derives the parts of a statement that the ledger decides: everything but
// the claims and the numbers of exported rows. Streams are added in order of ids.
type Build struct {
	FromNS, ToNS int64
	Streams      []StreamPart
	Files        []FilePart
	Overlapping  []ledger.File // beside Files
	open         []time.Time   // through of the streams that are not closed
}

// Begin adds a stream.
func (b *Build) Begin(stream uuid.UUID) {
	b.Streams = append(b.Streams, StreamPart{Stream: stream, Gaps: []ledger.Range{}})
}

// Add takes the next commit of the stream that was begun last.
func (b *Build) Add(m *ledger.Manifest) {
	s := &b.Streams[len(b.Streams)-1]
	for i := range m.Notes {
		if n := &m.Notes[i]; n.Kind == ledger.NoteGap && n.Range != nil {
			s.Gaps = append(s.Gaps, *n.Range)
		}
	}
	for i := range m.Files {
		if f := &m.Files[i]; overlaps(f, b.FromNS, b.ToNS) {
			b.Files = append(b.Files, FilePart{Stream: m.Stream, Index: m.Index, Key: f.Key, Rows: f.Rows})
			b.Overlapping = append(b.Overlapping, *f)
		}
	}
}

// End closes the stream that was begun last.
func (b *Build) End(h *ledger.Head) {
	s := &b.Streams[len(b.Streams)-1]
	s.Commits, s.Root, s.NextSeq, s.Through, s.Closed = h.Index+1, h.Tree.Root(), h.NextSeq, h.Through, h.Closed
	if !h.Closed {
		b.open = append(b.open, h.Through)
	}
}

// Statement returns what was derived.
func (b *Build) Statement(archive uuid.UUID) Statement {
	s := Statement{Version: Version, Archive: archive, FromNS: b.FromNS, ToNS: b.ToNS,
		Streams: b.Streams, Files: b.Files}
	if s.Streams == nil {
		s.Streams = []StreamPart{}
	}
	if s.Files == nil {
		s.Files = []FilePart{}
	}
	for i, t := range b.open {
		if i == 0 || t.Before(s.Through) {
			s.Through = t
		}
	}
	return s
}

// OpenName is the member that holds a stream's open object.
func OpenName(stream uuid.UUID) string { return ledger.OpenKey("", stream) }

// CommitName is the member that holds a commit.
func CommitName(stream uuid.UUID, index int64) string { return ledger.CommitKey("", stream, index) }

// CheckpointName is the member that holds a stream's last checkpoint.
func CheckpointName(stream uuid.UUID) string { return checkpointDir + stream.String() }

// RowsName is the member that holds the exported rows of a committed file.
func RowsName(key string) string { return rowsDir + strings.TrimPrefix(key, eventsDir) }

// ProofName is the member that proves them.
func ProofName(key string) string {
	return proofDir + strings.TrimSuffix(strings.TrimPrefix(key, eventsDir), ".parquet") + ".proof"
}

// FileName is the member that holds the committed file as a whole.
func FileName(key string) string { return fileDir + strings.TrimPrefix(key, eventsDir) }

// ResultName is the member that holds the JSON of a command: doctor or verify.
func ResultName(command string) string { return resultDir + command + ".json" }

// Keys spells keys.txt: the root verifier key and those of the streams, a line each.
func Keys(root string, streams []string) []byte {
	return []byte(strings.Join(append([]string{root}, streams...), "\n") + "\n")
}

// check looks at what a statement says by itself.
func (s *Statement) check() error {
	switch {
	case s.Version != Version:
		return fmt.Errorf("version is %d, want %d", s.Version, Version)
	case s.FromNS >= s.ToNS:
		return errors.New("the period is empty")
	case len(s.Where) > MaxWhereBytes:
		return fmt.Errorf("where has %d bytes, want at most %d", len(s.Where), MaxWhereBytes)
	case len(s.Writer) > 4096:
		return fmt.Errorf("writer has %d bytes, want at most 4096", len(s.Writer))
	case s.Created.IsZero() || !s.Created.Equal(s.Created.Truncate(time.Second)) || s.Created.Location() != time.UTC:
		return errors.New("created is not a whole second in UTC")
	}
	return nil
}
