package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/verify"
)

// attacks are what somebody did, and what a repair does about it: its steps, as step
// writes them.
var attacks = []struct {
	name string
	do   func(w *world) (steps []string)
	// information that verify still has afterwards, by kind; "" for nothing
	after string
}{
	{"nothing", func(*world) []string { return nil }, ""},
	{"hidden", func(w *world) (steps []string) {
		key, _, _ := w.file(0)
		first, second := w.bucket.Hide(key), w.bucket.Hide(key)
		return []string{step(RemoveMarker, key, first), step(RemoveMarker, key, second)}
	}, ""},
	{"hidden ledger", func(w *world) (steps []string) {
		for _, key := range []string{ledger.ArchiveKey(prefix), ledger.OpenKey(prefix, w.b.Open.Stream), w.a.Commits[2].Key} {
			steps = append(steps, step(RemoveMarker, key, w.bucket.Hide(key)))
		}
		return steps
	}, ""},
	{"replaced without a lock", func(w *world) (steps []string) {
		key, _, _ := w.file(0)
		_, _, other := w.file(1)
		return []string{step(RemoveVersion, key, w.bucket.PutForged(key, other)), step(RemoveMarker, key, w.bucket.Hide(key)),
			step(RemoveVersion, w.a.Commits[0].Key, w.bucket.PutForged(w.a.Commits[0].Key, []byte("forged")))}
	}, ""},
	{"replaced, with a lock", func(w *world) (steps []string) {
		key, _, _ := w.file(0)
		_, _, other := w.file(1)
		forged := w.bucket.locked(key, other, object.Compliance, w.Now.AddDate(9, 0, 0))
		held := w.bucket.locked(w.b.Commits[0].Key, []byte("held"), object.Governance, w.Now.AddDate(0, 0, 1))
		marker := w.bucket.Hide(key)
		return []string{step(PutAgain, key, "*", forged), step(PutAgain, w.b.Commits[0].Key, "*", held), step(RemoveMarker, key, marker)}
	}, "repaired"},
	{"a copy of what was committed", func(w *world) (steps []string) {
		key, f, body := w.file(0)
		short := w.bucket.locked(key, body, object.Compliance, w.Now.Add(time.Hour)) // would not hold as long
		long := w.bucket.locked(key, body, object.Compliance, f.RetainUntil)
		free := w.bucket.PutForged(key, body)
		return []string{step(Attest, key, long, short), step(RemoveVersion, key, free)}
	}, "repaired"},
	{"a lock that has ended", func(w *world) (steps []string) {
		key, _, _ := w.file(0)
		return []string{step(RemoveVersion, key, w.bucket.locked(key, []byte("old"), object.Compliance, w.Now.Add(-time.Hour)))}
	}, ""},
	{"injected without a lock", func(w *world) (steps []string) {
		_, f, body := w.file(0)
		for _, name := range []string{
			ledger.DataName(f.Class, f.Day, w.a.Open.Stream, 0, 5),                   // of seqs that are committed
			ledger.DataName(f.Class, f.Day, uuid.New(), 0, 11),                       // of no stream
			ledger.DataName(f.Class, f.Day, w.a.Open.Stream, w.a.Head.NextSeq, 1000), // where the next batch goes
			"events/retention=" + f.Class + "/dt=" + f.Day + "/evil.parquet",         // as no writer names files
			ledger.OpenKey("", uuid.New()), "attest/repair/x",                        // of no kind
			ledger.CommitKey("", w.a.Open.Stream, w.a.Head.Index+1), "ledger/README.txt", // in the way of the next commit
		} {
			key := ledger.Join(prefix, name)
			steps = append(steps, step(RemoveVersion, key, w.bucket.PutForged(key, body)))
			steps = append(steps, step(RemoveMarker, key, w.bucket.Hide(key)))
		}
		return steps
	}, ""},
	{"an attestation hidden", func(w *world) (steps []string) {
		key, _, _ := w.file(0)
		w.bucket.locked(key, []byte("forged"), object.Compliance, w.Now.AddDate(9, 0, 0))
		note := w.repair(true).Notes[0]
		return []string{step(RemoveMarker, note, w.bucket.Hide(note))}
	}, "repaired"},
	{"shipments and probes", func(w *world) (steps []string) {
		w.bucket.PutForged(ledger.Join(prefix, "wal/x"), nil)
		w.bucket.Hide(ledger.Join(prefix, "probe/x"))
		return nil
	}, ""},
}

