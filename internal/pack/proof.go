package pack

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/audit-archiver/archiver/internal/ledger"
)

// proofMagic begins a proof; docs/format/pack.md has the layout.
const proofMagic = "archiver rows\x00\x00\x00"

const (
	proofHead = 16 + 4 + 8 + 8 // magic, version, rows of the file, exported rows
	indexSize = 8
	hashSize  = sha256.Size
)

// node is the inner hash of RFC 6962.
func node(left, right ledger.Hash) ledger.Hash {
	var b [1 + 2*hashSize]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+hashSize:], right[:])
	return sha256.Sum256(b[:])
}

// Prover makes the proof that some rows of a file are in it, from the leaf hashes
// of all its rows, in order. It keeps the hashes that the proof will have, and one
// more for each level of the tree.
type Prover struct {
	rows     int64
	indexes  []int64
	outside  []placed
	subtrees []subtree // left to right, full, each smaller than the one before
}

// placed is the hash of a subtree without exported rows beside one with some.
type placed struct {
	first int64 // its first row
	hash  ledger.Hash
}

type subtree struct {
	first, size int64
	hash        ledger.Hash
	exported    bool // holds an exported row
}

// Add takes the leaf hash of the next row.
func (p *Prover) Add(leaf ledger.Hash, exported bool) {
	if exported {
		p.indexes = append(p.indexes, p.rows)
	}
	p.subtrees = append(p.subtrees, subtree{p.rows, 1, leaf, exported})
	p.rows++
	for n := bits.TrailingZeros64(uint64(p.rows)); n > 0; n-- {
		p.join()
	}
}

// join makes one subtree of the last two.
func (p *Prover) join() {
	last := len(p.subtrees) - 1
	left, right := p.subtrees[last-1], p.subtrees[last]
	switch {
	case left.exported && !right.exported:
		p.outside = append(p.outside, placed{right.first, right.hash})
	case right.exported && !left.exported:
		p.outside = append(p.outside, placed{left.first, left.hash})
	}
	p.subtrees[last-1] = subtree{left.first, left.size + right.size, node(left.hash, right.hash), left.exported || right.exported}
	p.subtrees = p.subtrees[:last]
}

// Finish returns the proof and the root of the file. The Prover is used up. There
// must be exported rows.
func (p *Prover) Finish() (proof []byte, root ledger.Hash, err error) {
	if len(p.indexes) == 0 {
		return nil, root, errors.New("a proof of no rows")
	}
	for len(p.subtrees) > 1 {
		p.join()
	}
	slices.SortFunc(p.outside, func(a, b placed) int { return cmp.Compare(a.first, b.first) })
	proof = make([]byte, 0, proofHead+len(p.indexes)*indexSize+len(p.outside)*hashSize)
	proof = append(proof, proofMagic...)
	proof = binary.BigEndian.AppendUint32(proof, Version)
	proof = binary.BigEndian.AppendUint64(proof, uint64(p.rows))
	proof = binary.BigEndian.AppendUint64(proof, uint64(len(p.indexes)))
	for _, i := range p.indexes {
		proof = binary.BigEndian.AppendUint64(proof, uint64(i))
	}
	for _, o := range p.outside {
		proof = append(proof, o.hash[:]...)
	}
	return proof, p.subtrees[0].hash, nil
}

// proof is one that was taken apart.
type proof struct {
	rows    int64
	indexes []byte // 8 each, strictly increasing
	hashes  []byte // 32 each
}

// parseProof checks all but the hashes. want is how many rows the file has.
func parseProof(b []byte, want int64) (p proof, err error) {
	if len(b) < proofHead || !bytes.HasPrefix(b, []byte(proofMagic)) {
		return p, errors.New("is no proof of rows")
	}
	version, rows, exported := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint64(b[20:]), binary.BigEndian.Uint64(b[28:])
	rest := b[proofHead:]
	switch {
	case version != Version:
		return p, fmt.Errorf("version is %d, want %d", version, Version)
	case rows != uint64(want):
		return p, fmt.Errorf("is about a file of %d rows, the commit says %d", rows, want)
	case exported == 0 || exported > rows || exported > uint64(len(rest))/indexSize:
		return p, fmt.Errorf("%d exported rows do not fit", exported)
	}
	p = proof{want, rest[:exported*indexSize], rest[exported*indexSize:]}
	if len(p.hashes)%hashSize != 0 {
		return p, errors.New("ends within a hash")
	}
	last := int64(-1)
	for i := range p.len() {
		if at := p.index(i); at <= last || at >= want {
			return p, fmt.Errorf("row numbers are not in order at %d", i)
		}
		last = p.index(i)
	}
	return p, nil
}

func (p *proof) len() int { return len(p.indexes) / indexSize }

func (p *proof) index(i int) int64 {
	return int64(binary.BigEndian.Uint64(p.indexes[i*indexSize:]))
}

// errProof says that a proof has too few or too many hashes.
var errProof = errors.New("has another number of hashes than its rows need")

// root computes the root of the file. leaf returns the leaf hash of the next
// exported row.
func (p *proof) root(leaf func() (ledger.Hash, error)) (ledger.Hash, error) {
	w := walk{p: p, leaf: leaf, hashes: p.hashes}
	h, err := w.subtree(0, p.rows)
	if err == nil && len(w.hashes) > 0 {
		err = errProof
	}
	return h, err
}

type walk struct {
	p      *proof
	leaf   func() (ledger.Hash, error)
	next   int // exported row
	hashes []byte
}

// subtree is the hash of the rows [first, end). The recursion is as deep as the tree.
func (w *walk) subtree(first, end int64) (h ledger.Hash, err error) {
	if w.next == w.p.len() || w.p.index(w.next) >= end { // nothing exported in here
		if len(w.hashes) < hashSize {
			return h, errProof
		}
		copy(h[:], w.hashes)
		w.hashes = w.hashes[hashSize:]
		return h, nil
	}
	if end-first == 1 {
		w.next++
		return w.leaf()
	}
	half := int64(1) << (bits.Len64(uint64(end-first-1)) - 1)
	left, err := w.subtree(first, first+half)
	if err != nil {
		return h, err
	}
	right, err := w.subtree(first+half, end)
	return node(left, right), err
}
