package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// store keeps every hash of a tree, as a prover has them; tlog builds it.
type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d of %d", at, len(s))
		}
		out[i] = s[at]
	}
	return out, nil
}

func (s *store) add(t testing.TB, n int64, leaf Hash) {
	t.Helper()
	hashes, err := tlog.StoredHashesForRecordHash(n, tlog.Hash(leaf), *s)
	if err != nil {
		t.Fatal(err)
	}
	*s = append(*s, hashes...)
}

// TestTreeIsTlog: at every size our root is tlog's, and proofs that tlog makes
// from the same leaves hold against our root.
func TestTreeIsTlog(t *testing.T) {
	const n = 600
	var tree Tree
	var s store
	rng := rand.New(rand.NewPCG(1, 2))
	var roots []Hash
	for i := int64(0); i <= n; i++ {
		want, err := tlog.TreeHash(i, s)
		if err != nil {
			t.Fatal(err)
		}
		root := tree.Root()
		if root != Hash(want) || tree.Size() != i {
			t.Fatalf("%d leaves: size %d, root %s, want %s", i, tree.Size(), root, Hash(want))
		}
		roots = append(roots, root)
		again, err := tree.state().tree()
		if err != nil || again != tree {
			t.Fatalf("%d leaves: state does not restore the tree: %v", i, err)
		}
		if i > 0 {
			at, old := rng.Int64N(i), 1+rng.Int64N(i)
			p, err := tlog.ProveRecord(i, at, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(p, i, tlog.Hash(root), at, tlog.Hash(leafOf(at))); err != nil {
				t.Errorf("proof of leaf %d of %d: %v", at, i, err)
			}
			c, err := tlog.ProveTree(i, old, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(c, i, tlog.Hash(root), old, tlog.Hash(roots[old])); err != nil {
				t.Errorf("consistency of %d with %d: %v", i, old, err)
			}
		}
		s.add(t, i, leafOf(i))
		tree.Add(leafOf(i))
	}
}

// TestTreesAreValues: a copy grows on its own.
func TestTreesAreValues(t *testing.T) {
	var a Tree
	for i := range int64(5) {
		a.Add(leafOf(i))
	}
	b, root := a, a.Root()
	b.Add(leafOf(5))
	if a.Root() != root || a.Size() != 5 {
		t.Error("growing a copy changed the original")
	}
}

func TestTreeStateRefuses(t *testing.T) {
	for _, s := range []treeState{{Size: -1}, {Size: 1}, {Size: 0, Edge: []Hash{{}}}, {Size: 3, Edge: []Hash{{}}}, {Size: maxInt + 1, Edge: []Hash{{}}}} {
		if _, err := s.tree(); err == nil {
			t.Errorf("size %d with %d hashes: accepted", s.Size, len(s.Edge))
		}
	}
}

// TestOneEventIsProvable walks the whole way of a proof, from a row's leaf to
// the signed checkpoint, with nothing but what the commits hold: the proofs that
// come later need no other format.
func TestOneEventIsProvable(t *testing.T) {
	commits, heads := chain(t, newHead(t, testStream), 9)
	var log store
	var parsed []Commit
	h := heads[0]
	for i, b := range commits {
		next, c, err := h.Verify(b)
		if err != nil {
			t.Fatal(err)
		}
		log.add(t, int64(i), Hash(tlog.RecordHash(c.Record)))
		h, parsed = next, append(parsed, c)
	}
	last := parsed[len(parsed)-1]
	for i, c := range parsed {
		p, err := tlog.ProveRecord(last.Size, int64(i), log)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(p, last.Size, tlog.Hash(last.Root), int64(i), tlog.RecordHash(c.Record)); err != nil {
			t.Errorf("commit %d in the log: %v", i, err)
		}
		var files store
		for k := range c.Manifest.Files {
			files.add(t, int64(k), Hash(tlog.RecordHash(fileLeaf(&c.Manifest.Files[k]))))
		}
		for k, f := range c.Manifest.Files {
			n := int64(len(c.Manifest.Files))
			p, err := tlog.ProveRecord(n, int64(k), files)
			if err != nil {
				t.Fatal(err)
			}
			var inRecord tlog.Hash
			copy(inRecord[:], c.Record[76:108])
			if err := tlog.CheckRecord(p, n, inRecord, int64(k), tlog.RecordHash(fileLeaf(&f))); err != nil {
				t.Errorf("file %d of commit %d: %v", k, i, err)
			}
			var rows store
			for row := range f.Rows {
				rows.add(t, row, leafOf(c.Manifest.First+row))
			}
			p, err = tlog.ProveRecord(f.Rows, f.Rows/2, rows)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(p, f.Rows, tlog.Hash(f.Root), f.Rows/2, tlog.Hash(leafOf(c.Manifest.First+f.Rows/2))); err != nil {
				t.Errorf("row of file %d of commit %d: %v", k, i, err)
			}
		}
	}
}

func BenchmarkTreeAdd(b *testing.B) {
	const leaves = 1_000_000
	leaf := leafOf(1)
	for b.Loop() {
		var tree Tree
		for range leaves {
			tree.Add(leaf)
		}
		if tree.Root() == leaf {
			b.Fatal("root is a leaf")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/leaves, "ns/leaf")
}

func BenchmarkCommit(b *testing.B) {
	h := newHead(b, testStream)
	m := batch(h, 64, "a", "b", "c", "d", "e", "f", "g", "h")
	key := streamKey(b, testStream)
	for b.Loop() {
		if _, _, err := h.Next(m, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	h := newHead(b, testStream)
	commit, _ := mustNext(b, h, batch(h, 64, "a", "b", "c", "d", "e", "f", "g", "h"))
	b.SetBytes(int64(len(commit)))
	for b.Loop() {
		if _, _, err := h.Verify(commit); err != nil {
			b.Fatal(err)
		}
	}
}
