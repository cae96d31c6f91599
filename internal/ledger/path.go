package ledger

import (
	"errors"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Paths finds the ways from some leaves of a tree to its root (RFC 6962, 2.1.1)
// while the leaves go by. Like Tree it holds a few hashes for each of these leaves
// and no others, however many there are. The zero Paths is empty.
type Paths struct {
	tree  Tree
	marks []mark // in order of leaf
}

// mark is a leaf whose way is wanted.
type mark struct {
	leaf     int64
	siblings []tlog.Hash // of the way, by level, as far as they are full subtrees and known
}

// Add appends a leaf, given its leaf hash SHA-256(0x00 || data).
func (p *Paths) Add(leaf Hash) {
	if len(p.marks) == 0 {
		p.tree.Add(leaf)
		return
	}
	at := p.tree.size
	p.tree.add(leaf, func(level int, root tlog.Hash) {
		if node := at >> level; node&1 == 1 {
			p.complete(level, node, root)
		}
	})
}

// complete gives the root of a full subtree to the marks below its left sibling.
func (p *Paths) complete(level int, node int64, root tlog.Hash) {
	i, _ := slices.BinarySearchFunc(p.marks, (node-1)<<level, func(m mark, leaf int64) int {
		return int(min(max(m.leaf-leaf, -1), 1))
	})
	for ; i < len(p.marks) && p.marks[i].leaf < node<<level; i++ {
		p.marks[i].set(level, root)
	}
}

func (m *mark) set(level int, root tlog.Hash) {
	for len(m.siblings) <= level {
		m.siblings = append(m.siblings, tlog.Hash{})
	}
	m.siblings[level] = root
}

// Mark says that the way of the leaf that is added next is wanted. It returns the
// number of the mark, from 0.
func (p *Paths) Mark() int {
	m := mark{leaf: p.tree.size}
	for level := 0; m.leaf>>level > 0; level++ {
		if m.leaf>>level&1 == 1 { // the sibling on the left is full, and here
			m.set(level, p.tree.edge[level])
		}
	}
	p.marks = append(p.marks, m)
	return len(p.marks) - 1
}

// Leaf returns the place of a marked leaf, from 0.
func (p *Paths) Leaf(mark int) int64 { return p.marks[mark].leaf }

// Size returns the number of leaves.
func (p *Paths) Size() int64 { return p.tree.size }

// Root returns the tree hash.
func (p *Paths) Root() Hash { return p.tree.Root() }

// Hashes returns the siblings of the nodes on the way of a marked leaf, from the
// leaf's own up to a child of the root.
func (p *Paths) Hashes(mark int) ([]Hash, error) {
	if mark < 0 || mark >= len(p.marks) || p.marks[mark].leaf >= p.tree.size {
		return nil, errors.New("path: the leaf did not come")
	}
	m := &p.marks[mark]
	var way []Hash
	for level := 0; (p.tree.size-1)>>level > 0; level++ {
		sibling := m.leaf>>level ^ 1
		switch {
		case (sibling+1)<<level <= p.tree.size:
			way = append(way, Hash(m.siblings[level]))
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
