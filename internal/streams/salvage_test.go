package streams

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/archive"
	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
	"github.com/audit-archiver/archiver/testenv/every"
)

// damagedWorld is a node whose log is damaged in the middle: of ten events that are
// acknowledged, three are archived, and the frame of the sixth and seventh cannot be read.
func damagedWorld(t *testing.T, fsys durable.FS) (w *world, next uuid.UUID, lost []event.Event) {
	t.Helper()
	w = newWorld(t, fsys, "/data")
	w.clock.advance(time.Minute)
	next = w.successor(w.first)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	// From here on nothing is committed: the last commit is signed and stays here.
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && strings.HasSuffix(c.Key, ".commit") {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	if err := errors.Join(p.send(w.events(2)...), p.line.Current().Buffer.Seal(t.Context())); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return p.line.Current().Archiver.Status().Err != nil })
	lost = w.events(2)
	if err := errors.Join(p.send(lost...), p.send(w.events(3)...), p.end()); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(nil)
	name := filepath.Join(w.dir, walName, "00000000000000000000.wal")
	raw := must(durable.ReadFile(w.fs, name))
	at := strings.Index(string(raw), lost[0].ID)
	if at < 0 {
		t.Fatal("the event is not in the log")
	}
	raw[at] ^= 1
	must(0, durable.WriteFile(w.fs, name, raw, 0o600))
	for _, e := range lost {
		delete(w.sent, e.ID)
	}
	return w, next, lost
}

// TestSalvage: a log that is damaged before its end is refused, and its operator's way
// out archives all that is intact, signs for the rest, and goes on with a successor.
func TestSalvage(t *testing.T) {
	w, next, _ := damagedWorld(t, crashfs.New())
	if _, err := w.start(); !errors.Is(err, buffer.ErrCorrupt) || !strings.Contains(err.Error(), "archiver stream salvage") {
		t.Fatalf("started: %v", err)
	}
	before := len(w.store.Keys())
	would, damage, err := Salvage(t.Context(), w.options(), true)
	if err != nil || len(damage) != 1 || len(would.Lost) != 1 || would.Lost[0] != (ledger.Range{First: 5, Last: 6}) {
		t.Fatalf("would salvage %+v, damage %+v, %v", would, damage, err)
	}
	if n := len(w.store.Keys()); n != before {
		t.Errorf("a dry run left %d objects", n-before)
	}
	log := must(durable.ReadFile(w.fs, filepath.Join(w.dir, walName, "00000000000000000000.wal")))
	got, _, err := Salvage(t.Context(), w.options(), false)
	if err != nil || !got.Closed || len(got.Lost) != 1 || got.Lost[0] != would.Lost[0] {
		t.Fatalf("salvaged %+v, %v", got, err)
	}
	if string(must(durable.ReadFile(w.fs, filepath.Join(w.dir, walName, "00000000000000000000.wal")))) != string(log) {
		t.Error("the damaged log was changed")
	}
	w.salvagedAndOn(next)
}

// lostEnd is a node that archived three events and acknowledged two more, of which spoil
// takes what the log has; first is the id of the first of them.
func lostEnd(t *testing.T, fsys durable.FS, spoil func(raw []byte, first string) []byte) (w *world, next uuid.UUID) {
	t.Helper()
	w = newWorld(t, fsys, "/data")
	w.clock.advance(time.Minute)
	next = w.successor(w.first)
	p := must(w.start())
	lost := w.events(2)
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain(), p.send(lost...), p.end()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(w.dir, walName, "00000000000000000000.wal")
	must(0, durable.WriteFile(w.fs, name, spoil(must(durable.ReadFile(w.fs, name)), lost[0].ID), 0o600))
	for _, e := range lost {
		delete(w.sent, e.ID)
	}
	return w, next
}

// TestSalvageCutOff: of a log that is cut off nobody knows how much is lost, so no gap can
// name it: whoever salvages is told, and so is whoever reads the ledger.
func TestSalvageCutOff(t *testing.T) {
	w, next := lostEnd(t, crashfs.New(), func(raw []byte, first string) []byte { return raw[:strings.Index(string(raw), first)] })
	got, damage, err := Salvage(t.Context(), w.options(), false)
	if err != nil || !got.Closed || len(got.Lost) > 0 || len(damage) != 1 || !damage[0].AtEnd {
		t.Fatalf("salvaged %+v, damage %+v, %v", got, damage, err)
	}
	p := must(w.start())
	if err := errors.Join(p.ready(next), p.end()); err != nil {
		t.Fatal(err)
	}
	if said := notes(w.check(), w.first, ledger.NoteRecover); len(said) != 1 || !strings.Contains(said[0].Text, "is not known") {
		t.Errorf("signed is %+v", said)
	}
}

