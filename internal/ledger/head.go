package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// Head is what a stream's writer and its readers know after a commit, and all
// that they need for the next one. Heads are values: deriving the next one
// leaves this one as it was. Read the fields; only this package sets them.
type Head struct {
	Archive     uuid.UUID
	Stream      uuid.UUID
	VKey        string    // the stream's key, certified by the root key
	Root        string    // the root verifier key, which may sign a recovery
	RetainUntil time.Time // of every ledger object of the stream

	Index   int64     // of the last commit; -1 when there is none
	Prev    Hash      // SHA-256 of the last manifest; of the open object when there is none
	NextSeq int64     // the seq that the next batch starts with
	Through time.Time // every event that the stream received at or before it is committed
	Closed  bool      // no commit may follow
	// Recovered: the root key signed the last commit. The stream's own key, which
	// was lost with its node or is still there with somebody, signs no more.
	Recovered bool
	Tree      Tree // the log: one leaf per commit
}

// NewHead returns the head of a stream without commits, after checking its open
// object against the root verifier key from the caller's own configuration.
func NewHead(open []byte, rootVKey string) (Head, error) {
	o, err := ParseOpen(open, rootVKey)
	if err != nil {
		return Head{}, err
	}
	return Head{Archive: o.Archive, Stream: o.Stream, VKey: o.VKey, Root: rootVKey, RetainUntil: o.RetainUntil,
		Index: -1, Prev: sha256.Sum256(open), Through: time.Unix(0, 0).UTC()}, nil
}

// Empty returns a manifest that adds no rows: only notes.
func (h Head) Empty(sealedAt time.Time, writer string, notes ...Note) Manifest {
	return Manifest{First: h.NextSeq, Last: h.NextSeq - 1, Through: h.Through, SealedAt: sealedAt,
		Notes: notes, Writer: writer}
}

// Next makes the commit that follows h. It fills in Version, Archive, Stream,
// Index and Prev of m, and replaces what texts must not have; files must be in order
// of their keys. With an Ed25519 key the
// same h and m give the same bytes, with an ECDSA key they do not. What it returns
// has passed Verify, so nothing that a reader refuses is ever locked.
//
// The caller must have the commit on its disk before anybody else sees it: two
// different commits for one index are a fork, and no reader forgives one.
func (h Head) Next(m Manifest, signer Signer) (commit []byte, next Head, err error) {
	m.Version, m.Archive, m.Stream = formatVersion, h.Archive, h.Stream
	m.Index, m.Prev = h.Index+1, h.Prev
	m.Files, m.Notes = slices.Clone(m.Files), slices.Clone(m.Notes)
	m.Through, m.SealedAt = m.Through.UTC(), m.SealedAt.UTC()
	for i := range m.Files {
		m.Files[i].RetainUntil = m.Files[i].RetainUntil.UTC()
	}
	m.Writer = seen(m.Writer)
	for i := range m.Notes {
		n := &m.Notes[i]
		n.Text, n.Machine, n.Boot, n.Inode, n.Host = seen(n.Text), seen(n.Machine), seen(n.Boot), seen(n.Inode), seen(n.Host)
	}
	fail := func(err error) ([]byte, Head, error) {
		return nil, Head{}, fmt.Errorf("commit %d of stream %s: %w", m.Index, h.Stream, err)
	}
	if err := h.check(&m); err != nil {
		return fail(err)
	}
	line, err := encodeLine(m)
	if err != nil {
		return fail(err)
	}
	tree := h.Tree
	tree.Add(Hash(tlog.RecordHash(record(&m, line[:len(line)-1]))))
	checkpoint, err := seal(checkpointText(StreamName(h.Archive, h.Stream), &tree), signer)
	if err != nil {
		return fail(err)
	}
	commit = formatCommit(line, checkpoint)
	next, _, err = h.Verify(commit)
	if err != nil {
		return nil, Head{}, err
	}
	return commit, next, nil
}

