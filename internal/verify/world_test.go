package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/testenv/gen"
)

const prefix = "audit/prod"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// world is an archive in a bucket, and whoever writes to it.
type world struct {
	t       testing.TB
	store   object.Store
	mem     *memstore.Store // the same, unless the bucket is a real one
	now     time.Time
	archive ledger.Archive
	root    ledger.Key
	state   string
	gen     *gen.Generator
}

// writer is one stream and what it has committed.
type writer struct {
	*world
	key     ledger.Key
	open    ledger.Open
	raw     []byte
	openID  string
	head    ledger.Head
	commits [][]byte
	keys    []string // of the commits
	ids     []string // versions of the commits
	files   []ledger.File
	bodies  [][]byte // of the files
}

func newWorld(t testing.TB) *world {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	mem := memstore.New(t, func() time.Time { return now })
	w := worldIn(t, mem, now)
	w.mem = mem
	return w
}

func worldIn(t testing.TB, store object.Store, now time.Time) *world {
	t.Helper()
	id := uuid.New()
	w := &world{t: t, store: store, now: now, root: must(ledger.NewKey(ledger.RootName(id))), state: t.TempDir(), gen: gen.New(7, now.Add(-48*time.Hour), 1)}
	raw := must(ledger.SignArchive(ledger.Archive{ID: id, Created: now.Add(-time.Hour), Floor: now.AddDate(-1, 0, 0), Default: "standard",
		Classes: []ledger.Class{{Name: "long", Days: 3}, {Name: "standard", Days: 1}}}, w.root))
	w.archive = must(ledger.ParseArchive(raw, w.root.VKey()))
	w.put(ledger.ArchiveKey(prefix), raw, w.archive.RetainUntil(now))
	return w
}

func (w *world) put(key string, body []byte, until time.Time) string {
	w.t.Helper()
	id, err := w.store.Put(context.Background(), object.Put{Key: key, Body: bytes.NewReader(body), Size: int64(len(body)), SHA256: sha256.Sum256(body),
		ContentType: "application/octet-stream", RetainUntil: until})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) stream() *writer { return w.successor(uuid.Nil) }

// successor continues another stream; Nil: none.
func (w *world) successor(previous uuid.UUID) *writer {
	w.t.Helper()
	id := uuid.New()
	s := &writer{world: w, key: must(ledger.NewKey(ledger.StreamName(w.archive.ID, id)))}
	s.raw = must(ledger.SignOpen(ledger.Open{Archive: w.archive.ID, Stream: id, VKey: s.key.VKey(), Previous: previous, OpenedAt: w.now,
		RetainUntil: w.archive.RetainUntil(w.now)}, w.root))
	s.open = must(ledger.ParseOpen(s.raw, w.root.VKey()))
	s.head = must(ledger.NewHead(s.raw, w.root.VKey()))
	s.openID = w.put(ledger.OpenKey(prefix, id), s.raw, s.open.RetainUntil)
	return s
}

// batch is what a writer has to send for rows: the files, and their manifest.
func (s *writer) batch(n int) (m ledger.Manifest, bodies [][]byte) {
	s.t.Helper()
	rows := s.gen.Rows(n, s.open.Stream, s.head.NextSeq)
	slices.SortFunc(rows, func(a, b event.Row) int {
		return cmp.Or(cmp.Compare(a.TimestampNS, b.TimestampNS), cmp.Compare(a.Seq, b.Seq))
	})
	parts := make(map[string][]event.Row)
	for i := range rows {
		rows[i].Retention = []string{"long", "standard"}[rows[i].Seq%2]
		parts[rows[i].Retention+rows[i].Day()] = append(parts[rows[i].Retention+rows[i].Day()], rows[i])
	}
	m = ledger.Manifest{First: s.head.NextSeq, Last: s.head.NextSeq + int64(n) - 1, Count: int64(n), Through: s.now.Truncate(time.Millisecond),
		SealedAt: s.now, Writer: "test"}
	for _, part := range parts {
		f, body := s.file(part, m.First, m.Last)
		m.Files, bodies = append(m.Files, f), append(bodies, body)
	}
	order := make([]int, len(bodies))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(m.Files[a].Key, m.Files[b].Key) })
	files, sorted := make([]ledger.File, len(order)), make([][]byte, len(order))
	for to, from := range order {
		files[to], sorted[to] = m.Files[from], bodies[from]
	}
	m.Files = files
	return m, sorted
}

