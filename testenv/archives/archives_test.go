// Package archives_test reads archives of every released version of the formats, for ever.
package archives_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/pack/export"
	"github.com/audit-archiver/archiver/internal/parquet"
	"github.com/audit-archiver/archiver/internal/verify"
	"github.com/audit-archiver/archiver/testenv/dump"
	"github.com/audit-archiver/archiver/testenv/pyverify"
)

var update = flag.Bool("update", false, "make the archive of a version that has none yet")

// current is the folder of the version that -update makes.
const current = "v1"

// expected is what every verifier must say about a folder.
type expected struct {
	RootVKey string    `json:"root_vkey"`
	Now      time.Time `json:"now"` // the instant to judge locks at
	Result   string    `json:"result"`
	Findings []string  `json:"findings"`
	Streams  []string  `json:"streams"` // id, commits, root of the log, next seq
	Rows     int64     `json:"rows"`
	Proofs   []string  `json:"proofs"`   // leaf hashes, in order of files
	Receipts []string  `json:"receipts"` // seqs
	Packs    []string  `json:"packs"`    // result, rows, files complete and open
}

func TestFrozenArchives(t *testing.T) {
	if *update {
		write(t, current)
	}
	folders, err := filepath.Glob("v*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, dir := range folders {
		t.Run(dir, func(t *testing.T) {
			want := load(t, dir)
			got := look(t, dir, want)
			if g, w := asJSON(t, got), asJSON(t, want); g != w {
				t.Errorf("got %s\nwant %s", g, w)
			}
			t.Run("python", func(t *testing.T) { askPython(t, dir, want) })
			t.Run("mutants", func(t *testing.T) { mutate(t, dir, want) })
		})
	}
}

func load(t *testing.T, dir string) (want expected) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

