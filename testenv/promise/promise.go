// Package promise keeps what the clients of a test sent and what they were promised,
// and is the oracle over what is found in the end: every acknowledged event once,
// under its seq, in order and unchanged, each request whole or not at all, and nothing
// that nobody sent.
//
// What an event is follows from its id, so a test that sends millions of them keeps
// 16 bytes for each request.
package promise

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Book is safe for concurrent use.
type Book struct {
	at time.Time

	mu       sync.Mutex
	requests []request
	acked    int64 // events
}

// request is one body. Its events lie one after the other in the log.
type request struct {
	first  int64  // seq of its first event; unanswered: nobody was promised anything
	salt   uint32 // of its ids, so that a clone's new events are others
	events uint16
	filler uint16 // bytes in the details of each event; noisy says of which kind
}

const (
	unanswered = -1
	noisy      = 1 << 15 // in request.filler
)

// New is a book whose events all have that timestamp; the zero time: they have none,
// and the server gives them one.
func New(at time.Time) *Book { return &Book{at: at} }

// Clone is what another node knows that goes on from a copy of this one.
func (b *Book) Clone() *Book {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &Book{at: b.at, requests: slices.Clone(b.requests), acked: b.acked}
}

// Invent makes a body of that many new events, with so many bytes more in each that
// compress well.
func (b *Book) Invent(events, filler int) []byte { return b.invent(events, filler, 0) }

// InventNoise makes bytes that do not compress well.
func (b *Book) InventNoise(events, filler int) []byte { return b.invent(events, filler, noisy) }

func (b *Book) invent(events, filler int, kind uint16) []byte {
	if filler < 0 || filler >= noisy || events < 1 || events > 1<<16-1 {
		panic(fmt.Sprintf("promise: a request of %d events with %d bytes more", events, filler))
	}
	r := request{first: unanswered, salt: rand.Uint32(), events: uint16(events), filler: uint16(filler) | kind}
	b.mu.Lock()
	number := len(b.requests)
	b.requests = append(b.requests, r)
	b.mu.Unlock()
	body := make([]wireEvent, events)
	for i := range body {
		p := place{number, i}
		body[i] = wireEvent{ID: p.id(r.salt), Timestamp: b.at, Action: Action, Outcome: "success",
			Actor: actor{ID: Actor, Type: "system"}, Resource: resource{Type: "thing"}, Details: json.RawMessage(p.details(&r))}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return raw
}

// What all events have in common.
const (
	Action = "promise.test"
	Actor  = "client"
)

type (
	wireEvent struct {
		ID        string          `json:"id"`
		Timestamp time.Time       `json:"timestamp,omitzero"`
		Action    string          `json:"action"`
		Outcome   string          `json:"outcome"`
		Actor     actor           `json:"actor"`
		Resource  resource        `json:"resource"`
		Details   json.RawMessage `json:"details"`
	}
	actor struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	resource struct {
		Type string `json:"type"`
	}
)

// Stored is what an answer says of one event.
type Stored struct {
	ID  string `json:"id"`
	Seq int64  `json:"seq"`
}

// Take notes the answer to a request: all its events, in order, with the seqs that they
// have for ever, whatever is sent again.
func (b *Book) Take(events []Stored) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(events) == 0 {
		return fmt.Errorf("an answer about no event")
	}
	p, r, err := b.find(events[0].ID)
	if err != nil {
		return err
	}
	if p.event != 0 || len(events) != int(r.events) {
		return fmt.Errorf("request %d has %d events, the answer names %d from event %d on", p.request, r.events, len(events), p.event)
	}
	for i, e := range events {
		if want := (place{p.request, i}).id(r.salt); e.ID != want {
			return fmt.Errorf("event %d of request %d is answered as %s, sent was %s", i, p.request, e.ID, want)
		}
		if want := events[0].Seq + int64(i); e.Seq != want {
			return fmt.Errorf("event %d of request %d has seq %d, want %d", i, p.request, e.Seq, want)
		}
	}
	switch first := events[0].Seq; {
	case r.first == unanswered:
		r.first = first
		b.acked += int64(len(events))
	case r.first != first:
		return fmt.Errorf("event %s was acknowledged with seq %d, and now with %d", events[0].ID, r.first, first)
	}
	return nil
}

// find is where an event comes from. The caller holds mu.
func (b *Book) find(id string) (place, *request, error) {
	p, salt, ok := parse(id)
	if !ok || p.request >= len(b.requests) || b.requests[p.request].salt != salt || p.event >= int(b.requests[p.request].events) {
		return p, nil, fmt.Errorf("nobody sent event %s", id)
	}
	return p, &b.requests[p.request], nil
}

// Acked is how many events were acknowledged.
func (b *Book) Acked() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.acked
}

// Promised yields what was acknowledged.
func (b *Book) Promised() iter.Seq[Stored] {
	requests := b.Clone().requests
	return func(yield func(Stored) bool) {
		for number, r := range requests {
			for i := range int(r.events) {
				if r.first != unanswered && !yield(Stored{(place{number, i}).id(r.salt), r.first + int64(i)}) {
					return
				}
			}
		}
	}
}

// Sent is what is known of an event that somebody sent.
type Sent struct {
	Details string
	Seq     int64  // that was acknowledged; negative: none was
	Request string // id of the first event of its request
	Events  int    // of its request
}

// Find tells what is known of an event, and is an error if nobody sent it.
func (b *Book) Find(id string) (Sent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, r, err := b.find(id)
	if err != nil {
		return Sent{}, err
	}
	s := Sent{Details: p.details(r), Seq: unanswered, Request: place{p.request, 0}.id(r.salt), Events: int(r.events)}
	if r.first != unanswered {
		s.Seq = r.first + int64(p.event)
	}
	return s, nil
}

// Forget takes back the promise of the request with that event: damage on the disk has
// taken it.
func (b *Book) Forget(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, r, err := b.find(id)
	if err == nil && r.first != unanswered {
		r.first = unanswered
		b.acked -= int64(r.events)
	}
	return err
}