// TestSalvageAgainSaysWhatIsLost: a salvage that has closed the stream and could not say that the successor is current
// is run again. That the end cannot be read is as true as it was.
func TestSalvageAgainSaysWhatIsLost(t *testing.T) {
	disk := crashfs.New()
	w, next := lostEnd(t, disk, func(raw []byte, _ string) []byte {
		clear(raw[:4096]) // the header
		return raw
	})
	full, written := errors.New("the disk is full"), 0
	disk.Inject(func(op crashfs.Op) error {
		if op.Kind == crashfs.Rename && strings.Contains(op.Name, currentName) {
			if written++; written == 2 { // the first one says which stream is next
				return full
			}
		}
		return nil
	})
	if _, _, err := Salvage(t.Context(), w.options(), false); !errors.Is(err, full) {
		t.Fatalf("the first salvage: %v", err)
	}
	disk.Inject(nil)
	got, damage, err := Salvage(t.Context(), w.options(), false)
	if err != nil || !got.Closed || len(got.Lost) > 0 || len(damage) != 1 || !damage[0].AtEnd {
		t.Fatalf("salvaged %+v, damage %+v, %v", got, damage, err)
	}
	p := must(w.start())
	if err := errors.Join(p.ready(next), p.end()); err != nil {
		t.Fatal(err)
	}
	if view := w.check(); len(notes(view, w.first, ledger.NoteGap)) > 0 || len(notes(view, w.first, ledger.NoteRotate)) != 1 {
		t.Errorf("signed is %+v", view.Streams)
	}
}

// TestSalvageOfAClosedStream: what a closed stream has in its log and not in the bucket, as when it was closed because it
// could not go on, is not called intact.
func TestSalvageOfAClosedStream(t *testing.T) {
	w, next, _ := damagedWorld(t, crashfs.New())
	f := w.folder()
	at := must(f.find(w.first))
	key := must(f.LoadKey(at.keyFile, at.open.VKey))
	a := must(archive.New(archive.Options{Dir: at.dir, FS: w.fs, Store: w.store, Prefix: prefix, Stream: w.first, Open: at.raw, Root: w.root.VKey(),
		Signer: key, Writer: "test", OpenSeq: math.MaxInt64, Now: w.clock.now, Pause: w.options().pause, Log: w.log, Metrics: prometheus.NewRegistry()}))
	must(0, a.Rotate(t.Context(), next))
	for _, dryRun := range []bool{true, false} {
		got, damage, err := Salvage(t.Context(), w.options(), dryRun)
		if err != nil || !got.Closed || got.Commits != 0 || len(damage) != 1 || len(got.Lost) != 2 || got.Lost[0].First != 5 || got.Lost[1].Last != 9 {
			t.Errorf("dry run %v: salvaged %+v, damage %+v, %v", dryRun, got, damage, err)
		}
	}
}

// salvagedAndOn runs the successor, and checks the gap.
func (w *world) salvagedAndOn(next uuid.UUID) {
	w.t.Helper()
	p, err := w.start()
	if err != nil {
		w.t.Error(err)
		return
	}
	if err := errors.Join(p.ready(next), p.send(w.events(2)...), p.drain(), p.end()); err != nil {
		w.t.Error(err)
		return
	}
	view := w.check()
	if n := notes(view, w.first, ledger.NoteGap); len(n) != 1 || *n[0].Range != (ledger.Range{First: 5, Last: 6}) {
		w.t.Errorf("gap notes %+v", n)
	}
	if n := notes(view, w.first, ledger.NoteRotate); len(n) != 1 || n[0].Stream != next {
		w.t.Errorf("rotate notes %+v", n)
	}
}

