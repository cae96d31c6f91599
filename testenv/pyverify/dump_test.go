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
	dir := w.t.TempDir()
	if err := dump.Write(w.t.Context(), w.store, mirrortest.Prefix, dir); err != nil {
		w.t.Fatal(err)
	}
	theirs := pyverify.Dump(w.t, dir, w.a.RootVKey(), w.now)
	w.compare(dir, theirs)
	return theirs
}

// compare lets our verifier look at the same dump: it must say the same.
func (w *world) compare(dir string, theirs pyverify.Report) {
	w.t.Helper()
	store, err := dump.Open(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	ours, err := verify.Run(w.t.Context(), verify.Options{Store: store, Prefix: mirrortest.Prefix, Root: w.a.RootVKey(),
		Levels: []int{1, 2, 3}, Now: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
	var a, b []string
	for _, f := range ours.Findings {
		stream := ""
		if f.Stream != uuid.Nil {
			stream = f.Stream.String()
		}
		a = append(a, fmt.Sprint(f.Level, f.Kind, f.Key, f.Version, stream, f.First, f.Last))
	}
	for _, f := range theirs.Findings {
		b = append(b, fmt.Sprint(f.Level, f.Kind, f.Key, f.Version, f.Stream, f.First, f.Last))
	}
	slices.Sort(a)
	slices.Sort(b)
	if string(ours.Result) != theirs.Result || !slices.Equal(a, b) {
		w.t.Errorf("Go says %s\n%s\nPython %s\n%s", ours.Result, strings.Join(a, "\n"), theirs.Result, strings.Join(b, "\n"))
	}
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
