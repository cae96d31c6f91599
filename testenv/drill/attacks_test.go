package drill

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/internal/verify"
	"github.com/audit-archiver/archiver/testenv/sample"
)

// drill is one way to tamper, and what the auditor must say. Its words are a row of
// docs/drill.md.
type drill struct {
	name  string
	needs string // what whoever does it must have
	level int
	kind  verify.Kind
	key   string // whose: in words
	seqs  string
	mends mends

	do func(s *scene) []found

	remember bool // only a verifier that was here before can find it
	full     bool // who read the content before must read it again to find it
	embedded bool // only on the embedded S3: MinIO keeps its objects in a form of its own
}

// mends is what `archiver repair` can do about it.
type mends string

const (
	yes    mends = "mends it"
	over   mends = "puts it again"
	partly mends = "removes the marker"
	no     mends = "cannot"          // and says so
	blind  mends = "does not see it" // it looks at names and locks, not at content
)

const (
	write     = "write access"
	streamKey = "write access and the stream's key"
	disk      = "the disk below S3"
)

// ofFile, ofCommit and ofNext are findings about a file, a commit, and what comes
// after a stream's last trusted commit.
func ofFile(kind verify.Kind, level int, s *sample.Stream, f *ledger.File, version string) found {
	return found{kind, level, ledger.Join(s.Prefix, f.Key), version, s.Open.Stream.String(), f.FirstSeq, f.LastSeq}
}

func ofCommit(kind verify.Kind, s *sample.Stream, c *sample.Commit, version string) found {
	f := found{kind, 1, c.Key, version, s.Open.Stream.String(), c.Manifest.First, c.Manifest.Last}
	if f.Last < f.First {
		f.First, f.Last = -1, -1
	}
	return f
}

func ofNext(kind verify.Kind, s *sample.Stream, key, version string, first, last int64) found {
	return found{kind, 1, key, version, s.Open.Stream.String(), first, last}
}

