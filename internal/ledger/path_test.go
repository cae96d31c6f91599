package ledger

import (
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// storedHashes is a tlog.HashReader over all hashes of a tree.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		hashes[i] = s[at]
	}
	return hashes, nil
}

// TestPaths compares every path in trees of every shape up to 70 leaves with those
// of the tlog package, which has all hashes to make them of.
func TestPaths(t *testing.T) {
	stored := storedHashes{}
	for size := range int64(70) {
		hashes, err := tlog.StoredHashesForRecordHash(size, tlog.Hash(leafOf(size)), stored)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		var all Paths // of all leaves at once
		for leaf := range size + 1 {
			all.Mark()
			all.Add(leafOf(leaf))
		}
		for leaf := range size + 1 {
			var p Paths
			for i := range size + 1 {
				if i == leaf {
					p.Mark()
				}
				p.Add(leafOf(i))
			}
			got, err := p.Hashes(0)
			if err != nil {
				t.Fatal(err)
			}
			want, err := tlog.ProveRecord(size+1, leaf, stored)
			if err != nil {
				t.Fatal(err)
			}
			same := slices.EqualFunc(got, want, func(a Hash, b tlog.Hash) bool { return a == Hash(b) })
			if !same || p.Leaf(0) != leaf || p.Size() != size+1 || len(got) != pathLength(leaf, size+1) {
				t.Fatalf("leaf %d of %d: %v, want %v", leaf, size+1, got, want)
			}
			if among, err := all.Hashes(int(leaf)); err != nil || !slices.Equal(among, got) || all.Leaf(int(leaf)) != leaf {
				t.Fatalf("leaf %d of %d: among all %v, alone %v", leaf, size+1, among, got)
			}
			if err := checkPath(got, leafOf(leaf), leaf, size+1, p.Root()); err != nil {
				t.Fatalf("leaf %d of %d: %v", leaf, size+1, err)
			}
			if checkPath(got, leafOf(leaf), leaf+1, size+1, p.Root()) == nil || checkPath(got, leafOf(leaf+1), leaf, size+1, p.Root()) == nil {
				t.Fatalf("leaf %d of %d: another leaf or place is taken", leaf, size+1)
			}
		}
	}
}

func TestPathWithoutLeaf(t *testing.T) {
	var p Paths
	if _, err := p.Hashes(0); err == nil {
		t.Error("no leaf was marked, and there is a path")
	}
	p.Mark()
	if _, err := p.Hashes(0); err == nil {
		t.Error("the marked leaf did not come, and there is a path")
	}
}

// TestPathIsBounded: what Paths hold does not grow.
func TestPathIsBounded(t *testing.T) {
	var p Paths
	p.Mark()
	leaf := leafOf(1)
	if n := testing.AllocsPerRun(10_000, func() { p.Add(leaf) }); n > 1 {
		t.Errorf("%v allocations for one leaf", n)
	}
}
