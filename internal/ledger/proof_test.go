package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/audit-archiver/archiver/internal/event"
)

// proofWorld is a stream with rows, as a Reader would have it.
type proofWorld struct {
	stream Stream
	rows   [][][]event.Row // by commit and file
}

func testRow(h Head, seq int64, class string) event.Row {
	return event.Row{Stream: h.Stream, Seq: seq, Event: event.Event{
		ID: fmt.Sprintf("0193a1b2-0000-7000-8000-%012d", seq), Action: "user.login", ActorID: "user-123", ActorType: "user",
		ResourceType: "session", ResourceID: event.Str(fmt.Sprintf("s-%d", seq)), Outcome: "failure", Reason: event.Str("bad password"),
		Details: event.Str(`{"mfa" : false}`), IP: event.Str("203.0.113.7"), ReceivedAtMS: opened.UnixMilli() + seq,
		Producer: "local", TimestampNS: opened.UnixNano() + seq, Retention: class}}
}

// newProofWorld makes a stream of batches with so many rows in their files. A
// batch without files is a heartbeat.
func newProofWorld(t testing.TB, batches ...[]int64) *proofWorld {
	t.Helper()
	open := signedOpen(t, testStream)
	h := newHead(t, testStream)
	w := &proofWorld{stream: Stream{Open: openDoc(t, testStream), openRaw: open}}
	w.stream.Open.Version = formatVersion
	for _, files := range batches {
		rows := make([][]event.Row, len(files))
		m := h.Empty(opened.AddDate(0, 0, 1), "archiver test", Note{Kind: NoteHeartbeat})
		if len(files) > 0 {
			m = w.batch(h, files, rows)
		}
		b, next := mustNext(t, h, m)
		w.take(t, h, b)
		w.rows = append(w.rows, rows)
		h = next
	}
	return w
}

func (w *proofWorld) batch(h Head, files []int64, rows [][]event.Row) Manifest {
	var classes []string
	total := int64(0)
	for i, n := range files {
		classes = append(classes, fmt.Sprintf("class%02d", i))
		total += n
	}
	m := batch(h, total, classes...)
	seq := m.First
	for i, n := range files {
		var tree Tree
		for range n {
			row := testRow(h, seq, classes[i])
			tree.Add(event.LeafHash(&row))
			rows[i] = append(rows[i], row)
			seq++
		}
		m.Files[i].Rows, m.Files[i].Root = n, tree.Root()
	}
	return m
}

// take adds a commit as Reader.accept does.
func (w *proofWorld) take(t testing.TB, h Head, b []byte) {
	t.Helper()
	next, c, err := h.Verify(b)
	if err != nil {
		t.Fatal(err)
	}
	s := &w.stream
	s.Head, s.Manifests = next, append(s.Manifests, c.Manifest)
	s.leaves, s.checkpoint = append(s.leaves, Hash(tlog.RecordHash(c.Record))), c.Checkpoint
}

func (w *proofWorld) prove(t testing.TB, index int64, file, row int) []byte {
	t.Helper()
	var p Paths
	for i := range w.rows[index][file] {
		if i == row {
			p.Mark()
		}
		p.Add(event.LeafHash(&w.rows[index][file][i]))
	}
	b, err := w.stream.Prove(index, file, &p, 0, &w.rows[index][file][row])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProofOfEveryRow(t *testing.T) {
	w := newProofWorld(t, []int64{1}, nil, []int64{3, 1, 7}, []int64{20}, nil)
	root := rootKey(t).VKey()
	for index, files := range w.rows {
		for file, rows := range files {
			for row := range rows {
				b := w.prove(t, int64(index), file, row)
				got, err := CheckProof(b, root)
				if err != nil {
					t.Fatal(err)
				}
				m := &w.stream.Manifests[index]
				if got.Row != rows[row] || got.Index != int64(index) || got.File != file || got.Files != len(files) || got.FileRow != int64(row) ||
					got.FileRows != int64(len(rows)) || got.First != m.First || got.Count != m.Count || got.Size != 5 ||
					got.Root != w.stream.Head.Tree.Root() || got.Signer != StreamName(testArchive, testStream) {
					t.Fatalf("commit %d, file %d, row %d: %+v", index, file, row, got)
				}
			}
		}
	}
}

// TestProofInRecovery: the latest checkpoint may be the root key's.
func TestProofInRecovery(t *testing.T) {
	w := newProofWorld(t, []int64{2}, []int64{5})
	h := w.stream.Head
	b, _ := mustSign(t, h, h.Empty(opened.AddDate(0, 0, 2), "archiver test", Note{Kind: NoteRecover}, Note{Kind: NoteRotate}), rootKey(t))
	w.take(t, h, b)
	got, err := CheckProof(w.prove(t, 1, 0, 3), rootKey(t).VKey())
	if err != nil || got.Signer != RootName(testArchive) || got.Size != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestProofRefusesEveryBit: a proof has one spelling, and every bit of it counts.
func TestProofRefusesEveryBit(t *testing.T) {
	w := newProofWorld(t, []int64{3}, []int64{4, 5})
	good, root := w.prove(t, 1, 1, 2), rootKey(t).VKey()
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := CheckProof(bad, root); err == nil {
				t.Fatalf("bit %d of byte %d (%q) is of no account", bit, i, good[max(0, i-20):min(len(good), i+20)])
			}
		}
	}
}