func (s *writer) file(rows []event.Row, first, last int64) (ledger.File, []byte) {
	s.t.Helper()
	class, day := rows[0].Retention, rows[0].Day()
	var buf bytes.Buffer
	w := parquet.NewWriter(&buf, parquet.Options{Stream: s.open.Stream, Class: class, Day: day})
	if err := w.Write(rows...); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	c, _ := s.archive.Class(class)
	f := ledger.File{Key: ledger.DataName(class, day, s.open.Stream, first, last), Size: int64(buf.Len()), SHA256: sha256.Sum256(buf.Bytes()),
		Rows: int64(len(rows)), FirstSeq: rows[0].Seq, LastSeq: rows[0].Seq, MinTimestampNS: rows[0].TimestampNS, MaxTimestampNS: rows[len(rows)-1].TimestampNS,
		Class: class, Day: day, Mode: object.Compliance, RetainUntil: s.now.AddDate(0, 0, int(c.Days))}
	var tree ledger.Tree
	for i := range rows {
		f.FirstSeq, f.LastSeq = min(f.FirstSeq, rows[i].Seq), max(f.LastSeq, rows[i].Seq)
		tree.Add(event.LeafHash(&rows[i]))
	}
	f.Root = tree.Root()
	return f, buf.Bytes()
}

// send puts the files of a batch.
func (s *writer) send(m *ledger.Manifest, bodies [][]byte) {
	s.t.Helper()
	for i := range m.Files {
		m.Files[i].VersionID = s.put(prefix+"/"+m.Files[i].Key, bodies[i], m.Files[i].RetainUntil)
	}
}

// commit signs and puts what was sent.
func (s *writer) commit(m ledger.Manifest, bodies [][]byte) {
	s.t.Helper()
	raw, next, err := s.head.Next(m, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	key := ledger.CommitKey(prefix, s.open.Stream, next.Index)
	s.ids = append(s.ids, s.put(key, raw, s.open.RetainUntil))
	s.keys, s.commits, s.head = append(s.keys, key), append(s.commits, raw), next
	s.files, s.bodies = append(s.files, m.Files...), append(s.bodies, bodies...)
}

// add commits n batches of so many rows.
func (s *writer) add(n, rows int) {
	s.t.Helper()
	for range n {
		m, bodies := s.batch(rows)
		s.send(&m, bodies)
		s.commit(m, bodies)
	}
}

func (w *world) options() Options {
	return Options{Store: w.store, Prefix: prefix, Root: w.root.VKey(), State: w.state, Now: func() time.Time { return w.now }}
}

func (w *world) verify(change ...func(*Options)) *Report {
	w.t.Helper()
	o := w.options()
	for _, c := range change {
		c(&o)
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func stateless(o *Options) { o.State = "" }

func levels(l ...int) func(*Options) { return func(o *Options) { o.Levels = l } }

// wants fails the test unless the report has exactly these findings, given as
// "kind level key version".
func wants(t testing.TB, r *Report, result Result, want ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprintf("%s %d %s %s", f.Kind, f.Level, f.Key, f.Version))
		if f.Action == "" || f.Detail == "" {
			t.Errorf("finding %+v: no detail or no action", f)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if r.Result != result || !slices.Equal(got, want) {
		t.Errorf("result %s, want %s\nfindings %q\nwant     %q\nunchecked %+v", r.Result, result, got, want, r.Unchecked)
	}
}

func sumOf(b []byte) ledger.Hash { return sha256.Sum256(b) }

func readRows(t testing.TB, body []byte, class string) []event.Row {
	t.Helper()
	r, err := parquet.Open(bytes.NewReader(body), int64(len(body)), class)
	if err != nil {
		t.Fatal(err)
	}
	var rows []event.Row
	for row, err := range r.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}
