package pyverify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/verify"
	"github.com/audit-archiver/archiver/testenv/dump"
	"github.com/audit-archiver/archiver/testenv/pyverify"
	"github.com/audit-archiver/archiver/testenv/sample"
)

// world is a small archive of two streams.
type world struct {
	t     *testing.T
	store *memstore.Store
	a     *mirrortest.Archive
	now   time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	w.store = memstore.New(t, func() time.Time { return w.now })
	w.a = mirrortest.New(t, w.store, func() time.Time { return w.now })
	one, two := w.a.Stream(), w.a.Stream()
	for range 2 {
		one.Commit(mirrortest.Events(20, w.now)...)
		two.Commit(mirrortest.Events(5, w.now)...)
		two.Commit()
	}
	return w
}

func (w *world) verify() pyverify.Report {
	w.t.Helper()
	return agree(w.t, w.store, mirrortest.Prefix, w.a.RootVKey(), w.now)
}

// agree dumps a bucket and lets both verifiers look at the dump: they must say the same.
func agree(t *testing.T, bucket *memstore.Store, prefix, root string, now time.Time) pyverify.Report {
	t.Helper()
	dir := t.TempDir()
	if err := dump.Write(t.Context(), bucket, prefix, dir); err != nil {
		t.Fatal(err)
	}
	theirs := pyverify.Dump(t, dir, root, now)
	store, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := verify.Run(t.Context(), verify.Options{Store: store, Prefix: prefix, Root: root,
		Levels: []int{1, 2, 3}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var a, b []string
	for _, f := range ours.Findings {
		stream := ""
		if f.Stream != uuid.Nil {
			stream = f.Stream.String()
		}
		a = append(a, fmt.Sprint(f.Level, f.Kind, f.Key, f.Version, stream, f.First, f.Last))
	}
	for _, u := range ours.Unchecked {
		a = append(a, fmt.Sprint(u.Level, "unchecked", u.Key, u.Version))
	}
	for _, f := range theirs.Findings {
		b = append(b, fmt.Sprint(f.Level, f.Kind, f.Key, f.Version, f.Stream, f.First, f.Last))
	}
	for _, u := range theirs.Unchecked {
		b = append(b, fmt.Sprint(u.Level, "unchecked", u.Key, u.Version))
	}
	slices.Sort(a)
	slices.Sort(b)
	if string(ours.Result) != theirs.Result || !slices.Equal(a, b) {
		t.Errorf("Go says %s\n%s\nPython %s\n%s", ours.Result, strings.Join(a, "\n"), theirs.Result, strings.Join(b, "\n"))
	}
	return theirs
}

// file is the key of one data file of the first stream, commit that of its first commit.
func (w *world) file() string {
	id := w.a.Streams[0].ID.String()
	for _, key := range w.store.Keys() {
		if strings.Contains(key, "/events/") && strings.Contains(key, id) {
			return key
		}
	}
	w.t.Fatal("no file")
	return ""
}

func (w *world) commit(index int64) string {
	return ledger.CommitKey(mirrortest.Prefix, w.a.Streams[0].ID, index)
}

func (w *world) version(key string) string {
	w.t.Helper()
	info, err := w.store.Head(w.t.Context(), key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return info.VersionID
}

// Each attack has its kind, level and key; an archive that nobody touched is OK.
func TestDumpVerdicts(t *testing.T) {
	pyverify.Need(t)
	tests := map[string]struct {
		attack func(*world) (kind string, level int, key string)
	}{
		"hide": {func(w *world) (string, int, string) {
			w.store.Hide(w.file())
			return "hidden", 2, w.file()
		}},
		"replace": {func(w *world) (string, int, string) {
			w.store.PutForged(w.file(), []byte("forged"))
			return "replaced", 2, w.file()
		}},
		"inject": {func(w *world) (string, int, string) {
			key := strings.Replace(w.file(), "-00000000000000000000-", "-00000000000000000007-", 1)
			w.store.PutForged(key, []byte("forged"))
			return "injected", 2, key
		}},
		"unlock": {func(w *world) (string, int, string) {
			w.store.SetLock(w.file(), w.version(w.file()), "", time.Time{})
			return "short-locked", 2, w.file()
		}},
		"lose": {func(w *world) (string, int, string) {
			key := w.file()
			w.store.DeleteVersion(key, w.version(key))
			return "missing", 2, key
		}},
		"stray": {func(w *world) (string, int, string) {
			w.store.PutForged(mirrortest.Prefix+"/readme", []byte("hello"))
			return "unknown-key", 2, mirrortest.Prefix + "/readme"
		}},
		"replace a commit": {func(w *world) (string, int, string) {
			w.store.PutForged(w.commit(0), []byte("forged"))
			return "replaced", 1, w.commit(0)
		}},
		"hide a commit": {func(w *world) (string, int, string) {
			w.store.Hide(w.commit(1))
			return "hidden", 1, w.commit(1)
		}},
		"lose a commit in the middle": {func(w *world) (string, int, string) {
			w.store.DeleteVersion(w.commit(0), w.version(w.commit(0)))
			return "missing", 1, w.commit(0)
		}},
		"lose a certificate": {func(w *world) (string, int, string) {
			key := ledger.OpenKey(mirrortest.Prefix, w.a.Streams[0].ID)
			w.store.DeleteVersion(key, w.version(key))
			return "unknown-key", 1, key
		}},
	}
	if r := newWorld(t).verify(); r.Result != "OK" || len(r.Findings) != 0 {
		t.Fatalf("untouched: %+v", r)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			kind, level, key := tt.attack(w)
			r := w.verify()
			if r.Result != "VIOLATION" || !slices.ContainsFunc(r.Findings, func(f pyverify.Finding) bool {
				return f.Kind == kind && f.Level == level && f.Key == key
			}) {
				t.Errorf("want %s at level %d of %s: %+v", kind, level, key, r)
			}
		})
	}
}

// After the locks have run out, what is gone is expired and nothing else.
func TestDumpExpired(t *testing.T) {
	pyverify.Need(t)
	w := newWorld(t)
	w.store.DeleteVersion(w.file(), w.version(w.file()))
	w.now = w.now.AddDate(0, 0, 5)
	r := w.verify()
	if r.Result != "OK" || len(r.Findings) != 1 || r.Findings[0].Kind != "expired" {
		t.Errorf("%+v", r)
	}
}

// TestDumpStreams: streams that contradict each other, or the clock, and files of which
// nothing signed says whose they are.
func TestDumpStreams(t *testing.T) {
	pyverify.Need(t)
	const day = 24 * time.Hour
	rotate := func(s *sample.Stream, successor uuid.UUID) {
		s.Note(ledger.Note{Kind: ledger.NoteRotate, Stream: successor})
	}
	moved := func(s *sample.Stream, of uuid.UUID, first, last int64) {
		m, bodies := s.Batch(int(last - first + 1))
		m.Notes = []ledger.Note{{Kind: ledger.NoteMoved, Stream: of, Range: &ledger.Range{First: first, Last: last}, To: &ledger.Range{First: m.First, Last: m.Last}}}
		s.Send(&m, bodies)
	}
	for name, tt := range map[string]struct {
		do    func(s *sample.Stream) // with a stream of one commit
		later time.Duration
		want  string
	}{
		"a successor":                        {func(s *sample.Stream) { rotate(s, s.Continue(s.Open.Stream).Open.Stream) }, 2 * day, "OK"},
		"no successor":                       {func(s *sample.Stream) { rotate(s, uuid.Nil) }, 2 * day, "OK"},
		"a successor that is about to begin": {func(s *sample.Stream) { rotate(s, uuid.New()) }, day, "OK"},
		"a successor that never began":       {func(s *sample.Stream) { rotate(s, uuid.New()) }, day + time.Second, "VIOLATION missing"},
		"a successor that may have gone":     {func(s *sample.Stream) { rotate(s, uuid.New()) }, 399 * day, "OK expired"},
		"a successor of another":             {func(s *sample.Stream) { rotate(s, s.Continue(s.Continue(uuid.Nil).Open.Stream).Open.Stream) }, 0, "VIOLATION fork"},
		"a successor of nobody":              {func(s *sample.Stream) { rotate(s, s.NewStream().Open.Stream) }, 0, "VIOLATION fork"},
		"continues nothing":                  {func(s *sample.Stream) { s.Continue(uuid.New()) }, 399*day - time.Second, "VIOLATION missing"},
		"continues what may have gone":       {func(s *sample.Stream) { s.Continue(uuid.New()) }, 399 * day, "OK"},
		"continues what was opened later": {func(s *sample.Stream) {
			s.Now = s.Now.Add(-time.Second)
			s.Continue(s.Open.Stream)
		}, 0, "VIOLATION fork"},
		"a clock that is ahead": {func(s *sample.Stream) {
			s.Now = s.Now.Add(25 * time.Hour)
			s.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
		}, 0, "OK"},
		"a promised future": {func(s *sample.Stream) {
			s.Now = s.Now.Add(25*time.Hour + time.Second)
			s.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
		}, 0, "VIOLATION gap"},
		"moved": {func(s *sample.Stream) {
			to := s.NewStream()
			moved(to, s.Open.Stream, 10, 14)
			moved(to, s.Open.Stream, 0, 9)
		}, 0, "OK"},
		"moved twice": {func(s *sample.Stream) {
			moved(s.NewStream(), s.Open.Stream, 0, 9)
			moved(s.NewStream(), s.Open.Stream, 9, 11)
		}, 0, "VIOLATION fork"},
		"moved from nowhere": {func(s *sample.Stream) { moved(s, uuid.New(), 0, 9) }, 0, "VIOLATION unknown-key"},

		"an open object that is hidden": {func(s *sample.Stream) { hide(s, ledger.OpenKey("p", s.Open.Stream)) }, 397*day - time.Second, "VIOLATION hidden"},
		"… when its time has come":      {func(s *sample.Stream) { hide(s, ledger.OpenKey("p", s.Open.Stream)) }, 399 * day, "OK expired"},
		"a commit that is hidden":       {func(s *sample.Stream) { hide(s, s.Commits[0].Key) }, 399 * day, "OK expired"},
		"a commit that is gone": {func(s *sample.Stream) {
			drop(s, s.Note(ledger.Note{Kind: ledger.NoteHeartbeat}))
			s.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
		}, 0, "VIOLATION missing"},
		"a commit that may have gone": {func(s *sample.Stream) {
			drop(s, s.Note(ledger.Note{Kind: ledger.NoteHeartbeat}))
			s.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
		}, 399 * day, "OK expired"},

		"a batch in flight":            {send, time.Hour, "OK pending"},
		"a server that is down":        {send, time.Hour + time.Second, "INDETERMINATE"},
		"a server that is down for so": {send, 20 * time.Hour, "INDETERMINATE"},
		"a server that is back": {func(s *sample.Stream) {
			send(s)
			s.Note(ledger.Note{Kind: ledger.NoteStart})
		}, 2 * time.Hour, "INDETERMINATE"},
		"a server that went on without it": {func(s *sample.Stream) {
			send(s)
			s.Now = s.Now.Add(16 * time.Minute)
			s.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
		}, 2 * time.Hour, "VIOLATION injected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
			store := memstore.New(t, func() time.Time { return now })
			a := sample.New(t, store, "p", now)
			s := a.NewStream()
			s.Commit(30)
			tt.do(s)
			r := agree(t, store, "p", a.Root.VKey(), now.Add(tt.later))
			kinds := []string{r.Result}
			for _, f := range r.Findings {
				if !slices.Contains(kinds, f.Kind) {
					kinds = append(kinds, f.Kind)
				}
			}
			if got := strings.Join(kinds, " "); got != tt.want {
				t.Errorf("%s, want %s: %+v", got, tt.want, r)
			}
		})
	}
}

// send puts the files of the next batch, and no commit.
func send(s *sample.Stream) {
	m, bodies := s.Batch(6)
	s.Put(&m, bodies)
}

func hide(s *sample.Stream, key string) { s.Store.(*memstore.Store).Hide(key) }

func drop(s *sample.Stream, c sample.Commit) {
	s.Store.(*memstore.Store).DeleteVersion(c.Key, c.Version)
}
