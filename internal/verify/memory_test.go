package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// drop removes the commits from index on below S3; all of the stream with -1.
func (s *writer) drop(from int) {
	if from < 0 {
		s.mem.DeleteVersion(ledger.OpenKey(prefix, s.open.Stream), s.openID)
		from = 0
	}
	for i := from; i < len(s.keys); i++ {
		s.mem.DeleteVersion(s.keys[i], s.ids[i])
	}
}

// withFiles also removes the files of those commits.
func (s *writer) withFiles(first int64) {
	for i := range s.files {
		if s.files[i].FirstSeq >= first {
			s.mem.DeleteVersion(s.path(i), s.files[i].VersionID)
		}
	}
}

// TestTruncation: what is gone from the end of the ledger leaves no trace in the
// bucket. Only one who remembers misses it.
func TestTruncation(t *testing.T) {
	for _, tt := range []struct {
		name        string
		from        int
		first, last int64
	}{{"the newest commit", 3, 90, 119}, {"the newest two", 2, 60, 119}, {"the whole stream", -1, 0, 119}} {
		t.Run(tt.name, func(t *testing.T) {
			w, a, _ := victim(t)
			a.drop(tt.from)
			a.withFiles(tt.first)
			for range 2 { // and it is not forgotten by being told
				r := w.verify()
				if r.Result != Violation || len(r.Findings) != 1 || r.Findings[0].Kind != Truncated || r.Findings[0].First != tt.first || r.Findings[0].Last != tt.last || r.Findings[0].Stream != a.open.Stream {
					t.Errorf("%s %+v", r.Result, r.Findings)
				}
			}
			wants(t, w.verify(stateless), OK)
		})
	}
}

func TestMiddleCommitGone(t *testing.T) {
	w, a, _ := victim(t)
	w.mem.DeleteVersion(a.keys[1], a.ids[1])
	for _, change := range []func(*Options){func(*Options) {}, stateless} {
		r := w.verify(change)
		if r.Result != Violation || len(r.Findings) != 1 || r.Findings[0].Kind != Missing || r.Findings[0].First != 30 || r.Findings[0].Last != -1 {
			t.Errorf("%s %+v", r.Result, r.Findings)
		}
	}
}

func TestArchiveGone(t *testing.T) {
	w, a, b := victim(t)
	for info, err := range w.mem.Versions(t.Context(), ledger.ArchiveKey(prefix)) {
		if err != nil {
			t.Fatal(err)
		}
		w.mem.DeleteVersion(info.Key, info.VersionID)
	}
	wants(t, w.verify(), Violation, "missing 1 "+ledger.ArchiveKey(prefix)+" ",
		"truncated 1 "+ledger.OpenKey(prefix, a.open.Stream)+" ", "truncated 1 "+ledger.OpenKey(prefix, b.open.Stream)+" ")
	wants(t, w.verify(stateless), Indeterminate)
}

// TestRewrittenHistory: whoever has the stream's key and may reach below S3 can write
// another history from some commit on. One who accepted the old one sees it.
func TestRewrittenHistory(t *testing.T) {
	w, a, _ := victim(t)
	at := a.head
	a.drop(2)
	a.withFiles(60)
	for i := range 2 {
		if i == 0 {
			a.head = must(ledger.NewHead(a.raw, w.root.VKey()))
			for _, c := range a.commits[:2] {
				a.head, _, _ = a.head.Verify(c)
			}
		}
		a.add(1, 30)
	}
	if at.Index != a.head.Index || at.Tree.Root() == a.head.Tree.Root() {
		t.Fatal("the new history is not another one")
	}
	for range 2 {
		wants(t, w.verify(), Violation, "fork 1 "+ledger.OpenKey(prefix, a.open.Stream)+" ")
	}
	wants(t, w.verify(stateless), OK)
}

