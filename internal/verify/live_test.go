package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// batches are committed beside each run.
const batches = 12

// TestBesideWriters runs beside writers that send, commit and open streams as fast as
// they can, stopped at every point of a batch by turns. There is no false alarm: what
// is in flight is at most pending.
func TestBesideWriters(t *testing.T) {
	w := newWorld(t)
	first := w.stream()
	first.add(1, 3)
	budget := make(chan struct{}, batches) // of a run, so that the archive does not outgrow the test
	var writers sync.WaitGroup
	var making sync.Mutex // of streams and rows
	for range 3 {
		writers.Go(func() {
			var s *writer
			for n := 0; ; n++ {
				if _, more := <-budget; !more {
					return
				}
				making.Lock()
				if n%20 == 0 {
					s = w.stream()
				}
				m, bodies := s.batch(3)
				making.Unlock()
				s.send(&m, bodies)
				s.commit(m, bodies)
			}
		})
	}
	committed := int64(0)
	for i := range 15 {
		for range batches {
			budget <- struct{}{}
		}
		r := w.verify(func(o *Options) {
			if i%5 == 4 {
				o.State = ""
			}
		})
		for _, f := range r.Findings {
			if f.Kind != Pending {
				t.Errorf("run %d: %+v", i, f)
			}
		}
		if r.Result != OK {
			t.Errorf("run %d: %s, unchecked %+v", i, r.Result, r.Unchecked)
		}
		if n := r.Levels[1].Objects; n < committed {
			t.Errorf("run %d: %d objects of the ledger, %d before", i, n, committed)
		} else {
			committed = n
		}
	}
	close(budget)
	writers.Wait()
	wants(t, w.verify(), OK)
}

// TestBetweenCalls lets a writer do one step between any two calls of a run.
func TestBetweenCalls(t *testing.T) {
	for at := 1; ; at++ {
		w := newWorld(t)
		a := w.stream()
		a.add(2, 4)
		steps := []func(){}
		m, bodies := a.batch(4)
		steps = append(steps, func() { a.send(&m, bodies) }, func() { a.commit(m, bodies) }, func() { b := w.stream(); b.add(1, 2) }, func() { a.add(1, 2) })
		var calls int
		var mu sync.Mutex
		work := func() {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls >= at && calls-at < len(steps) {
				steps[calls-at]()
			}
		}
		o := w.options()
		o.Store, o.Workers = between{w.mem, work}, 1
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.Kind != Pending {
				t.Errorf("step before call %d: %+v", at, f)
			}
		}
		if r.Result != OK {
			t.Errorf("step before call %d: %s %+v", at, r.Result, r.Unchecked)
		}
		if at > calls {
			break
		}
	}
}

// interrupted is a bucket whose ledger cannot be listed any more once everything is.
type interrupted struct {
	object.Store
	meanwhile func()
	down      bool
}

func (i *interrupted) Versions(ctx context.Context, dir string) iter.Seq2[object.Info, error] {
	if i.down {
		return func(yield func(object.Info, error) bool) { yield(object.Info{}, errors.New("slow down")) }
	}
	if dir == prefix+"/" {
		i.meanwhile()
		i.down = true
	}
	return i.Store.Versions(ctx, dir)
}

// TestSecondReadingFails: what was committed while we looked is not injected because
// we could not look again.
func TestSecondReadingFails(t *testing.T) {
	w, a, _ := victim(t)
	o := w.options()
	evil := prefix + "/" + ledger.DataName("standard", "2026-01-01", a.open.Stream, 0, 9)
	o.Store = &interrupted{Store: w.mem, meanwhile: func() { a.add(2, 4) }}
	wants(t, must(Run(t.Context(), o)), Indeterminate)
	wants(t, w.verify(), OK)
	o.Store = &interrupted{Store: w.mem, meanwhile: func() { a.add(2, 4) }}
	wants(t, must(Run(t.Context(), o)), Indeterminate)
	id := w.mem.PutForged(evil, a.bodies[0]) // of seqs that were committed before
	o.Store = &interrupted{Store: w.mem, meanwhile: func() {}}
	wants(t, must(Run(t.Context(), o)), Violation, "injected 2 "+evil+" "+id)
}

