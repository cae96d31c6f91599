package streams

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestMoveWithoutADescriptorNamesOrphans: a node has sent some files of a batch and signed
// no commit; a copy of its folder takes the stream over, and the node goes on with a
// successor. That no descriptor is left when the move looks for what the node has sent must
// not make it forget those files: without a note verify calls them injected, for ever.
func TestMoveWithoutADescriptorNamesOrphans(t *testing.T) {
	for _, fault := range []error{nil, syscall.EMFILE} {
		disk := crashfs.New()
		w := newWorld(t, disk, "/data")
		w.clock.advance(time.Minute)
		p := must(w.start())
		if err := errors.Join(p.ready(w.first), p.send(w.events(4)...), p.drain(), p.send(w.events(3)...), p.end()); err != nil {
			t.Fatal(err)
		}
		x := &twins{world: w, copy: w.twin("/copy")}
		w.store.Intercept(func(c memstore.Call) *memstore.Fault {
			if c.Op == "put" && strings.Contains(c.Key, "retention=standard") {
				return &memstore.Fault{Err: memstore.ErrLost}
			}
			return nil
		})
		p = must(w.start())
		w.clock.advance(time.Second)
		if err := errors.Join(p.ready(w.first), p.send(w.events(2)...)); err != nil {
			t.Fatal(err)
		}
		must(0, p.line.Current().Buffer.Seal(t.Context()))
		await(t, func() bool {
			for _, key := range w.store.Keys() {
				if strings.Contains(key, "retention=long") && strings.HasSuffix(key, "04-00000000000000000008.parquet") {
					return true
				}
			}
			return false
		})
		must(0, p.end())
		w.store.Intercept(nil)
		w.clock.advance(time.Second)
		c := must(x.copy.start())
		if err := errors.Join(c.ready(w.first), x.copyEnds(c, true)); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(time.Hour)
		next := x.successor(x.first)
		var hit atomic.Int64
		disk.Inject(func(op crashfs.Op) error {
			if fault != nil && op.Kind == crashfs.Open && strings.HasPrefix(op.Name, "/data/spool/") && strings.HasSuffix(op.Name, "plan.json") && hit.Add(1) == 1 {
				return &crashfs.Fault{Err: fault}
			}
			return nil
		})
		p = must(x.start())
		if err := errors.Join(p.ready(next), p.drain(), p.end()); err != nil {
			t.Fatal(err)
		}
		disk.Inject(nil)
		view := must(must(ledger.NewReader(x.store, prefix, x.root.VKey())).Refresh(t.Context()))
		orphans := notes(view, next, ledger.NoteOrphan)
		if len(orphans) != 1 || (hit.Load() > 0) != (fault != nil) {
			t.Errorf("fault %v, hit %d times: %d orphans are named, want 1", fault, hit.Load(), len(orphans))
		}
	}
}
