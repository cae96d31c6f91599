package archive

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestStateThatWasReadIsOnTheDisk: the folder could not be synced when the state moved
// on, so what a restart reads is in memory only. The journal is the other trace of the
// commit, and must not go before the state is on the disk: a loss of power would take
// both, and the index would be signed a second time.
func TestStateThatWasReadIsOnTheDisk(t *testing.T) {
	w := newWorld(t)
	disk := crashfs.New()
	w.fs, w.dir = disk, "/data"
	p := must(w.start())
	if err := errors.Join(p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	moved := false
	disk.Inject(func(op crashfs.Op) error {
		switch {
		case op.Kind == crashfs.Rename && strings.HasPrefix(op.Name, "/data/ledger/state"):
			moved = true
		case op.Kind == crashfs.SyncDir && op.Name == "/data/ledger" && moved:
			return syscall.EIO
		}
		return nil
	})
	if err := p.send(w.events(2)...); err != nil {
		t.Fatal(err)
	}
	if err := <-p.arcErr; !errors.Is(err, errDisk) {
		t.Fatalf("got %v, want errDisk", err)
	}
	p.arcErr <- nil
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	disk.Inject(nil)

	const index = 2 // of the commit that is in the bucket: after a start note and a batch
	// known says whether a machine that lost power now knows of the commit by its state,
	// and by its journal.
	known := func(seed uint64) (byState, byJournal bool) {
		after := disk.Crash(rand.New(rand.NewPCG(seed, 0)), 50)
		var s state
		var p pending
		must(readJSON(after, path.Join(w.dir, "ledger", "state"), &s))
		must(readJSON(after, path.Join(w.dir, "ledger", "pending"), &p))
		return s.Head.Index == index, p.Index == index
	}
	const crashes = 64
	lost := 0
	for seed := range uint64(crashes) {
		if byState, byJournal := known(seed); !byJournal {
			t.Fatalf("crash %d: the journal is gone before a restart", seed)
		} else if !byState {
			lost++
		}
	}
	if lost == 0 || lost == crashes {
		t.Fatalf("%d of %d crashes lose the state: the test does not test what it should", lost, crashes)
	}
	restarted, err := w.load(disk)
	if err != nil || restarted.pending != nil || restarted.state.Head.Index != index {
		t.Fatalf("restarted with %+v: %v", restarted, err)
	}
	for seed := range uint64(crashes) {
		if byState, byJournal := known(seed); !byState && !byJournal {
			t.Fatalf("crash %d: state and journal are gone, and the commit is in the bucket", seed)
		}
	}
}

// TestBrokenWhenItIsStopped: the journal cannot be written at the very moment in which
// the process is told to stop. It must not end as if all were well.
func TestBrokenWhenItIsStopped(t *testing.T) {
	w := newWorld(t)
	disk := crashfs.New()
	w.fs, w.dir = disk, "/data"
	p := must(w.start())
	if err := errors.Join(p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	hit := make(chan struct{})
	disk.Inject(func(op crashfs.Op) error {
		if op.Kind != crashfs.SyncDir || op.Name != "/data/ledger" {
			return nil
		}
		p.stop()
		close(hit) // it is the last one
		return syscall.EIO
	})
	if err := p.send(w.events(2)...); err != nil {
		t.Fatal(err)
	}
	<-hit
	if err := p.end(); !errors.Is(err, errDisk) {
		t.Errorf("it ends with %v, want errDisk", err)
	}
}

// load is what a restart does before it asks the bucket.
func (w *world) load(fsys durable.FS) (*Archiver, error) {
	return New(Options{Dir: w.dir, FS: fsys, Store: w.store, Queue: kept{}, Prefix: prefix, Stream: w.open.Stream, OpenSeq: math.MaxInt64,
		Open: w.openRaw, Root: w.root.VKey(), Signer: w.stream, Identity: w.id, Writer: "test",
		Now: w.clock.now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
}

// journalCommit is a life that ends with a commit which is signed, in the journal, and did
// not get out.
func (w *world) journalCommit(t *testing.T) {
	t.Helper()
	p := must(w.start())
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".commit") {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	if err := p.send(w.events(3)...); err != nil {
		t.Fatal(err)
	}
	if err := p.archiver.Drain(t.Context(), func() bool { return p.archiver.Status().Err != nil }); err != nil {
		t.Fatal(err)
	}
	_ = p.end()
	w.store.Intercept(nil)
}

// TestFaultA28NewerState: files of the journal that a newer program wrote are refused, by
// name and version, and nothing is changed, here and in the bucket.
func TestFaultA28NewerState(t *testing.T) {
	for _, file := range []string{"state", "pending", "moved"} {
		t.Run(file, func(t *testing.T) {
			w := newWorld(t)
			disk := crashfs.New()
			w.fs, w.dir = disk, "/data"
			w.journalCommit(t)

			name := path.Join("/data/ledger", file)
			good, err := durable.ReadFile(disk, name)
			if file == "moved" {
				good, err = []byte(`{"version":1,"runs":[],"orphans":[]}`), nil
			}
			newer := bytes.Replace(good, []byte(`{"version":1,`), []byte(`{"version":2,`), 1)
			if err != nil || bytes.Equal(newer, good) {
				t.Fatalf("%s: %q, %v", name, good, err)
			}
			must(0, durable.WriteFile(disk, name, newer, 0o600))
			before, puts := journal(disk), w.store.Calls("put")
			if _, err := w.start(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "version 2") {
				t.Errorf("got %v, want an error that names %s and its version", err, name)
			}
			if after := journal(disk); after != before || w.store.Calls("put") != puts {
				t.Errorf("changed from\n%sto\n%s, and %d things were sent", before, after, w.store.Calls("put")-puts)
			}
			must(0, durable.WriteFile(disk, name, good, 0o600))
			w.finish()
			w.check()
		})
	}
}

// journal is all that is in the folder of the journal.
func journal(fsys durable.FS) string {
	var all strings.Builder
	for _, e := range must(fsys.ReadDir("/data/ledger")) {
		fmt.Fprintf(&all, "%s %s\n", e.Name(), must(durable.ReadFile(fsys, path.Join("/data/ledger", e.Name()))))
	}
	return all.String()
}
