package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// treeLevels is enough for maxInt leaves.
const treeLevels = 53

// Tree is an RFC 6962 Merkle tree that only grows. It keeps the edge alone, one
// hash per level, so it needs the same memory for one leaf and for a billion.
// The zero Tree is empty. Trees are values: a copy grows on its own.
type Tree struct {
	size int64
	// edge[l] is the root of the full subtree of 2^l leaves that ends where bit l
	// of size says; zero where the bit is not set. Higher levels are further left.
	edge [treeLevels]tlog.Hash
}

// Add appends a leaf, given its leaf hash SHA-256(0x00 || data).
func (t *Tree) Add(leaf Hash) { t.add(leaf, nil) }

// add tells see of the full subtrees that the leaf completes: of 2^level leaves
// each, smallest first, the leaf itself included.
func (t *Tree) add(leaf Hash, see func(level int, root tlog.Hash)) {
	if t.size == maxInt {
		panic("bug: tree is full")
	}
	h, level := tlog.Hash(leaf), 0
	for {
		if see != nil {
			see(level, h)
		}
		if t.size>>level&1 == 0 {
			break
		}
		h = tlog.NodeHash(t.edge[level], h)
		t.edge[level] = tlog.Hash{}
		level++
	}
	t.edge[level] = h
	t.size++
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Root returns the tree hash; SHA-256 of nothing for the empty tree.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	return Hash(t.tail(treeLevels))
}

// tail is the tree hash of the last size mod 2^levels leaves, of which there is one
// at least.
func (t *Tree) tail(levels int) tlog.Hash {
	rest := t.size & (1<<levels - 1)
	level := bits.TrailingZeros64(uint64(rest))
	root := t.edge[level]
	for level++; rest>>level > 0; level++ {
		if rest>>level&1 == 1 {
			root = tlog.NodeHash(t.edge[level], root)
		}
	}
	return root
}

// treeState is a Tree in JSON: the edge from left to right.
type treeState struct {
	Size int64  `json:"size"`
	Edge []Hash `json:"edge"`
}

func (t *Tree) state() treeState {
	s := treeState{Size: t.size}
	for level := treeLevels - 1; level >= 0; level-- {
		if t.size>>level&1 == 1 {
			s.Edge = append(s.Edge, Hash(t.edge[level]))
		}
	}
	return s
}

func (s treeState) tree() (Tree, error) {
	if s.Size < 0 || s.Size > maxInt {
		return Tree{}, fmt.Errorf("tree size %d is out of range", s.Size)
	}
	if len(s.Edge) != bits.OnesCount64(uint64(s.Size)) {
		return Tree{}, errors.New("tree edge does not fit the tree size")
	}
	t, edge := Tree{size: s.Size}, s.Edge
	for level := treeLevels - 1; level >= 0; level-- {
		if t.size>>level&1 == 1 {
			t.edge[level] = tlog.Hash(edge[0])
			edge = edge[1:]
		}
	}
	return t, nil
}