func TestGapsAndMoves(t *testing.T) {
	w, a, b := victim(t)
	m := a.head.Empty(w.now, "test", ledger.Note{Kind: ledger.NoteGap, Text: "segment 7 was damaged", Range: &ledger.Range{First: 120, Last: 124}})
	m.Last, m.Count = 124, 0
	a.commit(m, nil)
	gap := fmt.Sprintf("gap 1 %s %s", a.keys[4], a.ids[4])
	wants(t, w.verify(), Violation, gap)

	moved := func(s *writer, from *writer, first, last int64) {
		m, bodies := s.batch(int(last - first + 1))
		s.send(&m, bodies)
		m.Notes = append(m.Notes, ledger.Note{Kind: ledger.NoteMoved, Stream: from.open.Stream, Range: &ledger.Range{First: first, Last: last}, To: &ledger.Range{First: m.First, Last: m.Last}})
		s.commit(m, bodies)
	}
	moved(b, a, 120, 129)
	moved(b, a, 130, 139)
	wants(t, w.verify(), Violation, gap)
	moved(b, a, 139, 141)
	twice := fmt.Sprintf("fork 1 %s %s", b.keys[4], b.ids[4])
	wants(t, w.verify(), Violation, gap, twice)
	unknown := *a
	unknown.open.Stream = w.archive.ID
	moved(b, &unknown, 0, 4)
	wants(t, w.verify(), Violation, gap, twice, fmt.Sprintf("unknown-key 1 %s %s", b.keys[5], b.ids[5]))
}

func TestOrphansAndPending(t *testing.T) {
	w, a, _ := victim(t)
	m, bodies := a.batch(30)
	a.send(&m, bodies)
	var pending, injected, orphans []string
	var notes []ledger.Note
	for i := range m.Files {
		at := fmt.Sprintf(" 2 %s/%s %s", prefix, m.Files[i].Key, m.Files[i].VersionID)
		pending, injected, orphans = append(pending, "pending"+at), append(injected, "injected"+at), append(orphans, "orphan"+at)
		notes = append(notes, ledger.Note{Kind: ledger.NoteOrphan, Key: m.Files[i].Key, VersionID: m.Files[i].VersionID})
	}
	wants(t, w.verify(), OK, pending...)
	begun := w.now
	for _, down := range []time.Duration{ledger.Flight, 2 * ledger.Flight, 240 * ledger.Flight} { // an honest server that died
		w.now = begun.Add(down + 1)
		r := w.verify()
		wants(t, r, Indeterminate)
		if len(r.Unchecked) != len(m.Files) || r.Unchecked[0].Key != prefix+"/"+m.Files[0].Key || !strings.Contains(r.Unchecked[0].Why, "next batch") {
			t.Errorf("unchecked: %+v", r.Unchecked)
		}
		wants(t, w.verify(stateless), Indeterminate)
	}
	w.now = begun.Add(2 * ledger.Flight)
	a.commit(a.head.Empty(w.now, "test", ledger.Note{Kind: ledger.NoteStart}), nil) // it is back, and promises nothing
	wants(t, w.verify(), Indeterminate)
	for _, tt := range []struct {
		through time.Time
		result  Result
		want    []string
	}{{begun.Add(ledger.Skew), Indeterminate, nil}, {begun.Add(ledger.Skew + time.Millisecond), Violation, injected}} {
		beat := a.head.Empty(w.now, "test", ledger.Note{Kind: ledger.NoteHeartbeat})
		beat.Through = tt.through
		a.commit(beat, nil)
		wants(t, w.verify(), tt.result, tt.want...)
	}
	a.commit(a.head.Empty(w.now, "test", notes...), nil)
	wants(t, w.verify(), OK, orphans...)
}

