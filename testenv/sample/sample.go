// Package sample makes small archives of real events in any store, without a
// server: for tests that tamper with one and look what happens. What it writes is
// what a server writes, byte for byte of the formats.
package sample

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// Archive is an archive in a bucket, with the keys to go on with it.
type Archive struct {
	t      testing.TB
	Store  object.Store
	Prefix string
	About  ledger.Archive
	Root   ledger.Key
	Now    time.Time // of everything that is written
	taken  int       // events
}

// Stream is one stream of an Archive and what it has committed.
type Stream struct {
	*Archive
	Key     ledger.Key
	Open    ledger.Open
	Raw     []byte // the open object
	Head    ledger.Head
	Commits []Commit
}

// Commit is one commit object, and what it names.
type Commit struct {
	Key      string // in the bucket
	Version  string
	Raw      []byte
	Manifest ledger.Manifest
	Bodies   [][]byte // of Manifest.Files
}

// New makes an archive without streams. Its classes are long (3 days) and standard
// (1 day).
func New(t testing.TB, store object.Store, prefix string, now time.Time) *Archive {
	t.Helper()
	now = now.UTC().Truncate(time.Second)
	id := uuid.New()
	a := &Archive{t: t, Store: store, Prefix: prefix, Root: must(ledger.NewKey(ledger.RootName(id))), Now: now}
	raw := must(ledger.SignArchive(ledger.Archive{ID: id, Created: now, Floor: now.AddDate(-10, 0, 0), Default: "standard",
		Classes: []ledger.Class{{Name: "long", Days: 3}, {Name: "standard", Days: 1}}}, a.Root))
	a.About = must(ledger.ParseArchive(raw, a.Root.VKey()))
	a.put(ledger.ArchiveKey(prefix), raw, a.About.RetainUntil(now))
	return a
}

// NewStream opens a stream.
func (a *Archive) NewStream() *Stream { return a.Continue(uuid.Nil) }

// Continue opens a stream that continues another one; Nil: none.
func (a *Archive) Continue(previous uuid.UUID) *Stream {
	a.t.Helper()
	id := uuid.New()
	s := &Stream{Archive: a, Key: must(ledger.NewKey(ledger.StreamName(a.About.ID, id)))}
	raw := must(ledger.SignOpen(ledger.Open{Archive: a.About.ID, Stream: id, Previous: previous, VKey: s.Key.VKey(), OpenedAt: a.Now,
		RetainUntil: a.About.RetainUntil(a.Now)}, a.Root))
	s.Raw, s.Open, s.Head = raw, must(ledger.ParseOpen(raw, a.Root.VKey())), must(ledger.NewHead(raw, a.Root.VKey()))
	a.put(ledger.OpenKey(a.Prefix, id), raw, s.Open.RetainUntil)
	return s
}

// Commit archives the next n real events: two classes and three days, six files.
func (s *Stream) Commit(n int) Commit {
	s.t.Helper()
	m, bodies := s.Batch(n)
	return s.Send(&m, bodies)
}

// Send puts the files of a batch that have no version yet, and commits it.
func (s *Stream) Send(m *ledger.Manifest, bodies [][]byte) Commit {
	s.t.Helper()
	s.Put(m, bodies)
	return s.commit(*m, bodies)
}

// Put puts the files of a batch that have no version yet, as a writer does that dies
// before their commit.
func (s *Stream) Put(m *ledger.Manifest, bodies [][]byte) {
	s.t.Helper()
	for i := range m.Files {
		if f := &m.Files[i]; f.VersionID == "" {
			f.VersionID = s.put(ledger.Join(s.Prefix, f.Key), bodies[i], f.RetainUntil)
		}
	}
}

// Note archives an empty batch with a note.
func (s *Stream) Note(n ledger.Note) Commit {
	s.t.Helper()
	m := s.Head.Empty(s.Now, "sample", n)
	m.Through = s.Now
	return s.commit(m, nil)
}

