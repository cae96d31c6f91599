package archive

import (
	"cmp"
	"context"
	"errors"
	"runtime"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/event"
)

// request is what one client sends, and what it is told.
type request struct {
	events []event.Event
	seqs   []int64
	err    error
	done   chan struct{} // closed when it was told
}

// append sends events that are known and new ones in one request. The known ones
// have the seqs that they got the first time.
func (m *model) append(known, fresh []event.Event) error {
	if len(known)+len(fresh) == 0 {
		return nil
	}
	r := m.request(known, fresh)
	r.seqs, r.err = m.p.buffer.Append(context.Background(), r.events)
	return m.settle(r)
}

// request mixes events that are known with new ones.
func (m *model) request(known, fresh []event.Event) *request {
	r := &request{done: make(chan struct{})}
	r.events = append(append(r.events, known...), fresh...)
	for i := range r.events {
		r.events[i].ReceivedAtMS = 0
	}
	m.rng.Shuffle(len(r.events), func(i, j int) { r.events[i], r.events[j] = r.events[j], r.events[i] })
	return r
}

// gate is where the log waits between two groups.
type gate struct{ reached, open chan struct{} }

// wait is what the log calls when a group with a ticket in it was answered, and before
// it looks at its queue again.
func (m *model) wait([]buffer.Stored) {
	if g := m.gate.Swap(nil); g != nil {
		close(g.reached)
		<-g.open
	}
}

// together is some clients whose events one sync stores, or none of them: they come while
// the log is busy with somebody else, in an order that the model knows. Some send what
// another of them has just sent.
func (m *model) together() error {
	g := &gate{make(chan struct{}), make(chan struct{})}
	m.gate.Store(g)
	first := m.request(nil, m.events(1+m.rng.IntN(2)))
	first.seqs, first.err = m.p.buffer.AppendTicket(context.Background(), first.events, g)
	if err := m.settle(first); err != nil {
		m.gate.Store(nil)
		return err
	}
	<-g.reached
	var clients []*request
	for range 2 + m.rng.IntN(3) {
		known, fresh := m.known(), m.events(1+m.rng.IntN(3))
		if len(clients) > 0 && m.rng.IntN(2) == 0 {
			known = clients[m.rng.IntN(len(clients))].events[:1]
		}
		clients = append(clients, m.request(known, fresh))
	}
	queued := int64(0)
	for _, r := range clients {
		go func() {
			defer close(r.done)
			r.seqs, r.err = m.p.buffer.Append(context.Background(), r.events)
		}()
		queued += m.enqueued(r, queued)
	}
	close(g.open)
	for _, r := range clients {
		<-r.done
	}
	return m.settle(clients...)
}

// enqueued waits until a request is in the queue, behind so many events, and returns how
// many it adds: none, if it was refused.
func (m *model) enqueued(r *request, queued int64) int64 {
	for n := int64(len(r.events)); ; runtime.Gosched() {
		if m.p.buffer.Stats().QueuedEvents == queued+n {
			return n
		}
		select {
		case <-r.done:
			return 0
		default:
		}
	}
}

// settle compares what requests were told with what they must be told, in the order in
// which the log took them. It returns the first error of the real thing.
func (m *model) settle(requests ...*request) (failed error) {
	at := make(map[string]int64, len(m.sent))
	for i := range m.sent {
		at[m.sent[i].ID] = int64(i)
	}
	var unsure []event.Event // of one sync
	for _, r := range requests {
		failed = cmp.Or(failed, r.err)
		if errors.Is(r.err, buffer.ErrFull) || errors.Is(r.err, buffer.ErrStopped) {
			continue // nothing is stored
		}
		var stored []event.Event // what is new in it, in order
		for _, e := range r.events {
			if _, known := at[e.ID]; !known {
				at[e.ID] = int64(len(m.sent) + len(unsure) + len(stored))
				stored = append(stored, e)
			}
		}
		if r.err != nil {
			unsure = append(unsure, stored...)
			continue
		}
		if len(unsure) > 0 {
			m.t.Errorf("seed %d: a request is acknowledged, and one before it in the same sync is not", m.seed)
		}
		for i, e := range r.events {
			if r.seqs[i] != at[e.ID] {
				m.t.Errorf("event %s has seq %d, want %d of %d acknowledged", e.ID, r.seqs[i], at[e.ID], len(m.sent))
			}
		}
		m.sent = append(m.sent, stored...)
	}
	if len(unsure) > 0 {
		m.unsure = [][]event.Event{unsure}
	}
	return failed
}
