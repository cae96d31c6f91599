package archive

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// TestPatienceIsOfEachStep: on a store that takes a commit only after a minute, a recovery
// ends well, though all its steps together need more patience than one may have.
func TestPatienceIsOfEachStep(t *testing.T) {
	w := newWorld(t)
	w.loseNode(t)
	tries := make(map[string]int)
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op != "put" || !strings.HasSuffix(c.Key, ".commit") {
			return nil
		}
		if tries[c.Key]++; tries[c.Key] > 9 {
			return nil
		}
		return &memstore.Fault{Err: memstore.ErrLost}
	})
	o := w.elsewhere(nil, w.root)
	pause, waited := o.pause, time.Duration(0)
	o.pause = func(ctx context.Context, d time.Duration) error {
		waited += d
		return pause(ctx, d)
	}
	if got, err := Recover(t.Context(), o); err != nil || !got.Closed {
		t.Fatalf("recovered %+v: %v", got, err)
	}
	if waited <= recoverPatience {
		t.Fatalf("it had to wait only for %v", waited)
	}
	w.checkRecovered(t)
}

// TestPatienceEnds: a step that never works is given up.
func TestPatienceEnds(t *testing.T) {
	w := newWorld(t)
	w.loseNode(t)
	w.store.Intercept(func(c memstore.Call) *memstore.Fault {
		if c.Op == "put" {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	if _, err := Recover(t.Context(), w.elsewhere(nil, w.root)); err == nil || !strings.Contains(err.Error(), "given up") {
		t.Errorf("got %v", err)
	}
}
