package buffer

import (
	"errors"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

// archiveAll has what is open sealed, and released.
func (r *running) archiveAll(t *testing.T) {
	t.Helper()
	r.mustSeal(t)
	batch, err := r.Next(t.Context(), -1)
	if err == nil {
		err = r.Release(t.Context(), batch)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestOlderCopyHidesNone: an event that came again when its id was too old is stored a
// second time. After a restart, which reads both copies back and then forgets the first
// one, a retry is known by the second, whether the first was released or not.
func TestOlderCopyHidesNone(t *testing.T) {
	for _, released := range []bool{true, false} {
		r, clock := slow(t, 48*time.Hour, 1)
		if released {
			r.archiveAll(t)
		}
		clock.advance(25 * time.Hour)
		for range 2 {
			if seq := r.mustAppend(t, testEvent(0)); seq != 1 {
				t.Fatalf("got seq %d, want 1", seq)
			}
		}
		r.mustHalt(t)
		clock.advance(time.Minute)
		r = start(t, r.o)
		if seq := r.mustAppend(t, testEvent(0)); seq != 1 {
			t.Errorf("released %v: a retry of seq 1 was stored again, as seq %d", released, seq)
		}
		if _, err := r.Append(t.Context(), []event.Event{as(testEvent(0), 7)}); !errors.Is(err, ErrConflict) {
			t.Errorf("released %v: another event took its id: %v", released, err)
		}
		r.mustHalt(t)
	}
}
