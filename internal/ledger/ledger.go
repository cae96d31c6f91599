// Package ledger makes an archive tamper-evident: who may write, what was
// written, and in which order, signed and chained.
//
// The promise: whoever holds the root verifier key, and nothing else that we
// say, can decide with [Reader] or with [NewHead] and [Head.Verify] which files
// are the archive, and that none is missing between two commits. Forging, hiding
// or reordering a commit changes a signature, a hash or a tree root.
//
// All of it is pure computation over bytes, except Reader, which reads a bucket,
// and the key files. The trees and signed texts are those of
// golang.org/x/mod/sumdb (RFC 6962, C2SP signed-note and tlog-checkpoint), so
// that other people's tools can check ours. The byte formats are specified in
// docs/format/ledger.md.
package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// formatVersion is the version of every format of this package.
const formatVersion = 1

// Limits. They bound what a reader must hold for one object that an attacker
// may have written.
const (
	// MaxCommitBytes bounds a commit object; 64 files need about 50 KB.
	MaxCommitBytes = 1 << 20
	// maxNoteBytes bounds the archive object and a stream's open object.
	maxNoteBytes = 64 << 10
	// MaxFiles is the most files of one commit: one per partition of a batch.
	MaxFiles = 64
	// MaxNotes is the most notes of one commit.
	MaxNotes = 256
	// maxAux is the most auxiliary objects of one file.
	maxAux = 16
	// maxText bounds each free text and identifier in a manifest, in bytes.
	maxText = 4 << 10
	// maxInt is the largest number in any document: every JSON reader holds it
	// exactly. At a million events a second a stream reaches it after 285 years.
	maxInt = 1<<53 - 1
)

// Hash is a SHA-256. As text it is 64 lower-case hexadecimal digits.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) {
	return hex.AppendEncode(nil, h[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. It refuses upper case.
func (h *Hash) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(h) || hex.EncodeToString(raw) != string(b) {
		return fmt.Errorf("%q is not 64 lower-case hexadecimal digits", clip(b))
	}
	copy(h[:], raw)
	return nil
}

// clip keeps what an attacker wrote from flooding an error message.
func clip[T string | []byte](s T) string {
	const most = 100
	if len(s) > most {
		return string(s[:most]) + "…"
	}
	return string(s)
}
