package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

var update = flag.Bool("update", false, "write testenv/vectors/ledger anew")

const vectorDir = "../../testenv/vectors/ledger"

// expected is what expected.json says, for readers in any language.
type expected struct {
	RootVKey   string           `json:"root_vkey"`
	StreamVKey string           `json:"stream_vkey"`
	RootKey    string           `json:"root_private_key,omitempty"`
	StreamKey  string           `json:"stream_private_key,omitempty"`
	OpenSHA256 string           `json:"open_sha256"`
	Commits    []expectedCommit `json:"commits"`
	Refused    []refusedCommit  `json:"refused"`
	Trees      []expectedTree   `json:"trees"`
	RefusedKey []refusedKey     `json:"refused_vkeys,omitempty"`
}

type expectedCommit struct {
	File           string `json:"file"`
	ManifestSHA256 string `json:"manifest_sha256"`
	FilesRoot      string `json:"files_root"`
	Record         string `json:"record"`
	LeafHash       string `json:"leaf_hash"`
	Size           int64  `json:"size"`
	Root           string `json:"root"`
	NextSeq        int64  `json:"next_seq"`
	Closed         bool   `json:"closed"`
}

// refusedCommit must be refused as the commit at Index.
type refusedCommit struct {
	Why    string `json:"why"`
	Index  int64  `json:"index"`
	Commit string `json:"commit"`
}

// refusedKey is no verifier key.
type refusedKey struct {
	Why  string `json:"why"`
	VKey string `json:"vkey"`
}

// expectedTree is the tree over leaves 0 to Size-1, leaf i being SHA-256(0x00 || i as 8 bytes).
type expectedTree struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
}

// vectors makes every vector anew, from the fixed keys.
func vectors(t testing.TB) (files map[string][]byte) {
	t.Helper()
	files = make(map[string][]byte)
	root, stream := rootKey(t), streamKey(t, testStream)
	archive, err := SignArchive(archiveDoc(), root)
	if err != nil {
		t.Fatal(err)
	}
	open := signedOpen(t, testStream)
	sum := sha256.Sum256(open)
	e := expected{RootVKey: root.VKey(), StreamVKey: stream.VKey(), RootKey: root.text, StreamKey: stream.text,
		OpenSHA256: hex.EncodeToString(sum[:])}
	commits, heads := vectorChain(t)
	e.Commits = describe(t, heads[0], commits, files)
	e.Refused = refused(t, commits, heads)
	var tree Tree
	for i := range int64(34) {
		e.Trees = append(e.Trees, expectedTree{i, tree.Root().String()})
		tree.Add(leafOf(i))
	}
	files["archive"], files["open"], files["expected.json"] = archive, open, e.encode(t)
	ecdsaVectors(t, files)
	return files
}

// describe puts commits into files, and says what is in them.
func describe(t testing.TB, h Head, commits [][]byte, files map[string][]byte) (all []expectedCommit) {
	t.Helper()
	for i, b := range commits {
		next, c, err := h.Verify(b)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%020d.commit", i)
		files[name] = b
		all = append(all, expectedCommit{File: name, ManifestSHA256: next.Prev.String(),
			FilesRoot: filesRoot(c.Manifest.Files).String(), Record: hex.EncodeToString(c.Record),
			LeafHash: Hash(tlog.RecordHash(c.Record)).String(), Size: c.Size, Root: c.Root.String(),
			NextSeq: next.NextSeq, Closed: next.Closed})
		h = next
	}
	return all
}

