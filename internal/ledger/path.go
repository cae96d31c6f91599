package ledger

import (
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// Path finds the way from one leaf of a tree to its root (RFC 6962, 2.1.1) while
// the leaves go by. Like Tree it holds a few hashes, however many leaves there are.
type Path struct {
	tree     Tree
	leaf     int64
	marked   bool
	siblings [treeLevels]tlog.Hash // of the way, as far as they are full subtrees
}

// Add appends a leaf, given its leaf hash SHA-256(0x00 || data).
func (p *Path) Add(leaf Hash) {
	if !p.marked {
		p.tree.Add(leaf)
		return
	}
	at := p.tree.size
	p.tree.add(leaf, func(level int, root tlog.Hash) {
		if at>>level == p.leaf>>level^1 {
			p.siblings[level] = root
		}
	})
}

// Mark says that the leaf that is added next is the one.
func (p *Path) Mark() {
	p.leaf, p.marked = p.tree.size, true
	p.siblings = p.tree.edge // those on the left: one for each bit of the leaf's place
}

// Leaf returns the place of the leaf, from 0, and whether there is one.
func (p *Path) Leaf() (at int64, ok bool) { return p.leaf, p.marked && p.leaf < p.tree.size }

// Size returns the number of leaves.
func (p *Path) Size() int64 { return p.tree.size }

// Root returns the tree hash.
func (p *Path) Root() Hash { return p.tree.Root() }

// Hashes returns the siblings of the nodes on the way, from the leaf's up to a
// child of the root.
func (p *Path) Hashes() ([]Hash, error) {
	if _, ok := p.Leaf(); !ok {
		return nil, errors.New("path: no leaf was marked")
	}
	var way []Hash
	for level := 0; (p.tree.size-1)>>level > 0; level++ {
		sibling := p.leaf>>level ^ 1
		switch {
		case (sibling+1)<<level <= p.tree.size:
			way = append(way, Hash(p.siblings[level]))
		case sibling<<level < p.tree.size: // the last node of its level, and not full
			way = append(way, Hash(p.tree.tail(level)))
		}
	}
	return way, nil
}

// pathLength is how many hashes lead from a leaf to the root of a tree.
func pathLength(leaf, size int64) (n int) {
	for level := 0; (size-1)>>level > 0; level++ {
		if leaf>>level^1 <= (size-1)>>level {
			n++
		}
	}
	return n
}

// checkPath reports whether path leads from a leaf hash at its place in a tree to
// the tree's root.
func checkPath(path []Hash, leaf Hash, at, size int64, root Hash) error {
	if at < 0 || at >= size {
		return errors.New("the place is not in the tree")
	}
	way := make(tlog.RecordProof, len(path))
	for i := range path {
		way[i] = tlog.Hash(path[i])
	}
	if err := tlog.CheckRecord(way, size, tlog.Hash(root), at, tlog.Hash(leaf)); err != nil {
		return errors.New("the hashes do not lead to the root")
	}
	return nil
}
