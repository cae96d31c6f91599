package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/durable/crashfs"
	"github.com/audit-archiver/archiver/internal/object/memstore"
)

// hammer is a node under load that is asked all the time. What it has to prove is in
// check.
type hammer struct {
	*world

	node   sync.RWMutex // held for writing while there is no process
	sends  sync.RWMutex // held for writing while nothing is sent
	p      *process
	live   *table
	away   atomic.Int64 // odd: the bucket is; counts the changes
	asked  atomic.Int64 // answers
	unable atomic.Int64 // questions without an answer, while the bucket was away

	mu      sync.Mutex
	log     []string  // ids, in the order of their acknowledgement
	through time.Time // the latest that an answer was complete through
	claims  []claim
}

// claim is what an answer said about itself.
type claim struct {
	through time.Time
	rows    int // of it that were received by then
}

const (
	senders  = 3
	askers   = 4
	sealRows = 16
)

// TestHandOver counts at every instant: while batches move from the log to the bucket
// and out of the log, through outages, rotations and restarts, each answer has every
// event that was acknowledged before it was asked for, once, without a gap in any
// stream; none is complete through less than one before it, or through more than it
// has.
func TestHandOver(t *testing.T) {
	w := newWorld(t, crashfs.New(), "/data")
	w.sealRows = sealRows
	w.clock.advance(time.Minute)
	// Pauses take some time here, or what fails would be tried again without end.
	w.paused = func(time.Duration) { _ = pause(t.Context(), time.Millisecond) }
	h := &hammer{world: w}
	w.store.Intercept(func(memstore.Call) *memstore.Fault {
		if h.away.Load()%2 == 1 {
			return &memstore.Fault{Err: memstore.ErrLost}
		}
		return nil
	})
	h.node.Lock()
	h.begin()
	h.node.Unlock()
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range senders {
		load.Go(func() { h.send(ctx) })
	}
	for range askers {
		load.Go(func() { h.ask(ctx) })
	}
	defer load.Wait()
	defer stop()
	current := w.first
	for range 3 {
		h.archives(4)
		h.outage(false)
		current = h.rotate(current)
		h.outage(true)
		h.restart()
	}
	stop()
	load.Wait()
	if err := errors.Join(h.p.drain(), h.p.end()); err != nil {
		t.Fatal(err)
	}
	h.check()
}

// begin starts a process. The caller holds node.
func (h *hammer) begin() {
	h.p, h.live = h.world.startAsked(h.store)
	if err := h.p.ready(uuid.Nil); err != nil {
		h.t.Fatal(err)
	}
}

// send appends events, one request after the other, and notes what was acknowledged.
func (h *hammer) send(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		_ = pause(ctx, time.Millisecond)
		h.mu.Lock()
		ahead := int64(len(h.log)) > 100+5*(h.asked.Load()+h.unable.Load())
		h.mu.Unlock()
		if ahead { // each answer is read whole: the more there is, the slower they come
			continue
		}
		events := h.world.events(1 + n%5)
		for i := range events { // each file costs, and how many there are proves nothing
			events[i].Retention, events[i].TimestampNS = "standard", events[0].TimestampNS
		}
		h.sends.RLock()
		h.node.RLock()
		h.clock.advance(time.Millisecond)
		_, err := h.p.line.Append(ctx, events)
		h.node.RUnlock()
		h.sends.RUnlock()
		h.mu.Lock()
		for i := range events {
			switch {
			case err == nil:
				h.log = append(h.log, events[i].ID)
			case !errors.Is(err, ErrNotReady) && !errors.Is(err, buffer.ErrFull) && !errors.Is(err, buffer.ErrStopped):
				h.unsure[events[i].ID] = events[i]
			}
		}
		h.mu.Unlock()
	}
}

// ask asks for the whole table, one query after the other.
func (h *hammer) ask(ctx context.Context) {
	for ctx.Err() == nil {
		if err := h.count(ctx); err != nil && ctx.Err() == nil {
			h.t.Error(err)
			return
		}
	}
}