// TestIndeterminate takes away one thing at a time. Whatever cannot be looked at is
// not OK, and nothing is remembered of it.
func TestIndeterminate(t *testing.T) {
	denied := errors.New("access denied")
	for _, tt := range []struct {
		name   string
		levels []int
		hit    func(c memstore.Call, a *writer) bool
	}{
		{"no listing", nil, func(c memstore.Call, _ *writer) bool { return c.Op == "versions" }},
		{"no listing of the prefix", nil, func(c memstore.Call, _ *writer) bool { return c.Op == "versions" && c.Key == prefix+"/" }},
		{"no listing of attestations", nil, func(c memstore.Call, _ *writer) bool { return c.Op == "versions" && c.Key == prefix+"/attest/" }},
		{"no ledger", nil, func(c memstore.Call, _ *writer) bool { return c.Op == "versions" && c.Key == prefix+"/ledger/" }},
		{"a commit cannot be read", nil, func(c memstore.Call, a *writer) bool { return c.Op == "get" && c.Key == a.keys[2] }},
		{"an open object cannot be read", nil, func(c memstore.Call, a *writer) bool {
			return c.Op == "get" && c.Key == ledger.OpenKey(prefix, a.open.Stream)
		}},
		{"no HEAD", nil, func(c memstore.Call, _ *writer) bool { return c.Op == "head" }},
		{"no HEAD of one file", nil, func(c memstore.Call, a *writer) bool { return c.Op == "head" && c.Key == a.path(3) }},
		{"a file cannot be read", nil, func(c memstore.Call, a *writer) bool { return c.Op == "get" && c.Key == a.path(0) }},
		{"everything is slow down", nil, func(memstore.Call, *writer) bool { return true }},
		{"nobody looks at settings", []int{0, 1}, func(memstore.Call, *writer) bool { return false }},
		{"no SQL engine", []int{4}, func(memstore.Call, *writer) bool { return false }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.stream()
			a.add(4, 20)
			w.mem.Intercept(func(c memstore.Call) *memstore.Fault {
				if tt.hit(c, a) {
					return &memstore.Fault{Err: denied}
				}
				return nil
			})
			r := w.verify(levels(tt.levels...), func(o *Options) {
				if tt.levels == nil {
					o.Levels = nil
				}
			})
			wants(t, r, Indeterminate)
			if len(r.Unchecked) == 0 || r.Complete {
				t.Errorf("unchecked %v, complete %v", r.Unchecked, r.Complete)
			}
			for _, l := range r.Levels {
				if l.State == Checked && l.Objects+l.Reused == 0 {
					t.Errorf("level %d is %s, and nothing was looked at", l.Level, l.State)
				}
			}
			m, err := openMemory(w.state, w.archive.ID)
			if err != nil {
				t.Fatal(err)
			}
			if size := m.streams[a.open.Stream].Checkpoint.Size; size > 0 && tt.levels == nil {
				t.Errorf("a checkpoint of %d commits was remembered", size)
			}
			if err := m.close(); err != nil {
				t.Fatal(err)
			}
			w.mem.Intercept(nil)
			wants(t, w.verify(), OK)
		})
	}
}

// TestIndeterminateIsNotForgotten: a stream that is gone is not taken for one that
// could not be read, and the other way round.
func TestIndeterminateIsNotForgotten(t *testing.T) {
	w, a, _ := victim(t)
	w.mem.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "get" && c.Key == ledger.OpenKey(prefix, a.open.Stream) {
			return &memstore.Fault{Err: errors.New("access denied")}
		}
		return nil
	})
	r := w.verify()
	for _, f := range r.Findings {
		if f.Kind == Truncated {
			t.Errorf("%+v", f)
		}
	}
	if r.Result == OK {
		t.Errorf("result %s", r.Result)
	}
	w.mem.Intercept(nil)
	wants(t, w.verify(), OK)
}

// hiddenLocks is a bucket whose locks we may not see.
type hiddenLocks struct{ *memstore.Store }

func (h hiddenLocks) Head(ctx context.Context, key, id string) (object.Info, error) {
	info, err := h.Store.Head(ctx, key, id)
	info.Mode, info.RetainUntil = "", time.Time{}
	return info, err
}

