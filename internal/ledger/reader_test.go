package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

const prefix = "audit/prod"

// bucket is an archive with one stream of n commits in a fake bucket.
type bucket struct {
	*memstore.Store
	t        *testing.T
	versions map[string]string // of the true objects
	head     Head
	commits  [][]byte
}

func (b *bucket) put(key string, body []byte) {
	b.t.Helper()
	version, err := b.Put(b.t.Context(), object.Put{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)),
		SHA256: sha256.Sum256(body), ContentType: "application/octet-stream", RetainUntil: opened.AddDate(8, 0, 0)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.versions[key] = version
}

func (b *bucket) add(n int) {
	b.t.Helper()
	for range n {
		m := batch(b.head, 5, "security", "standard")
		for i := range m.Files {
			c, _ := archiveDoc().Class(m.Files[i].Class)
			m.Files[i].RetainUntil = m.SealedAt.Add(time.Duration(c.Days) * day)
		}
		commit, next := mustNext(b.t, b.head, m)
		b.put(CommitKey(prefix, testStream, next.Index), commit)
		b.commits, b.head = append(b.commits, commit), next
	}
}

func newBucket(t *testing.T, n int) *bucket {
	t.Helper()
	b := &bucket{Store: memstore.New(t, func() time.Time { return opened }), t: t, versions: map[string]string{}, head: newHead(t, testStream)}
	signed, err := SignArchive(archiveDoc(), rootKey(t))
	if err != nil {
		t.Fatal(err)
	}
	b.put(ArchiveKey(prefix), signed)
	b.put(OpenKey(prefix, testStream), signedOpen(t, testStream))
	b.add(n)
	return b
}

func (b *bucket) reader() *Reader {
	b.t.Helper()
	r, err := NewReader(b.Store, prefix, rootKey(b.t).VKey())
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func refresh(t *testing.T, r *Reader) *View {
	t.Helper()
	v, err := r.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// key names a place of the test stream: -1 is its open object.
func key(index int64) string {
	if index < 0 {
		return OpenKey(prefix, testStream)
	}
	return CommitKey(prefix, testStream, index)
}

func TestReaderFollowsAWriter(t *testing.T) {
	b := newBucket(t, 70) // more than two chunks
	r := b.reader()
	gets := 0
	b.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "get" {
			gets++
		}
		return nil
	})
	v := refresh(t, r)
	if len(v.Findings) != 0 || len(v.Streams) != 1 || v.Streams[0].Head != b.head || len(v.Streams[0].Manifests) != 70 {
		t.Fatalf("view: %d streams, findings %v", len(v.Streams), v.Findings)
	}
	if files := len(slices.Collect(v.Files())); files != 140 {
		t.Errorf("%d files, want 140", files)
	}
	if want := 70 + 2; gets != want {
		t.Errorf("%d objects fetched, want %d", gets, want)
	}
	b.add(3)
	gets = 0
	v2 := refresh(t, r)
	if len(v2.Findings) != 0 || v2.Streams[0].Head != b.head || len(v2.Streams[0].Manifests) != 73 {
		t.Errorf("after three more: head %d, findings %v", v2.Streams[0].Head.Index, v2.Findings)
	}
	if gets != 3 {
		t.Errorf("%d objects fetched, want the 3 new ones", gets)
	}
	if len(v.Streams[0].Manifests) != 70 || r.View() != v2 {
		t.Error("the first view changed, or the second is not the current one")
	}
}

