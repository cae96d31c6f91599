package archives_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/parquet"
)

const prefix = "audit"

// builder writes an archive that has one of everything that the formats allow.
type builder struct {
	t     *testing.T
	store *memstore.Store
	now   time.Time
	about ledger.Archive
	root  ledger.Key
}

// stream is one of its streams.
type stream struct {
	*builder
	id     uuid.UUID
	open   []byte
	opened ledger.Open
	signer ledger.Signer
	head   ledger.Head
}

func (b *builder) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func newBuilder(t *testing.T) *builder {
	b := &builder{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	b.store = memstore.New(t, func() time.Time { return b.now })
	id := uuid.New()
	var err error
	b.root, err = ledger.NewKey(ledger.RootName(id))
	b.check(err)
	b.about = ledger.Archive{ID: id, Created: b.now, Floor: b.now.AddDate(-10, 0, 0), Default: "standard",
		Classes: []ledger.Class{{Name: "long", Days: 3653}, {Name: "standard", Days: 400}}}
	raw, err := ledger.SignArchive(b.about, b.root)
	b.check(err)
	b.put("archive", raw, b.about.RetainUntil(b.now))
	return b
}

func (b *builder) put(name string, body []byte, until time.Time) string {
	b.t.Helper()
	version, err := b.store.Put(b.t.Context(), object.Put{Key: prefix + "/" + name, Body: bytes.NewReader(body), Size: int64(len(body)),
		SHA256: sha256.Sum256(body), ContentType: "application/octet-stream", RetainUntil: until})
	b.check(err)
	return version
}

// begin opens a stream. Its key is an Ed25519 one or, as a key service has them, an
// ECDSA one.
func (b *builder) begin(ecdsaKey bool, previous uuid.UUID) *stream {
	b.t.Helper()
	s := &stream{builder: b, id: uuid.New()}
	name := ledger.StreamName(b.about.ID, s.id)
	var err error
	if ecdsaKey {
		key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		b.check(keyErr)
		s.signer, err = ledger.NewECDSASigner(name, key)
	} else {
		s.signer, err = ledger.NewKey(name)
	}
	b.check(err)
	s.opened = ledger.Open{Archive: b.about.ID, Stream: s.id, VKey: s.signer.VKey(), Previous: previous, OpenedAt: b.now, RetainUntil: b.about.RetainUntil(b.now)}
	s.open, err = ledger.SignOpen(s.opened, b.root)
	b.check(err)
	b.put(ledger.OpenKey("", s.id), s.open, s.opened.RetainUntil)
	s.head, err = ledger.NewHead(s.open, b.root.VKey())
	b.check(err)
	return s
}

// commit adds a commit of events, notes, or both. skip seqs before the events are lost.
func (s *stream) commit(signer ledger.Signer, events []event.Event, skip int64, notes ...ledger.Note) []event.Row {
	s.t.Helper()
	s.now = s.now.Add(time.Minute)
	m := s.head.Empty(s.now, "archiver frozen", notes...)
	m.Count = int64(len(events))
	m.Last = m.First + skip + m.Count - 1
	m.Through = s.now.Add(-time.Second)
	parts := map[[2]string][]event.Row{}
	var rows []event.Row
	for i, e := range events {
		row := event.Row{Event: e, Stream: s.id, Seq: m.First + skip + int64(i)}
		parts[[2]string{e.Retention, e.Day()}] = append(parts[[2]string{e.Retention, e.Day()}], row)
		rows = append(rows, row)
	}
	for at, part := range parts {
		m.Files = append(m.Files, s.file(&m, at[0], at[1], part))
	}
	slices.SortFunc(m.Files, func(x, y ledger.File) int { return cmp.Compare(x.Key, y.Key) })
	raw, next, err := s.head.Next(m, signer)
	s.check(err)
	s.put(ledger.CommitKey("", s.id, next.Index), raw, next.RetainUntil)
	s.head = next
	return rows
}

func (s *stream) file(m *ledger.Manifest, class, day string, rows []event.Row) ledger.File {
	s.t.Helper()
	slices.SortFunc(rows, func(x, y event.Row) int {
		return cmp.Or(cmp.Compare(x.TimestampNS, y.TimestampNS), cmp.Compare(x.Seq, y.Seq))
	})
	f := ledger.File{Key: ledger.DataName(class, day, s.id, m.First, m.Last), Rows: int64(len(rows)), Class: class, Day: day,
		Mode: object.Compliance, FirstSeq: rows[0].Seq, LastSeq: rows[0].Seq,
		MinTimestampNS: rows[0].TimestampNS, MaxTimestampNS: rows[len(rows)-1].TimestampNS}
	c, _ := s.about.Class(class)
	f.RetainUntil = m.SealedAt.AddDate(0, 0, int(c.Days))
	var buf bytes.Buffer
	var tree ledger.Tree
	w := parquet.NewWriter(&buf, parquet.Options{Stream: s.id, Class: class, Day: day})
	for i := range rows {
		tree.Add(event.LeafHash(&rows[i]))
		f.FirstSeq, f.LastSeq = min(f.FirstSeq, rows[i].Seq), max(f.LastSeq, rows[i].Seq)
	}
	s.check(w.Write(rows...))
	s.check(w.Close())
	f.Size, f.SHA256, f.Root = int64(buf.Len()), sha256.Sum256(buf.Bytes()), tree.Root()
	f.VersionID = s.put(f.Key, buf.Bytes(), f.RetainUntil)
	if class == "long" {
		index := []byte("an index of " + day)
		name := strings.TrimSuffix(strings.Replace(f.Key, "events/", "index/", 1), "parquet") + "idx"
		f.Aux = []ledger.Aux{{Kind: "index", Key: name, VersionID: s.put(name, index, f.RetainUntil), Size: int64(len(index)), SHA256: sha256.Sum256(index),
			Mode: object.Compliance, RetainUntil: f.RetainUntil}}
	}
	return f
}

// realEvents returns n events of testenv/data.
func (b *builder) realEvents(n int) (events []event.Event) {
	b.t.Helper()
	f, err := os.Open("../data/cloudtrail/events.ndjson.gz")
	b.check(err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	b.check(err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && len(events) < n {
		e, problems := event.Decode(lines.Bytes(), b.now, event.DefaultLimits())
		if len(problems) > 0 {
			b.t.Fatal(problems)
		}
		e.Retention, e.Producer, e.ReceivedAtMS, e.Fingerprint = "standard", "cloudtrail", b.now.UnixMilli(), 0
		events = append(events, e)
	}
	b.check(lines.Err())
	return events
}

// build makes the archive: three streams, every kind of note, a gap, a recovery, a
// repair. It returns the receipts that the first stream gave.
func (b *builder) build() (receipts [][]byte) {
	one := b.begin(false, uuid.Nil)
	machine := ledger.Note{Kind: ledger.NoteStart, Machine: "m-1", Boot: "b-1", Inode: "42", Host: "node-1"}
	one.commit(one.signer, nil, 0, machine)
	rows := one.commit(one.signer, b.realEvents(120), 0)
	receipts = one.receipts(rows)
	one.commit(one.signer, mirrortest.Events(40, b.now), 0)
	one.commit(one.signer, nil, 0, ledger.Note{Kind: ledger.NoteHeartbeat})
	gap := ledger.Range{First: one.head.NextSeq, Last: one.head.NextSeq + 2}
	one.commit(one.signer, mirrortest.Events(5, b.now), 3, ledger.Note{Kind: ledger.NoteGap, Range: &gap, Text: "a segment of the log was damaged"})

	lost := b.begin(false, uuid.Nil)
	lost.commit(lost.signer, mirrortest.Events(12, b.now), 0, machine)
	recovered := ledger.Note{Kind: ledger.NoteRecover, Host: "node-2", Text: "the disk of node-1 was lost"}
	lost.commit(b.root, mirrortest.Events(6, b.now), 0, recovered)
	lost.commit(b.root, nil, 0, recovered, ledger.Note{Kind: ledger.NoteRotate})

	next := b.begin(true, one.id)
	one.commit(one.signer, nil, 0, ledger.Note{Kind: ledger.NoteStop}, ledger.Note{Kind: ledger.NoteRotate, Stream: next.id})
	next.commit(next.signer, nil, 0, ledger.Note{Kind: ledger.NoteStart, Machine: "m-2"},
		ledger.Note{Kind: "override", Text: "doctor: versioning could not be looked at"}, ledger.Note{Kind: "of-a-later-release", Text: "readers keep it"})
	from, to := ledger.Range{First: 200, Last: 204}, ledger.Range{First: 0, Last: 4}
	stray := ledger.DataName("standard", "2026-11-23", one.id, 200, 204)
	strayVersion := b.put(stray, []byte("sent by a clone, and in no commit"), b.now.AddDate(1, 0, 0))
	next.commit(next.signer, mirrortest.Events(8, b.now), 0, ledger.Note{Kind: ledger.NoteMoved, Stream: one.id, Range: &from, To: &to},
		ledger.Note{Kind: ledger.NoteOrphan, Key: stray, VersionID: strayVersion})
	next.commit(next.signer, b.realEvents(30), 0)
	b.repair(next)
	next.commit(next.signer, nil, 0, ledger.Note{Kind: ledger.NoteHeartbeat})
	return receipts
}

// receipts signs two receipts for rows of one group commit.
func (s *stream) receipts(rows []event.Row) (all [][]byte) {
	s.t.Helper()
	var taken []ledger.Taken
	for _, part := range [][]event.Row{rows[:1], rows[1:20]} {
		t := ledger.Taken{First: part[0].Seq, ReceivedAtMS: part[0].ReceivedAtMS}
		for i := range part {
			t.Leaves = append(t.Leaves, event.LeafHash(&part[i]))
		}
		taken = append(taken, t)
	}
	signed, err := ledger.SignReceipts(s.open, &s.opened, taken, s.now, s.signer)
	s.check(err)
	for i := range signed {
		all = append(all, signed[i].Append(nil))
	}
	return all
}

// repair covers a forged version of the stream's newest file with the committed
// bytes, as `archiver repair` does, and attests it.
func (b *builder) repair(s *stream) {
	b.t.Helper()
	view, err := ledger.NewReader(b.store, prefix, b.root.VKey())
	b.check(err)
	v, err := view.Refresh(b.t.Context())
	b.check(err)
	var f *ledger.File
	for file := range v.Files() {
		if bytes.Contains([]byte(file.Key), []byte(s.id.String())) {
			f = file
		}
	}
	forged := b.store.PutForged(prefix+"/"+f.Key, []byte("forged"))
	body, err := b.store.Get(b.t.Context(), prefix+"/"+f.Key, f.VersionID)
	b.check(err)
	var committed bytes.Buffer
	_, err = committed.ReadFrom(body)
	b.check(err)
	b.check(body.Close())
	hidden := b.store.Hide(prefix + "/" + f.Key) // so that a Put adds a version
	copied := b.put(f.Key, committed.Bytes(), f.RetainUntil)
	note, err := ledger.SignAttestation(ledger.Attestation{Archive: b.about.ID, Kind: ledger.AttestRepair, At: b.now},
		ledger.RepairBody{Objects: []ledger.RepairedObject{{Key: f.Key, VersionID: copied, SHA256: f.SHA256, Over: []string{forged, hidden}}}}, b.root)
	b.check(err)
	b.put(ledger.AttestKey("", ledger.AttestRepair, note), note, b.about.RetainUntil(b.now))
}
