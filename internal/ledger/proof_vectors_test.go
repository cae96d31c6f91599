package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

const proofVectorDir = "../../testenv/vectors/proof"

// expectedProofs is what expected.json says, for readers in any language.
type expectedProofs struct {
	RootVKey        string            `json:"root_vkey"`
	Proofs          []expectedProof   `json:"proofs"`
	RefusedProofs   []refusedText     `json:"refused_proofs"`
	Receipts        []expectedReceipt `json:"receipts"`
	RefusedReceipts []refusedText     `json:"refused_receipts"`
}

type expectedProof struct {
	File     string `json:"file"`
	Leaf     string `json:"leaf_hex"`
	LeafHash string `json:"leaf_hash"`
	ID       string `json:"id"`
	Stream   string `json:"stream"`
	Seq      int64  `json:"seq"`
	Index    int64  `json:"index"`
	First    int64  `json:"first"`
	Count    int64  `json:"count"`
	Manifest string `json:"manifest_sha256"`
	Files    int    `json:"files"`
	FileAt   int    `json:"file_at"`
	FileRoot string `json:"file_root"`
	Rows     int64  `json:"rows"`
	Row      int64  `json:"row"`
	Size     int64  `json:"size"`
	Root     string `json:"root"`
	Signer   string `json:"signer"`
}

type expectedReceipt struct {
	File       string `json:"file"`
	Stream     string `json:"stream"`
	First      int64  `json:"first"`
	Last       int64  `json:"last"`
	ReceivedAt string `json:"received_at"`
	IssuedAt   string `json:"issued_at"`
}

type refusedText struct {
	Why  string `json:"why"`
	Text string `json:"text"`
}

func expectProof(file string, p *Proved) expectedProof {
	return expectedProof{file, hex.EncodeToString(event.AppendLeaf(nil, &p.Row)), p.LeafHash.String(), p.Row.ID, p.Row.Stream.String(), p.Row.Seq,
		p.Index, p.First, p.Count, p.Manifest.String(), p.Files, p.File, p.FileRoot.String(), p.FileRows, p.FileRow, p.Size, p.Root.String(), p.Signer}
}

func expectReceipt(file string, r *Received) expectedReceipt {
	const layout = "2006-01-02T15:04:05.000Z"
	return expectedReceipt{file, r.Certificate.Stream.String(), r.First, r.Last(), r.ReceivedAt.Format(layout), r.IssuedAt.Format(layout)}
}

// proofVectors makes every vector anew, from the fixed keys.
func proofVectors(t testing.TB) (files map[string][]byte) {
	t.Helper()
	files = make(map[string][]byte)
	root := rootKey(t).VKey()
	e := expectedProofs{RootVKey: root}
	add := func(name string, b []byte) []byte {
		got, err := CheckProof(b, root)
		if err != nil {
			t.Fatal(err)
		}
		files[name], e.Proofs = b, append(e.Proofs, expectProof(name, got))
		return b
	}
	w := newProofWorld(t, []int64{1})
	one := add("one-event.tlog-proof", w.prove(t, 0, 0, 0))
	w = newProofWorld(t, []int64{2}, nil, []int64{3, 1, 7}, []int64{20}, nil)
	good := add("first-row.tlog-proof", w.prove(t, 2, 0, 0))
	add("last-row.tlog-proof", w.prove(t, 2, 2, 6))
	add("only-row.tlog-proof", w.prove(t, 2, 1, 0))
	add("row-13-of-20.tlog-proof", w.prove(t, 3, 0, 12))
	h := w.stream.Head
	b, _ := mustSign(t, h, h.Empty(opened.AddDate(0, 0, 2), "archiver test", Note{Kind: NoteRecover}, Note{Kind: NoteRotate}), rootKey(t))
	w.take(t, h, b)
	add("recovered.tlog-proof", w.prove(t, 0, 0, 1))
	e.RefusedProofs = refusedProofs(t, good, one)

	for n, r := range testReceipts(t, 5) {
		name := []string{"one-event", "two-events", "three-events", "one-event-more", "last-request"}[n] + ".receipt.json"
		raw := append(r.Append(nil), '\n')
		got, err := CheckReceipt(raw, root)
		if err != nil {
			t.Fatal(err)
		}
		files[name], e.Receipts = raw, append(e.Receipts, expectReceipt(name, got))
	}
	e.RefusedReceipts = refusedReceipts(t)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	files["expected.json"] = out.Bytes()
	return files
}