func asJSON(t *testing.T, doc any) string {
	t.Helper()
	b, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// judge runs our verifier over a dump.
func judge(t *testing.T, dir string, want expected) *verify.Report {
	t.Helper()
	store, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Run(t.Context(), verify.Options{Store: store, Prefix: prefix, Root: want.RootVKey, Levels: []int{1, 2, 3},
		Now: func() time.Time { return want.Now }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// look says about a folder what our readers say; of want it takes the root key and the time.
func look(t *testing.T, dir string, want expected) expected {
	t.Helper()
	got := expected{RootVKey: want.RootVKey, Now: want.Now}
	r := judge(t, filepath.Join(dir, "bucket"), want)
	got.Result = string(r.Result)
	for _, f := range r.Findings {
		stream := ""
		if f.Stream != uuid.Nil {
			stream = f.Stream.String()
		}
		got.Findings = append(got.Findings, finding(f.Level, string(f.Kind), f.Key, f.Version, stream, f.First, f.Last))
	}
	slices.Sort(got.Findings)
	for _, s := range r.Streams {
		got.Streams = append(got.Streams, fmt.Sprint(s.Stream, " ", s.Size, " ", s.Root, " ", s.NextSeq))
	}
	for _, l := range r.Levels {
		if l.Level == 3 {
			got.Rows = l.Rows
		}
	}
	for _, name := range names(t, dir, "*.tlog-proof") {
		p, err := ledger.CheckProof(read(t, name), want.RootVKey)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got.Proofs = append(got.Proofs, p.LeafHash.String())
	}
	for _, name := range names(t, dir, "*.receipt.json") {
		p, err := ledger.CheckReceipt(read(t, name), want.RootVKey)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got.Receipts = append(got.Receipts, fmt.Sprint(p.First, "-", p.Last()))
	}
	for _, name := range names(t, dir, "*.tar") {
		b := read(t, name)
		p, err := pack.Check(t.Context(), bytes.NewReader(b), int64(len(b)), want.RootVKey, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got.Packs = append(got.Packs, fmt.Sprint(p.Result, " ", p.Rows, " ", p.Complete, " ", p.Open))
	}
	return got
}

func finding(level int, kind, key, version, stream string, first, last int64) string {
	return fmt.Sprint(level, " ", kind, " ", key, " ", version, " ", stream, " ", first, " ", last)
}

func names(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s has no %s: %v", dir, pattern, err)
	}
	return found
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// askPython has the other verifier look at everything.
func askPython(t *testing.T, dir string, want expected) {
	pyverify.Need(t)
	r := pyverify.Dump(t, filepath.Join(dir, "bucket"), want.RootVKey, want.Now)
	var found []string
	for _, f := range r.Findings {
		found = append(found, finding(f.Level, f.Kind, f.Key, f.Version, f.Stream, f.First, f.Last))
	}
	slices.Sort(found)
	if r.Result != want.Result || !slices.Equal(found, want.Findings) {
		t.Errorf("%s:\n%s", r.Result, strings.Join(found, "\n"))
	}
	for command, pattern := range map[string]string{"proof": "*.tlog-proof", "receipt": "*.receipt.json", "pack": "*.tar"} {
		for _, name := range names(t, dir, pattern) {
			if r := pyverify.Run(t, command, name, "--root", want.RootVKey); r.Result != "OK" {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// mutate flips a bit of one object at a time: it must not go unnoticed.
func mutate(t *testing.T, dir string, want expected) {
	pyverify.Need(t)
	bucket := t.TempDir()
	if err := os.CopyFS(bucket, os.DirFS(filepath.Join(dir, "bucket"))); err != nil {
		t.Fatal(err)
	}
	ours := func() string { r := judge(t, bucket, want); return asJSON(t, []any{r.Result, r.Findings}) }
	theirs := func() string {
		r := pyverify.Dump(t, bucket, want.RootVKey, want.Now)
		return asJSON(t, []any{r.Result, r.Findings})
	}
	before, beforePython := ours(), theirs()
	rng := rand.New(rand.NewPCG(1, 1))
	for i, name := range names(t, bucket, "objects/*") {
		original := read(t, name)
		if forged(original) {
			continue
		}
		changed := bytes.Clone(original)
		changed[rng.IntN(len(changed))] ^= 1 << rng.IntN(8)
		put(t, name, changed)
		if ours() == before {
			t.Errorf("%s: a flipped bit is not found", name)
		}
		if i%6 == 0 && theirs() == beforePython {
			t.Errorf("%s: Python does not find a flipped bit", name)
		}
		put(t, name, original)
	}
}

// forged are the objects that are foreign anyway, whatever is in them.
func forged(b []byte) bool {
	return string(b) == "forged" || bytes.HasPrefix(b, []byte("sent by a clone"))
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// write makes the folder of the version that is being worked on. One that is there
// is frozen.
func write(t *testing.T, dir string) {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is there, and archives of a released format never change: %v", dir, err)
	}
	b := newBuilder(t)
	receipts := b.build()
	if err := dump.Write(t.Context(), b.store, prefix, filepath.Join(dir, "bucket")); err != nil {
		t.Fatal(err)
	}
	for i, r := range receipts {
		put(t, filepath.Join(dir, fmt.Sprintf("%d.receipt.json", i)), r)
	}
	for i, p := range b.proofs() {
		put(t, filepath.Join(dir, fmt.Sprintf("%d.tlog-proof", i)), p)
	}
	o := export.Options{Store: b.store, Prefix: prefix, Root: b.root.VKey(), Writer: "archiver frozen", From: export.Earliest, To: export.Latest,
		Out: filepath.Join(dir, "all.tar"), Now: func() time.Time { return b.now }, Results: map[string][]byte{"verify": []byte("{}\n")}}
	if _, err := export.Export(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	o.Out, o.WholeFiles, o.Results = filepath.Join(dir, "some.tar"), true, nil
	o.From, o.To, o.Where = b.now.AddDate(0, 0, -2), b.now.AddDate(0, 0, 1), "actor_id = 'user-3'"
	o.Selected = b.selected(o.From, o.To)
	if _, err := export.Export(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	want := expected{RootVKey: b.root.VKey(), Now: b.now}
	put(t, filepath.Join(dir, "expected.json"), []byte(asJSON(t, look(t, dir, want))))
}

// view is the ledger that was built.
func (b *builder) view() *ledger.View {
	b.t.Helper()
	reader, err := ledger.NewReader(b.store, prefix, b.root.VKey())
	b.check(err)
	v, err := reader.Refresh(b.t.Context())
	b.check(err)
	return v
}

// rows yields the rows of one file.
func (b *builder) rows(f *ledger.File) iter.Seq[event.Row] {
	return func(yield func(event.Row) bool) {
		body, err := b.store.Get(b.t.Context(), prefix+"/"+f.Key, f.VersionID)
		b.check(err)
		defer body.Close()
		var buf bytes.Buffer
		_, err = buf.ReadFrom(body)
		b.check(err)
		r, err := parquet.Open(bytes.NewReader(buf.Bytes()), int64(buf.Len()), f.Class)
		b.check(err)
		for row, err := range r.Rows() {
			b.check(err)
			if !yield(row) {
				return
			}
		}
	}
}

// proofs makes a proof of the last row of every file.
func (b *builder) proofs() (all [][]byte) {
	v := b.view()
	for i := range v.Streams {
		s := &v.Streams[i]
		for j := range s.Manifests {
			for k := range s.Manifests[j].Files {
				f := &s.Manifests[j].Files[k]
				var paths ledger.Paths
				var mark int
				var last event.Row
				for row := range b.rows(f) {
					if paths.Size() == f.Rows-1 {
						mark = paths.Mark()
						last = row
					}
					paths.Add(event.LeafHash(&row))
				}
				p, err := s.Prove(int64(j), k, &paths, mark, &last)
				b.check(err)
				all = append(all, p)
			}
		}
	}
	return all
}

// selected is the condition actor_id = 'user-3'.
func (b *builder) selected(from, to time.Time) func(context.Context) iter.Seq2[pack.Row, error] {
	var found []pack.Row
	for f := range b.view().Files() {
		for row := range b.rows(f) {
			if row.ActorID == "user-3" && row.TimestampNS >= from.UnixNano() && row.TimestampNS < to.UnixNano() {
				found = append(found, pack.Row{Stream: row.Stream, Seq: row.Seq})
			}
		}
	}
	slices.SortFunc(found, func(x, y pack.Row) int {
		if c := bytes.Compare(x.Stream[:], y.Stream[:]); c != 0 {
			return c
		}
		return int(x.Seq - y.Seq)
	})
	return func(context.Context) iter.Seq2[pack.Row, error] {
		return func(yield func(pack.Row, error) bool) {
			for _, r := range found {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}
