package archive

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/testenv/every"
)

// TestFaultStoreFails: for an hour of the clock the bucket answers with an error
// that somebody may end. Meanwhile events are taken, the state is visible, the
// bucket is asked again without haste, and nothing new is in it. A process that
// starts then says so too, and does not take events before it has read and listed
// what it must. Afterwards everything goes out by itself, in order.
func TestFaultStoreFails(t *testing.T) {
	everything := func(memstore.Call) bool { return true }
	only := func(ops ...string) func(memstore.Call) bool {
		return func(c memstore.Call) bool { return slices.Contains(ops, c.Op) }
	}
	for _, test := range []struct {
		name string
		hits func(memstore.Call) bool
		err  string // what the S3 client makes of it; see internal/s3store
	}{
		{"B34 503 SlowDown", everything, "SlowDown"},
		{"B38 expired credentials", everything, "ExpiredToken"},
		{"B39 no right to lock", only("put"), "AccessDenied: s3:PutObjectRetention"},
		{"B43 clocks differ", everything, "RequestTimeTooSkewed"},
		{"B45 half-open", everything, "did not answer in time"},
		{"B46 bucket of another owner", everything, "AccessDenied: expected bucket owner"},
		{"B47 key disabled", only("put", "get"), "KMS.DisabledException"},
		{"B48 listing throttled", only("versions"), "SlowDown"},
		{"B48 listing throttled, heads refused", only("head"), "AccessDenied"},
	} {
		t.Run(test.name, func(t *testing.T) { testStoreFails(t, test.hits, errors.New(test.err)) })
	}
}

func testStoreFails(t *testing.T, hits func(memstore.Call) bool, failure error) {
	w := newWorld(t)
	p := must(w.start())
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	before := w.store.Keys()
	begun, calls := w.clock.now(), atomic.Int64{}
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if !hits(c) {
			return nil
		}
		if w.clock.now().Sub(begun) <= time.Hour { // the pauses after it take no time either
			calls.Add(1)
		}
		return &memstore.Fault{Err: failure}
	})
	for range 3 {
		if err := p.send(w.events(3)...); err != nil {
			t.Fatalf("while the bucket is away: %v", err)
		}
	}
	if err := p.archiver.Drain(t.Context(), func() bool { return w.clock.now().Sub(begun) > time.Hour }); err != nil {
		t.Fatal(err)
	}
	if s := p.archiver.Status(); s.Err == nil || s.Stopped || !errors.Is(s.Err, failure) || s.Failing.Sub(begun) > time.Minute {
		t.Errorf("status %+v: it does not say since when and why", s)
	}
	// Up to four files at once, each try.
	if most := int64(time.Hour/(backoffMost/2)) + 20; calls.Load() > most*uploadsAtOnce {
		t.Errorf("%d calls in an hour, want at most %d", calls.Load(), most*uploadsAtOnce)
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p = must(w.start())
	if err := p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Err != nil }); err != nil {
		t.Fatal(err)
	}
	needed := slices.ContainsFunc([]string{"get", "head", "versions"}, func(op string) bool { return hits(memstore.Call{Op: op}) })
	if s := p.archiver.Status(); s.Started == needed || s.Stopped || !errors.Is(s.Err, failure) {
		t.Errorf("after a restart: status %+v, want started: %v", s, !needed)
	}
	put := hits(memstore.Call{Op: "put"})
	for _, key := range w.store.Keys() {
		if (put || strings.HasSuffix(key, ".commit")) && !slices.Contains(before, key) {
			t.Errorf("put meanwhile: %s", key)
		}
	}
	w.store.Intercept(nil)
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	for i, m := range w.check().Streams[0].Manifests[1:] {
		if m.First != int64(3*i) {
			t.Errorf("commit %d begins at seq %d: not in order", m.Index, m.First)
		}
	}
}

// TestFaultB47KeyAway: for an hour of the clock the stream's key does not sign. It is
// as if the bucket were away, except that files may be there already.
func TestFaultB47KeyAway(t *testing.T) {
	var away atomic.Bool
	failure := errors.New("DisabledException: key is disabled")
	w := newWorldOf(t, func(name string) ledger.Signer {
		return newECDSAKey(name, func() error {
			if away.Load() {
				return failure
			}
			return nil
		})
	})
	p := must(w.start())
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	away.Store(true)
	begun := w.clock.now()
	for range 3 {
		if err := p.send(w.events(3)...); err != nil {
			t.Fatalf("while the key is away: %v", err)
		}
	}
	if err := p.archiver.Drain(t.Context(), func() bool { return w.clock.now().Sub(begun) > time.Hour }); err != nil {
		t.Fatal(err)
	}
	if s := p.archiver.Status(); !errors.Is(s.Err, failure) || s.Stopped || s.Index != 0 || s.Failing.Sub(begun) > time.Minute {
		t.Errorf("status %+v: it does not say since when and why", s)
	}
	away.Store(false)
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.check().Streams[0].Manifests); n != 4 {
		t.Errorf("%d commits, want 4", n)
	}
}

// careless is a store that does not do what it says.
type careless struct {
	*memstore.Store
	overwrites bool // ignores If-None-Match
	unlocked   func(key string) bool
}