// refusedProofs are proofs that no verifier may take.
func refusedProofs(t testing.TB, good, one []byte) (list []refusedText) {
	t.Helper()
	add := func(why string, bad []byte) {
		if bytes.Equal(bad, good) {
			t.Fatalf("%s: nothing was changed", why)
		}
		list = append(list, refusedText{why, string(bad)})
	}
	replace := func(why, old, new string) { add(why, []byte(strings.Replace(string(good), old, new, 1))) }
	change := func(why string, f func(p *proof)) {
		p, err := parseProof(good)
		if err != nil {
			t.Fatal(err)
		}
		f(p)
		add(why, p.encode())
	}
	add("nothing", nil)
	add("cut short", good[:len(good)-3])
	add("a newline too many", append(bytes.Clone(good), '\n'))
	replace("another first line", "tlog-proof@v1", "tlog-proof@v2")
	replace("no extra data", "\nextra ", "\nextra_ ")
	replace("an index with a leading zero", "\nindex 2", "\nindex 02")
	replace("another index", "\nindex 2", "\nindex 3")
	replace("carriage returns", "\nindex 2\n", "\r\nindex 2\r\n")
	replace("a space at the end of a line", "\nindex 2\n", "\nindex 2 \n")
	replace("no empty line before the checkpoint", "\n\narchiver/", "\narchiver/")
	add("bits in the padding of the extra data", padded(t, one))
	add("another version", reencoded(good, func(b []byte) []byte { b[19] ^= 3; return b }))
	add("a byte after the event", reencoded(good, func(b []byte) []byte { return append(b, 0) }))
	add("extra data cut short", reencoded(good, func(b []byte) []byte { return b[:len(b)-1] }))
	change("a value of the event", func(p *proof) {
		p.leaf = bytes.Replace(p.leaf, []byte("failure"), []byte("success"), 1)
	})
	change("another row", func(p *proof) { p.row ^= 1 })
	change("another file", func(p *proof) { p.file = 2; p.path = append(p.path, Hash{}) })
	change("more rows in the file", func(p *proof) { p.files[0].rows++; p.count++ })
	change("a row more in the commit", func(p *proof) { p.count++ })
	change("another first seq", func(p *proof) { p.first-- })
	change("a first seq behind the event", func(p *proof) { p.first += 1000 })
	change("another manifest", func(p *proof) { p.manifest[0]++ })
	change("a file less", func(p *proof) { p.files = p.files[:2]; p.count -= 7 })
	change("a hash less in the file", func(p *proof) { p.path = p.path[1:] })
	change("a hash less in the log", func(p *proof) { p.log = p.log[:len(p.log)-1] })
	change("a hash more in the log", func(p *proof) { p.log = append(p.log, Hash{}) })
	change("the certificate of another stream", func(p *proof) { p.open = signedOpen(t, otherStream) })
	change("a certificate by the stream's key", func(p *proof) {
		o := openDoc(t, testStream)
		o.Version = formatVersion
		signed, err := sealDocument(magicOpen, o, streamKey(t, testStream))
		if err != nil {
			t.Fatal(err)
		}
		p.open = signed
	})
	change("a checkpoint by a key that nobody certified", func(p *proof) {
		text, err := unseal(p.checkpoint, streamKey(t, testStream).VKey())
		if err != nil {
			t.Fatal(err)
		}
		if p.checkpoint, err = seal(text, seedKey(t, StreamName(testArchive, testStream), "thief")); err != nil {
			t.Fatal(err)
		}
	})
	change("a checkpoint of another stream", func(p *proof) {
		other := newHead(t, otherStream)
		_, next := mustNext(t, other, other.Empty(opened, "archiver test", Note{Kind: NoteStart}))
		var err error
		if p.checkpoint, err = seal(checkpointText(StreamName(testArchive, otherStream), &next.Tree), streamKey(t, testStream)); err != nil {
			t.Fatal(err)
		}
	})
	change("two signatures", func(p *proof) {
		_, line, _ := bytes.Cut(p.checkpoint, []byte("\n\n"))
		p.checkpoint = append(bytes.Clone(p.checkpoint), line...)
	})
	return list
}

