package streams

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// away lets no file into the bucket, and no commit either unless it may come.
func (w *world) away(commits bool) {
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" && (!commits || !strings.HasSuffix(c.Key, ".commit")) {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
}

// TestTakenOverWaitsAfterQuietHours: the bucket was away for long, so the last batches of
// the log that both have are empty. The loser waits for the rows before them all the same.
func TestTakenOverWaitsAfterQuietHours(t *testing.T) {
	for hours := range 3 {
		t.Run(fmt.Sprint(hours), func(t *testing.T) {
			w := newWorld(t, crashfs.New(), "/data")
			w.clock.advance(time.Minute)
			p := must(w.start())
			if err := errors.Join(p.ready(w.first), p.send(w.events(4)...), p.drain()); err != nil {
				t.Fatal(err)
			}
			w.away(false)
			log := p.line.Current().Buffer
			if err := errors.Join(p.send(w.events(3)...), log.Seal(t.Context())); err != nil {
				t.Fatal(err)
			}
			for range hours {
				must(0, log.Heartbeat(t.Context()))
			}
			if err := p.end(); err != nil {
				t.Fatal(err)
			}
			x := &twins{world: w, copy: w.twin("/copy")}
			// The copy takes the stream over, and dies before it has committed what both have.
			w.away(true)
			at := w.clock.now()
			c := must(x.copy.start())
			if err := errors.Join(c.ready(w.first), c.end()); err != nil {
				t.Fatal(err)
			}
			w.store.Intercept(nil)
			w.clock.advance(at.Sub(w.clock.now())) // its tries took no time
			x.checkWait(t)
		})
	}
}

// whileWaiting lets the winner archive one more event when the loser waits for it, and
// notes that it has waited.
func (x *twins) whileWaiting(t *testing.T) *bool {
	waited := new(bool)
	x.paused = func(d time.Duration) {
		if *waited || d != 5*time.Second {
			return
		}
		*waited = true
		c := must(x.copy.start())
		if err := errors.Join(c.ready(x.first), c.send(x.copy.events(1)...), c.drain(), c.end()); err != nil {
			t.Error(err)
		}
	}
	return waited
}

// checkWait starts the loser, and the winner while that one waits.
func (x *twins) checkWait(t *testing.T) {
	t.Helper()
	next := x.successor(x.first)
	waited := x.whileWaiting(t)
	p := must(x.start())
	if err := errors.Join(p.ready(next), p.drain(), p.end()); err != nil {
		t.Fatal(err)
	}
	if !*waited {
		t.Fatal("it did not wait")
	}
	x.checkBoth()
}