func (e *expected) encode(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// vectorChain is a stream's whole life in seven commits: start, two classes, a
// gap with notes, members of a later version, heartbeat, and then by the root key
// what was recovered, and rotate.
func vectorChain(t testing.TB) (commits [][]byte, heads []Head) {
	t.Helper()
	h := newHead(t, testStream)
	heads = append(heads, h)
	add := func(b []byte, next Head) {
		commits, heads, h = append(commits, b), append(heads, next), next
	}
	add(mustNext(t, h, h.Empty(opened, "archiver vector", Note{Kind: NoteStart, Machine: "3f9a", Boot: "b-1", Inode: "66306:131075", Host: "host-1"})))
	add(mustNext(t, h, batch(h, 11, "security", "standard")))

	m := batch(h, 10, "standard")
	m.Count, m.Files[0].Rows = 8, 8
	m.Notes = []Note{
		{Kind: NoteGap, Range: &Range{m.First + 3, m.First + 4}, Text: "WAL segment damaged: \"crc\"\nsee quarantine <é>"},
		{Kind: NoteMoved, Stream: otherStream, Range: &Range{100, 101}, To: &Range{m.First, m.First + 1}},
		{Kind: NoteOrphan, Stream: otherStream, Range: &Range{100, 101}, Key: "events/x.parquet", VersionID: "v9"},
	}
	m.Files[0].Aux = []Aux{{Kind: "index", Key: "index/x", VersionID: "v1", Size: 1, SHA256: Hash{1},
		Mode: "COMPLIANCE", RetainUntil: m.Files[0].RetainUntil}}
	add(mustNext(t, h, m))

	m = batch(h, 5, "standard")
	m.Version, m.Archive, m.Stream, m.Index, m.Prev, m.Notes = formatVersion, h.Archive, h.Stream, h.Index+1, h.Prev, []Note{}
	line, err := encodeLine(m)
	if err != nil {
		t.Fatal(err)
	}
	line = bytes.Replace(line, []byte(`"}],"notes"`), []byte(`","later":{"a":[1,"ü"]}}],"notes"`), 1)
	line = bytes.Replace(line, []byte(`"writer":"archiver test"`), []byte(`"writer":"archiver 9.9","later":null`), 1)
	later := forge(t, h, m, line)
	next, _, err := h.Verify(later)
	if err != nil {
		t.Fatal(err)
	}
	add(later, next)

	add(mustNext(t, h, h.Empty(opened.Add(time.Hour), "archiver vector", Note{Kind: NoteHeartbeat})))
	m = batch(h, 6, "standard")
	m.Count, m.Files[0].Rows = 5, 5
	m.SealedAt, m.Through = opened.Add(2*time.Hour), opened.Add(2*time.Hour)
	m.Notes = []Note{{Kind: NoteRecover, Host: "host-2"}, {Kind: NoteGap, Range: &Range{m.First, m.First}, Text: "not shipped"}}
	add(mustSign(t, h, m, rootKey(t)))
	add(mustSign(t, h, h.Empty(opened.Add(3*time.Hour), "archiver vector",
		Note{Kind: NoteRecover}, Note{Kind: NoteRotate, Stream: otherStream}), rootKey(t)))
	return commits, heads
}

// refused are commits that no verifier may accept, most of them signed by the
// right key.
func refused(t testing.TB, commits [][]byte, heads []Head) []refusedCommit {
	t.Helper()
	h := heads[1]
	good := string(commits[1])
	c, err := ParseCommit(commits[1])
	if err != nil {
		t.Fatal(err)
	}
	line := string(c.ManifestBytes) + "\n"
	list := refusedRecoveries(t, commits, heads)
	add := func(why string, commit string) {
		if commit == good {
			t.Fatalf("%s: the vector is the true commit", why)
		}
		list = append(list, refusedCommit{why, 1, commit})
	}
	signed := func(why string, m Manifest, line string) {
		add(why, string(forge(t, h, m, []byte(line))))
	}
	change := func(why string, f func(m *Manifest)) {
		m := c.Manifest
		m.Files = append([]File{}, m.Files...)
		m.Notes = append([]Note{}, m.Notes...)
		f(&m)
		line, err := encodeLine(m)
		if err != nil {
			t.Fatal(err)
		}
		signed(why, m, string(line))
	}
	replace := func(why, old, new string) {
		changed := strings.Replace(line, old, new, 1)
		if changed == line {
			t.Fatalf("%s: %q is not in %s", why, old, line)
		}
		signed(why, c.Manifest, changed)
	}
	add("empty", "")
	add("cut short", good[:len(good)-10])
	add("a newline too many", good+"\n")
	add("another magic", strings.Replace(good, "commit v1", "commit v0", 1))
	add("manifest altered after signing", strings.Replace(good, `"count":11`, `"count":12`, 1))
	add("checkpoint altered after signing", strings.Replace(good, "\n2\n", "\n3\n", 1))
	add("the commit before", string(commits[0]))
	add("the commit after", string(commits[2]))
	add("checkpoint of the commit after", strings.SplitAfter(good, "\n\n")[0]+strings.SplitN(string(commits[2]), "\n\n", 2)[1])
	_, sig, _ := strings.Cut(string(c.Checkpoint), "\n\n")
	add("the signature twice", good+sig)
	add("signature spelled otherwise", lastDigit(good))
	forger := seedKey(t, StreamName(testArchive, testStream), "forger")
	fork := h
	fork.VKey = forger.VKey()
	b, _, err := fork.Next(c.Manifest, forger)
	if err != nil {
		t.Fatal(err)
	}
	add("signed by another key of the same name", string(b))
	change("another version", func(m *Manifest) { m.Version = 2 })
	change("another archive", func(m *Manifest) { m.Archive = otherStream })
	change("another stream", func(m *Manifest) { m.Stream = otherStream })
	change("another index", func(m *Manifest) { m.Index = 2 })
	change("another previous manifest", func(m *Manifest) { m.Prev[0] ^= 1 })
	change("seq does not continue", func(m *Manifest) { m.First++; m.Count-- })
	change("count is not the range", func(m *Manifest) { m.Count-- })
	change("rows are not the count", func(m *Manifest) { m.Files[0].Rows-- })
	change("through goes back", func(m *Manifest) { m.Through = m.Through.AddDate(-100, 0, 0) })
	change("through is too fine", func(m *Manifest) { m.Through = m.Through.Add(time.Microsecond) })
	change("key of another day", func(m *Manifest) { m.Files[0].Key = strings.Replace(m.Files[0].Key, "-23", "-24", 1) })
	change("timestamps of another day", func(m *Manifest) { m.Files[0].MaxTimestampNS += int64(day) })
	change("mode is governance", func(m *Manifest) { m.Files[0].Mode = "GOVERNANCE" })
	change("files in another order", func(m *Manifest) { m.Files[0], m.Files[1] = m.Files[1], m.Files[0] })
	change("a gap that is not counted", func(m *Manifest) { m.Notes = []Note{{Kind: NoteGap, Range: &Range{m.First, m.First}}} })
	change("moved from nowhere", func(m *Manifest) {
		m.Notes = []Note{{Kind: NoteMoved, Range: &Range{0, 0}, To: &Range{m.First, m.First}}}
	})
	change("no version id", func(m *Manifest) { m.Files[0].VersionID = "" })
	change("an escape sequence in the writer", func(m *Manifest) { m.Writer = "archiver \x1b[2J" })
	change("a C1 control in a note", func(m *Manifest) { m.Notes = []Note{{Kind: NoteStop, Text: "a\u009b2J"}} })
	change("a text that runs backwards", func(m *Manifest) { m.Notes = []Note{{Kind: NoteStop, Host: "a\u202eb"}} })
	replace("a space in the manifest", `"version":1`, `"version": 1`)
	replace("a member twice", `"version":1`, `"version":1,"version":1`)
	replace("a member is missing", `"count":11,`, ``)
	replace("an unknown member in the middle", `"count":11,`, `"later":1,"count":11,`)
	replace("a date with an offset", `"sealed_at":"2026-11-23T10:02:00Z"`, `"sealed_at":"2026-11-23T10:02:00+00:00"`)
	replace("a needless escape", `"archiver test"`, `"archiver\u0020test"`)
	replace("a fraction", `"count":11`, `"count":11.0`)
	return list
}

// refusedRecoveries are recoveries by whom they are not to be made.
func refusedRecoveries(t testing.TB, commits [][]byte, heads []Head) (list []refusedCommit) {
	t.Helper()
	add := func(why string, index int, m Manifest, by Signer) {
		b := forgeBy(t, heads[index], m, by)
		list = append(list, refusedCommit{why, int64(index), string(b)})
	}
	manifest := func(index int) Manifest {
		c, err := ParseCommit(commits[index])
		if err != nil {
			t.Fatal(err)
		}
		return c.Manifest
	}
	m := manifest(5)
	add("recovered under the name of the root by another key", 5, m, seedKey(t, RootName(testArchive), "forger"))
	add("recovered by the key of another stream", 5, m, streamKey(t, otherStream))
	add("recovered by the root of another archive", 5, m, testKey(t, RootName(otherStream)))
	m.Notes = m.Notes[1:]
	add("by the root, without saying that it is a recovery", 5, m, rootKey(t))
	add("the stream's own key after the recovery began", 6, manifest(6), streamKey(t, testStream))
	return list
}

// TestVectors pins the formats: what is in testenv/vectors/ledger is what this
// version writes, byte for byte, and every reader agrees on it.
func TestVectors(t *testing.T) {
	files := vectors(t)
	if *update {
		for name, b := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(vectorDir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(vectorDir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(vectorDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: this version writes other bytes:\n%s\nthe vector is:\n%s", name, want, got)
		}
	}
}

// TestVectorsAreRead checks the files as they are, with the reader alone.
func TestVectorsAreRead(t *testing.T) {
	for _, dir := range []string{vectorDir, filepath.Join(vectorDir, "ecdsa")} {
		t.Run(filepath.Base(dir), func(t *testing.T) { readVectors(t, dir) })
	}
}

func readVectors(t *testing.T, dir string) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var e expected
	if err := json.Unmarshal(read("expected.json"), &e); err != nil {
		t.Fatal(err)
	}
	if a, err := ParseArchive(read("archive"), e.RootVKey); err != nil || a.ID != uuid.MustParse("0193a1b2-0000-7000-8000-00000000000a") {
		t.Errorf("archive: %+v, %v", a, err)
	}
	h, err := NewHead(read("open"), e.RootVKey)
	if err != nil {
		t.Fatal(err)
	}
	heads := []Head{h}
	for _, c := range e.Commits {
		if h, _, err = h.Verify(read(c.File)); err != nil {
			t.Fatal(err)
		}
		if h.Tree.Root().String() != c.Root || h.NextSeq != c.NextSeq || h.Closed != c.Closed {
			t.Errorf("%s: root %s, next seq %d", c.File, h.Tree.Root(), h.NextSeq)
		}
		heads = append(heads, h)
	}
	for _, r := range e.Refused {
		if _, _, err := heads[r.Index].Verify([]byte(r.Commit)); err == nil {
			t.Errorf("accepted: %s", r.Why)
		}
	}
	for _, r := range e.RefusedKey {
		if _, err := ParseRootName(r.VKey); err == nil {
			t.Errorf("accepted as a key: %s", r.Why)
		}
	}
}

// TestPythonAgrees runs the verifier that was written from docs/format/ledger.md
// alone, with nothing but Python's standard library, over the same vectors.
func TestPythonAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed for the independent verifier: ", err)
	}
	for dir, want := range map[string]string{vectorDir: "OK: 7 commits", filepath.Join(vectorDir, "ecdsa"): "OK: 4 commits"} {
		out, err := exec.CommandContext(t.Context(), python, "-I", "-B", "../../testenv/pyverify/ledger.py", "vectors", dir).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", dir, err, out)
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: output: %s", dir, out)
		}
	}
}
