package export_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/pack/export"
	"github.com/audit-archiver/archiver/internal/parquet"
)

// What is exported is accepted, with the rows that were asked for and what can be said about the others.
func TestExportAndCheck(t *testing.T) {
	w := newWorld(t)
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	noon := day.Add(16*time.Hour + 20*time.Millisecond) // within a file
	tests := map[string]struct {
		from, to time.Time
		actor    string
		whole    bool
	}{
		"all":             {},
		"a day":           {from: day, to: day.AddDate(0, 0, 1)},
		"half a day":      {from: noon, to: day.AddDate(0, 0, 1)},
		"half, whole":     {from: noon, to: day.AddDate(0, 0, 1), whole: true},
		"an actor":        {actor: "user-3"},
		"an actor, whole": {actor: "user-3", whole: true},
		"nobody":          {actor: "user-99"},
		"nothing":         {from: day.AddDate(-1, 0, 0), to: day.AddDate(-1, 0, 1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := w.options()
			o.WholeFiles = tt.whole
			if !tt.from.IsZero() {
				o.From, o.To = tt.from, tt.to
			}
			want := w.rows(&o)
			if tt.actor != "" {
				w.where(&o, tt.actor)
				kept := want[:0]
				for _, r := range want {
					if r.ActorID == tt.actor {
						kept = append(kept, r)
					}
				}
				want = kept
			}
			b, s := w.export(o)
			r := w.check(b)
			if r.Result != pack.OK || r.Rows != int64(len(want)) || s.Statement.Rows != int64(len(want)) {
				t.Fatalf("%s with %d rows, want %d: %v", r.Result, r.Rows, len(want), r.Findings)
			}
			if r.Complete+r.Open != len(s.Statement.Files) {
				t.Errorf("%d complete and %d open of %d files", r.Complete, r.Open, len(s.Statement.Files))
			}
			if time := tt.actor == ""; time && (tt.whole || name != "half a day") != (r.Open == 0) {
				t.Errorf("%d files are open", r.Open)
			}
			if s.SHA256 != sha256.Sum256(b) || s.Bytes != int64(len(b)) {
				t.Error("the summary is about another file")
			}
			lines := csvOf(t, b)
			if len(lines) != len(want)+1 {
				t.Errorf("%d lines of CSV for %d rows", len(lines), len(want))
			}
		})
	}
}