// TestReaderAttacks alters a bucket in the ways that Object Lock does not
// prevent, and in some that it should have prevented. The true commits up to
// where says must stay readable, and the finding must name the right place.
func TestReaderAttacks(t *testing.T) {
	const n = 6
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		i := bytes.Index(b, []byte(`"count":`)) + len(`"count":`)
		b[i] ^= 1
		return b
	}
	tests := []struct {
		name   string
		attack func(b *bucket)
		want   FindingKind
		index  int64
		trusts int // commits that stay readable by a reader that is new
		keeps  int // and by one that knew them
	}{
		{"hide a commit", func(b *bucket) { b.Hide(key(3)) }, FindingHidden, 3, n, n},
		{"hide the open object", func(b *bucket) { b.Hide(key(-1)) }, FindingHidden, -1, n, n},
		{"hide and bury the marker", func(b *bucket) { b.Hide(key(3)); b.PutForged(key(3), b.commits[3]) }, FindingHidden, 3, n, n},
		{"put a newer version with one byte changed", func(b *bucket) { b.PutForged(key(2), flip(b.commits[2])) }, FindingReplaced, 2, n, n},
		{"put rubbish over the open object", func(b *bucket) { b.PutForged(key(-1), []byte("x")) }, FindingReplaced, -1, n, n},
		{"put another stream's open over it", func(b *bucket) { b.PutForged(key(-1), signedOpen(t, otherStream)) }, FindingReplaced, -1, n, n},
		{"put rubbish too large to be read", func(b *bucket) { b.PutForged(key(2), make([]byte, MaxCommitBytes+1)) }, FindingReplaced, 2, n, n},
		{"replay an earlier commit", func(b *bucket) { b.PutForged(key(4), b.commits[1]) }, FindingReplaced, 4, n, n},
		{"plant rubbish where the next commit goes", func(b *bucket) { b.PutForged(key(n), []byte("x")) }, FindingAltered, n, n, n},
		{"plant rubbish too large to be read there", func(b *bucket) { b.PutForged(key(n), make([]byte, MaxCommitBytes+1)) }, FindingAltered, n, n, n},
		{"replay a commit as the next one", func(b *bucket) { b.PutForged(key(n), b.commits[n-1]) }, FindingAltered, n, n, n},
		{"forge the next commit with another key", func(b *bucket) {
			m := batch(b.head, 3, "standard")
			h := b.head
			forger := seedKey(t, StreamName(testArchive, testStream), "forger")
			h.VKey = forger.VKey()
			commit, _, err := h.Next(m, forger)
			if err != nil {
				t.Fatal(err)
			}
			b.PutForged(key(n), commit)
		}, FindingAltered, n, n, n},
		{"fork: the stream's key signs another commit for an index", func(b *bucket) {
			h := newHead(t, testStream)
			for _, c := range b.commits[:3] {
				h, _, _ = h.Verify(c)
			}
			commit, _ := mustNext(t, h, batch(h, 99, "standard"))
			b.PutForged(key(3), commit)
		}, FindingFork, 3, n, n},
		{"root signs a second open", func(b *bucket) {
			o := openDoc(t, testStream)
			o.RetainUntil = o.RetainUntil.Add(time.Hour)
			signed, err := SignOpen(o, rootKey(t))
			if err != nil {
				t.Fatal(err)
			}
			b.PutForged(key(-1), signed)
		}, FindingFork, -1, n, n},
		{"an uncertified stream", func(b *bucket) {
			b.PutForged(CommitKey(prefix, otherStream, 0), b.commits[0])
		}, FindingUnknownKey, -1, n, n},
		{"a stream certified by another root", func(b *bucket) {
			forger := seedKey(t, RootName(testArchive), "forger")
			signed, err := SignOpen(openDoc(t, otherStream), forger)
			if err != nil {
				t.Fatal(err)
			}
			b.PutForged(OpenKey(prefix, otherStream), signed)
		}, FindingUnknownKey, -1, n, n},
		{"an open object under another stream's key", func(b *bucket) {
			b.PutForged(OpenKey(prefix, otherStream), signedOpen(t, testStream))
		}, FindingUnknownKey, -1, n, n},
		{"a commit's version as an open object", func(b *bucket) {
			b.PutForged(OpenKey(prefix, otherStream), b.commits[0])
		}, FindingUnknownKey, -1, n, n},
		{"an object of no kind", func(b *bucket) { b.PutForged(prefix+"/ledger/readme.txt", nil) }, FindingUnknownKey, -1, n, n},
		{"a commit with a short name", func(b *bucket) {
			b.PutForged(prefix+"/ledger/"+testStream.String()+"/7.commit", b.commits[3])
		}, FindingUnknownKey, -1, n, n},
		{"an archive object by another root", func(b *bucket) {
			forger := seedKey(t, RootName(testArchive), "forger")
			signed, err := SignArchive(archiveDoc(), forger)
			if err != nil {
				t.Fatal(err)
			}
			b.PutForged(ArchiveKey(prefix), signed)
		}, FindingReplaced, -1, n, n},
		{"hide the archive object", func(b *bucket) { b.Hide(ArchiveKey(prefix)) }, FindingHidden, -1, n, n},
		{"destroy a middle commit", func(b *bucket) { b.DeleteVersion(key(3), b.versions[key(3)]) }, FindingMissing, 3, 3, n},
		{"destroy the first commit", func(b *bucket) { b.DeleteVersion(key(0), b.versions[key(0)]) }, FindingMissing, 0, 0, n},
		{"destroy a commit and put a forged one there", func(b *bucket) {
			b.DeleteVersion(key(3), b.versions[key(3)])
			b.PutForged(key(3), flip(b.commits[3]))
		}, FindingAltered, 3, 3, n},
		{"swap two commits", func(b *bucket) {
			b.DeleteVersion(key(3), b.versions[key(3)])
			b.DeleteVersion(key(4), b.versions[key(4)])
			b.PutForged(key(3), b.commits[4])
			b.PutForged(key(4), b.commits[3])
		}, FindingAltered, 3, 3, n},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBucket(t, n)
			old := b.reader()
			refresh(t, old)
			tt.attack(b)
			for _, reader := range []struct {
				name string
				*Reader
				commits int
			}{{"new", b.reader(), tt.trusts}, {"old", old, tt.keeps}} {
				for range 2 { // what was judged before is judged the same again
					v := refresh(t, reader.Reader)
					if len(v.Streams) != 1 || len(v.Streams[0].Manifests) != reader.commits {
						t.Fatalf("%s reader trusts %d commits, want %d", reader.name, len(v.Streams[0].Manifests), reader.commits)
					}
					if !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Kind == tt.want && f.Index == tt.index }) {
						t.Errorf("%s reader: findings %v, want %s at %d", reader.name, v.Findings, tt.want, tt.index)
					}
				}
			}
		})
	}
}

