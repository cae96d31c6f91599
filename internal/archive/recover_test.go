package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/durable"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// shipper makes one for a process, to be moved by hand.
func (p *process) shipper() *Shipper {
	return must(NewShipper(ShipOptions{Dir: p.w.dir, FS: p.w.fs, Store: p.w.store, Prefix: prefix, Open: p.w.open, Signer: p.w.stream,
		Log: p.buffer, Every: time.Hour, Retention: 72 * time.Hour, Now: p.w.clock.now,
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}))
}

// onlyShipments lets nothing else into the bucket from now on.
func (w *world) onlyShipments() {
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && !strings.HasPrefix(c.Key, prefix+"/wal/") {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
}

// appendOpen appends events that are not sealed.
func (p *process) appendOpen(n int) error {
	events := p.w.events(n)
	_, err := p.buffer.Append(context.Background(), events)
	if err == nil {
		p.w.sent = append(p.w.sent, events...)
	}
	return err
}

// loseNode is the life of a node that archives one batch, ships two more and a part
// of the next, and is lost.
func (w *world) loseNode(t *testing.T) *process {
	t.Helper()
	w.fs, w.dir = crashfs.New(), "/data"
	p := must(w.start())
	s := p.shipper()
	steps := []func() error{
		func() error { return p.send(w.events(7)...) }, p.drain, func() error { w.onlyShipments(); return nil },
		func() error { return p.send(w.events(20)...) }, func() error { return s.ship(t.Context()) },
		func() error { return p.send(w.events(5)...) }, func() error { return p.appendOpen(3) }, func() error { return s.ship(t.Context()) },
		func() error { return p.appendOpen(4) }, func() error { return s.ship(t.Context()) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if st := s.Status(); s.place.NextSeq != int64(len(w.sent)) {
		t.Fatalf("shipped up to seq %d of %d: %+v", s.place.NextSeq, len(w.sent), st)
	}
	_ = p.end()
	w.store.Intercept(nil)
	w.clock.advance(time.Minute)
	return p
}

// elsewhere is where another machine would recover.
func (w *world) elsewhere(fs durable.FS, signer ledger.Signer) RecoverOptions {
	if fs == nil {
		fs = crashfs.New()
	}
	return RecoverOptions{Dir: "/elsewhere", FS: fs, Store: w.store, Prefix: prefix, Root: w.root.VKey(), Stream: w.open.Stream,
		Signer: signer, Host: "rescuer", Writer: "test", Now: w.clock.now, Log: slog.New(slog.DiscardHandler),
		pause: func(ctx context.Context, d time.Duration) error { w.clock.advance(d); return context.Cause(ctx) }}
}

// checkRecovered is the oracle: everything that was shipped is there once, and the
// stream is closed.
func (w *world) checkRecovered(t *testing.T) *ledger.View {
	t.Helper()
	view := w.checkBucket()
	s := &view.Streams[0]
	if !s.Head.Closed || !s.Head.Recovered || s.Stuck != "" {
		t.Fatalf("the stream is not closed by a recovery: %+v, stuck %q", s.Head, s.Stuck)
	}
	return view
}

func TestRecover(t *testing.T) {
	for _, by := range []string{"root", "stream"} {
		w := newWorld(t)
		w.loseNode(t)
		signer := w.root
		if by == "stream" {
			signer = w.stream
		}
		before := w.store.Keys()
		o := w.elsewhere(nil, signer)
		o.DryRun = true
		planned := must(Recover(t.Context(), o))
		if now := w.store.Keys(); !slices.Equal(now, before) {
			t.Fatalf("a dry run wrote %v", now)
		}
		o = w.elsewhere(nil, signer)
		got := must(Recover(t.Context(), o))
		want := Recovered{Stream: w.open.Stream, First: 7, Last: 38, Rows: 32, Lost: []ledger.Range{}, Commits: 5, Closed: true, Orphans: []string{}, Remarks: []string{}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("recovered %+v, want %+v", got, want)
		}
		want.Closed = false
		if !reflect.DeepEqual(planned, want) {
			t.Errorf("planned %+v, want %+v", planned, want)
		}
		view := w.checkBucket()
		s := view.Streams[0]
		if !s.Head.Closed || s.Head.Recovered != (by == "root") {
			t.Errorf("by the %s key: %+v", by, s.Head)
		}
		for _, m := range s.Manifests[2:] {
			if !m.Has(ledger.NoteRecover) || m.Notes[0].Host != "rescuer" {
				t.Errorf("commit %d has notes %+v", m.Index, m.Notes)
			}
		}
		// It takes the stream; the batches are those that the node sealed, and the rest.
		var ends []int64
		for _, m := range s.Manifests[1:] {
			ends = append(ends, m.Last)
		}
		if !slices.Equal(ends, []int64{6, 6, 26, 31, 38, 38}) {
			t.Errorf("batches end at %v", ends)
		}
		// Another time, and by anybody: the same, and nothing is written.
		puts := w.store.Calls("put")
		again := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
		want.Closed = true
		if !reflect.DeepEqual(again, want) || w.store.Calls("put") != puts {
			t.Errorf("again %+v, %d puts", again, w.store.Calls("put")-puts)
		}
		w.checkOldNode(t)
	}
}

// TestRecoverNothing: a node that had archived all, or shipped nothing.
func TestRecoverNothing(t *testing.T) {
	w := newWorld(t)
	w.life(nil)
	if got := must(Recover(t.Context(), w.elsewhere(nil, w.root))); got.Rows != 0 || got.Commits != 1 || !got.Closed || got.Last != got.First-1 {
		t.Errorf("recovered %+v", got)
	}
	w.checkRecovered(t)
	o := w.elsewhere(nil, w.root)
	o.Stream = uuid.New()
	if _, err := Recover(t.Context(), o); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a stream that there is not: %v", err)
	}
}

// TestRecoverCutShortAtEveryStep ends the recovery at its n-th call to the bucket, done or not,
// and at its n-th change of the disk, for every n; then another one goes on
// elsewhere, and the end is the same.
func TestRecoverCutShortAtEveryStep(t *testing.T) {
	lost := newECDSAWorld(t)
	lost.loseNode(t)
	whole := must(Recover(t.Context(), lost.elsewhere(nil, lost.root)))
	cut := func(name string, run func(w *world, n int) (reached bool)) {
		for n := 1; ; n++ {
			w := newECDSAWorld(t)
			w.loseNode(t)
			reached := run(w, n)
			w.store.Intercept(nil)
			got, err := Recover(t.Context(), w.elsewhere(nil, w.root))
			if err != nil {
				t.Fatalf("%s %d: the second run: %v", name, n, err)
			}
			got.Stream = whole.Stream
			if got.Commits == whole.Commits+1 { // each run takes the stream anew
				got.Commits--
			}
			if !reflect.DeepEqual(got, whole) {
				t.Fatalf("%s %d: recovered %+v, want %+v", name, n, got, whole)
			}
			w.checkRecovered(t)
			if !reached || t.Failed() {
				if n < 20 {
					t.Fatalf("%s: only %d steps: the test does not test what it should", name, n)
				}
				return
			}
		}
	}
	for _, persist := range []bool{false, true} {
		cut(fmt.Sprintf("call to the bucket, persist %v,", persist), func(w *world, n int) bool {
			ctx, die := context.WithCancel(t.Context())
			defer die()
			calls := 0
			w.store.Intercept(func(memstore.Call) *memstore.Fault {
				if calls++; calls < n {
					return nil
				}
				die()
				return &memstore.Fault{Err: memstore.ErrLost, Persist: persist && calls == n}
			})
			_, err := Recover(ctx, w.elsewhere(nil, w.root))
			return err != nil
		})
	}
	cut("change of the disk", func(w *world, n int) bool {
		ctx, die := context.WithCancel(t.Context())
		defer die()
		disk := crashfs.New()
		disk.Inject(func(op crashfs.Op) error {
			switch op.Kind {
			case crashfs.Read, crashfs.Open, crashfs.Size, crashfs.Close:
				return nil
			}
			if op.N < n {
				return nil
			}
			die()
			return errors.New("the machine is off")
		})
		_, err := Recover(ctx, w.elsewhere(disk, w.root))
		return err != nil
	})
}

// TestNodeLostAtEveryStoreCall: whatever the node was doing, shipping and archiving
// at once, what it knew to be shipped is recovered, once and unchanged.
func TestNodeLostAtEveryStoreCall(t *testing.T) {
	for _, persist := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newECDSAWorld(t)
			w.ships = true
			w.fs, w.dir = crashfs.New(), "/data"
			dead, once := make(chan struct{}), sync.Once{}
			calls := 0
			w.store.Intercept(func(memstore.Call) *memstore.Fault {
				if calls++; calls < n {
					return nil
				}
				once.Do(func() { close(dead) })
				return &memstore.Fault{Err: memstore.ErrLost, Persist: persist && calls == n}
			})
			p := must(w.start())
			known := w.workUntil(p, dead)
			_ = p.end()
			w.store.Intercept(nil)
			reached := false
			select {
			case <-dead:
				reached = true
			default:
			}
			if view := w.view(); len(view.Streams) == 0 { // lost before its certificate was there
				if known > 0 {
					t.Fatalf("call %d: shipped without a certificate", n)
				}
				continue
			}
			got := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
			if got.Last+1 < known || len(got.Lost) > 0 {
				t.Fatalf("call %d, persist %v: recovered %+v, shipped were %d", n, persist, got, known)
			}
			w.sent = w.sent[:got.Last+1] // what was not shipped may be lost
			w.checkRecovered(t)
			if !reached || t.Failed() {
				break
			}
		}
	}
}