func step(do Do, key, id string, over ...string) string {
	return fmt.Sprint(do, " ", key, " ", id, " ", over)
}

// TestRepair: a dry run says what it would do and does nothing; applied, exactly that
// is done, the auditor is content, readers of current versions read what was
// committed, and a second run has nothing to do.
func TestRepair(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			w := newWorld(t)
			steps := a.do(w)
			before := w.listing()
			dry := w.repair(false)
			if after := w.listing(); !slices.Equal(before, after) {
				t.Fatalf("a dry run changed the bucket: %v, before %v", after, before)
			}
			if len(steps) > 0 && dry.Clean() {
				t.Error("a dry run with steps is called clean")
			}
			done := w.repair(true)
			wantSteps(t, dry, steps, false)
			wantSteps(t, done, steps, true)
			if !done.Clean() || len(done.Left) > 0 {
				t.Errorf("left: %+v", done.Left)
			}
			result, findings := w.verified()
			if result != verify.OK || slices.ContainsFunc(findings, func(f string) bool { return a.after == "" || !strings.HasPrefix(f, a.after+" ") }) {
				t.Errorf("verify says %s: %v", result, findings)
			}
			if a.after != "" && len(findings) == 0 {
				t.Error("verify does not mention the repair")
			}
			w.current()
			rest := w.listing()
			if again := w.repair(true); len(again.Steps) > 0 || len(again.Notes) > 0 || !slices.Equal(rest, w.listing()) {
				t.Errorf("the second run does %v", does(again))
			}
		})
	}
}

