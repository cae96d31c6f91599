package pack

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/audit-archiver/archiver/internal/ledger"
)

func leafOf(i int) (h ledger.Hash) {
	binary.BigEndian.PutUint64(h[:], uint64(i))
	return node(h, h)
}

// prove makes a proof of some of n rows.
func prove(t *testing.T, n int, exported func(int) bool) (raw []byte, root ledger.Hash, leaves []ledger.Hash) {
	t.Helper()
	var p Prover
	for i := range n {
		p.Add(leafOf(i), exported(i))
		if exported(i) {
			leaves = append(leaves, leafOf(i))
		}
	}
	raw, root, err := p.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return raw, root, leaves
}

// rootOf is what a checker computes.
func rootOf(raw []byte, n int64, leaves []ledger.Hash) (ledger.Hash, error) {
	p, err := parseProof(raw, n)
	if err != nil {
		return ledger.Hash{}, err
	}
	rest := slices.Clone(leaves)
	h, err := p.root(func() (h ledger.Hash, err error) {
		if len(rest) == 0 {
			return h, errors.New("no more rows")
		}
		h, rest = rest[0], rest[1:]
		return h, nil
	})
	if err == nil && len(rest) > 0 {
		err = errors.New("rows are left")
	}
	return h, err
}

// Every subset of small files, and random ones of larger files, lead to the root of RFC 6962.
func TestProofOfAnyRows(t *testing.T) {
	check := func(n int, exported func(int) bool) {
		t.Helper()
		var tree ledger.Tree
		for i := range n {
			tree.Add(leafOf(i))
		}
		raw, root, leaves := prove(t, n, exported)
		if root != tree.Root() {
			t.Fatalf("%d rows: another root", n)
		}
		if got, err := rootOf(raw, int64(n), leaves); err != nil || got != root {
			t.Fatalf("%d of %d rows: %v, %v", len(leaves), n, got, err)
		}
	}
	for n := 1; n <= 9; n++ {
		for set := 1; set < 1<<n; set++ {
			check(n, func(i int) bool { return set>>i&1 == 1 })
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		n := 1 + rng.IntN(3000)
		chosen := make([]bool, n)
		chosen[rng.IntN(n)] = true
		for i := range rng.IntN(40) {
			chosen[(i*i*7+rng.IntN(n))%n] = true
		}
		check(n, func(i int) bool { return chosen[i] })
	}
}

// A proof that is changed in any bit, cut, made longer, or about other rows leads nowhere.
func TestProofRefusesChanges(t *testing.T) {
	raw, root, leaves := prove(t, 13, func(i int) bool { return i == 2 || i == 3 || i == 11 })
	bad := func(what string, raw []byte, n int64, leaves []ledger.Hash) {
		t.Helper()
		if h, err := rootOf(raw, n, leaves); err == nil && h == root {
			t.Errorf("%s: accepted", what)
		}
	}
	for i := range raw {
		for bit := range 8 {
			changed := slices.Clone(raw)
			changed[i] ^= 1 << bit
			bad("a bit", changed, 13, leaves)
		}
	}
	for n := range raw {
		bad("cut", raw[:n], 13, leaves)
	}
	bad("a byte more", append(slices.Clone(raw), 0), 13, leaves)
	bad("a hash more", append(slices.Clone(raw), make([]byte, 32)...), 13, leaves)
	bad("a file of other size", raw, 14, leaves)
	bad("a row less", raw, 13, leaves[:2])
	bad("a row more", raw, 13, append(slices.Clone(leaves), leafOf(12)))
	bad("another row", raw, 13, []ledger.Hash{leaves[0], leaves[1], leafOf(12)})
	bad("another order", raw, 13, []ledger.Hash{leaves[1], leaves[0], leaves[2]})
	if _, _, err := new(Prover).Finish(); err == nil {
		t.Error("a proof of nothing is made")
	}
}

// The sizes that docs/format/pack.md tells.
func TestProofSizes(t *testing.T) {
	const million = 1_000_000
	for name, tt := range map[string]struct {
		exported func(int) bool
		least    int
		most     int
	}{
		"one row":  {func(i int) bool { return i == 777_777 }, 600, 700},
		"all rows": {func(int) bool { return true }, 8 * million, 8*million + 100},
	} {
		raw, _, _ := prove(t, million, tt.exported)
		if len(raw) < tt.least || len(raw) > tt.most {
			t.Errorf("%s: %d bytes", name, len(raw))
		}
	}
}
