package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// victim is an archive of two streams in a fake bucket, and a verifier that knows it.
func victim(t testing.TB) (w *world, a, b *writer) {
	w = newWorld(t)
	a, b = w.stream(), w.stream()
	a.add(4, 30)
	b.add(2, 20)
	wants(t, w.verify(), OK)
	return w, a, b
}

func (s *writer) path(i int) string { return prefix + "/" + s.files[i].Key }

// TestAttacks does what Object Lock does not prevent, and what a store may do that
// breaks its word. A verifier that knows the archive and one that never saw it must
// both say what was done, and nothing else.
func TestAttacks(t *testing.T) {
	flip := func(b []byte, i int) []byte {
		b = bytes.Clone(b)
		b[i] ^= 1
		return b
	}
	for _, tt := range []struct {
		name   string
		attack func(w *world, a, b *writer) []string // what is to be found
	}{
		{"hide a file", func(w *world, a, _ *writer) []string {
			return []string{"hidden 2 " + a.path(0) + " " + w.mem.Hide(a.path(0))}
		}},
		{"hide it and put it again", func(w *world, a, _ *writer) []string {
			marker := w.mem.Hide(a.path(0))
			copied := w.mem.PutForged(a.path(0), a.bodies[0])
			return []string{"hidden 2 " + a.path(0) + " " + marker, "replaced 2 " + a.path(0) + " " + copied}
		}},
		{"replace a file, twice", func(w *world, a, _ *writer) []string {
			one, two := w.mem.PutForged(a.path(1), []byte("x")), w.mem.PutForged(a.path(1), flip(a.bodies[1], 9))
			return []string{"replaced 2 " + a.path(1) + " " + one, "replaced 2 " + a.path(1) + " " + two}
		}},
		{"swap two files", func(w *world, a, _ *writer) []string {
			one, two := w.mem.PutForged(a.path(0), a.bodies[1]), w.mem.PutForged(a.path(1), a.bodies[0])
			return []string{"replaced 2 " + a.path(0) + " " + one, "replaced 2 " + a.path(1) + " " + two}
		}},
		{"inject a file of a stream that is not there", func(w *world, a, _ *writer) []string {
			key := prefix + "/" + ledger.DataName("standard", "2026-01-01", w.archive.ID, 0, 9)
			return []string{"injected 2 " + key + " " + w.mem.PutForged(key, a.bodies[0])}
		}},
		{"inject a file of seqs that are committed", func(w *world, a, _ *writer) []string {
			key := prefix + "/" + ledger.DataName("standard", "2026-01-01", a.open.Stream, 0, 9)
			return []string{"injected 2 " + key + " " + w.put(key, a.bodies[0], w.now.AddDate(0, 0, 9))}
		}},
		{"inject a file of the next seqs, without a lock", func(w *world, a, _ *writer) []string {
			key := prefix + "/" + ledger.DataName("standard", "2026-01-01", a.open.Stream, a.head.NextSeq, a.head.NextSeq+9)
			return []string{"injected 2 " + key + " " + w.mem.PutForged(key, a.bodies[0])}
		}},
		{"inject files that no writer names so", func(w *world, _, _ *writer) []string {
			one, two := prefix+"/events/retention=standard/dt=2026-01-01/evil.parquet", prefix+"/events/x\x1b[2J"
			return []string{"injected 2 " + one + " " + w.mem.PutForged(one, nil), "injected 2 " + two + " " + w.mem.PutForged(two, nil)}
		}},
		{"put other things into the archive", func(w *world, _, _ *writer) []string {
			one, two := prefix+"/readme.txt", prefix+"/ledger/readme.txt"
			w.mem.PutForged(two, nil)
			return []string{"unknown-key 2 " + one + " " + w.mem.PutForged(one, nil), "unknown-key 1 " + two + " "}
		}},
		{"put things where others belong", func(w *world, _, _ *writer) []string {
			w.mem.PutForged(prefix+"/wal/x", nil)
			w.mem.PutForged(prefix+"/probe/x", nil)
			w.mem.PutForged("audit/product/events/x", nil)
			return nil
		}},
		{"forge an attestation", func(w *world, _, _ *writer) []string {
			key := prefix + "/attest/repair/0123456789abcdef.note"
			return []string{"injected 2 " + key + " " + w.mem.PutForged(key, []byte("x"))}
		}},
		{"destroy a file", func(w *world, a, _ *writer) []string {
			w.mem.DeleteVersion(a.path(2), a.files[2].VersionID)
			return []string{"missing 2 " + a.path(2) + " " + a.files[2].VersionID}
		}},
		{"destroy a file and put another one there", func(w *world, a, _ *writer) []string {
			w.mem.DeleteVersion(a.path(2), a.files[2].VersionID)
			forged := w.mem.PutForged(a.path(2), flip(a.bodies[2], 100))
			return []string{"missing 2 " + a.path(2) + " " + a.files[2].VersionID, "replaced 2 " + a.path(2) + " " + forged}
		}},
		{"hide a commit", func(w *world, a, _ *writer) []string {
			return []string{"hidden 1 " + a.keys[1] + " " + w.mem.Hide(a.keys[1])}
		}},
		{"flip a byte in a new version of a commit", func(w *world, a, _ *writer) []string {
			return []string{"replaced 1 " + a.keys[1] + " " + w.mem.PutForged(a.keys[1], flip(a.commits[1], 100))}
		}},
		{"fork a stream", func(w *world, a, _ *writer) []string {
			h := must(ledger.NewHead(a.raw, w.root.VKey()))
			commit, _, err := h.Next(h.Empty(w.now, "forger", ledger.Note{Kind: ledger.NoteHeartbeat}), a.key)
			if err != nil {
				w.t.Fatal(err)
			}
			return []string{"fork 1 " + a.keys[0] + " " + w.mem.PutForged(a.keys[0], commit)}
		}},
		{"certify a stream with another key", func(w *world, a, _ *writer) []string {
			forger := must(ledger.NewKey(ledger.RootName(w.archive.ID)))
			o := a.open
			o.Stream = w.archive.ID
			o.VKey = must(ledger.NewKey(ledger.StreamName(w.archive.ID, o.Stream))).VKey()
			key := ledger.OpenKey(prefix, o.Stream)
			w.mem.PutForged(key, must(ledger.SignOpen(o, forger)))
			return []string{"unknown-key 1 " + key + " "}
		}},
		{"forge the next commit", func(w *world, a, _ *writer) []string {
			forger := must(ledger.NewKey(a.key.Name()))
			h := a.head
			h.VKey = forger.VKey()
			commit, _, err := h.Next(h.Empty(w.now, "forger", ledger.Note{Kind: ledger.NoteHeartbeat}), forger)
			if err != nil {
				w.t.Fatal(err)
			}
			key := ledger.CommitKey(prefix, a.open.Stream, a.head.Index+1)
			return []string{"altered 1 " + key + " " + w.mem.PutForged(key, commit)}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, a, b := victim(t)
			want := tt.attack(w, a, b)
			result := Violation
			if len(want) == 0 {
				result = OK
			}
			for range 2 { // what was found stays found
				wants(t, w.verify(), result, want...)
			}
			wants(t, w.verify(stateless), result, want...)
		})
	}
}