// wantSteps compares, with the id of what a repair puts left open.
func wantSteps(t *testing.T, r *Report, want []string, done bool) {
	t.Helper()
	var got []string
	for _, s := range r.Steps {
		if s.Done != done {
			t.Errorf("done is %v: %+v", s.Done, s)
		}
		if s.Do == PutAgain {
			if (s.Version != "") != done {
				t.Errorf("version of a put: %+v", s)
			}
			s.Version = "*"
		}
		got = append(got, step(s.Do, s.Key, s.Version, s.Over...))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("applied %v: steps\n%s\nwant\n%s", r.Applied, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// stays is what cannot or must not be changed.
var stays = []struct {
	name string
	do   func(w *world) (key, id string)
	want string // in what is left
}{
	{"an injected file with a lock", func(w *world) (string, string) {
		_, f, body := w.file(0)
		key := ledger.Join(prefix, ledger.DataName(f.Class, f.Day, w.a.Open.Stream, 0, 5))
		return key, w.bucket.locked(key, body, object.Compliance, w.Now.AddDate(0, 0, 9))
	}, "no commit names it, and it is locked until"},
	{"a file in the place of the next batch, older than what the stream is complete through", func(w *world) (string, string) {
		key, id := w.nextBatch(object.Compliance)
		w.Now = w.Now.Add(ledger.Flight + time.Second)
		w.a.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
		return key, id
	}, "no commit names it, and it is locked until"},
	{"a file in the place of the next batch, locked as no writer does", func(w *world) (string, string) {
		return w.nextBatch(object.Governance)
	}, "no commit names it, and it is locked until"},
	{"a file in the place of the next batch, and nobody tells whose", func(w *world) (string, string) {
		key, id := w.nextBatch(object.Compliance)
		w.Now = w.Now.Add(ledger.Flight + time.Second)
		return key, id
	}, "nothing was committed since that tells whether it is one"},
	{"a marker over an injected file with a lock", func(w *world) (string, string) {
		key := ledger.Join(prefix, "events/evil.parquet")
		id := w.bucket.locked(key, []byte("evil"), object.Compliance, w.Now.AddDate(0, 0, 9))
		w.bucket.Hide(key)
		return key, id
	}, "no commit names it, and it is locked until"},
	{"something else in our folder", func(w *world) (string, string) {
		key := ledger.Join(prefix, "README.txt")
		w.bucket.PutForged(key, []byte("hello"))
		return key, ""
	}, "nothing of an archive is named so"},
	{"a fork", func(w *world) (string, string) {
		head := must(ledger.NewHead(w.b.Raw, w.Root.VKey()))
		raw, _, err := head.Next(head.Empty(w.Now, "other", ledger.Note{Kind: ledger.NoteHeartbeat}), w.b.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		return w.b.Commits[0].Key, w.bucket.PutForged(w.b.Commits[0].Key, raw)
	}, "the right key signed it"},
	{"a commit is gone, and so is all that comes after it", func(w *world) (string, string) {
		w.bucket.DeleteVersion(w.b.Commits[0].Key, w.b.Commits[0].Version)
		c := w.b.Note(ledger.Note{Kind: ledger.NoteHeartbeat})
		for _, f := range w.b.Commits[0].Manifest.Files {
			w.bucket.DeleteVersion(ledger.Join(prefix, f.Key), f.VersionID)
		}
		return c.Key, c.Version
	}, "cannot be verified up to it"},
	{"a forged commit with a lock", func(w *world) (string, string) {
		key := ledger.CommitKey(prefix, w.a.Open.Stream, w.a.Head.Index+1)
		return key, w.bucket.locked(key, []byte("forged"), object.Compliance, w.Now.AddDate(9, 0, 0))
	}, "cannot be verified up to it"},
	{"the committed version is gone", func(w *world) (string, string) {
		key, f, _ := w.file(0)
		w.bucket.PutForged(key, []byte("forged"))
		w.bucket.DeleteVersion(key, f.VersionID)
		return key, ""
	}, "is gone"},
	{"a committed object is gone altogether", func(w *world) (string, string) {
		key, f, _ := w.file(0)
		w.bucket.DeleteVersion(key, f.VersionID)
		return key, ""
	}, "is gone"},
}

// TestLeft: it is named, and left alone.
func TestLeft(t *testing.T) {
	for _, test := range stays {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			key, id := test.do(w)
			before := w.listing()
			r := w.repair(true)
			if len(r.Steps) > 0 || len(r.Left) != 1 || r.Clean() {
				t.Fatalf("steps %v, left %+v", does(r), r.Left)
			}
			if l := r.Left[0]; l.Key != key || l.Version != id || !strings.Contains(l.Why, test.want) || l.Action == "" {
				t.Errorf("left %+v", l)
			}
			if after := w.listing(); !slices.Equal(before, after) {
				t.Errorf("the bucket changed: %v, before %v", after, before)
			}
		})
	}
}

// nextBatch puts a forged file where the next batch of a stream goes.
func (w *world) nextBatch(mode object.Mode) (key, id string) {
	_, f, body := w.file(0)
	key = ledger.Join(prefix, ledger.DataName(f.Class, f.Day, w.a.Open.Stream, w.a.Head.NextSeq, 1000))
	return key, w.bucket.locked(key, body, mode, w.Now.AddDate(1, 0, 0))
}

// TestInFlight: what a live writer has sent and not committed is none of our business,
// and what it commits while we look is no stranger.
func TestInFlight(t *testing.T) {
	w := newWorld(t)
	w.bucket.onList = func() {
		w.a.Commit(6)
		m, bodies := w.a.Batch(6)
		for i, f := range m.Files {
			w.bucket.locked(ledger.Join(prefix, f.Key), bodies[i], object.Compliance, f.RetainUntil)
		}
	}
	key, _, _ := w.file(0)
	marker := w.bucket.Hide(key)
	r := w.repair(true)
	wantSteps(t, r, []string{step(RemoveMarker, key, marker)}, true)
	if !r.Clean() || w.bucket.onList != nil {
		t.Errorf("left %+v, listed %v", r.Left, w.bucket.onList == nil)
	}
}

// TestMany: more keys than are worked on at once, and more foreign versions on one of
// them than one entry of a note, or one note, can name.
func TestMany(t *testing.T) {
	w := newWorld(t)
	for range 2 * chunkKeys {
		w.b.Commit(2)
	}
	for _, c := range w.b.Commits {
		w.bucket.Hide(c.Key)
	}
	key, _, body := w.file(0)
	var over []string
	for i := range 5000 {
		id := w.bucket.locked(key, fmt.Appendf(nil, "%d", i), object.Compliance, w.Now.AddDate(1, 0, 0))
		over = append([]string{id}, over...)
	}
	w.bucket.locked(key, body, object.Compliance, w.Now.Add(time.Hour)) // too short to count
	r := w.repair(true)
	if !r.Clean() || len(r.Notes) < 2 {
		t.Errorf("%d notes, left %+v", len(r.Notes), r.Left)
	}
	for _, s := range r.Steps {
		if s.Do == PutAgain && !slices.Equal(s.Over[1:], over) {
			t.Errorf("it covers %d versions, want %d", len(s.Over), len(over)+1)
		}
	}
	if result, findings := w.verified(); result != verify.OK || len(findings) == 0 {
		t.Errorf("verify says %s, with %d findings", result, len(findings))
	}
	w.current()
	if again := w.repair(true); len(again.Steps) > 0 {
		t.Errorf("the second run does %d steps", len(again.Steps))
	}
}

// TestDyingAnywhere: dead at any change of the bucket, before or after it, the next
// run ends where one run would have.
func TestDyingAnywhere(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t)
			key, _, _ := w.file(0)
			_, _, other := w.file(1)
			w.bucket.locked(key, other, object.Compliance, w.Now.AddDate(9, 0, 0))
			w.bucket.Hide(key)
			w.bucket.PutForged(w.a.Commits[0].Key, []byte("forged"))
			evil := ledger.Join(prefix, "events/evil.parquet")
			w.bucket.PutForged(evil, other)
			w.bucket.calls, w.bucket.dieAt, w.bucket.after = 0, n, after
			_, err := Run(t.Context(), w.options(true))
			died := w.bucket.dead
			if died && !errors.Is(err, errDied) {
				t.Fatalf("call %d: %v", n, err)
			}
			w.bucket.dead, w.bucket.dieAt = false, 0
			r := w.repair(true)
			if !r.Clean() || died && n == 1 && !after && len(r.Steps) != 4 {
				t.Errorf("call %d, done %v: steps %v, left %+v", n, after, does(r), r.Left)
			}
			if result, findings := w.verified(); result != verify.OK {
				t.Errorf("call %d, done %v: verify says %s: %v", n, after, result, findings)
			}
			w.current()
			if !died {
				break
			}
		}
	}
}