func (h *hammer) count(ctx context.Context) error {
	h.node.RLock()
	defer h.node.RUnlock()
	h.mu.Lock()
	acknowledged, through := h.log[:len(h.log):len(h.log)], h.through
	h.mu.Unlock()
	away := h.away.Load()
	r, err := h.live.ask(ctx)
	switch {
	case errors.Is(err, memstore.ErrLost) && (away%2 == 1 || h.away.Load() != away):
		h.unable.Add(1)
		return nil
	case err != nil:
		return fmt.Errorf("no answer: %w", err)
	}
	if err := r.whole(acknowledged); err != nil {
		return fmt.Errorf("an answer of %d rows, complete through %s: %w", len(r.rows), r.through, err)
	}
	h.asked.Add(1)
	if r.through.IsZero() { // nothing is promised
		return nil
	}
	if r.through.Before(through) {
		return fmt.Errorf("complete through %s, held back by %v; an answer before was through %s", r.through, r.laggards, through)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.through.Before(r.through) {
		h.through = r.through
	}
	h.claims = append(h.claims, claim{r.through, r.receivedBy(r.through)})
	return nil
}

// archives waits until that many more batches are archived, and as many answers given.
func (h *hammer) archives(batches int64) {
	h.t.Helper()
	status := h.p.line.Current().Archiver.Status
	from := status().Index
	await(h.t, func() bool { return h.t.Failed() || status().Index >= from+batches })
	h.answers(batches)
}

// outage takes the bucket away until some batches wait for it. seen: the last view of
// it has all that left the log, so that queries are answered meanwhile.
func (h *hammer) outage(seen bool) {
	h.t.Helper()
	stats := h.p.line.Current().Buffer.Stats
	if seen {
		h.sends.Lock()
		await(h.t, func() bool { return h.t.Failed() || stats().SealedBatches == 0 })
		h.answers(askers + 1) // one of them was asked for since
	}
	h.away.Add(1)
	if seen {
		h.sends.Unlock()
		h.answers(askers + 1)
	}
	from := stats().NextSeq
	await(h.t, func() bool { return h.t.Failed() || stats().NextSeq >= from+3*sealRows })
	h.away.Add(1)
	h.archives(1)
}

// answers waits for some more.
func (h *hammer) answers(n int64) {
	h.t.Helper()
	from := h.asked.Load()
	await(h.t, func() bool { return h.t.Failed() || h.asked.Load() >= from+n })
}

func (h *hammer) rotate(current uuid.UUID) uuid.UUID {
	h.t.Helper()
	next := h.successor(current)
	h.p.line.Rotate()
	if err := h.p.ready(next); err != nil {
		h.t.Fatal(err)
	}
	return next
}

// restart ends the process with whatever is in its log.
func (h *hammer) restart() {
	h.t.Helper()
	h.node.Lock()
	defer h.node.Unlock()
	if err := h.p.end(); err != nil {
		h.t.Fatal(err)
	}
	h.begin()
}

// check compares what answers claimed with what there is in the end.
func (h *hammer) check() {
	h.t.Helper()
	view := h.world.view()
	all := reply{rows: h.world.rows(view)}
	if err := all.whole(h.log); err != nil {
		h.t.Errorf("in the bucket, in the end: %v", err)
	}
	for _, c := range h.claims {
		if n := all.receivedBy(c.through); n != c.rows {
			h.t.Errorf("an answer that was complete through %s had %d events that were received by then; there are %d", c.through, c.rows, n)
		}
	}
	h.t.Logf("%d events in %d streams; %d answers, %d of them complete through an instant; %d questions without an answer during outages",
		len(all.rows), len(view.Streams), h.asked.Load(), len(h.claims), h.unable.Load())
	if len(h.claims) < 20 || len(view.Streams) != 4 {
		h.t.Error("too little has happened to prove anything")
	}
}
