package prove

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// world is an archive of real files and commits.
type world struct {
	t       *testing.T
	store   *memstore.Store
	archive *mirrortest.Archive
	reader  *ledger.Reader
	now     time.Time
	opens   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.store = memstore.New(t, clock)
	w.archive = mirrortest.New(t, w.store, clock)
	w.reader = w.archive.Reader()
	return w
}

type memFile struct{ *bytes.Reader }

func (memFile) Close() error { return nil }

// open fetches a file by its version, as the program does.
func (w *world) open(ctx context.Context, f *ledger.File) (File, error) {
	w.opens++
	body, err := w.store.Get(ctx, ledger.Join(mirrortest.Prefix, f.Key), f.VersionID)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if sumOf(raw) != f.SHA256 {
		return nil, ErrContent
	}
	return memFile{bytes.NewReader(raw)}, nil
}

func (w *world) finder() *Finder {
	w.t.Helper()
	view, err := w.reader.Refresh(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return &Finder{View: view, Complete: true, Open: w.open, Now: func() time.Time { return w.now }}
}

// receipt is what the stream would have given for events with these seqs.
func (w *world) receipt(s *mirrortest.Stream, first int64, events ...event.Event) *ledger.Received {
	w.t.Helper()
	o, err := ledger.ParseOpen(s.Open, w.archive.RootVKey())
	if err != nil {
		w.t.Fatal(err)
	}
	t := ledger.Taken{First: first, ReceivedAtMS: events[0].ReceivedAtMS}
	for i, e := range events {
		t.Leaves = append(t.Leaves, event.LeafHash(&event.Row{Event: e, Stream: s.ID, Seq: first + int64(i)}))
	}
	all, err := ledger.SignReceipts(s.Open, &o, []ledger.Taken{t}, w.now, s.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := ledger.CheckReceipt(all[0].Append(nil), w.archive.RootVKey())
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func TestProofOfEveryEvent(t *testing.T) {
	w := newWorld(t)
	a, b := w.archive.Stream(), w.archive.Stream()
	a.Commit(mirrortest.Events(1, w.now)...)
	b.Commit(mirrortest.Events(40, w.now)...)
	a.Commit()
	a.CommitNotes([]ledger.Note{{Kind: ledger.NoteGap, Range: &ledger.Range{First: 3, Last: 5}}}, mirrortest.Events(20, w.now)...)
	f := w.finder()
	for _, row := range w.archive.Rows() {
		found, err := f.Find(t.Context(), Event{row.Stream, row.Seq})
		if err != nil {
			t.Fatal(err)
		}
		proof, err := found.Proof()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ledger.CheckProof(proof, w.archive.RootVKey())
		if err != nil || got.Row != row || found.Row != row || got.Index != found.Commit {
			t.Fatalf("%+v, %v; want %+v", got, err, row)
		}
	}
}

func TestAbsence(t *testing.T) {
	w := newWorld(t)
	s := w.archive.Stream()
	s.Commit(mirrortest.Events(10, w.now)...)
	s.CommitNotes([]ledger.Note{{Kind: ledger.NoteGap, Range: &ledger.Range{First: 12, Last: 13}, Text: "a broken disk"}}, mirrortest.Events(6, w.now)...)
	f := w.finder()
	incomplete := *f
	incomplete.Complete = false
	for name, tt := range map[string]struct {
		f      *Finder
		e      Event
		state  State
		detail string
	}{
		"in a gap":              {f, Event{s.ID, 12}, Missing, "a broken disk"},
		"not yet":               {f, Event{s.ID, 18}, NotCommitted, "complete through 2026-11-23T12:00:00Z"},
		"perhaps":               {&incomplete, Event{s.ID, 18}, Unknown, "could not be read completely"},
		"of no stream":          {f, Event{uuid.Nil, 0}, Missing, "no such stream"},
		"of a stream not known": {&incomplete, Event{uuid.Nil, 0}, Unknown, "could not be read completely"},
	} {
		_, err := tt.f.Find(t.Context(), tt.e)
		var a *Absence
		if !errors.As(err, &a) || a.State != tt.state || !strings.Contains(a.Detail, tt.detail) {
			t.Errorf("%s: %v", name, err)
		}
		// By itself, without what Find makes of a ledger that was not read completely.
		_, absent, err := tt.f.FindAll(t.Context(), []Event{tt.e})
		if err != nil || absent[0] == nil || absent[0].State != tt.state || !strings.Contains(absent[0].Detail, tt.detail) {
			t.Errorf("%s, among all: %v, %v", name, absent, err)
		}
	}
	s.CommitNotes([]ledger.Note{{Kind: ledger.NoteRotate}})
	if _, err := w.finder().Find(t.Context(), Event{s.ID, 18}); !strings.Contains(err.Error(), "missing: the stream was closed by commit 2") {
		t.Errorf("after the end: %v", err)
	}
}

// TestAbsenceOfFiles: what cannot be read is told from what is gone.
func TestAbsenceOfFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		do    func(w *world, f *ledger.File)
		state State
	}{
		"gone while it is locked": {func(w *world, f *ledger.File) {
			w.store.DeleteVersion(ledger.Join(mirrortest.Prefix, f.Key), f.VersionID)
		}, Missing},
		"gone afterwards": {func(w *world, f *ledger.File) {
			w.store.DeleteVersion(ledger.Join(mirrortest.Prefix, f.Key), f.VersionID)
			w.now = f.RetainUntil.Add(time.Second)
		}, Expired},
		"the store is away": {func(w *world, _ *ledger.File) {
			w.store.Intercept(func(c memstore.Call) *memstore.Fault {
				if c.Op == "get" && strings.HasSuffix(c.Key, ".parquet") {
					return &memstore.Fault{Err: memstore.ErrLost}
				}
				return nil
			})
		}, Unknown},
		"other bytes": {func(_ *world, f *ledger.File) { f.SHA256[0]++ }, Altered},
		"other rows":  {func(_ *world, f *ledger.File) { f.Root[0]++ }, Altered},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.archive.Stream()
			events := mirrortest.Events(5, w.now)
			s.Commit(events...)
			f := w.finder()
			m := &f.View.Streams[0].Manifests[0]
			at, err := f.Find(t.Context(), Event{s.ID, 1})
			if err != nil {
				t.Fatal(err)
			}
			for i := range m.Files {
				if m.Files[i].Key == at.File.Key {
					tt.do(w, &m.Files[i])
				}
			}
			_, err = f.Find(t.Context(), Event{s.ID, 1})
			var a *Absence
			if !errors.As(err, &a) || a.State != tt.state || a.Commit != 0 {
				t.Errorf("%v, want %s", err, tt.state)
			}
			if name == "other rows" {
				return // a receipt is about rows, not about roots
			}
			outcomes, err := f.Receipt(t.Context(), w.receipt(s, 1, events[1]))
			if err != nil || outcomes[0].State != tt.state {
				t.Errorf("%+v, %v, want %s", outcomes, err, tt.state)
			}
		})
	}
}