// members reads a pack with the standard library's tar.
func members(t *testing.T, b []byte) (names []string, content map[string][]byte) {
	t.Helper()
	content = map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, content
		}
		if err != nil {
			t.Fatal(err)
		}
		if content[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

func csvOf(t *testing.T, b []byte) [][]string {
	t.Helper()
	_, content := members(t, b)
	lines, err := csv.NewReader(bytes.NewReader(content[pack.CSVName])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Equal archives give equal packs, and no time of the machine is in them.
func TestSamePackTwice(t *testing.T) {
	w := newWorld(t)
	one, _ := w.export(w.options())
	two, _ := w.export(w.options())
	if !bytes.Equal(one, two) {
		t.Error("two packs of one archive differ")
	}
	names, content := members(t, one)
	if !slices.IsSorted(names) {
		t.Error("names are not in order")
	}
	html := strings.ToLower(string(content[pack.SummaryHTML]))
	if !strings.Contains(html, "default-src 'none'") || strings.Contains(html, "<script") || strings.Contains(html, "style=") {
		t.Error("the page needs more than its policy allows")
	}
	for name := range content {
		if !strings.HasPrefix(name, "rows/retention=") {
			continue
		}
		key := "events/" + strings.TrimPrefix(name, "rows/")
		if _, ok := parquet.ParseKey("", key); !ok {
			t.Errorf("%s: is not named as its file", name)
		}
	}
}

// A bit that flips is found, whichever it is: in every member, in its header and in
// its padding.
func TestEveryFlipIsFound(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.Results = map[string][]byte{"doctor": []byte(`{"ok":true}`), "verify": []byte(`{"result":"OK"}`)}
	o.WholeFiles = true
	w.where(&o, "user-3")
	b, _ := w.export(o)
	if !w.found(append(slices.Clone(b), 0)) || !w.found(b[:len(b)-512]) || !w.found(b[:len(b)/2]) {
		t.Error("a longer or shorter pack is accepted")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	flip := func(what string, at int) {
		t.Helper()
		bit := byte(1) << rng.IntN(8)
		b[at] ^= bit
		defer func() { b[at] ^= bit }()
		if !w.found(b) {
			t.Errorf("%s: a flip at byte %d is not found", what, at)
		}
	}
	_, content := members(t, b)
	for name, c := range content {
		at := bytes.Index(b, c)
		for _, offset := range []int{0, len(c) / 2, len(c) - 1} {
			if len(c) > 0 {
				flip(name, at+offset)
			}
		}
	}
	for range 120 {
		flip("anywhere", rng.IntN(len(b)))
	}
	for i := 0; i < 512; i += 5 {
		flip("first header", i)
	}
	if w.found(b) {
		t.Error("the pack itself is not accepted")
	}
}

// An archive that does not verify gives no pack, and nothing is left behind.
func TestNoPackOfABadArchive(t *testing.T) {
	tests := map[string]struct {
		change func(*world, *export.Options)
		want   string
	}{
		"a file is gone": {func(w *world, _ *export.Options) {
			key := w.keys("events/")[2]
			w.store.DeleteVersion(key, w.version(key))
		}, "object not found"},
		"a commit is gone": {func(w *world, _ *export.Options) {
			key := w.keys("ledger/")[1]
			w.store.DeleteVersion(key, w.version(key))
		}, "verify"},
		"the bucket is away": {func(w *world, _ *export.Options) {
			w.store.Intercept(func(c memstore.Call) *memstore.Fault {
				if c.Op == "get" && strings.Contains(c.Key, "/events/") {
					return &memstore.Fault{Err: memstore.ErrLost}
				}
				return nil
			})
		}, "connection lost"},
		"another root key": {func(w *world, o *export.Options) { o.Root = newWorld(w.t).a.RootVKey() }, "root key"},
		"an empty period":  {func(_ *world, o *export.Options) { o.To = o.From }, "empty"},
		"a file is there":  {func(w *world, o *export.Options) { w.write(o.Out) }, "exists"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := w.options()
			tt.change(w, &o)
			_, err := export.Export(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			left, err := os.ReadDir(filepath.Dir(o.Out))
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range left {
				if entry.Name() != "pack.tar" || name != "a file is there" {
					t.Errorf("%s was left behind", entry.Name())
				}
			}
		})
	}
}

func (w *world) keys(kind string) (keys []string) {
	for _, key := range w.store.Keys() {
		if strings.HasPrefix(key, mirrortest.Prefix+"/"+kind) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (w *world) version(key string) string {
	w.t.Helper()
	info, err := w.store.Head(w.t.Context(), key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return info.VersionID
}

func (w *world) write(name string) {
	w.t.Helper()
	if err := os.WriteFile(name, []byte("mine"), fs.FileMode(0o600)); err != nil {
		w.t.Fatal(err)
	}
}

// What is put on top of the archive does not come into a pack.
func TestForgeriesStayOut(t *testing.T) {
	w := newWorld(t)
	before, _ := w.export(w.options())
	w.store.PutForged(w.keys("events/")[0], []byte("forged"))
	w.store.PutForged(w.keys("ledger/")[0], []byte("forged"))
	w.store.Hide(w.keys("events/")[1])
	w.store.Hide(w.keys("ledger/")[3])
	after, _ := w.export(w.options())
	if !bytes.Equal(before, after) {
		t.Error("a forgery changes the pack")
	}
}

// What an engine answers wrongly about rows that are not there is an error.
func TestSelectionMustFit(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	w.where(&o, "user-3")
	o.To = o.From.Add(1) // where no file is
	if _, err := export.Export(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no file of the period has it") {
		t.Errorf("error %v", err)
	}
}