// Verify checks that commit is the one that follows h: signed by the stream's
// key, or by the root key in a recovery, chained to what came before, and true in
// itself. Any error means that it is not; h is unchanged.
func (h Head) Verify(commit []byte) (next Head, c Commit, err error) {
	fail := func(err error) (Head, Commit, error) {
		return Head{}, Commit{}, fmt.Errorf("commit %d of stream %s: %w", h.Index+1, h.Stream, err)
	}
	if c, err = ParseCommit(commit); err != nil {
		return fail(err)
	}
	// ParseCommit bounded the form; the signature comes before the meaning.
	text, byRoot, err := h.unseal(c.Checkpoint)
	if err != nil {
		return fail(fmt.Errorf("checkpoint: %w", err))
	}
	if err := h.check(&c.Manifest); err != nil {
		return fail(fmt.Errorf("manifest: %w", err))
	}
	if byRoot && !c.Manifest.Has(NoteRecover) {
		return fail(errors.New("manifest: the root key signs recoveries only, and there is no recover note"))
	}
	next = h
	next.Tree.Add(Hash(tlog.RecordHash(c.Record)))
	if want := checkpointText(StreamName(h.Archive, h.Stream), &next.Tree); !bytes.Equal(text, want) {
		return fail(fmt.Errorf("checkpoint: signs %q, want %q", clip(text), want))
	}
	m := &c.Manifest
	next.Index, next.Prev = m.Index, sha256.Sum256(c.ManifestBytes)
	next.NextSeq, next.Through, next.Closed, next.Recovered = m.Last+1, m.Through, m.Has(NoteRotate), byRoot
	return next, c, nil
}

// unseal returns the text of a checkpoint that one of the keys signed which may
// sign it: the stream's key until a recovery began, the root key at any time.
func (h *Head) unseal(checkpoint []byte) (text []byte, byRoot bool, err error) {
	if text, err = unseal(checkpoint, h.Root); err == nil {
		return text, true, nil
	}
	if h.Recovered {
		return nil, false, fmt.Errorf("the stream is being recovered: %w", err)
	}
	text, err = unseal(checkpoint, h.VKey)
	return text, false, err
}

// headState is a Head in JSON. The checksum is there to notice a damaged disk;
// against an attacker on the writer's machine it does nothing.
type headState struct {
	Version     int       `json:"version"`
	Archive     uuid.UUID `json:"archive"`
	Stream      uuid.UUID `json:"stream"`
	VKey        string    `json:"key"`
	Root        string    `json:"root,omitzero"`
	RetainUntil time.Time `json:"retain_until"`
	Index       int64     `json:"index"`
	Prev        Hash      `json:"prev"`
	NextSeq     int64     `json:"next_seq"`
	Through     time.Time `json:"through"`
	Closed      bool      `json:"closed"`
	Recovered   bool      `json:"recovered,omitzero"`
	Tree        treeState `json:"tree"`
	Checksum    Hash      `json:"checksum,omitzero"` // SHA-256 of this object without it
}

func (s headState) sum() (Hash, error) {
	s.Checksum = Hash{}
	b, err := json.Marshal(s, json.Deterministic(true))
	return sha256.Sum256(b), err
}

// MarshalHead encodes a head as one JSON object, version 1.
func MarshalHead(h Head) ([]byte, error) {
	s := headState{formatVersion, h.Archive, h.Stream, h.VKey, h.Root, h.RetainUntil, h.Index, h.Prev,
		h.NextSeq, h.Through, h.Closed, h.Recovered, h.Tree.state(), Hash{}}
	var err error
	if s.Checksum, err = s.sum(); err != nil {
		return nil, fmt.Errorf("encode head: %w", err)
	}
	b, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode head: %w", err)
	}
	return b, nil
}

// ParseHead reads what MarshalHead wrote.
func ParseHead(b []byte) (Head, error) {
	var s headState
	if err := json.Unmarshal(b, &s, rejectUnknown); err != nil {
		return Head{}, fmt.Errorf("decode head: %w", err)
	}
	if s.Version != formatVersion {
		return Head{}, fmt.Errorf("decode head: version is %d, want %d", s.Version, formatVersion)
	}
	sum, err := s.sum()
	if err != nil || sum != s.Checksum {
		return Head{}, errors.New("decode head: checksum does not fit: the file is damaged")
	}
	tree, err := s.Tree.tree()
	if err != nil {
		return Head{}, fmt.Errorf("decode head: %w", err)
	}
	if tree.Size() != s.Index+1 {
		return Head{}, fmt.Errorf("decode head: index is %d, the tree has %d leaves", s.Index, tree.Size())
	}
	return Head{Archive: s.Archive, Stream: s.Stream, VKey: s.VKey, Root: s.Root, RetainUntil: s.RetainUntil,
		Index: s.Index, Prev: s.Prev, NextSeq: s.NextSeq, Through: s.Through, Closed: s.Closed,
		Recovered: s.Recovered, Tree: tree}, nil
}

// MarshalJSON is MarshalHead, for a Head within another document.
func (h Head) MarshalJSON() ([]byte, error) { return MarshalHead(h) }

// UnmarshalJSON is ParseHead.
func (h *Head) UnmarshalJSON(b []byte) (err error) {
	*h, err = ParseHead(b)
	return err
}
