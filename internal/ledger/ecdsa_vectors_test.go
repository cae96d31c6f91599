package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// ecdsaWorld is a stream whose keys, the root key too, are of ECDSA.
func ecdsaWorld(t testing.TB) (root, stream Signer, archive, open []byte) {
	t.Helper()
	root = ecdsaSignerOf(t, RootName(testArchive), RootName(testArchive))
	stream = ecdsaSignerOf(t, StreamName(testArchive, testStream), StreamName(testArchive, testStream))
	archive, err := SignArchive(archiveDoc(), root)
	if err != nil {
		t.Fatal(err)
	}
	o := openDoc(t, testStream)
	o.VKey = stream.VKey()
	if open, err = SignOpen(o, root); err != nil {
		t.Fatal(err)
	}
	return root, stream, archive, open
}

// ecdsaVectors are four commits: three by the stream's key and a recovery by the root
// key; what a verifier must refuse differs from them in the signature alone.
func ecdsaVectors(t testing.TB, into map[string][]byte) {
	t.Helper()
	root, stream, archive, open := ecdsaWorld(t)
	h, err := NewHead(open, root.VKey())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(open)
	e := expected{RootVKey: root.VKey(), StreamVKey: stream.VKey(), OpenSHA256: hex.EncodeToString(sum[:]), Trees: []expectedTree{}}
	heads, commits := []Head{h}, [][]byte(nil)
	add := func(m Manifest, by Signer) {
		b, next, err := h.Next(m, by)
		if err != nil {
			t.Fatal(err)
		}
		commits, heads, h = append(commits, b), append(heads, next), next
	}
	add(h.Empty(opened, "archiver vector", Note{Kind: NoteStart, Host: "host-1"}), stream)
	add(batch(h, 11, "security", "standard"), stream)
	add(h.Empty(opened.Add(time.Hour), "archiver vector", Note{Kind: NoteHeartbeat}), stream)
	add(h.Empty(opened.Add(2*time.Hour), "archiver vector", Note{Kind: NoteRecover}, Note{Kind: NoteRotate}), root)
	files := make(map[string][]byte)
	e.Commits = describe(t, heads[0], commits, files)
	e.Refused = refusedSignatures(t, string(commits[1]), heads[1], stream)
	bad := badVKeys(t, root)
	for _, why := range slices.Sorted(maps.Keys(bad)) {
		e.RefusedKey = append(e.RefusedKey, refusedKey{why, bad[why]})
	}
	files["archive"], files["open"], files["expected.json"] = archive, open, e.encode(t)
	for name, b := range files {
		into["ecdsa/"+name] = b
	}
}

// refusedSignatures are the commit after h with another signature.
func refusedSignatures(t testing.TB, good string, h Head, stream Signer) (list []refusedCommit) {
	t.Helper()
	at := strings.LastIndex(good, " ") + 1
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(good[at:], "\n"))
	if err != nil {
		t.Fatal(err)
	}
	add := func(why string, raw []byte) {
		commit := good[:at] + base64.StdEncoding.EncodeToString(raw) + "\n"
		if commit == good {
			t.Fatalf("%s: the vector is the true commit", why)
		}
		list = append(list, refusedCommit{why, 1, commit})
	}
	bad := badSpellings(raw[4:])
	for _, why := range slices.Sorted(maps.Keys(bad)) {
		add("the signature has "+why, append(bytes.Clone(raw[:4]), bad[why]...))
	}
	id := bytes.Clone(raw)
	id[0] ^= 1
	add("another key id", id)
	add("the id of a C2SP type 0x01 key", append(typeOneID(t, stream.VKey()), raw[4:]...))
	flipped := bytes.Clone(raw)
	flipped[len(flipped)-1] ^= 1
	add("a bit of s", flipped)
	c, err := ParseCommit([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for why, by := range map[string]Signer{
		"signed by another key of the same name":   ecdsaSignerOf(t, stream.Name(), "forger"),
		"signed with Ed25519 under the same name":  seedKey(t, stream.Name(), "forger"),
		"signed by the same key, under the root's": ecdsaSignerOf(t, RootName(testArchive), stream.Name()),
		"signed by the same key, of another stream": ecdsaSignerOf(t, StreamName(testArchive, otherStream),
			stream.Name()),
	} {
		list = append(list, refusedCommit{why, 1, string(forgeLine(t, h, c.Manifest, append(bytes.Clone(c.ManifestBytes), '\n'), by))})
	}
	slices.SortFunc(list, func(a, b refusedCommit) int { return strings.Compare(a.Why, b.Why) })
	return list
}

// typeOneID is the key id that an Ed25519 key would have.
func typeOneID(t testing.TB, vkey string) []byte {
	t.Helper()
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	return sum[:4]
}
