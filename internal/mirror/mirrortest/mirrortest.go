// Package mirrortest makes archives for the tests of mirrors: real Parquet files,
// real signed commits, any store.
package mirrortest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// Prefix of the keys of every archive.
const Prefix = "audit-logs"

// Archive is an archive that a test writes. Files of class standard are locked for
// a day, those of class long for three.
type Archive struct {
	t       testing.TB
	store   object.Store
	now     func() time.Time
	about   ledger.Archive
	root    ledger.Key
	Streams []*Stream
}

// Stream is one stream of an Archive.
type Stream struct {
	ID   uuid.UUID
	Rows []event.Row // all that were committed, in order of seq

	Key  ledger.Key
	Open []byte // its certificate

	a    *Archive
	head ledger.Head
}

// New makes an archive without streams. now is its clock.
func New(t testing.TB, store object.Store, now func() time.Time) *Archive {
	t.Helper()
	a := &Archive{t: t, store: store, now: now}
	id := uuid.New()
	a.root = must(t)(ledger.NewKey(ledger.RootName(id)))
	a.about = ledger.Archive{ID: id, Created: a.second(), Floor: a.second().AddDate(-10, 0, 0), Default: "standard",
		Classes: []ledger.Class{{Name: "long", Days: 3}, {Name: "standard", Days: 1}}}
	raw, err := ledger.SignArchive(a.about, a.root)
	if err != nil {
		t.Fatal(err)
	}
	a.put(ledger.ArchiveKey(Prefix), raw, a.about.RetainUntil(a.second()))
	return a
}

