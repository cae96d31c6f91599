package buffer

import (
	"context"
	"fmt"
	"slices"

	"github.com/audit-archiver/archiver/internal/event"
)

// request is one Append on its way to Run. It is used again, memory and all, except
// for one that was abandoned.
type request struct {
	payload []byte // records
	count   int64
	parts   []partition // distinct
	marks   []mark      // of each event
	seqs    []int64     // of each event; set by Run before done
	fresh   int64       // the first seq that its new events got; set by Run before done
	at      int64       // received_at of what was stored, set by Run before done
	refused error       // set by Run: nothing of it is to be stored
	known   bool        // set by Run: some of it is stored already
	done    chan error  // capacity 1: an abandoned request does not block Run

	ticket any           // of AppendTicket, with its events; nil: of Append
	events []event.Event // Run sets their received_at
	size   int64         // of the payload, which is the caller's again after done
}

func (r *request) bytes() int64 { return int64(len(r.payload)) }

// partition is where a row will lie in the bucket: rows of different partitions
// never share a file.
type partition struct {
	class string
	day   int64 // since 1970-01-01
}

func partitionOf(e *event.Event) partition {
	return partition{e.Retention, event.DayNumber(e.TimestampNS)}
}

// Append stores events as one atomic unit: all or none, also after a crash. It
// returns the seq of each once all are on disk.
//
// An event whose producer, id and fingerprint are those of one of the last
// Options.RetryIDs events is that event, sent again: it is not stored, and its seq
// is the one that it got the first time. The others get the next seqs, in order and
// without a gap, and ReceivedAtMS. An id that is taken by an event with another
// fingerprint is a *ConflictError.
//
// ErrFull, ErrStopped, ErrRefused and ErrConflict say that nothing was stored.
// ErrDamaged and the context's error say that the outcome is unknown.
func (b *Buffer) Append(ctx context.Context, events []event.Event) (seqs []int64, err error) {
	return b.append(ctx, events, nil)
}

func (b *Buffer) append(ctx context.Context, events []event.Event, ticket any) (seqs []int64, err error) {
	// Asked twice: here, so that a full buffer does not cost the encoding.
	if err := b.admit(nil); err != nil {
		return nil, err
	}
	r, err := b.encode(events)
	if err != nil {
		return nil, err
	}
	if ticket != nil && b.o.Stored != nil {
		r.ticket, r.events, r.size = ticket, events, r.bytes()
	}
	if err := b.admit(r); err != nil {
		b.reuse(r)
		return nil, err
	}
	select {
	case err := <-r.done:
		defer b.reuse(r)
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		// They may still become durable. The client retries with the same ids, and
		// then they are recognised.
		return nil, fmt.Errorf("append %d events: outcome unknown: %w", len(events), context.Cause(ctx))
	}
	if r.ticket == nil {
		r.stamp(events)
	}
	return r.seqs, nil
}

// encode runs on the caller's goroutine, so that many encode at a time. What
// only Run knows is not part of the bytes: seq and received_at stand in the
// frame's head.
func (b *Buffer) encode(events []event.Event) (*request, error) {
	if len(events) == 0 {
		return nil, fmt.Errorf("%w: no events", ErrRefused)
	}
	if len(events) > b.o.QueueEvents {
		return nil, fmt.Errorf("%w: %d events, at most %d", ErrRefused, len(events), b.o.QueueEvents)
	}
	r, ok := b.requests.Get().(*request)
	if !ok {
		r = &request{done: make(chan error, 1)}
	}
	r.count, r.seqs = int64(len(events)), make([]int64, len(events))
	if err := b.fill(r, events); err != nil {
		b.reuse(r)
		return nil, err
	}
	return r, nil
}

// reuse takes a request back that nobody looks at any more.
func (b *Buffer) reuse(r *request) {
	*r = request{payload: r.payload[:0], parts: r.parts[:0], marks: r.marks[:0], done: r.done}
	b.requests.Put(r)
}

func (b *Buffer) fill(r *request, events []event.Event) error {
	most := min(b.o.appendBytesMax(), b.o.QueueBytes, b.o.HighWater)
	for i := range events {
		r.payload = appendRecord(r.payload, &events[i])
		r.marks = append(r.marks, markOf(&events[i]))
		if r.bytes() > most {
			return fmt.Errorf("%w: %d events are more than %d bytes", ErrRefused, len(events), most)
		}
		if err := b.addPartition(r, &events[i]); err != nil {
			return err
		}
	}
	return nil
}

