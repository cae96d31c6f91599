package pyverify_test

import (
	"bytes"
	"context"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/pack/export"
	"github.com/audit-archiver/archiver/testenv/pyverify"
)

// export makes a pack of the world.
func (w *world) export(change func(*export.Options)) (file string) {
	w.t.Helper()
	file = filepath.Join(w.t.TempDir(), "pack.tar")
	o := export.Options{Store: w.store, Prefix: mirrortest.Prefix, Root: w.a.RootVKey(), Writer: "test",
		From: export.Earliest, To: export.Latest, Out: file, Now: func() time.Time { return w.now }}
	change(&o)
	if _, err := export.Export(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// everyThird selects the rows whose seq can be divided by three.
func (w *world) everyThird(o *export.Options) {
	o.Where = "seq % 3 = 0"
	period := *o
	streams := slices.Clone(w.a.Streams)
	slices.SortFunc(streams, func(a, b *mirrortest.Stream) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	o.Selected = func(context.Context) iter.Seq2[export.Row, error] {
		return func(yield func(export.Row, error) bool) {
			for _, s := range streams {
				for _, r := range s.Rows {
					wanted := r.Seq%3 == 0 && r.TimestampNS >= period.From.UnixNano() && r.TimestampNS < period.To.UnixNano()
					if wanted && !yield(export.Row{Stream: r.Stream, Seq: r.Seq}, nil) {
						return
					}
				}
			}
		}
	}
}

func kinds(r *pack.Report) (all []string) {
	for _, f := range r.Findings {
		all = append(all, string(f.Kind)+" "+f.Key)
	}
	return all
}

func pyKinds(r pyverify.Report) (all []string) {
	for _, f := range r.Findings {
		all = append(all, f.Kind+" "+f.Key)
	}
	return all
}

// both judges a pack with both checkers, which must say the same.
func both(t *testing.T, file, root string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	result := "INDETERMINATE"
	ours, err := pack.Check(t.Context(), bytes.NewReader(b), int64(len(b)), root, nil)
	if err == nil {
		result = string(ours.Result)
	}
	theirs := pyverify.Pack(t, file, root)
	if theirs.Result != result {
		t.Errorf("Go says %s %v (%v), Python %s %v", result, ours, err, theirs.Result, theirs.Findings)
	}
	if err == nil && !slices.Equal(kinds(ours), pyKinds(theirs)) {
		t.Errorf("Go found %v, Python %v", kinds(ours), theirs.Findings)
	}
	return result
}

// Two checkers that share no code accept the same packs, and the same flips of bits are found by both.
func TestPackVerdicts(t *testing.T) {
	pyverify.Need(t)
	noon := time.Date(2026, 11, 22, 10, 0, 0, 7_000_000, time.UTC)
	for name, change := range map[string]func(*world, *export.Options){
		"all":         func(*world, *export.Options) {},
		"a period":    func(_ *world, o *export.Options) { o.From = noon },
		"whole files": func(_ *world, o *export.Options) { o.From, o.WholeFiles = noon, true },
		"a condition": func(w *world, o *export.Options) { w.everyThird(o) },
		"everything": func(w *world, o *export.Options) {
			o.From, o.WholeFiles, o.Results = noon, true, map[string][]byte{"doctor": []byte("{}"), "verify": []byte("{}")}
			w.everyThird(o)
		},
		"nothing": func(_ *world, o *export.Options) { o.To = o.From.Add(1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			file := w.export(func(o *export.Options) { change(w, o) })
			if result := both(t, file, w.a.RootVKey()); result != "OK" {
				t.Fatalf("untouched: %s", result)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(uint64(len(name)), 1))
			for range 6 {
				at, bit := rng.IntN(len(b)), byte(1)<<rng.IntN(8)
				b[at] ^= bit
				if err := os.WriteFile(file, b, 0o600); err != nil {
					t.Fatal(err)
				}
				if result := both(t, file, w.a.RootVKey()); result == "OK" {
					t.Errorf("a flip at byte %d is accepted", at)
				}
				b[at] ^= bit
			}
		})
	}
}