// TestContent alters what only reading shows: below S3, and by a writer that has the
// keys. A verifier that read the content before must read again to see the former.
func TestContent(t *testing.T) {
	forge := func(change func(s *writer, m *ledger.Manifest, bodies [][]byte)) func(*world, *writer) {
		return func(_ *world, a *writer) {
			m, bodies := a.batch(30)
			change(a, &m, bodies)
			a.send(&m, bodies)
			a.commit(m, bodies)
		}
	}
	for _, tt := range []struct {
		name string
		do   func(w *world, a *writer)
	}{
		{"a value is edited and the file hashed again", forge(func(s *writer, m *ledger.Manifest, bodies [][]byte) {
			rows := s.gen.Rows(int(m.Files[0].Rows), s.open.Stream, 0)
			old := m.Files[0]
			f, body := s.rewrite(&old, bodies[0], rows[0].ActorID)
			bodies[0], m.Files[0].Size, m.Files[0].SHA256 = body, f.Size, f.SHA256 // the root stays
		})},
		{"the manifest claims other seqs", forge(func(_ *writer, m *ledger.Manifest, _ [][]byte) {
			m.Files[0].LastSeq = m.Last
			m.Files[0].FirstSeq = m.First
		})},
		{"the manifest claims other times", forge(func(_ *writer, m *ledger.Manifest, _ [][]byte) {
			m.Files[0].MinTimestampNS--
		})},
		{"a row is in two files", forge(func(s *writer, m *ledger.Manifest, bodies [][]byte) {
			last := len(m.Files) - 1
			again := m.Files[0] // the same rows in another class: so many that the sum is right
			f, body := s.reclass(&m.Files[last], bodies[0], &again)
			m.Files[last], bodies[last] = f, body
			m.Count = 0
			for i := range m.Files {
				m.Count += m.Files[i].Rows
			}
			m.Last = m.First + m.Count - 1
			for i := range m.Files {
				m.Files[i].Key = ledger.DataName(m.Files[i].Class, m.Files[i].Day, s.open.Stream, m.First, m.Last)
			}
		})},
		{"a file is no Parquet", forge(func(_ *writer, m *ledger.Manifest, bodies [][]byte) {
			bodies[0] = []byte("PAR1 it is not")
			m.Files[0].Size, m.Files[0].SHA256 = int64(len(bodies[0])), sumOf(bodies[0])
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, a, _ := victim(t)
			tt.do(w, a)
			for range 2 {
				r := w.verify()
				if r.Result != Violation || !slices.ContainsFunc(r.Findings, func(f Finding) bool {
					return f.Kind == Altered && f.Level == 3 && f.Stream == a.open.Stream && f.First >= 120
				}) || len(r.Findings) != 1 {
					t.Errorf("%s %+v", r.Result, r.Findings)
				}
			}
			wants(t, w.verify(levels(1, 2)), OK)
		})
	}
}

// rows reads back a file.
func (s *writer) rows(f *ledger.File, body []byte) []event.Row {
	s.t.Helper()
	return readRows(s.t, body, f.Class)
}

// rewrite makes a file of the same rows with another actor in the first one.
func (s *writer) rewrite(f *ledger.File, body []byte, actor string) (ledger.File, []byte) {
	rows := s.rows(f, body)
	rows[0].ActorID = actor + "-edited"
	return s.file(rows, f.FirstSeq, f.LastSeq)
}

// reclass makes a file of f's class of the rows of another one, and of f's own.
func (s *writer) reclass(f *ledger.File, body []byte, of *ledger.File) (ledger.File, []byte) {
	rows := s.rows(of, body)
	for i := range rows {
		rows[i].Retention = f.Class
	}
	slices.SortFunc(rows, func(a, b event.Row) int {
		return cmp.Or(cmp.Compare(a.TimestampNS, b.TimestampNS), cmp.Compare(a.Seq, b.Seq))
	})
	return s.file(rows, f.FirstSeq, f.LastSeq)
}

// TestRot: a store that gives other bytes than it took, and tells the old hash.
func TestRot(t *testing.T) {
	w, a, _ := victim(t)
	rotten := bytes.Clone(a.bodies[3])
	rotten[len(rotten)/2] ^= 1
	w.mem.Rot(a.path(3), a.files[3].VersionID, rotten)
	want := "altered 3 " + a.path(3) + " " + a.files[3].VersionID
	wants(t, w.verify(), OK) // it was read before
	wants(t, w.verify(stateless), Violation, want)
	for range 2 { // the second run reads it again, because something was found
		wants(t, w.verify(func(o *Options) { o.Full = true }), Violation, want)
		wants(t, w.verify(), Violation, want)
	}
	w.mem.Rot(a.path(3), a.files[3].VersionID, a.bodies[3])
	wants(t, w.verify(), OK)
	commit := bytes.Clone(a.commits[1])
	commit[100] ^= 1
	w.mem.Rot(a.keys[1], a.ids[1], commit)
	r := w.verify(stateless, levels(1))
	if r.Result != Violation || len(r.Findings) != 1 || r.Findings[0].Kind != Altered || r.Findings[0].First != 30 || r.Findings[0].Last != -1 {
		t.Errorf("a rotten commit: %s %+v", r.Result, r.Findings)
	}
}

// TestLostBelowTheListing: the store lists a commit and has lost it. One who has its bytes
// from an earlier run, which could not look at its lock, sees that all the same.
func TestLostBelowTheListing(t *testing.T) {
	w := newWorld(t)
	a := w.stream()
	a.add(2, 10)
	fails := func(err error, ops ...string) {
		w.mem.Intercept(func(c memstore.Call) *memstore.Fault {
			if c.Key == a.keys[1] && slices.Contains(ops, c.Op) {
				return &memstore.Fault{Err: err}
			}
			return nil
		})
	}
	fails(memstore.ErrLost, "head")
	wants(t, w.verify(), Indeterminate)
	fails(object.ErrNotFound, "head", "get")
	wants(t, w.verify(), Violation, "missing 2 "+a.keys[1]+" "+a.ids[1])
}

func TestLocks(t *testing.T) {
	for _, tt := range []struct {
		name string
		lock func(w *world, key, id string, until time.Time)
		bad  bool
	}{
		{"none", func(w *world, key, id string, _ time.Time) { w.mem.SetLock(key, id, "", time.Time{}) }, true},
		{"governance", func(w *world, key, id string, until time.Time) { w.mem.SetLock(key, id, object.Governance, until) }, true},
		{"too short", func(w *world, key, id string, until time.Time) {
			w.mem.SetLock(key, id, object.Compliance, until.Add(-time.Second))
		}, true},
		{"longer", func(w *world, key, id string, until time.Time) {
			w.mem.SetLock(key, id, object.Compliance, until.Add(time.Hour))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.stream()
			a.add(2, 10)
			key, id := a.path(0), a.files[0].VersionID
			tt.lock(w, key, id, a.files[0].RetainUntil)
			tt.lock(w, a.keys[1], a.ids[1], a.open.RetainUntil)
			if !tt.bad {
				wants(t, w.verify(), OK)
				return
			}
			for range 2 {
				wants(t, w.verify(), Violation, fmt.Sprintf("short-locked 2 %s %s", key, id), fmt.Sprintf("short-locked 2 %s %s", a.keys[1], a.ids[1]))
			}
		})
	}
}

func TestExpired(t *testing.T) {
	w := newWorld(t)
	a := w.stream()
	a.add(2, 10)
	w.now = w.now.AddDate(0, 0, 5)
	marker := w.mem.Hide(a.path(0)) // as a lifecycle rule does
	w.mem.DeleteVersion(a.path(1), a.files[1].VersionID)
	wants(t, w.verify(), OK, "expired 2 "+a.path(0)+" "+marker, "expired 2 "+a.path(1)+" "+a.files[1].VersionID)
	wants(t, w.verify(), OK, "expired 2 "+a.path(0)+" "+marker, "expired 2 "+a.path(1)+" "+a.files[1].VersionID)
}

// TestOrphanNoteOfAStranger: whoever has the key of one stream can sign that any file
// does not count. It must excuse files of that stream, and of those that it continues.
func TestOrphanNoteOfAStranger(t *testing.T) {
	w, a, b := victim(t)
	next := w.successor(a.open.Stream)
	last := w.successor(next.open.Stream)
	for _, by := range []*writer{a, b, next, last} {
		by.commit(by.head.Empty(w.now, "test", ledger.Note{Kind: ledger.NoteStart}), nil)
	}
	stray := ledger.DataName("standard", "2026-11-23", a.open.Stream, 900, 909)
	id := w.put(prefix+"/"+stray, []byte("forged"), w.now.AddDate(0, 0, 9))
	at := fmt.Sprintf(" 2 %s/%s %s", prefix, stray, id)
	wants(t, w.verify(), Violation, "injected"+at)
	note := ledger.Note{Kind: ledger.NoteOrphan, Key: stray, VersionID: id}
	b.commit(b.head.Empty(w.now, "test", note), nil)
	wants(t, w.verify(), Violation, "injected"+at)
	last.commit(last.head.Empty(w.now, "test", note), nil)
	wants(t, w.verify(), OK, "orphan"+at)
}
