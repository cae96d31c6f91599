package archive

import (
	"errors"
	"os"
	"strings"
	"testing"

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
// appending nor archiving waits for it.
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
		if st = p.ships.Status(); st.Failing != since {
			t.Errorf("failing since %v, and then since %v", since, st.Failing)
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