func must(t testing.TB) func(ledger.Key, error) ledger.Key {
	return func(k ledger.Key, err error) ledger.Key {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

func (a *Archive) second() time.Time { return a.now().UTC().Truncate(time.Second) }

// ID of the archive.
func (a *Archive) ID() uuid.UUID { return a.about.ID }

// RootVKey is whom readers trust.
func (a *Archive) RootVKey() string { return a.root.VKey() }

// Reader returns a reader that has seen nothing yet.
func (a *Archive) Reader() *ledger.Reader {
	a.t.Helper()
	r, err := ledger.NewReader(a.store, Prefix, a.root.VKey())
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// Rows returns all committed rows of all streams.
func (a *Archive) Rows() (rows []event.Row) {
	for _, s := range a.Streams {
		rows = append(rows, s.Rows...)
	}
	return rows
}

// Stream opens a new stream.
func (a *Archive) Stream() *Stream {
	a.t.Helper()
	s := &Stream{ID: uuid.New(), a: a}
	s.Key = must(a.t)(ledger.NewKey(ledger.StreamName(a.about.ID, s.ID)))
	until := a.about.RetainUntil(a.second())
	raw, err := ledger.SignOpen(ledger.Open{Archive: a.about.ID, Stream: s.ID, VKey: s.Key.VKey(), OpenedAt: a.second(), RetainUntil: until}, a.root)
	if err != nil {
		a.t.Fatal(err)
	}
	s.Open = raw
	a.put(ledger.OpenKey(Prefix, s.ID), raw, until)
	if s.head, err = ledger.NewHead(raw, a.root.VKey()); err != nil {
		a.t.Fatal(err)
	}
	a.Streams = append(a.Streams, s)
	return s
}

// Commit archives events as one batch, and returns its manifest. Without events it
// is a heartbeat.
func (s *Stream) Commit(events ...event.Event) ledger.Manifest {
	s.a.t.Helper()
	var notes []ledger.Note
	if len(events) == 0 {
		notes = []ledger.Note{{Kind: ledger.NoteHeartbeat}}
	}
	return s.CommitNotes(notes, events...)
}

// CommitNotes is Commit with notes. Events pass over the seqs that gap notes name.
func (s *Stream) CommitNotes(notes []ledger.Note, events ...event.Event) ledger.Manifest {
	s.a.t.Helper()
	m := s.head.Empty(s.a.second(), "mirrortest", notes...)
	m.Count, m.Last = int64(len(events)), m.First+int64(len(events))-1
	m.Through = s.a.now().UTC().Truncate(time.Millisecond)
	seqs := make([]int64, 0, len(events))
	for seq := m.First; seq <= m.Last; seq++ {
		lost := slices.ContainsFunc(notes, func(n ledger.Note) bool {
			return n.Kind == ledger.NoteGap && n.Range.First <= seq && seq <= n.Range.Last
		})
		if lost {
			m.Last++
			continue
		}
		seqs = append(seqs, seq)
	}
	parts := map[[2]string][]event.Row{}
	for i, e := range events {
		row := event.Row{Event: e, Stream: s.ID, Seq: seqs[i]}
		at := [2]string{e.Retention, e.Day()}
		parts[at] = append(parts[at], row)
		s.Rows = append(s.Rows, row)
	}
	for at, rows := range parts {
		m.Files = append(m.Files, s.file(&m, at[0], at[1], rows))
	}
	slices.SortFunc(m.Files, func(x, y ledger.File) int { return cmp.Compare(x.Key, y.Key) })
	raw, next, err := s.head.Next(m, s.Key)
	if err != nil {
		s.a.t.Fatal(err)
	}
	s.a.put(ledger.CommitKey(Prefix, s.ID, next.Index), raw, next.RetainUntil)
	s.head = next
	return m
}

// file writes the rows of one partition.
func (s *Stream) file(m *ledger.Manifest, class, day string, rows []event.Row) ledger.File {
	s.a.t.Helper()
	slices.SortFunc(rows, func(x, y event.Row) int {
		return cmp.Or(cmp.Compare(x.TimestampNS, y.TimestampNS), cmp.Compare(x.Seq, y.Seq))
	})
	f := ledger.File{Key: ledger.DataName(class, day, s.ID, m.First, m.Last), Rows: int64(len(rows)), Class: class, Day: day,
		Mode: object.Compliance, FirstSeq: rows[0].Seq, LastSeq: rows[0].Seq,
		MinTimestampNS: rows[0].TimestampNS, MaxTimestampNS: rows[len(rows)-1].TimestampNS}
	c, ok := s.a.about.Class(class)
	if !ok {
		s.a.t.Fatalf("no class %q", class)
	}
	f.RetainUntil = m.SealedAt.AddDate(0, 0, int(c.Days))
	var buf bytes.Buffer
	var tree ledger.Tree
	w := parquet.NewWriter(&buf, parquet.Options{Stream: s.ID, Class: class, Day: day})
	for i := range rows {
		tree.Add(event.LeafHash(&rows[i]))
		f.FirstSeq, f.LastSeq = min(f.FirstSeq, rows[i].Seq), max(f.LastSeq, rows[i].Seq)
	}
	if err := w.Write(rows...); err != nil {
		s.a.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.a.t.Fatal(err)
	}
	f.Size, f.SHA256, f.Root = int64(buf.Len()), sha256.Sum256(buf.Bytes()), tree.Root()
	f.VersionID = s.a.put(ledger.Join(Prefix, f.Key), buf.Bytes(), f.RetainUntil)
	return f
}

func (a *Archive) put(key string, body []byte, until time.Time) string {
	a.t.Helper()
	version, err := a.store.Put(a.t.Context(), object.Put{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)),
		SHA256: sha256.Sum256(body), ContentType: "application/octet-stream", RetainUntil: until})
	if err != nil {
		a.t.Fatal(err)
	}
	return version
}

// Events makes n different events, one after another from at on, spread over three
// days before it and both classes. Every value is one that a careless mirror would
// change: NULL beside "", details with odd spelling, addresses in forms of their
// own, nanoseconds.
func Events(n int, at time.Time) []event.Event {
	ips := []event.Text{{}, event.Str("203.0.113.7"), event.Str("2001:DB8:0:0::1"), event.Str("::ffff:192.0.2.1"), event.Str("::1.2.3.4"), event.Str("fe80::0001")}
	details := []event.Text{{}, event.Str(`{"a" : 1.50, "b":"\u00e9é","a":{ }}`), event.Str(`{}`), event.Str("{\n\t\"n\":1e400,\"s\":\"\\ud83d\\ude00 😀\"}")}
	texts := []event.Text{{}, event.Str(""), event.Str("a\\b\t\"quoted\"\n\\N"), event.Str("Zoë \u202e 日本語")}
	events := make([]event.Event, n)
	for i := range events {
		class := "standard"
		if i%3 == 0 {
			class = "long"
		}
		events[i] = event.Event{
			ID: uuid.NewString(), Action: "order.update", ActorID: fmt.Sprint("user-", i%7), ActorType: "user",
			ActorEmail: texts[i%4], ResourceType: "order", ResourceID: texts[(i+1)%4], Outcome: "success", Reason: texts[(i+2)%4],
			Details: details[i%4], RequestID: texts[(i+3)%4], IP: ips[i%len(ips)], UserAgent: texts[(i/4)%4], OrganizationID: texts[(i/4+1)%4],
			ReceivedAtMS: at.UnixMilli() + int64(i), Producer: "test", Retention: class,
			TimestampNS: at.Add(time.Duration(i%3)*-24*time.Hour).UnixNano() + int64(i)*1_000_001,
		}
	}
	return events
}