func (c *careless) Put(ctx context.Context, p object.Put) (string, error) {
	id, err := c.Store.Put(ctx, p)
	if c.overwrites && errors.Is(err, object.ErrExists) {
		raw, err := io.ReadAll(io.NewSectionReader(p.Body, 0, p.Size))
		if err != nil {
			return "", err
		}
		id := c.PutForged(p.Key, raw)
		c.SetLock(p.Key, id, object.Compliance, p.RetainUntil)
		return id, nil
	}
	if err == nil && c.unlocked != nil && c.unlocked(p.Key) {
		c.SetLock(p.Key, id, "", time.Time{})
	}
	return id, err
}

// TestFaultB41NoIfNoneMatch: a store that overwrites whatever it is told to. Lost
// answers and restarts still leave one version of each object, because every
// upload looks before it writes. (That such a store is refused from the start is
// for the WORM probe.)
func TestFaultB41NoIfNoneMatch(t *testing.T) {
	for n := 2; n <= 11; n++ {
		w := newWorld(t)
		w.wrap = func(s *memstore.Store) object.Store { return &careless{Store: s, overwrites: true} }
		w.store.FailPut(n, memstore.Fault{Err: memstore.ErrLost, Persist: true})
		w.life(nil)
		w.check()
	}
}

// TestFaultB40Unlocked: the store answers 200 and locks nothing. The batch is not
// committed and not sent again; when somebody has locked what is there, it goes on.
func TestFaultB40Unlocked(t *testing.T) {
	w := newWorld(t)
	c := &careless{Store: w.store, unlocked: func(key string) bool { return strings.HasSuffix(key, ".parquet") }}
	w.wrap = func(*memstore.Store) object.Store { return c }
	p := must(w.start())
	if err := errors.Join(p.drain(), p.send(w.events(1)...)); err != nil {
		t.Fatal(err)
	}
	if err := p.archiver.Drain(t.Context(), func() bool {
		s := p.archiver.Status() // a commit ends the wait: there must be none
		return s.Index > 0 || s.Err != nil && w.clock.now().Sub(s.Failing) > 10*time.Minute
	}); err != nil {
		t.Fatal(err)
	}
	if s := p.archiver.Status(); !errors.Is(s.Err, object.ErrUnlocked) || s.Stopped || s.Index != 0 || p.buffer.Stats().SealedBatches != 1 {
		t.Fatalf("want a visible failure, no commit and no release; got %+v", s)
	}
	for v, err := range w.store.Versions(t.Context(), "") {
		if err == nil && strings.HasSuffix(v.Key, ".parquet") {
			w.store.SetLock(v.Key, v.VersionID, object.Compliance, w.clock.now().Add(100*time.Hour))
		}
	}
	if err := errors.Join(p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestFaultAtEveryDiskOperation makes one operation fail, done or not, or a write
// stop in its middle, and everything work again after it. Whether the process goes
// on by itself or ends, the next one brings everything to the bucket, once.
func TestFaultAtEveryDiskOperation(t *testing.T) {
	faults := []*crashfs.Fault{
		{Err: syscall.EIO}, {Err: syscall.EIO, Done: true},
		{Err: syscall.ENOSPC, Part: 700}, {Err: syscall.EMFILE}, {Err: syscall.EIO, Lost: true},
	}
	choice := every.New(len(faults))
	for n := 1; ; n++ {
		for round := range choice.Rounds() {
			w := newECDSAWorld(t)
			disk := crashfs.New()
			w.fs, w.dir = disk, "/data"
			hit, fault := crashfs.Op{}, -1
			disk.Inject(func(op crashfs.Op) error {
				if op.N != n {
					return nil
				}
				hit, fault = op, choice.Pick(round, op)
				return faults[fault]
			})
			w.lifeUntilItEnds()
			disk.Inject(nil)
			if fault < 0 {
				if n < 100 {
					t.Fatalf("a life has only %d disk operations: the test does not test what it should", n)
				}
				t.Logf("%d disk operations", n-1)
				return
			}
			w.finish()
			w.check()
			if t.Failed() {
				t.Fatalf("at disk operation %d, %s %s, fault %+v", n, hit.Kind, hit.Name, faults[fault])
			}
		}
	}
}

// lifeUntilItEnds is a life that may end by itself, because its disk failed.
func (w *world) lifeUntilItEnds() {
	p, err := w.start()
	if err != nil {
		return
	}
	p = p.together()
	for range 2 {
		if err = p.send(w.events(7)...); err != nil {
			break
		}
	}
	if err == nil {
		_ = p.drain() // refused, damaged, or all is well: the next one tells
	}
	_ = p.end()
}

// TestFaultA18EmptyFiles: a file system that was repaired leaves a file of ours
// without content. What can be made again is; a journal that cannot is an error
// that names it, and nothing is deleted.
func TestFaultA18EmptyFiles(t *testing.T) {
	for file, remade := range map[string]bool{
		"spool/00000000000000000000/000.parquet": true,
		"spool/00000000000000000000/plan.json":   true,
		"ledger/state":                           false,
		"ledger/pending":                         false,
	} {
		t.Run(file, func(t *testing.T) {
			w := newWorld(t)
			w.journalCommit(t)
			name := filepath.Join(w.dir, file)
			good := must(os.ReadFile(name))
			must(0, os.Truncate(name, 0))
			if !remade {
				_, err := w.start()
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("got %v, want an error that names %s", err, name)
				}
				must(0, os.WriteFile(name, good, 0o600)) // from a backup
			}
			w.finish()
			w.check()
		})
	}
}