// workUntil appends, seals and ships until the bucket is gone, and returns how many
// events were known to be shipped or archived.
func (w *world) workUntil(p *process, dead <-chan struct{}) int64 {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 6 {
			if p.appendOpen(3) != nil {
				return // stopped
			}
			if i%2 == 1 {
				_ = p.buffer.Seal(p.ctx)
			}
			if i%3 < 2 {
				p.ships.Flush(p.ctx)
			}
		}
		_ = p.drain()
	}()
	select {
	case <-done:
	case <-dead:
		p.stop()
		<-done
	}
	return max(p.ships.Status().NextSeq, p.archiver.Status().NextSeq)
}

// TestRecoverWithGaps: shipments that are lost become signed gaps.
func TestRecoverWithGaps(t *testing.T) {
	for lost := range 3 {
		w := newWorld(t)
		w.loseNode(t)
		key := slices.Sorted(maps.Keys(w.shippedObjects(t)))[lost]
		w.store.DeleteVersion(key, must(w.store.Head(t.Context(), key, "")).VersionID)
		got := must(Recover(t.Context(), w.elsewhere(nil, w.root)))
		want := [][]ledger.Range{{{First: 7, Last: 26}}, {{First: 27, Last: 31}, {First: 32, Last: 34}}, {}}[lost]
		if !slices.Equal(got.Lost, want) || !got.Closed {
			t.Errorf("without shipment %d: recovered %+v, want the gaps %v", lost, got, want)
		}
		view := w.view()
		if len(view.Findings) > 0 || !view.Streams[0].Head.Closed {
			t.Errorf("findings %v", view.Findings)
		}
		total := int64(7) + got.Rows
		for _, r := range got.Lost {
			total += r.Last - r.First + 1
		}
		if total != view.Streams[0].Head.NextSeq {
			t.Errorf("rows and gaps make %d, the stream ends at %d", total, view.Streams[0].Head.NextSeq)
		}
	}
}