// TestSalvageOfALostSeal: the node had sent a file of a batch when the bucket went away, and hours later the frame
// that seals the batch is lost. When it was sealed nobody knows, so the file is wanted for longer than it is locked.
func TestSalvageOfALostSeal(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.clock.advance(time.Minute)
	next := w.successor(w.first)
	p := must(w.start())
	if err := errors.Join(p.ready(w.first), p.send(w.events(3)...), p.drain()); err != nil {
		t.Fatal(err)
	}
	puts := 0
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" {
			if puts++; puts > 1 { // one file comes through
				return &memstore.Fault{Err: memstore.ErrLost}
			}
		}
		return nil
	})
	log, at := p.line.Current().Buffer, w.clock.now()
	if err := errors.Join(p.send(w.events(4)...), log.Seal(t.Context())); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return p.line.Current().Archiver.Status().Err != nil })
	w.clock.advance(at.Sub(w.clock.now()) + 3*time.Hour)
	if err := errors.Join(p.send(w.events(3)...), log.Seal(t.Context()), p.end()); err != nil {
		t.Fatal(err)
	}
	w.store.Intercept(nil)
	name := filepath.Join(w.dir, walName, "00000000000000000000.wal")
	raw, seals := must(durable.ReadFile(w.fs, name)), []int(nil)
	for i := 512; i < len(raw); i += 512 { // frames begin so: a length, its complement, and at 16 the kind
		if binary.LittleEndian.Uint32(raw[i:]) == ^binary.LittleEndian.Uint32(raw[i+4:]) && raw[i+16] == 2 {
			seals = append(seals, i)
		}
	}
	if len(seals) != 3 {
		t.Fatalf("seals at %v", seals)
	}
	raw[seals[1]+60] ^= 1
	must(0, durable.WriteFile(w.fs, name, raw, 0o600))
	got, damage, err := Salvage(t.Context(), w.options(), false)
	if err != nil || got.Rows != 7 || len(got.Lost) > 0 || len(damage) != 1 {
		t.Fatalf("salvaged %+v, damage %+v, %v", got, damage, err)
	}
	p = must(w.start())
	if err := errors.Join(p.ready(next), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// TestSalvageWithoutSuccessor changes nothing.
func TestSalvageWithoutSuccessor(t *testing.T) {
	w, next, _ := damagedWorld(t, crashfs.New())
	f := w.folder()
	must(0, f.forget(next))
	before := len(w.store.Keys())
	if _, _, err := Salvage(t.Context(), w.options(), false); !errors.Is(err, ErrNoSuccessor) {
		t.Errorf("got %v", err)
	}
	if n := len(w.store.Keys()); n != before {
		t.Errorf("left %d objects", n-before)
	}
}

// TestSalvageDiesAtEveryStep: at each operation of the disk. Run again, it ends the same.
func TestSalvageDiesAtEveryStep(t *testing.T) {
	choice := every.New(len(kept))
	for n := 1; ; n += atMost(1, 9) {
		for round := range choice.Rounds() {
			disk := crashfs.New()
			w, next, _ := damagedWorld(t, disk)
			w.power.Store(nil)
			hit := w.dieAt(disk, n)
			_, _, err := Salvage(t.Context(), w.options(), false)
			disk.Inject(nil)
			if hit.Load() == nil {
				if n < 50 || err != nil {
					t.Fatalf("a salvage has only %d disk operations, %v", n, err)
				}
				return
			}
			keep := kept[choice.Pick(round, *hit.Load())]
			w.fs = disk.Crash(rand.New(rand.NewPCG(uint64(n), 3)), keep)
			if _, _, err := Salvage(t.Context(), w.options(), false); err != nil {
				// It had switched, and died before it could say so: the successor is current.
				if f := w.folder(); must(f.Current()) != next {
					t.Fatalf("at disk operation %d, keeping %d %%: %v", n, keep, err)
				}
			}
			w.salvagedAndOn(next)
			if t.Failed() {
				t.Fatalf("at disk operation %d, %s %s, keeping %d %%", n, hit.Load().Kind, hit.Load().Name, keep)
			}
		}
	}
}

// TestSalvageDiesAtEveryCall: the same for each call of the bucket, done or not.
func TestSalvageDiesAtEveryCall(t *testing.T) {
	for _, persist := range []bool{false, true} {
		for n := 1; ; n += atMost(1, 9) {
			w, next, _ := damagedWorld(t, crashfs.New())
			calls := 0
			w.store.Intercept(func(memstore.Call) *memstore.Fault {
				if calls++; calls >= n {
					return &memstore.Fault{Err: memstore.ErrLost, Persist: persist && calls == n}
				}
				return nil
			})
			_, _, err := Salvage(t.Context(), w.options(), false)
			w.store.Intercept(nil)
			if calls < n {
				if n < 10 {
					t.Fatalf("a salvage has only %d calls", n)
				}
				break
			}
			if err == nil {
				t.Fatalf("call %d failed, and nobody says so", n)
			}
			would, _, err := Salvage(t.Context(), w.options(), true)
			if err != nil {
				t.Fatalf("dry run after call %d, persist %v: %v", n, persist, err)
			}
			got, _, err := Salvage(t.Context(), w.options(), false)
			if err != nil {
				t.Fatalf("after call %d, persist %v: %v", n, persist, err)
			}
			if would.Closed && !reflect.DeepEqual(would, got) {
				t.Errorf("the dry run says %+v, the run %+v", would, got)
			}
			w.salvagedAndOn(next)
			if t.Failed() {
				t.Fatalf("at call %d, persist %v", n, persist)
			}
		}
	}
}