func TestReceipt(t *testing.T) {
	w := newWorld(t)
	s := w.archive.Stream()
	first, second := mirrortest.Events(10, w.now), mirrortest.Events(4, w.now)
	s.Commit(first...)
	s.CommitNotes([]ledger.Note{{Kind: ledger.NoteGap, Range: &ledger.Range{First: 12, Last: 13}}}, second...)
	f := w.finder()
	w.opens = 0
	outcomes, err := f.Receipt(t.Context(), w.receipt(s, 0, first...))
	if err != nil || len(outcomes) != 10 {
		t.Fatalf("%+v, %v", outcomes, err)
	}
	for i, o := range outcomes {
		if o.State != Archived || o.Event != (Event{s.ID, int64(i)}) || o.Commit != 0 || o.Moved != nil {
			t.Errorf("%+v", o)
		}
	}
	if files := len(f.View.Streams[0].Manifests[0].Files); w.opens != files {
		t.Errorf("%d files opened, there are %d", w.opens, files)
	}
	// What was acknowledged as 8 to 17, of which some is lost, altered, or not there yet.
	acknowledged := append(first[8:], second[0], second[1], second[0], second[0], second[2], second[3], second[0], second[0])
	acknowledged[2].Reason = event.Str("what the client sent")
	outcomes, err = f.Receipt(t.Context(), w.receipt(s, 8, acknowledged...))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range outcomes {
		got = append(got, string(o.State))
	}
	const want = "archived archived altered archived missing missing archived archived not-committed not-committed"
	if strings.Join(got, " ") != want {
		t.Errorf("%s\nwant %s\n%+v", strings.Join(got, " "), want, outcomes)
	}
}