func appendRecord(p []byte, e *event.Event) []byte {
	if e.ReceivedAtMS != 0 { // it was stored before, by somebody else
		unstamped := *e
		unstamped.ReceivedAtMS = 0
		e = &unstamped
	}
	at := len(p)
	p = append(p, make([]byte, recordHead)...)
	p = event.AppendBinary(p, e)
	body := p[at+recordHead:]
	le.PutUint32(p[at:], uint32(len(body)))
	le.PutUint32(p[at+4:], checksum(body))
	return p
}

func (b *Buffer) addPartition(r *request, e *event.Event) error {
	part := partitionOf(e)
	// Nearly always the same as that of the event before.
	if n := len(r.parts); n > 0 && r.parts[n-1] == part || slices.Contains(r.parts, part) {
		return nil
	}
	if _, ok := b.o.Retention(part.class); !ok {
		return fmt.Errorf("%w: retention class %q is unknown", ErrRefused, part.class)
	}
	if len(part.class) > classBytesMax {
		return fmt.Errorf("%w: retention class of %d bytes, at most %d", ErrRefused, len(part.class), classBytesMax)
	}
	if len(r.parts) == b.o.Partitions {
		return fmt.Errorf("%w: more than %d different days and classes at once", ErrRefused, b.o.Partitions)
	}
	r.parts = append(r.parts, part)
	return nil
}

// admit puts r into the queue, or says why not. With nil it only asks.
func (b *Buffer) admit(r *request) error {
	var count, bytes int64
	if r != nil {
		count, bytes = r.count, r.bytes()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.broken != nil:
		return b.broken
	case b.draining:
		return ErrStopped
	}
	if reason := b.fullReason(count, bytes); reason != "" {
		b.press(reason, bytes)
		return fmt.Errorf("%w: %s", ErrFull, reason)
	}
	if r != nil {
		b.queue = append(b.queue, r)
		b.queuedEvents += count
		b.queuedBytes += bytes
		poke(b.wake)
	}
	return nil
}

// Room says, with ErrFull, that there is no room for a request of about so many bytes, and that it is not the queue that
// is in the way: only archiving makes room then, or somebody who clears the disk. Who asks before decoding leaves the
// processor to them. A large request is asked about as if it were a small one where the log itself is small. Every other
// reason is for Append to say.
func (b *Buffer) Room(bytes int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil || b.draining {
		return nil
	}
	reason := b.fullReason(0, min(bytes, b.o.HighWater/16))
	if reason == "" || reason == fullQueue {
		return nil
	}
	b.press(reason, bytes)
	return fmt.Errorf("%w: %s", ErrFull, reason)
}

// press is for a request of so many bytes that found no room. Unless it is the queue that is full, it has what is open
// sealed when nothing sealed waits, for only what is sealed can be archived and so make room. The caller holds mu.
func (b *Buffer) press(reason string, bytes int64) {
	if reason == fullQueue {
		return
	}
	b.denied = max(b.denied, min(bytes, b.o.HighWater/16))
	if len(b.sealed) == 0 {
		poke(b.pressure)
	}
}

// whyFull says why nothing can be taken, or nothing of the size that was refused, although there may be room for less;
// "" when neither is so. The caller holds mu.
func (b *Buffer) whyFull() string {
	if reason := b.fullReason(0, 0); reason != "" || b.roomFor(b.denied) {
		return reason
	}
	return fullHighWater
}

// Reasons of ErrFull that are not of the disk.
const (
	fullQueue     = "queue of the group commit"
	fullHighWater = "high-water mark of the log"
)

// fullReason says why so much more cannot be taken, or "". The caller holds mu.
func (b *Buffer) fullReason(count, bytes int64) string {
	switch {
	case b.full != "":
		return b.full
	case b.exhausted:
		return b.noSpare
	case b.queuedEvents+max(count, 1) > int64(b.o.QueueEvents), b.queuedBytes+bytes > b.o.QueueBytes:
		return fullQueue
	case !b.roomFor(bytes):
		return fullHighWater
	}
	return ""
}

// roomFor tells whether so much more stays below the high-water mark. The caller holds mu.
func (b *Buffer) roomFor(bytes int64) bool {
	return b.written-b.released.written+b.queuedBytes+bytes <= b.o.HighWater
}