func (s *Stream) commit(m ledger.Manifest, bodies [][]byte) Commit {
	s.t.Helper()
	raw, next, err := s.Head.Next(m, s.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	c := Commit{Key: ledger.CommitKey(s.Prefix, s.Open.Stream, next.Index), Raw: raw, Manifest: m, Bodies: bodies}
	c.Version = s.put(c.Key, raw, s.Open.RetainUntil)
	s.Head, s.Commits = next, append(s.Commits, c)
	return c
}

// Batch makes the files of the next n events and their manifest, and sends nothing:
// the files have no version ids yet.
func (s *Stream) Batch(n int) (ledger.Manifest, [][]byte) {
	s.t.Helper()
	m := ledger.Manifest{First: s.Head.NextSeq, Last: s.Head.NextSeq + int64(n) - 1, Count: int64(n), Through: s.Now, SealedAt: s.Now, Writer: "sample"}
	parts := make(map[string][]event.Row)
	for i, e := range s.take(n) {
		e.Retention, e.ReceivedAtMS = []string{"long", "standard"}[i%2], s.Now.UnixMilli()
		e.TimestampNS -= int64(i%3) * int64(24*time.Hour)
		row := event.Row{Event: e, Stream: s.Open.Stream, Seq: m.First + int64(i)}
		key := ledger.DataName(e.Retention, row.Day(), s.Open.Stream, m.First, m.Last)
		parts[key] = append(parts[key], row)
	}
	var bodies [][]byte
	keys := make([]string, 0, len(parts))
	for key := range parts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		f, body := s.File(parts[key], m.First, m.Last)
		m.Files, bodies = append(m.Files, f), append(bodies, body)
	}
	return m, bodies
}

// File encodes the rows of one partition of the batch [first, last].
func (s *Stream) File(rows []event.Row, first, last int64) (ledger.File, []byte) {
	s.t.Helper()
	slices.SortFunc(rows, func(a, b event.Row) int {
		return cmp.Or(cmp.Compare(a.TimestampNS, b.TimestampNS), cmp.Compare(a.Seq, b.Seq))
	})
	class, day := rows[0].Retention, rows[0].Day()
	var buf bytes.Buffer
	w := parquet.NewWriter(&buf, parquet.Options{Stream: s.Open.Stream, Class: class, Day: day})
	if err := w.Write(rows...); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	c, _ := s.About.Class(class)
	f := ledger.File{Key: ledger.DataName(class, day, s.Open.Stream, first, last), Size: int64(buf.Len()), SHA256: sha256.Sum256(buf.Bytes()),
		Rows: int64(len(rows)), FirstSeq: rows[0].Seq, LastSeq: rows[0].Seq, MinTimestampNS: rows[0].TimestampNS, MaxTimestampNS: rows[len(rows)-1].TimestampNS,
		Class: class, Day: day, Mode: object.Compliance, RetainUntil: s.Now.AddDate(0, 0, int(c.Days))}
	var tree ledger.Tree
	for i := range rows {
		f.FirstSeq, f.LastSeq = min(f.FirstSeq, rows[i].Seq), max(f.LastSeq, rows[i].Seq)
		tree.Add(event.LeafHash(&rows[i]))
	}
	f.Root = tree.Root()
	return f, buf.Bytes()
}

// Rows decodes a file.
func Rows(t testing.TB, body []byte, class string) (rows []event.Row) {
	t.Helper()
	for row, err := range must(parquet.Open(bytes.NewReader(body), int64(len(body)), class)).Rows() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func (a *Archive) put(key string, body []byte, until time.Time) (version string) {
	a.t.Helper()
	version, err := a.Store.Put(context.Background(), object.Put{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)),
		SHA256: sha256.Sum256(body), ContentType: "application/octet-stream", RetainUntil: until})
	if err != nil {
		a.t.Fatal(err)
	}
	return version
}

// take returns the next n events; after the last comes the first again.
func (a *Archive) take(n int) []event.Event {
	a.t.Helper()
	all, err := recorded()
	if err != nil {
		a.t.Fatal(err)
	}
	out := make([]event.Event, n)
	for i := range out {
		out[i] = all[(a.taken+i)%len(all)]
	}
	a.taken += n
	return out
}

// recorded decodes the real events, once.
var recorded = sync.OnceValues(func() ([]event.Event, error) {
	_, here, _, _ := runtime.Caller(0)
	f, err := os.Open(filepath.Join(filepath.Dir(here), "../data/cloudtrail/events.ndjson.gz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	d := event.NewDecoder(event.DefaultLimits())
	var all []event.Event
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, errs := d.Decode(bytes.Clone(lines.Bytes()), time.Now())
		if len(errs) > 0 {
			return nil, fmt.Errorf("event %d: %v", len(all), errs)
		}
		e.Producer = "sample"
		all = append(all, e)
	}
	return all, lines.Err()
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
