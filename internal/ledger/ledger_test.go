package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/audit-archiver/archiver/internal/object"
)

// The fixed world of the tests and of testenv/vectors/ledger.
var (
	testArchive = uuid.MustParse("0193a1b2-0000-7000-8000-00000000000a")
	testStream  = uuid.MustParse("0193a1b2-0000-7000-8000-000000000001")
	otherStream = uuid.MustParse("0193a1b2-0000-7000-8000-000000000002")
	opened      = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
)

// testKey is the key whose seed is SHA-256 of its name.
func testKey(t testing.TB, name string) Key {
	t.Helper()
	return seedKey(t, name, name)
}

func seedKey(t testing.TB, name, seed string) Key {
	t.Helper()
	raw := sha256.Sum256([]byte(seed))
	public := ed25519.NewKeyFromSeed(raw[:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, v.KeyHash(),
		base64.StdEncoding.EncodeToString(append([]byte{1}, raw[:]...))))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rootKey(t testing.TB) Key { return testKey(t, RootName(testArchive)) }

func streamKey(t testing.TB, stream uuid.UUID) Key {
	return testKey(t, StreamName(testArchive, stream))
}

func archiveDoc() Archive {
	return Archive{ID: testArchive, Created: opened, Floor: opened.AddDate(-10, 0, 0), Default: "standard",
		Classes: []Class{{"security", 2555}, {"standard", 365}}}
}

func openDoc(t testing.TB, stream uuid.UUID) Open {
	return Open{Archive: testArchive, Stream: stream, VKey: streamKey(t, stream).VKey(),
		OpenedAt: opened, RetainUntil: archiveDoc().RetainUntil(opened)}
}

func signedOpen(t testing.TB, stream uuid.UUID) []byte {
	t.Helper()
	b, err := SignOpen(openDoc(t, stream), rootKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newHead(t testing.TB, stream uuid.UUID) Head {
	t.Helper()
	h, err := NewHead(signedOpen(t, stream), rootKey(t).VKey())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func leafOf(i int64) Hash {
	return Hash(tlog.RecordHash(binary.BigEndian.AppendUint64(nil, uint64(i))))
}

// batch is a plausible manifest of rows rows, in as many files as there are classes.
func batch(h Head, rows int64, classes ...string) Manifest {
	sealed := opened.Add(time.Duration(h.Index+2) * time.Minute)
	m := Manifest{First: h.NextSeq, Last: h.NextSeq + rows - 1, Count: rows,
		Through: sealed.Add(-5 * time.Millisecond), SealedAt: sealed, Writer: "archiver test"}
	for i, class := range classes {
		n := rows / int64(len(classes))
		if i == 0 {
			n += rows % int64(len(classes))
		}
		var tree Tree
		for row := range n {
			tree.Add(leafOf(h.NextSeq + row))
		}
		m.Files = append(m.Files, File{
			Key:       DataName(class, "2026-11-23", h.Stream, m.First, m.Last),
			VersionID: fmt.Sprintf("v%d.%d", h.Index+1, i), Size: 1000 + n, Rows: n, Root: tree.Root(),
			SHA256:   sha256.Sum256(fmt.Appendf(nil, "%s %d", class, m.First)),
			FirstSeq: m.First, LastSeq: m.Last, Class: class, Day: "2026-11-23", Mode: object.Compliance,
			MinTimestampNS: opened.UnixNano(), MaxTimestampNS: opened.UnixNano() + 999_999_999,
			RetainUntil: sealed.AddDate(7, 0, 0),
		})
	}
	return m
}

func mustNext(t testing.TB, h Head, m Manifest) ([]byte, Head) {
	t.Helper()
	return mustSign(t, h, m, streamKey(t, h.Stream))
}

func mustSign(t testing.TB, h Head, m Manifest, by Signer) ([]byte, Head) {
	t.Helper()
	b, next, err := h.Next(m, by)
	if err != nil {
		t.Fatal(err)
	}
	return b, next
}

// chain makes n commits: a start note, batches, and a heartbeat at every third.
func chain(t testing.TB, h Head, n int) (commits [][]byte, heads []Head) {
	t.Helper()
	heads = append(heads, h)
	for i := range n {
		m := batch(h, int64(10+i), "security", "standard")
		switch {
		case i == 0:
			m = h.Empty(opened, "archiver test", Note{Kind: NoteStart, Machine: "m", Boot: "b", Inode: "1:2", Host: "h"})
		case i%3 == 0:
			m = h.Empty(opened.Add(time.Hour), "archiver test", Note{Kind: NoteHeartbeat})
		}
		b, next := mustNext(t, h, m)
		commits, heads, h = append(commits, b), append(heads, next), next
	}
	return commits, heads
}