func (h hiddenLocks) Unlocked(context.Context, string, string) (bool, error) {
	return false, errors.New("access denied")
}

func TestHiddenLocks(t *testing.T) {
	w, _, _ := victim(t)
	w.store = hiddenLocks{w.mem}
	r := w.verify(stateless)
	wants(t, r, Indeterminate)
	if !strings.Contains(r.Unchecked[0].Why, "s3:GetObjectRetention") {
		t.Errorf("unchecked %+v", r.Unchecked)
	}
}

func TestState(t *testing.T) {
	w, a, _ := victim(t)
	dir := filepath.Join(w.state, w.archive.ID.String())
	file := filepath.Join(dir, a.open.Stream.String()+streamSuffix)
	t.Run("one run at a time", func(t *testing.T) {
		lock, err := durable.Lock(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if _, err := Run(t.Context(), w.options()); !errors.Is(err, durable.ErrLocked) {
			t.Errorf("%v, want ErrLocked", err)
		}
	})
	t.Run("damaged", func(t *testing.T) {
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"", "{", string(good[:len(good)/2]), "{}", strings.Replace(string(good), `"version": 1`, `"version": 2`, 1)} {
			if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Run(t.Context(), w.options()); err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("%q: %v, want an error that names %s", bad, err, file)
			}
		}
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a damaged cache is fetched again", func(t *testing.T) {
		cached := filepath.Join(dir, cacheFile)
		good, err := os.ReadFile(cached)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{nil, good[:len(good)-10], append(good[:len(good):len(good)], "x\n"...), []byte(strings.Replace(string(good), "archiver commit", "archiver commmit", 3))} {
			if err := os.WriteFile(cached, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			wants(t, w.verify(), OK)
			if again, err := os.ReadFile(cached); err != nil || len(again) != len(good) {
				t.Errorf("the cache has %d bytes again, want %d (%v)", len(again), len(good), err)
			}
		}
	})
}

// TestResume: a run that is cut off leaves what it did to the next one, but accepts
// nothing.
func TestResume(t *testing.T) {
	w := newWorld(t)
	a := w.stream()
	a.add(saveEvery+100, 1)
	ctx, cancel := context.WithCancel(t.Context())
	w.mem.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "get" && c.Key == a.path(saveEvery+50) {
			cancel()
		}
		return nil
	})
	if _, err := Run(ctx, w.options()); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want Canceled", err)
	}
	w.mem.Intercept(nil)
	r := w.verify()
	wants(t, r, OK)
	if r.Levels[3].Reused != saveEvery || r.Levels[2].Reused != saveEvery+100 {
		t.Errorf("levels %+v", r.Levels)
	}
}

func TestRange(t *testing.T) {
	w := newWorld(t)
	a := w.stream()
	a.add(3, 10)
	w.now = w.now.Add(time.Hour)
	since := w.now
	a.add(2, 10)
	r := w.verify(func(o *Options) { o.Since = since })
	wants(t, r, OK)
	if r.Levels[3].Rows != 20 || r.Complete {
		t.Errorf("since: %+v, complete %v", r.Levels[3], r.Complete)
	}
	r = w.verify(func(o *Options) { o.Sample = 0.001 })
	wants(t, r, OK)
	if r.Levels[3].Rows == 50 || r.Complete || r.Range.Sample != 0.001 {
		t.Errorf("sample: %+v, complete %v", r.Levels[3], r.Complete)
	}
	r = w.verify()
	wants(t, r, OK)
	if r.Levels[3].Rows != 50 || !r.Complete {
		t.Errorf("all: %+v, complete %v", r.Levels[3], r.Complete)
	}
	for _, o := range []Options{{Root: "x"}, {Root: w.root.VKey(), Sample: 2}, {Root: w.root.VKey(), Levels: []int{5}}} {
		if _, err := Run(t.Context(), o); err == nil {
			t.Errorf("%+v: accepted", o)
		}
	}
}