// reencoded is a proof with other extra data, spelled as it should be.
func reencoded(good []byte, change func(extra []byte) []byte) []byte {
	before, rest, _ := bytes.Cut(good, []byte("extra "))
	line, rest, _ := bytes.Cut(rest, []byte("\n"))
	extra, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		panic(err)
	}
	return bytes.Join([][]byte{before, []byte("extra "), []byte(base64.StdEncoding.EncodeToString(change(extra))), []byte("\n"), rest}, nil)
}

// TestProofRefusesMutants: ten thousand changes of several proofs, of bits anywhere,
// also of the bits below base64, and what is cut, doubled or moved.
func TestProofRefusesMutants(t *testing.T) {
	w := newProofWorld(t, []int64{1}, []int64{3, 1, 7}, nil, []int64{100})
	root := rootKey(t).VKey()
	goods := [][]byte{w.prove(t, 0, 0, 0), w.prove(t, 1, 0, 2), w.prove(t, 1, 1, 0), w.prove(t, 1, 2, 6), w.prove(t, 3, 0, 0), w.prove(t, 3, 0, 99)}
	rng := rand.New(rand.NewPCG(4, 2))
	flip := func(b []byte, bits int) []byte {
		for range bits {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		return b
	}
	for n := range 10_000 {
		good := goods[rng.IntN(len(goods))]
		var bad []byte
		switch n % 5 {
		case 0, 1:
			bad = flip(bytes.Clone(good), 1+rng.IntN(4))
		case 2, 3:
			bad = reencoded(good, func(extra []byte) []byte { return flip(extra, 1+rng.IntN(3)) })
		case 4: // one line for another, or a piece away
			lines := strings.SplitAfter(string(good), "\n")
			i, j := rng.IntN(len(lines)), rng.IntN(len(lines))
			if rng.IntN(2) == 0 {
				lines[i], lines[j] = lines[j], lines[i]
			} else {
				lines = append(lines[:i], lines[min(len(lines), i+1+rng.IntN(3)):]...)
			}
			bad = []byte(strings.Join(lines, ""))
		}
		if bytes.Equal(bad, good) {
			continue // two flips of one bit
		}
		if _, err := CheckProof(bad, root); err == nil {
			t.Fatalf("change %d is taken:\n%s\nof\n%s", n, bad, good)
		}
	}
}

// TestProofMixes: parts of two true proofs do not make a third one.
func TestProofMixes(t *testing.T) {
	w := newProofWorld(t, []int64{4, 4}, []int64{4, 4})
	root := rootKey(t).VKey()
	all := map[string]*proof{}
	for index := range int64(2) {
		for file := range 2 {
			for row := range 4 {
				b := w.prove(t, index, file, row)
				p, err := parseProof(b)
				if err != nil {
					t.Fatal(err)
				}
				all[string(b)] = p
			}
		}
	}
	swaps := []func(to, from *proof){
		func(to, from *proof) { to.leaf = from.leaf },
		func(to, from *proof) { to.path = from.path },
		func(to, from *proof) { to.row = from.row },
		func(to, from *proof) { to.file = from.file },
		func(to, from *proof) { to.files = from.files },
		func(to, from *proof) { to.first, to.count = from.first, from.count },
		func(to, from *proof) { to.manifest = from.manifest },
		func(to, from *proof) { to.index = from.index },
		func(to, from *proof) { to.log = from.log },
		func(to, from *proof) { to.leaf, to.row, to.path = from.leaf, from.row, from.path },
		func(to, from *proof) {
			to.leaf, to.row, to.path, to.file = from.leaf, from.row, from.path, from.file
		},
	}
	for _, a := range all {
		for _, b := range all {
			for i, swap := range swaps {
				mixed := *a
				swap(&mixed, b)
				raw := mixed.encode()
				if _, true := all[string(raw)]; true {
					continue
				}
				if _, err := CheckProof(raw, root); err == nil {
					t.Fatalf("mix %d is taken", i)
				}
			}
		}
	}
}

func TestProofWithOtherKeys(t *testing.T) {
	w := newProofWorld(t, []int64{2})
	good := w.prove(t, 0, 0, 1)
	other := seedKey(t, RootName(testArchive), "another root key")
	if _, err := CheckProof(good, other.VKey()); err == nil || !strings.Contains(err.Error(), "certificate of the stream") {
		t.Errorf("with another root key: %v", err)
	}
	if _, err := CheckProof(good, streamKey(t, testStream).VKey()); err == nil {
		t.Error("a stream's key is taken for the root key")
	}
}

// TestProofRefusesAnotherRow: Prove gives nothing that CheckProof would refuse.
func TestProofRefusesAnotherRow(t *testing.T) {
	w := newProofWorld(t, []int64{3})
	var p Paths
	for i := range w.rows[0][0] {
		if i == 1 {
			p.Mark()
		}
		p.Add(event.LeafHash(&w.rows[0][0][i]))
	}
	if _, err := w.stream.Prove(0, 0, &p, 0, &w.rows[0][0][2]); err == nil {
		t.Error("a proof of one row with the path of another")
	}
	if _, err := w.stream.Prove(1, 0, &p, 0, &w.rows[0][0][1]); err == nil {
		t.Error("a proof in a commit that is not there")
	}
	altered := w.rows[0][0][1]
	altered.Reason = event.Text{}
	if _, err := w.stream.Prove(0, 0, &p, 0, &altered); err == nil {
		t.Error("a proof of an altered row")
	}
}

// TestProofSize: what stands beside the event in a proof is one to two kilobytes.
func TestProofSize(t *testing.T) {
	w := newProofWorld(t, []int64{1})
	p, err := parseProof(w.prove(t, 0, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	// An archive of a year: batches of 100,000 rows in two files, 35,000 commits.
	p.files, p.path, p.log = make([]proofFile, 2), make([]Hash, pathLength(0, 50_000)), make([]Hash, pathLength(0, 35_000))
	whole := len(p.encode())
	leaf := base64.StdEncoding.EncodedLen(len(p.leaf))
	certificate := base64.StdEncoding.EncodedLen(len(p.open))
	t.Logf("%d bytes: %d of the event, %d of the certificate", whole, leaf, certificate)
	if rest := whole - leaf - certificate; rest > 2048 {
		t.Errorf("%d bytes beside the event and the certificate", rest)
	}
}

func FuzzCheckProof(f *testing.F) {
	w := newProofWorld(f, []int64{3}, []int64{4, 5})
	root := rootKey(f).VKey()
	good := map[Hash]bool{}
	for row := range 5 {
		b := w.prove(f, 1, 1, row)
		good[sha256.Sum256(b)] = true
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parseProof(b); err == nil && !bytes.Equal(p.encode(), b) {
			t.Error("two spellings of one proof")
		}
		if _, err := CheckProof(b, root); err == nil && !good[sha256.Sum256(b)] {
			t.Error("a proof that was not made")
		}
	})
}

// TestProofWithECDSA: a stream whose key is in a key service, and a root key as well.
func TestProofWithECDSA(t *testing.T) {
	root := ecdsaSignerOf(t, RootName(testArchive), "root")
	key := ecdsaSignerOf(t, StreamName(testArchive, testStream), "stream")
	o := openDoc(t, testStream)
	o.VKey = key.VKey()
	open, err := SignOpen(o, root)
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHead(open, root.VKey())
	if err != nil {
		t.Fatal(err)
	}
	o.Version = formatVersion
	w := &proofWorld{stream: Stream{Open: o, openRaw: open}, rows: [][][]event.Row{make([][]event.Row, 1)}}
	b, _, err := h.Next(w.batch(h, []int64{5}, w.rows[0]), key)
	if err != nil {
		t.Fatal(err)
	}
	w.take(t, h, b)
	good := w.prove(t, 0, 0, 2)
	if _, err := CheckProof(good, root.VKey()); err != nil {
		t.Error(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := CheckProof(bad, root.VKey()); err == nil {
			t.Fatalf("byte %d is of no account", i)
		}
	}
	receipts, err := SignReceipts(open, &o, testTaken(3), opened, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CheckReceipt(receipts[2].Append(nil), root.VKey()); err != nil {
		t.Error(err)
	}
}
