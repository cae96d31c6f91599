package archive

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// shippedKeys are the keys of shipments, in order.
func (w *world) shippedKeys() (keys []string) {
	for _, key := range w.store.Keys() {
		if strings.HasPrefix(key, ledger.WALPrefix(prefix, w.open.Stream)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestShip: what is new is shipped once, nothing is shipped empty, what is archived
// is not shipped any more, and a later process goes on where an earlier one was.
func TestShip(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	want := 0
	ship := func(more int, steps ...error) {
		t.Helper()
		if err := errors.Join(append(steps, s.ship(t.Context()))...); err != nil {
			t.Fatal(err)
		}
		if want += more; len(w.shippedKeys()) != want {
			t.Fatalf("%d shipments, want %d", len(w.shippedKeys()), want)
		}
	}
	ship(0)
	ship(1, p.appendOpen(3))
	ship(0)
	ship(0, p.send(w.events(2)...), p.drain())
	ship(1, p.appendOpen(1))
	w.onlyShipments()
	ship(1, p.buffer.Seal(t.Context())) // the end of a batch that has events is something new
	ship(0, p.buffer.Heartbeat(t.Context()))
	if s.place.NextSeq != 6 {
		t.Errorf("shipped up to seq %d, want 6", s.place.NextSeq)
	}
	_ = p.end()

	p = must(w.start())
	s = p.shipper()
	if st := s.Status(); st.NextSeq != 6 {
		t.Errorf("a later process begins at seq %d, want 6", st.NextSeq)
	}
	ship(0)
	ship(1, p.appendOpen(1))
	_ = p.end()
	// Without its note it begins again, and the copies do no harm.
	if err := w.fs.Remove(s.path()); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	p = must(w.start())
	s = p.shipper()
	ship(1)
	_ = p.end()
	w.store.Intercept(nil)
	must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	w.checkRecovered(t)
}

// TestShipInPieces: a backlog is shipped at one turn, in bounded pieces.
func TestShipInPieces(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	w.onlyShipments()
	s := p.shipper()
	for range 300 {
		if err := p.appendOpen(150); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ship(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := w.shippedKeys()
	if s.place.NextSeq != 300*150 || len(keys) < 2 {
		t.Errorf("shipped up to seq %d in %d pieces", s.place.NextSeq, len(keys))
	}
	for _, key := range keys {
		if info := must(w.store.Head(t.Context(), key, "")); info.Size > shipBytes+ledger.MaxShipmentHead {
			t.Errorf("%s has %d bytes", key, info.Size)
		}
	}
	_ = p.end()
	w.store.Intercept(nil)
}

// TestShippingFails: it is told, tried again with what there is then, and neither
// appending nor archiving waits for it. What is there although its answer was lost is
// found at the next turn.
func TestShippingFails(t *testing.T) {
	for _, persist := range []bool{false, true} {
		w := newWorld(t)
		w.fs, w.dir, w.ships = crashfs.New(), "/data", true
		w.store.Intercept(func(c memstore.Call) *memstore.Fault {
			if c.Op == "put" && strings.HasPrefix(c.Key, prefix+"/wal/") {
				return &memstore.Fault{Err: memstore.ErrLost, Persist: persist}
			}
			return nil
		})
		p := must(w.start())
		if err := errors.Join(p.send(w.events(5)...), p.drain(), p.appendOpen(2)); err != nil {
			t.Fatal(err)
		}
		p.ships.Flush(t.Context())
		st := p.ships.Status()
		if !errors.Is(st.Err, memstore.ErrLost) || st.Failing.IsZero() || !st.Shipped.IsZero() {
			t.Errorf("status %+v", st)
		}
		since := st.Failing
		w.clock.advance(1e9)
		p.ships.Flush(t.Context())
		if st = p.ships.Status(); persist && (st.Err != nil || st.NextSeq != 7) || !persist && st.Failing != since {
			t.Errorf("persist %v: failing since %v, and then %+v", persist, since, st)
		}
		w.onlyShipments()
		if err := p.appendOpen(2); err != nil {
			t.Fatal(err)
		}
		p.ships.Flush(t.Context())
		if st = p.ships.Status(); st.Err != nil || !st.Failing.IsZero() || st.NextSeq != 9 || st.Shipped.IsZero() {
			t.Errorf("status after the fault %+v", st)
		}
		_ = p.end()
		w.store.Intercept(nil)
		if got := must(Recover(t.Context(), w.elsewhere(nil, w.root))); got.Rows != 4 || len(got.Lost) > 0 {
			t.Errorf("recovered %+v", got)
		}
		w.checkRecovered(t)
	}
}

// TestFaultB33ShippedOnce: as long as nobody can tell whether a shipment is there, no other
// copy is sent, which would be locked like the first. It is confirmed afterwards, or
// forgotten when it is archived, and what came since follows.
func TestFaultB33ShippedOnce(t *testing.T) {
	for _, archived := range []bool{false, true} {
		w := newECDSAWorld(t)
		w.fs, w.dir = crashfs.New(), "/data"
		p := must(w.start())
		if err := errors.Join(p.send(w.events(7)...), p.drain(), p.appendOpen(4)); err != nil {
			t.Fatal(err)
		}
		w.store.Intercept(func(c memstore.Call) *memstore.Fault {
			if c.Op == "head" && strings.HasPrefix(c.Key, prefix+"/wal/") {
				return &memstore.Fault{Err: memstore.ErrLost}
			}
			return nil
		})
		s := p.shipper()
		turn := func() ShipStatus {
			s.tell(t.Context(), s.ship(t.Context()))
			w.clock.advance(time.Second)
			return s.Status()
		}
		for range 20 {
			if st := turn(); !errors.Is(st.Err, memstore.ErrLost) || st.NextSeq != 0 {
				t.Fatalf("status %+v", st)
			}
		}
		if n := len(w.shippedKeys()); n != 1 {
			t.Errorf("%d locked copies of one piece after 20 turns", n)
		}
		if archived {
			if err := errors.Join(p.buffer.Seal(p.ctx), p.drain()); err != nil {
				t.Fatal(err)
			}
			if st := turn(); st.Err != nil || st.NextSeq != 11 {
				t.Errorf("all is archived: %+v", st)
			}
		}
		w.onlyShipments()
		if err := p.appendOpen(3); err != nil {
			t.Fatal(err)
		}
		if st, n := turn(), len(w.shippedKeys()); st.Err != nil || st.NextSeq != 14 || n != 2 {
			t.Errorf("archived %v: %d shipments, status %+v", archived, n, st)
		}
		_ = p.end()
		w.store.Intercept(nil)
		must(Recover(t.Context(), w.elsewhere(nil, w.root)))
		w.checkRecovered(t)
	}
}

// TestShippedUpToWhatIsArchived: where nothing is left to ship, nothing would be lost, and
// it says so: also when shipping begins late, and behind heartbeats.
func TestShippedUpToWhatIsArchived(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	for i, step := range []func() error{p.drain, func() error { w.onlyShipments(); return p.buffer.Heartbeat(p.ctx) }} {
		if err := errors.Join(p.send(w.events(7)...), step()); err != nil {
			t.Fatal(err)
		}
		s.tell(t.Context(), s.ship(t.Context()))
		if st, next := s.Status(), p.buffer.Stats().NextSeq; st.Err != nil || st.NextSeq != next {
			t.Errorf("step %d: shipped up to seq %d, the log goes to %d: %v", i, st.NextSeq, next, st.Err)
		}
	}
	_ = p.end()
	w.store.Intercept(nil)
}

// TestFaultA25ShipsAllThatWasMoved: a shipment tells of at most so many runs of rows that
// were moved. A recovery knows the names under which all were acknowledged.
func TestFaultA25ShipsAllThatWasMoved(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	const batches, each = 3, 150
	from, moved := uuid.New(), Moved{Version: stateVersion, Orphans: []Orphan{}}
	for i := range int64(batches * each) { // every other row of another stream
		moved.Runs = append(moved.Runs, ledger.MovedRun{Stream: from, Range: ledger.Range{First: 2 * i, Last: 2 * i}, To: ledger.Range{First: i, Last: i}})
	}
	if err := errors.Join(durable.MkdirAll(w.fs, "/data/ledger", 0o700), saveJSON(w.fs, movedPath(w.dir), moved)); err != nil {
		t.Fatal(err)
	}
	p := must(w.start())
	if err := p.drain(); err != nil {
		t.Fatal(err)
	}
	w.onlyShipments()
	for range batches {
		if err := p.send(w.events(each)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.shipper().ship(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = p.end()
	w.store.Intercept(nil)
	must(Recover(t.Context(), w.elsewhere(nil, w.root)))
	told := make(map[ledger.Range]ledger.Range)
	for _, m := range w.checkRecovered(t).Streams[0].Manifests {
		for _, n := range m.Notes {
			if n.Kind == ledger.NoteMoved && n.Stream == from {
				told[*n.To] = *n.Range
			}
		}
	}
	for _, r := range moved.Runs {
		if told[r.To] != r.Range {
			t.Fatalf("%d notes of %d rows: none says that %v was acknowledged as %v", len(told), len(moved.Runs), r.To, r.Range)
		}
	}
}

// TestRolledBackLogIsNotShipped: its frames would contradict those that are there.
func TestRolledBackLogIsNotShipped(t *testing.T) {
	w := newWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	w.onlyShipments()
	s := p.shipper()
	if err := errors.Join(p.appendOpen(2), s.ship(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.place.NextSeq = 5 // as if it had been shipped by what the backup replaced
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	s = p.shipper()
	if err := s.ship(t.Context()); err == nil || !strings.Contains(err.Error(), "not a place of this log") {
		t.Errorf("got %v", err)
	}
	_ = p.end()
	w.store.Intercept(nil)
}

// TestFaultB40ShippedWithoutALock: a store keeps one piece without its lock, and its answer
// is lost. When it is right again shipping goes on, with one more copy of that piece.
func TestFaultB40ShippedWithoutALock(t *testing.T) {
	w := newECDSAWorld(t)
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	if err := errors.Join(p.send(w.events(7)...), p.drain(), p.appendOpen(4)); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "head" && strings.HasPrefix(c.Key, prefix+"/wal/") && done.CompareAndSwap(false, true) {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	s := p.shipper()
	s.tell(t.Context(), s.ship(t.Context()))
	w.onlyShipments()
	for _, k := range w.shippedKeys() {
		for _, v := range w.versions(k) {
			w.store.SetLock(k, v, "", time.Time{})
		}
	}
	must(0, p.appendOpen(3))
	for range 20 {
		w.clock.advance(10 * time.Second)
		s.tell(t.Context(), s.ship(t.Context()))
	}
	st := s.Status()
	if n := len(w.shippedKeys()); st.NextSeq != 14 || n > 3 {
		t.Errorf("shipped up to seq %d of 14, in %d pieces: %v", st.NextSeq, n, st.Err)
	}
	_ = p.end()
}
