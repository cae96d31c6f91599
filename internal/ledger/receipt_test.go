package ledger

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// testTaken are n requests, of one to three events each.
func testTaken(n int) []Taken {
	all := make([]Taken, n)
	seq := int64(7)
	for i := range all {
		all[i] = Taken{First: seq, ReceivedAtMS: opened.UnixMilli() + int64(i)}
		for range i%3 + 1 {
			all[i].Leaves = append(all[i].Leaves, leafOf(seq))
			seq++
		}
	}
	return all
}

func testReceipts(t testing.TB, n int) []Receipt {
	t.Helper()
	o := openDoc(t, testStream)
	all, err := SignReceipts(signedOpen(t, testStream), &o, testTaken(n), opened.Add(time.Hour), streamKey(t, testStream))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReceipts(t *testing.T) {
	root := rootKey(t).VKey()
	for n := 1; n < 20; n++ {
		taken := testTaken(n)
		for i, r := range testReceipts(t, n) {
			if r.Note != testReceipts(t, n)[0].Note {
				t.Fatal("more than one signature")
			}
			raw := r.Append(nil)
			got, err := CheckReceipt(raw, root)
			if err != nil {
				t.Fatalf("receipt %d of %d: %v", i, n, err)
			}
			if got.First != taken[i].First || !slices.Equal(got.Leaves, taken[i].Leaves) || got.ReceivedAt.UnixMilli() != taken[i].ReceivedAtMS ||
				!got.IssuedAt.Equal(opened.Add(time.Hour)) || got.Certificate.Stream != testStream || got.Last() != taken[i].First+int64(i%3) {
				t.Errorf("receipt %d of %d: %+v", i, n, got)
			}
			// By hand as by the library, and however it is laid out.
			plain, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var a, b any
			if json.Unmarshal(plain, &a) != nil || json.Unmarshal(raw, &b) != nil {
				t.Fatalf("not JSON: %s", raw)
			}
			indented, err := json.MarshalIndent(b, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := CheckReceipt(indented, root); err != nil {
				t.Errorf("laid out in another way: %v", err)
			}
		}
	}
}

// TestReceiptRefusesChanges: what another bit says is refused, unless it says the same.
func TestReceiptRefusesChanges(t *testing.T) {
	root := rootKey(t).VKey()
	good := testReceipts(t, 5)[4]
	raw := good.Append(nil)
	want, err := CheckReceipt(raw, root)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 10_000 {
		bad := bytes.Clone(raw)
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		got, err := CheckReceipt(bad, root)
		if err == nil && !bytes.Equal(got.Append(nil), want.Append(nil)) {
			t.Fatalf("change %d says something else and is taken:\n%s", n, bad)
		}
	}
	for why, change := range map[string]func(r *Receipt){
		"another first":            func(r *Receipt) { r.First++ },
		"an event more":            func(r *Receipt) { r.Leaves = append(slices.Clone(r.Leaves), Hash{1}) },
		"an event less":            func(r *Receipt) { r.Leaves = r.Leaves[:1] },
		"no event":                 func(r *Receipt) { r.Leaves = nil },
		"another event":            func(r *Receipt) { r.Leaves = []Hash{{1}, r.Leaves[1]} },
		"another time":             func(r *Receipt) { r.ReceivedAt = r.ReceivedAt.Add(time.Millisecond) },
		"another place":            func(r *Receipt) { r.Index = 3 },
		"no place":                 func(r *Receipt) { r.Index = 5 },
		"a negative place":         func(r *Receipt) { r.Index = -1 },
		"a longer path":            func(r *Receipt) { r.Path = append(slices.Clone(r.Path), Hash{}) },
		"no path":                  func(r *Receipt) { r.Path = nil },
		"another version":          func(r *Receipt) { r.Version++ },
		"another certificate":      func(r *Receipt) { r.Open = string(signedOpen(t, otherStream)) },
		"another note":             func(r *Receipt) { r.Note = testReceipts(t, 4)[0].Note },
		"a certificate for a note": func(r *Receipt) { r.Note = r.Open },
	} {
		r := good
		change(&r)
		if _, err := CheckReceipt(r.Append(nil), root); err == nil {
			t.Errorf("%s is taken", why)
		}
	}
	for why, text := range map[string]string{
		"a member more":  strings.Replace(string(raw), `{"version"`, `{"more":1,"version"`, 1),
		"a member twice": strings.Replace(string(raw), `{"version"`, `{"first":7,"version"`, 1),
		"two receipts":   string(raw) + string(raw),
		"nothing":        "",
		"a finer time":   strings.Replace(string(raw), `.004Z"`, `.0040001Z"`, 1),
		"a local time":   strings.Replace(string(raw), `.004Z"`, `.004+00:00"`, 1),
	} {
		if _, err := CheckReceipt([]byte(text), root); err == nil {
			t.Errorf("%s is taken", why)
		}
	}
	if _, err := CheckReceipt(raw, seedKey(t, RootName(testArchive), "another root key").VKey()); err == nil {
		t.Error("another root key takes it")
	}
}

func TestReceiptOfNothing(t *testing.T) {
	o := openDoc(t, testStream)
	if _, err := SignReceipts(nil, &o, nil, opened, streamKey(t, testStream)); err == nil {
		t.Error("a receipt of nothing is signed")
	}
}