// TestRefuses: where it cannot see enough, it does nothing.
func TestRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(w *world, o *Options)
		want string
	}{
		{"locks cannot be seen", func(w *world, _ *Options) {
			for v := range w.bucket.Versions(context.Background(), ledger.ArchiveKey(prefix)) {
				w.bucket.SetLock(v.Key, v.VersionID, "", time.Time{})
			}
		}, "s3:GetObjectRetention"},
		{"another archive's key signs", func(_ *world, o *Options) {
			o.Signer = func() (ledger.Signer, error) { return ledger.NewKey(ledger.RootName(uuid.New())) }
		}, "neither the root key nor"},
		{"no key", func(_ *world, o *Options) {
			o.Signer = func() (ledger.Signer, error) { return nil, errors.New("no key file") }
		}, "no key file"},
		{"another root", func(_ *world, o *Options) {
			o.Root = must(ledger.NewKey(ledger.RootName(uuid.New()))).VKey()
		}, "no version is signed by the root key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			key, _, _ := w.file(0)
			w.bucket.locked(key, []byte("forged"), object.Compliance, w.Now.AddDate(9, 0, 0))
			w.bucket.Hide(key)
			o := w.options(true)
			test.do(w, &o)
			before := w.listing()
			if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if after := w.listing(); !slices.Equal(before, after) {
				t.Errorf("the bucket changed: %v, before %v", after, before)
			}
		})
	}
}