func TestReaderNoticesTruncation(t *testing.T) {
	for _, tt := range []struct {
		name string
		gone []int64
		want string
	}{
		{"the newest commits", []int64{4, 5}, "commits 4 to 5 were there before"},
		{"the whole stream", []int64{-1, 0, 1, 2, 3, 4, 5}, "the whole stream is gone"},
		{"the open object", []int64{-1}, "this version was there before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBucket(t, 6)
			r := b.reader()
			refresh(t, r)
			for _, i := range tt.gone {
				b.DeleteVersion(key(i), b.versions[key(i)])
			}
			v := refresh(t, r)
			if len(v.Findings) != 1 || v.Findings[0].Kind != FindingMissing || !strings.Contains(v.Findings[0].Detail, tt.want) {
				t.Errorf("findings %v, want missing: %s", v.Findings, tt.want)
			}
		})
	}
}

// TestReaderTakesACopy: the same bytes again are no attack, and repair puts them.
func TestReaderTakesACopy(t *testing.T) {
	b := newBucket(t, 3)
	b.PutForged(key(1), b.commits[1])
	v := refresh(t, b.reader())
	if len(v.Findings) != 0 || len(v.Streams[0].Manifests) != 3 {
		t.Errorf("findings %v", v.Findings)
	}
}