// padded sets a bit of the extra data's last base64 digit that stands for nothing.
func padded(t testing.TB, good []byte) []byte {
	t.Helper()
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	bad := bytes.Clone(good)
	at := bytes.IndexByte(bad, '=')
	if at < 0 || at > bytes.Index(bad, []byte("\nindex ")) {
		t.Fatal("the extra data of the vector has no padding")
	}
	bad[at-1] = digits[strings.IndexByte(digits, bad[at-1])+1]
	return bad
}

// refusedReceipts are receipts that no verifier may take.
func refusedReceipts(t testing.TB) (list []refusedText) {
	t.Helper()
	add := func(why string, change func(r *Receipt)) {
		r := testReceipts(t, 5)[1]
		change(&r)
		list = append(list, refusedText{why, string(r.Append(nil))})
	}
	add("another first seq", func(r *Receipt) { r.First++ })
	add("an event less", func(r *Receipt) { r.Leaves = r.Leaves[:1] })
	add("no event", func(r *Receipt) { r.Leaves = nil })
	add("another event", func(r *Receipt) { r.Leaves = []Hash{r.Leaves[0], {1}} })
	add("events in another order", func(r *Receipt) { r.Leaves = []Hash{r.Leaves[1], r.Leaves[0]} })
	add("another time", func(r *Receipt) { r.ReceivedAt = r.ReceivedAt.Add(time.Millisecond) })
	add("another place", func(r *Receipt) { r.Index++ })
	add("a place that is not in the tree", func(r *Receipt) { r.Index = 5 })
	add("a hash more", func(r *Receipt) { r.Path = append(slices.Clone(r.Path), Hash{}) })
	add("another version", func(r *Receipt) { r.Version += 7 })
	add("the certificate of another stream", func(r *Receipt) { r.Open = string(signedOpen(t, otherStream)) })
	add("a note of another kind", func(r *Receipt) { r.Note = r.Open })
	add("a note by another key", func(r *Receipt) {
		text, err := unseal([]byte(r.Note), streamKey(t, testStream).VKey())
		if err != nil {
			t.Fatal(err)
		}
		signed, err := seal(text, seedKey(t, StreamName(testArchive, testStream), "thief"))
		if err != nil {
			t.Fatal(err)
		}
		r.Note = string(signed)
	})
	add("bits in the padding of the signature", func(r *Receipt) {
		line := strings.LastIndexByte(strings.TrimSuffix(r.Note, "\n"), ' ') + 1
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(r.Note[line:], "\n"))
		if err != nil || len(raw)%3 == 0 {
			t.Fatal("the signature of the vector has no padding: ", err)
		}
		r.Note = string(padBits([]byte(r.Note)))
	})
	return list
}

// padBits sets a bit that stands for nothing in front of the last padding.
func padBits(text []byte) []byte {
	at := bytes.LastIndexByte(text, '=')
	for text[at-1] == '=' {
		at--
	}
	text[at-1]++ // the bits are zero, and no digit that ends in zeros is the last of its row
	return text
}

func TestProofVectors(t *testing.T) {
	files := proofVectors(t)
	if *update {
		if err := os.MkdirAll(proofVectorDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, b := range files {
			if err := os.WriteFile(filepath.Join(proofVectorDir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(proofVectorDir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what this program makes (-update writes it anew): %v", name, err)
		}
	}
	var e expectedProofs
	if err := json.Unmarshal(files["expected.json"], &e); err != nil {
		t.Fatal(err)
	}
	for _, r := range e.RefusedProofs {
		if _, err := CheckProof([]byte(r.Text), e.RootVKey); err == nil {
			t.Errorf("accepted proof: %s", r.Why)
		}
	}
	for _, r := range e.RefusedReceipts {
		if _, err := CheckReceipt([]byte(r.Text), e.RootVKey); err == nil {
			t.Errorf("accepted receipt: %s", r.Why)
		}
	}
}
