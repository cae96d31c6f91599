//go:build linux

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// countsSQL tells of each stream whether any event is missing or there twice.
const countsSQL = "SELECT stream, count(*), count(DISTINCT seq), count(DISTINCT id), min(seq), max(seq) FROM audit_logs GROUP BY stream"

// handOver is a server under load that is asked all the time.
type handOver struct {
	*site
	server  atomic.Pointer[server]
	trouble atomic.Int64 // odd: the bucket or the server is away; counts the changes
	answers atomic.Int64
	longest atomic.Int64 // nanoseconds that one answer took

	mu      sync.Mutex
	acked   map[string]int64 // events by stream: 1 + the greatest seq
	through time.Time
}

// TestHandOver is the hand-over from log to bucket as clients of the real server see it:
// in each answer is what was acknowledged before the question, once and without a gap,
// and complete_through never goes back; while the bucket is away, and after it, while
// the stream rotates, and over kill -9.
func TestHandOver(t *testing.T) {
	need(t, short)
	h := &handOver{site: newSite(t), acked: make(map[string]int64)}
	h.edit(t, "age: 200ms", "age: 400ms\n  rows: 40")
	h.server.Store(h.site.start(t, how{}))
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() { h.load(ctx, t) })
		work.Go(func() { h.ask(ctx, t) })
	}
	work.Go(func() { h.ask(ctx, t) })
	defer work.Wait()
	defer stop()
	h.settles(t, 5)
	h.during(func() { // an outage: what the server has not seen of the bucket it cannot answer from
		h.gate.set(true)
		h.takes(t, 200)
		h.gate.set(false)
	})
	h.settles(t, 5)
	h.must(t, "stream", "next")
	h.must(t, "stream", "rotate", "--timeout", "5m")
	h.settles(t, 5)
	h.during(func() {
		h.server.Load().kill(t)
		h.server.Store(h.site.start(t, how{}))
	})
	h.settles(t, 5)
	stop()
	work.Wait()
	h.server.Load().stop(t)
	h.onceEach(t)
	t.Logf("%d answers while %d events went into %d streams; the slowest took %v", h.answers.Load(), h.promise.Acked(), len(h.acked), time.Duration(h.longest.Load()).Round(time.Millisecond))
}

// during marks a time in which questions may stay without an answer.
func (h *handOver) during(trouble func()) {
	h.trouble.Add(1)
	trouble()
	h.trouble.Add(1)
}

// settles waits for answers to questions that are asked from now on.
func (h *handOver) settles(t *testing.T, answers int64) {
	t.Helper()
	from := h.answers.Load() + 3 // those under way
	await(t, "queries are answered", func() (bool, string) {
		return t.Failed() || h.answers.Load() >= from+answers, h.server.Load().log.String()
	})
}

// takes waits until more events are acknowledged.
func (h *handOver) takes(t *testing.T, events int64) {
	t.Helper()
	sum := func() (n int64) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, next := range h.acked {
			n += next
		}
		return n
	}
	from := sum()
	await(t, "events are taken", func() (bool, string) { return t.Failed() || sum() >= from+events, h.server.Load().log.String() })
}

// load sends new events and notes what is acknowledged.
func (h *handOver) load(ctx context.Context, t *testing.T) {
	next := time.NewTicker(100 * time.Millisecond) // what a busy machine can still archive
	defer next.Stop()
	for ctx.Err() == nil {
		<-next.C
		raw, err := h.server.Load().call(ctx, http.MethodPost, "/v1/events", h.promise.Invent(1+rand.IntN(15), 0))
		if err != nil {
			continue // refused or cut off: nothing is promised
		}
		got := h.promise.take(t, raw)
		h.mu.Lock()
		for _, e := range got.Events {
			h.acked[got.Stream.String()] = max(h.acked[got.Stream.String()], e.Seq+1)
		}
		h.mu.Unlock()
	}
}

// ask asks one question after the other.
func (h *handOver) ask(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		if err := h.count(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}

func (h *handOver) count(ctx context.Context) error {
	h.mu.Lock()
	acked, through := make(map[string]int64, len(h.acked)), h.through
	for stream, n := range h.acked {
		acked[stream] = n
	}
	h.mu.Unlock()
	trouble, begin := h.trouble.Load(), time.Now()
	raw, err := h.server.Load().call(ctx, http.MethodPost, "/v1/query", fmt.Appendf(nil, `{"sql":%q}`, countsSQL))
	if err != nil {
		if trouble%2 == 1 || h.trouble.Load() != trouble {
			return nil // the bucket or the server was away
		}
		return fmt.Errorf("no answer: %w", err)
	}
	took := int64(time.Since(begin))
	for was := h.longest.Load(); took > was && !h.longest.CompareAndSwap(was, took); was = h.longest.Load() {
	}
	var got struct {
		Rows            [][]any
		CompleteThrough *time.Time `json:"complete_through"`
		Laggards        []string
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&got); err != nil {
		return fmt.Errorf("%w: %s", err, raw)
	}
	for _, row := range got.Rows {
		stream := row[0].(string)
		count, err := row[1].(json.Number).Int64()
		if err != nil {
			return err
		}
		if want := fmt.Sprint([]int64{count, count, count, 0, count - 1}); fmt.Sprint(row[1:]) != want {
			return fmt.Errorf("stream %s has count, seqs, ids, min, max %v, want %s", stream, row[1:], want)
		}
		if count < acked[stream] {
			return fmt.Errorf("%d events of stream %s in an answer, and %d were acknowledged before", count, stream, acked[stream])
		}
		delete(acked, stream)
	}
	if len(acked) > 0 {
		return fmt.Errorf("nothing in an answer of %v", acked)
	}
	h.answers.Add(1)
	return h.promised(got.CompleteThrough, through, got.Laggards)
}

func (h *handOver) promised(got *time.Time, before time.Time, laggards []string) error {
	switch {
	case got == nil: // the bucket is away
		return nil
	case got.Before(before):
		return fmt.Errorf("complete through %s, held back by %v; an answer before was through %s", got, laggards, before)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.through.Before(*got) {
		h.through = *got
	}
	return nil
}