// TestReaderFindsTheTrueVersionAboveRubbish: a delete marker lets the writer's
// If-None-Match pass over what an attacker planted before it.
func TestReaderFindsTheTrueVersionAboveRubbish(t *testing.T) {
	b := newBucket(t, 2)
	b.PutForged(key(2), []byte("planted"))
	b.PutForged(key(2), make([]byte, MaxCommitBytes+1))
	b.Hide(key(2))
	b.add(2)
	v := refresh(t, b.reader())
	if len(v.Streams[0].Manifests) != 4 || v.Streams[0].Stuck != "" {
		t.Fatalf("%d commits, stuck %q", len(v.Streams[0].Manifests), v.Streams[0].Stuck)
	}
	kinds := map[FindingKind]int{}
	for _, f := range v.Findings {
		kinds[f.Kind]++
	}
	if kinds[FindingInjected] != 2 || kinds[FindingHidden] != 1 || len(v.Findings) != 3 {
		t.Errorf("findings %v", v.Findings)
	}
}

// TestReaderAndUnreadableObjects: an attacker may put objects that nobody can
// read. They must not hide what can be read, and must not pass silently.
func TestReaderAndUnreadableObjects(t *testing.T) {
	denied := errors.New("access denied")
	b := newBucket(t, 4)
	deny := func(place string) {
		b.Intercept(func(c memstore.Call) *memstore.Fault {
			if c.Op == "get" && strings.HasPrefix(c.Key, place) {
				return &memstore.Fault{Err: denied}
			}
			return nil
		})
	}
	deny(key(2))
	v, err := b.reader().Refresh(t.Context())
	if !errors.Is(err, denied) || v == nil || len(v.Streams[0].Manifests) != 2 || v.Streams[0].Stuck == "" {
		t.Errorf("commit 2 cannot be read: view %+v, error %v", v, err)
	}
	b.PutForged(OpenKey(prefix, otherStream), []byte("x"))
	deny(OpenKey(prefix, otherStream))
	if v, err = b.reader().Refresh(t.Context()); !errors.Is(err, denied) || v == nil || len(v.Streams[0].Manifests) != 4 {
		t.Errorf("another open cannot be read: view %+v, error %v", v, err)
	}
	r := b.reader()
	deny("")
	if v, err = r.Refresh(t.Context()); !errors.Is(err, denied) || v != nil {
		t.Errorf("nothing can be read: view %+v, error %v", v, err)
	}
	b.Intercept(nil)
	if v = refresh(t, r); len(v.Streams[0].Manifests) != 4 {
		t.Errorf("everything can be read again: %d commits", len(v.Streams[0].Manifests))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err = b.reader().Refresh(ctx); !errors.Is(err, context.Canceled) || v != nil {
		t.Errorf("cancelled: view %v, error %v", v, err)
	}
}

func TestReaderWithoutAnArchive(t *testing.T) {
	b := newBucket(t, 1)
	b.DeleteVersion(ArchiveKey(prefix), b.versions[ArchiveKey(prefix)])
	if _, err := b.reader().Refresh(t.Context()); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("no archive object: %v, want ErrNotFound", err)
	}
	b = newBucket(t, 1)
	other := seedKey(t, RootName(testArchive), "another root")
	r, err := NewReader(b.Store, prefix, other.VKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Refresh(t.Context()); err == nil || errors.Is(err, object.ErrNotFound) {
		t.Errorf("another root key: %v", err)
	}
}

// TestReaderAndAFlood: whoever may write can put any number of versions on a key.
// The reader holds some of them, and the true one among these.
func TestReaderAndAFlood(t *testing.T) {
	b := newBucket(t, 3)
	for range maxVersions + maxVersions/2 {
		b.Hide(key(1))
	}
	r := b.reader()
	for range 2 {
		v := refresh(t, r)
		if s := v.Streams[0]; len(s.Manifests) != 3 || s.Stuck != "" {
			t.Fatalf("%d commits, stuck %q", len(s.Manifests), s.Stuck)
		}
		kinds := map[FindingKind]int{}
		for _, f := range v.Findings {
			kinds[f.Kind]++
		}
		if kinds[FindingHidden] != maxFindings || kinds[FindingReplaced] == 0 || v.MoreFindings < maxVersions/2 {
			t.Errorf("%v and %d more", kinds, v.MoreFindings)
		}
	}
}