// TestReceiptOfWhatMoved: events of a stream that another one took over, with the
// seqs that they got there, and all else as it was. Under one of their names the first stream
// has the event of a twin.
func TestReceiptOfWhatMoved(t *testing.T) {
	w := newWorld(t)
	old, next := w.archive.Stream(), w.archive.Stream()
	events := mirrortest.Events(6, w.now)
	twin := mirrortest.Events(1, w.now)[0]
	old.Commit(events[0], twin)
	old.CommitNotes([]ledger.Note{{Kind: ledger.NoteRotate, Stream: next.ID}})
	next.Commit(mirrortest.Events(7, w.now)...)
	moved := append([]event.Event(nil), events[1:]...)
	moved[3].ReceivedAtMS++
	moved[4].Outcome = "failure"
	next.CommitNotes([]ledger.Note{{Kind: ledger.NoteMoved, Stream: old.ID, Range: &ledger.Range{First: 1, Last: 5}, To: &ledger.Range{First: 7, Last: 11}}}, moved...)
	f := w.finder()
	for i, e := range append(events, twin) {
		seq := int64(i)
		want, where := Archived, next.ID
		switch i {
		case 0:
			where = old.ID
		case 4, 5: // another content than was acknowledged
			want = Altered
		case 6: // the twin's receipt is as good
			seq, where = 1, old.ID
		}
		outcomes, err := f.Receipt(t.Context(), w.receipt(old, seq, e))
		if err != nil {
			t.Fatal(err)
		}
		o := outcomes[0]
		if i == 1 { // what is Altered in one stream may be in one that was not read
			partly := Finder{View: &ledger.View{Streams: []ledger.Stream{*f.stream(old.ID)}}, Open: f.Open, Now: f.Now}
			if outcomes, err := partly.Receipt(t.Context(), w.receipt(old, seq, e)); err != nil || outcomes[0].State != Unknown {
				t.Errorf("without the other stream: %v %+v", err, outcomes)
			}
		}
		if o.State != want || (o.Moved != nil) != (where == next.ID) || o.Moved != nil && *o.Moved != (Event{next.ID, seq + 6}) || (o.Found != nil) != (want == Archived) {
			t.Errorf("event %d: %+v", i, o)
		}
	}
}

// TestFindWhatMoved: an event is found by the name under which it was acknowledged, also
// when another stream has taken it over, and is not called missing while that may be so.
func TestFindWhatMoved(t *testing.T) {
	w := newWorld(t)
	old, next := w.archive.Stream(), w.archive.Stream()
	events := mirrortest.Events(3, w.now)
	old.Commit(events[0])
	old.CommitNotes([]ledger.Note{{Kind: ledger.NoteRotate, Stream: next.ID}})
	next.CommitNotes([]ledger.Note{{Kind: ledger.NoteMoved, Stream: old.ID, Range: &ledger.Range{First: 1, Last: 2}, To: &ledger.Range{First: 0, Last: 1}}}, events[1:]...)
	f := w.finder()
	for seq, want := range []Event{{old.ID, 0}, {next.ID, 0}, {next.ID, 1}} {
		found, err := f.Find(t.Context(), Event{old.ID, int64(seq)})
		if err != nil || (Event{found.Row.Stream, found.Row.Seq}) != want || found.Row.ID != events[seq].ID {
			t.Errorf("seq %d: %+v, %v", seq, found, err)
		}
	}
	var a *Absence
	if _, err := f.Find(t.Context(), Event{old.ID, 3}); !errors.As(err, &a) || a.State != Missing {
		t.Errorf("nobody has seq 3: %v", err)
	}
	partly := Finder{View: &ledger.View{Streams: []ledger.Stream{*f.stream(old.ID)}}, Open: f.Open, Now: f.Now}
	if _, err := partly.Find(t.Context(), Event{old.ID, 1}); !errors.As(err, &a) || a.State != Unknown {
		t.Errorf("without the other stream: %v", err)
	}
}

// TestReceiptOfWhatIsOver: a stream that is gone when its locks have ended is no loss.
func TestReceiptOfWhatIsOver(t *testing.T) {
	w := newWorld(t)
	s := w.archive.Stream()
	r := w.receipt(s, 0, mirrortest.Events(1, w.now)...)
	f := w.finder()
	f.View = &ledger.View{}
	for _, tt := range []struct {
		now  time.Time
		want State
	}{{r.Certificate.RetainUntil, Missing}, {r.Certificate.RetainUntil.Add(1), Expired}} {
		w.now = tt.now
		outcomes, err := f.Receipt(t.Context(), r)
		if err != nil || outcomes[0].State != tt.want {
			t.Errorf("at %s: %v %+v, want %s", tt.now, err, outcomes, tt.want)
		}
	}
}

func sumOf(b []byte) ledger.Hash { return sha256.Sum256(b) }