var drills = []drill{
	{name: "hide by delete marker", needs: write, level: 2, kind: verify.Hidden, key: "the file", seqs: "the file's", mends: yes,
		do: func(s *scene) []found {
			f, key, _ := s.file(0)
			return []found{ofFile(verify.Hidden, 2, s.a, f, s.hide(key))}
		}},
	{name: "hide the ledger", needs: write, level: 1, kind: verify.Hidden, key: "the commit", seqs: "the commit's", mends: yes,
		do: func(s *scene) []found {
			c := &s.a.Commits[2]
			return []found{ofCommit(verify.Hidden, s.a, c, s.hide(c.Key))}
		}},
	{name: "replace by a newer version", needs: write, level: 2, kind: verify.Replaced, key: "the file", seqs: "the file's", mends: yes,
		do: func(s *scene) []found {
			f, key, _ := s.file(0)
			_, _, other := s.file(1)
			return []found{ofFile(verify.Replaced, 2, s.a, f, s.put(key, other))}
		}},
	{name: "replace by a newer version that is locked", needs: write, level: 2, kind: verify.Replaced, key: "the file", seqs: "the file's", mends: over,
		do: func(s *scene) []found {
			f, key, _ := s.file(0)
			_, _, other := s.file(1)
			return []found{ofFile(verify.Replaced, 2, s.a, f, s.putLocked(key, other, s.Now.AddDate(0, 1, 0)))}
		}},
	{name: "edit one value of a row and hash the file again", needs: write, level: 2, kind: verify.Replaced, key: "the file", seqs: "the file's", mends: yes,
		do: func(s *scene) []found {
			f, key, body := s.file(0)
			_, edited := s.edit(s.a, f, body)
			return []found{ofFile(verify.Replaced, 2, s.a, f, s.put(key, edited))}
		}},
	{name: "edit one value of a row and commit the file's new hash", needs: streamKey, level: 3, kind: verify.Altered, key: "the file", seqs: "the file's", mends: blind,
		do: func(s *scene) []found {
			m, bodies := s.a.Batch(60)
			edited, body := s.edit(s.a, &m.Files[0], bodies[0])
			bodies[0], m.Files[0].Size, m.Files[0].SHA256 = body, edited.Size, edited.SHA256 // and the root of what was sent
			s.a.Send(&m, bodies)
			return []found{ofFile(verify.Altered, 3, s.a, &m.Files[0], m.Files[0].VersionID)}
		}},
	{name: "change a byte of a file on the disk", needs: disk, level: 3, kind: verify.Altered, key: "the file", seqs: "the file's", mends: blind, full: true, embedded: true,
		do: func(s *scene) []found {
			f, key, body := s.file(0)
			file, err := os.OpenFile(filepath.Join(s.server.Objects, s.bucket, filepath.FromSlash(key)), os.O_WRONLY, 0)
			if err != nil {
				s.t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteAt([]byte{body[len(body)/2] ^ 1}, int64(len(body)/2)); err != nil {
				s.t.Fatal(err)
			}
			return []found{ofFile(verify.Altered, 3, s.a, f, f.VersionID)}
		}},
	{name: "swap two files' contents", needs: write, level: 2, kind: verify.Replaced, key: "both files", seqs: "each file's", mends: yes,
		do: func(s *scene) []found {
			f, key, body := s.file(0)
			g, other, content := s.file(1)
			return []found{ofFile(verify.Replaced, 2, s.a, f, s.put(key, content)), ofFile(verify.Replaced, 2, s.a, g, s.put(other, body))}
		}},
	{name: "inject a forged file with a valid schema", needs: write, level: 2, kind: verify.Injected, key: "the new key", seqs: "those of its name", mends: yes,
		do: func(s *scene) []found {
			key, body := s.forge()
			return []found{{verify.Injected, 2, key, s.put(key, body), s.a.Open.Stream.String(), 0, 9}}
		}},
	{name: "inject a forged file, locked", needs: write, level: 2, kind: verify.Injected, key: "the new key", seqs: "those of its name", mends: no,
		do: func(s *scene) []found {
			key, body := s.forge()
			return []found{{verify.Injected, 2, key, s.putLocked(key, body, s.Now.AddDate(0, 1, 0)), s.a.Open.Stream.String(), 0, 9}}
		}},
	{name: "erase a file", needs: disk, level: 2, kind: verify.Missing, key: "the file", seqs: "the file's", mends: no,
		do: func(s *scene) []found {
			f, key, _ := s.file(0)
			s.erase(key)
			return []found{ofFile(verify.Missing, 2, s.a, f, f.VersionID)}
		}},
	{name: "flip one byte in a new version of a commit", needs: write, level: 1, kind: verify.Replaced, key: "the commit", seqs: "the commit's", mends: yes,
		do: func(s *scene) []found {
			c := &s.a.Commits[1]
			return []found{ofCommit(verify.Replaced, s.a, c, s.put(c.Key, flipped(c.Raw, 300)))}
		}},
	{name: "drop the newest commit", needs: disk, level: 1, kind: verify.Truncated, key: "the commit", seqs: "the commit's", mends: blind, remember: true,
		do: func(s *scene) []found {
			c := &s.a.Commits[len(s.a.Commits)-1]
			s.erase(c.Key)
			return []found{ofNext(verify.Truncated, s.a, c.Key, "", c.Manifest.First, c.Manifest.Last)}
		}},
	{name: "drop a middle commit", needs: disk, level: 1, kind: verify.Missing, key: "the commit", seqs: "from its first on", mends: no,
		do: func(s *scene) []found {
			c := &s.a.Commits[1]
			s.erase(c.Key)
			return []found{ofNext(verify.Missing, s.a, c.Key, "", c.Manifest.First, -1)}
		}},
	{name: "drop a whole stream, files and all", needs: disk, level: 1, kind: verify.Truncated, key: "its open object", seqs: "all", mends: blind, remember: true,
		do: func(s *scene) []found {
			for i := range s.b.Commits {
				for _, f := range s.b.Commits[i].Manifest.Files {
					s.erase(ledger.Join(prefix, f.Key))
				}
				s.erase(s.b.Commits[i].Key)
			}
			open := ledger.OpenKey(prefix, s.b.Open.Stream)
			s.erase(open)
			return []found{ofNext(verify.Truncated, s.b, open, "", 0, s.b.Head.NextSeq-1)}
		}},
	{name: "upload without a lock, and commit it", needs: streamKey, level: 2, kind: verify.ShortLocked, key: "the file", seqs: "the file's", mends: blind,
		do: func(s *scene) []found {
			m, bodies := s.a.Batch(60)
			m.Files[0].VersionID = s.put(ledger.Join(prefix, m.Files[0].Key), bodies[0])
			s.a.Send(&m, bodies)
			return []found{ofFile(verify.ShortLocked, 2, s.a, &m.Files[0], m.Files[0].VersionID)}
		}},
	{name: "lock for an hour, and commit a day", needs: streamKey, level: 2, kind: verify.ShortLocked, key: "the file", seqs: "the file's", mends: blind,
		do: func(s *scene) []found {
			m, bodies := s.a.Batch(60)
			m.Files[0].VersionID = s.putLocked(ledger.Join(prefix, m.Files[0].Key), bodies[0], s.Now.Add(time.Hour))
			s.a.Send(&m, bodies)
			return []found{ofFile(verify.ShortLocked, 2, s.a, &m.Files[0], m.Files[0].VersionID)}
		}},
	{name: "forge a commit with another key", needs: write, level: 1, kind: verify.Altered, key: "the next commit", seqs: "from the next on", mends: yes,
		do: func(s *scene) []found {
			key := ledger.CommitKey(prefix, s.a.Open.Stream, s.a.Head.Index+1)
			forger := s.newKey(s.a.Key.Name())
			return []found{ofNext(verify.Altered, s.a, key, s.put(key, s.note(s.a.Head, forger)), s.a.Head.NextSeq, -1)}
		}},
	{name: "forge a stream with another root key", needs: write, level: 1, kind: verify.UnknownKey, key: "its open object", seqs: "none", mends: yes,
		do: func(s *scene) []found {
			o := ledger.Open{Archive: s.About.ID, Stream: uuid.New(), OpenedAt: s.Now, RetainUntil: s.About.RetainUntil(s.Now)}
			o.VKey = s.newKey(ledger.StreamName(o.Archive, o.Stream)).VKey()
			raw, err := ledger.SignOpen(o, s.newKey(s.Root.Name()))
			if err != nil {
				s.t.Fatal(err)
			}
			key := ledger.OpenKey(prefix, o.Stream)
			s.put(key, raw)
			return []found{{verify.UnknownKey, 1, key, "", o.Stream.String(), -1, -1}}
		}},
	{name: "fork: two commits for one index", needs: streamKey, level: 1, kind: verify.Fork, key: "the commit", seqs: "the commit's", mends: no,
		do: func(s *scene) []found {
			c := &s.a.Commits[2]
			return []found{ofCommit(verify.Fork, s.a, c, s.put(c.Key, s.note(s.headBefore(s.a, 2), s.a.Key)))}
		}},
	{name: "fork: a clone commits where a marker hides the first commit", needs: "a copy of the node", level: 1, kind: verify.Fork, key: "the commit", seqs: "the commit's", mends: partly,
		do: func(s *scene) []found {
			c := &s.a.Commits[3]
			marker := s.hide(c.Key)
			raw := s.note(s.headBefore(s.a, 3), s.a.Key)
			id, err := s.store.Put(context.Background(), object.Put{Key: c.Key, Body: bytes.NewReader(raw), Size: int64(len(raw)), SHA256: sumOf(raw),
				ContentType: "text/plain", RetainUntil: s.a.Open.RetainUntil})
			if err != nil {
				s.t.Fatal(err)
			}
			return []found{ofCommit(verify.Fork, s.a, c, id), ofCommit(verify.Hidden, s.a, c, marker)}
		}},
	{name: "say that the same seqs of another stream were moved here, twice", needs: streamKey, level: 1, kind: verify.Fork, key: "the second commit", seqs: "where they are moved to", mends: blind,
		do: func(s *scene) []found {
			var c sample.Commit
			for range 2 {
				m, bodies := s.b.Batch(60)
				m.Notes = []ledger.Note{{Kind: ledger.NoteMoved, Stream: s.a.Open.Stream, Range: &ledger.Range{First: 100, Last: 159}, To: &ledger.Range{First: m.First, Last: m.Last}}}
				c = s.b.Send(&m, bodies)
			}
			return []found{ofCommit(verify.Fork, s.b, &c, c.Version)}
		}},
	{name: "promise that a stream is complete through the day after tomorrow", needs: streamKey, level: 1, kind: verify.Gap, key: "the commit", seqs: "none", mends: blind,
		do: func(s *scene) []found {
			s.Now = s.Now.Add(48 * time.Hour)
			c := s.a.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
			return []found{ofCommit(verify.Gap, s.a, &c, c.Version)}
		}},
	{name: "close a stream in favour of one that never begins", needs: streamKey, level: 1, kind: verify.Missing, key: "the commit", seqs: "none", mends: blind,
		do: func(s *scene) []found {
			m := s.a.Head.Empty(s.Now.Add(-48*time.Hour), "sample", ledger.Note{Kind: ledger.NoteRotate, Stream: uuid.New()})
			c := s.a.Send(&m, nil)
			return []found{ofCommit(verify.Missing, s.a, &c, c.Version)}
		}},
}

// edit changes one value in the middle row of a file. All that a file says about
// itself is true again.
func (s *scene) edit(st *sample.Stream, f *ledger.File, body []byte) (ledger.File, []byte) {
	s.t.Helper()
	rows := sample.Rows(s.t, body, f.Class)
	rows[len(rows)/2].Outcome = map[string]string{"success": "failure", "failure": "success"}[rows[len(rows)/2].Outcome]
	parts, ok := parquet.ParseKey("", f.Key)
	if !ok {
		s.t.Fatalf("%s is no key of a file", f.Key)
	}
	return st.File(rows, parts.First, parts.Last)
}

// forge makes a file that looks like one of stream a: ten rows that nobody sent, in a
// partition of its own.
func (s *scene) forge() (key string, body []byte) {
	s.t.Helper()
	f, _, committed := s.file(0)
	var rows []event.Row
	for i, row := range sample.Rows(s.t, committed, f.Class)[:10] {
		row.ID, row.ActorID, row.Seq = uuid.NewString(), "nobody", int64(i)
		row.TimestampNS -= int64(30 * 24 * time.Hour)
		rows = append(rows, row)
	}
	day := rows[0].Day()
	for i := range rows {
		rows[i].TimestampNS = rows[0].TimestampNS + int64(i)
	}
	forged, body := s.a.File(rows, 0, 9)
	return ledger.Join(prefix, ledger.DataName(forged.Class, day, s.a.Open.Stream, 0, 9)), body
}

func (s *scene) newKey(name string) ledger.Key {
	s.t.Helper()
	key, err := ledger.NewKey(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return key
}