// TestRepaired: what a signed repair has put over foreign versions is believed as far
// as it goes.
func TestRepaired(t *testing.T) {
	w, a, _ := victim(t)
	marker := w.mem.Hide(a.path(0))
	forged := w.mem.PutForged(a.path(0), []byte("x"))
	other := w.mem.PutForged(a.path(0), []byte("y"))
	commit := w.mem.PutForged(a.keys[1], []byte("z"))
	copied := w.relock(a.path(0), a.bodies[0], a.files[0].RetainUntil)
	again := w.relock(a.keys[1], a.commits[1], a.open.RetainUntil)
	before := []string{"hidden 2 " + a.path(0) + " " + marker, "replaced 2 " + a.path(0) + " " + forged, "replaced 2 " + a.path(0) + " " + other}
	body := ledger.RepairBody{Objects: []ledger.RepairedObject{
		{Key: a.files[0].Key, VersionID: copied, SHA256: a.files[0].SHA256, Over: []string{marker, forged}},
		{Key: a.keys[1][len(prefix)+1:], VersionID: again, SHA256: sumOf(a.commits[1]), Over: []string{commit}},
	}}
	wants(t, w.verify(), Violation, append(before, "replaced 2 "+a.path(0)+" "+copied, "replaced 1 "+a.keys[1]+" "+commit)...)

	stranger := must(ledger.NewKey(ledger.StreamName(w.archive.ID, w.archive.ID)))
	bad := w.attest(body, stranger)
	wants(t, w.verify(), Violation, append(before, "replaced 2 "+a.path(0)+" "+copied, "replaced 1 "+a.keys[1]+" "+commit, "injected 2 "+bad[0]+" "+bad[1])...)
	w.mem.DeleteVersion(bad[0], bad[1])

	w.attest(body, a.key)
	repaired := []string{"repaired 1 " + a.keys[1] + " " + commit, "repaired 2 " + a.path(0) + " " + marker, "repaired 2 " + a.path(0) + " " + forged}
	r := w.verify()
	wants(t, r, Violation, append(repaired, "replaced 2 "+a.path(0)+" "+other)...)
	for _, f := range r.Findings { // an auditor sees by whose word it is no violation
		if f.Kind == Repaired && !strings.Contains(f.Detail, a.key.Name()) {
			t.Errorf("%s is repaired, and the detail is %q", f.Version, f.Detail)
		}
	}
	body.Objects[0].Over = append(body.Objects[0].Over, other)
	w.attest(body, w.root)
	repaired = append(repaired, "repaired 2 "+a.path(0)+" "+other)
	for range 2 {
		wants(t, w.verify(), OK, repaired...)
	}
	wants(t, w.verify(levels(1)), OK, repaired[0])

	// Covered again, nothing of it holds.
	over := w.mem.PutForged(a.path(0), []byte("w"))
	wants(t, w.verify(), Violation, append(before, "replaced 2 "+a.path(0)+" "+over, repaired[0])...)
	w.mem.DeleteVersion(a.path(0), over)
	wants(t, w.verify(), OK, repaired...)

	// A copy that is not one, or is not locked, is none.
	w.mem.SetLock(a.path(0), copied, "", time.Time{})
	wants(t, w.verify(), Violation, append(repaired, "short-locked 2 "+a.path(0)+" "+copied)...)
}

// relock puts a locked version on top of what is there, as only a repair does.
func (w *world) relock(key string, body []byte, until time.Time) string {
	id := w.mem.PutForged(key, body)
	w.mem.SetLock(key, id, object.Compliance, until)
	return id
}

// attest puts a repair, and returns its key and version.
func (w *world) attest(body ledger.RepairBody, key ledger.Key) [2]string {
	w.t.Helper()
	signed := must(ledger.SignAttestation(ledger.Attestation{Archive: w.archive.ID, Kind: ledger.AttestRepair, At: w.now}, body, key))
	at := ledger.AttestKey(prefix, ledger.AttestRepair, signed)
	return [2]string{at, w.put(at, signed, w.archive.RetainUntil(w.now))}
}

// TestModel does random things to random archives, and checks that exactly these are
// found.
func TestModel(t *testing.T) {
	const seeds = 30
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			var all []*writer
			for range 1 + r.IntN(3) {
				s := w.stream()
				s.add(1+r.IntN(4), 1+r.IntN(12))
				all = append(all, s)
			}
			if r.IntN(2) == 0 {
				wants(t, w.verify(), OK)
			}
			var want []string
			touched := map[string]bool{}
			for range r.IntN(6) {
				s := all[r.IntN(len(all))]
				i := r.IntN(len(s.files))
				c := r.IntN(len(s.keys))
				if touched[s.path(i)] || touched[s.keys[c]] {
					continue
				}
				switch r.IntN(6) {
				case 0:
					want = append(want, "hidden 2 "+s.path(i)+" "+w.mem.Hide(s.path(i)))
				case 1:
					want = append(want, "replaced 2 "+s.path(i)+" "+w.mem.PutForged(s.path(i), []byte{byte(i)}))
				case 2:
					w.mem.DeleteVersion(s.path(i), s.files[i].VersionID)
					want = append(want, "missing 2 "+s.path(i)+" "+s.files[i].VersionID)
				case 3:
					key := s.path(i) + "." + fmt.Sprint(r.IntN(1e6))
					want = append(want, "injected 2 "+key+" "+w.mem.PutForged(key, s.bodies[i]))
				case 4:
					want = append(want, "hidden 1 "+s.keys[c]+" "+w.mem.Hide(s.keys[c]))
				case 5:
					want = append(want, "replaced 1 "+s.keys[c]+" "+w.mem.PutForged(s.keys[c], []byte{byte(c)}))
				}
				touched[s.path(i)], touched[s.keys[c]] = true, true
			}
			result := Violation
			if len(want) == 0 {
				result = OK
			}
			wants(t, w.verify(), result, want...)
			wants(t, w.verify(stateless), result, want...)
		})
	}
}

// between is a bucket that lets others work before each call.
type between struct {
	*memstore.Store
	work func()
}

func (b between) Head(ctx context.Context, key, id string) (object.Info, error) {
	b.work()
	return b.Store.Head(ctx, key, id)
}

func (b between) Get(ctx context.Context, key, id string) (io.ReadCloser, error) {
	b.work()
	return b.Store.Get(ctx, key, id)
}

func (b between) Versions(ctx context.Context, under string) iter.Seq2[object.Info, error] {
	b.work()
	return b.Store.Versions(ctx, under)
}
