// Package receipt signs, for those who ask, that their events were taken.
//
// The promise: one signature for all that one sync of the log made durable, however
// many asked, and nobody waits who did not ask. A receipt is made only of what is on
// disk. Who asks and gets none is told why; no receipt is ever made up afterwards.
//
// One goroutine hashes and signs. While it is busy, or the key is slow, groups
// gather and get one signature together; what waits is bounded.
package receipt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// Options are an Issuer's parts. All are required.
type Options struct {
	Open    []byte        // the stream's certificate, as in the bucket
	Stream  ledger.Open   // what it says
	Signer  ledger.Signer // the stream's key
	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// waitingMost is how many bytes of events may wait for their receipts; those of
// further requests get none.
const waitingMost = 64 << 20

// missedOver is said to those who are not answered when Run is over.
const missedOver = "the server is stopping, or has closed its stream and goes on with another one"

// Issuer makes receipts. It is safe for concurrent use.
type Issuer struct {
	o       Options
	metrics *metrics
	wake    chan struct{} // capacity 1: something waits

	mu      sync.Mutex
	waiting []buffer.Stored
	bytes   int64 // in waiting
	over    bool  // Run is over: nothing more is signed

	given history // Run's own
}

// New returns an Issuer; Run makes it work.
func New(o Options) (*Issuer, error) {
	if len(o.Open) == 0 || o.Signer == nil || o.Now == nil || o.Log == nil || o.Metrics == nil {
		return nil, errors.New("receipts: open, signer, now, log and metrics must be set")
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	return &Issuer{o: o, metrics: m, wake: make(chan struct{}, 1)}, nil
}

// Ticket stands for one request that asked for a receipt.
type Ticket struct {
	done     chan struct{} // closed when the rest is set
	receipts []*ledger.Receipt
	missing  string
}

// NewTicket returns the ticket of a request, for buffer.AppendTicket.
func NewTicket() *Ticket { return &Ticket{done: make(chan struct{})} }

func (t *Ticket) answer(receipts []*ledger.Receipt, missing string) {
	t.receipts, t.missing = receipts, missing
	close(t.done)
}

// Wait returns the receipts that cover the events of a request, and says why some
// are not covered; "" when all are. They are shared: nobody may change them.
func (t *Ticket) Wait(ctx context.Context) (receipts []*ledger.Receipt, missing string) {
	select {
	case <-t.done:
		return t.receipts, t.missing
	case <-ctx.Done():
		return nil, "the key of the stream did not sign in time; send the same events again, with the same ids, to ask again"
	}
}

// Stored takes the requests of one group, all with tickets of this package: it is
// buffer.Options.Stored, and returns at once.
func (s *Issuer) Stored(group []buffer.Stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range group {
		switch {
		case s.over:
			ticketOf(&group[i]).answer(nil, missedOver)
		case s.bytes+group[i].Bytes > waitingMost && s.bytes > 0:
			s.metrics.missing.Inc()
			ticketOf(&group[i]).answer(nil, "too many receipts wait for the key of the stream")
		default:
			s.waiting = append(s.waiting, group[i])
			s.bytes += group[i].Bytes
		}
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func ticketOf(s *buffer.Stored) *Ticket {
	t, ok := s.Ticket.(*Ticket)
	if !ok {
		panic(fmt.Sprintf("bug: a ticket of type %T", s.Ticket))
	}
	return t
}

// Run makes receipts until ctx ends. It works once.
func (s *Issuer) Run(ctx context.Context) error {
	defer s.finish()
	for {
		select {
		case <-s.wake:
			s.issue(s.take())
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Issuer) take() []buffer.Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.waiting
	s.waiting, s.bytes = nil, 0
	return all
}

func (s *Issuer) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for i := range s.waiting {
		ticketOf(&s.waiting[i]).answer(nil, missedOver)
	}
	s.waiting, s.bytes = nil, 0
}

// issue signs once for all that waited, and answers everybody.
func (s *Issuer) issue(all []buffer.Stored) {
	var taken []ledger.Taken
	own := make([]int, len(all)) // place in taken; -1: nothing was added
	for i := range all {
		own[i] = -1
		if t := s.leaves(&all[i]); len(t.Leaves) > 0 {
			own[i] = len(taken)
			taken = append(taken, t)
		}
	}
	signed, err := s.sign(taken)
	if err != nil {
		s.o.Log.Error("receipts not signed", "requests", len(taken), "error", err)
	}
	for i := range signed {
		s.given.add(&signed[i])
	}
	for i := range all {
		var receipts []*ledger.Receipt
		missing := ""
		switch {
		case own[i] >= 0 && err != nil:
			missing = "the key of the stream could not sign; the server's log says why"
		case own[i] >= 0:
			receipts = append(receipts, &signed[own[i]])
		}
		receipts, lost := s.earlier(receipts, &all[i])
		if lost > 0 && missing == "" {
			missing = fmt.Sprintf("%d of the events were stored by an earlier request, and no receipt of that is remembered", lost)
		}
		s.metrics.receipts.Add(float64(len(receipts)))
		if missing != "" {
			s.metrics.missing.Inc()
		}
		ticketOf(&all[i]).answer(receipts, missing)
	}
}

func (s *Issuer) sign(taken []ledger.Taken) ([]ledger.Receipt, error) {
	if len(taken) == 0 {
		return nil, nil
	}
	s.metrics.signatures.Inc()
	return ledger.SignReceipts(s.o.Open, &s.o.Stream, taken, s.o.Now(), s.o.Signer)
}

// leaves hashes what a request added to the stream. Its seqs are contiguous; one
// that comes twice in a request was stored once.
func (s *Issuer) leaves(r *buffer.Stored) ledger.Taken {
	t := ledger.Taken{First: r.Fresh}
	next := r.Fresh
	for i, seq := range r.Seqs {
		if seq != next {
			continue
		}
		row := event.Row{Event: r.Events[i], Stream: s.o.Stream.Stream, Seq: seq}
		t.ReceivedAtMS = row.ReceivedAtMS
		t.Leaves = append(t.Leaves, event.LeafHash(&row))
		next++
	}
	return t
}

// earlier adds the receipts of the events of a request that an earlier one had
// stored, and counts the events of which none is remembered.
func (s *Issuer) earlier(receipts []*ledger.Receipt, r *buffer.Stored) (_ []*ledger.Receipt, lost int) {
	for _, seq := range r.Seqs {
		if seq >= r.Fresh || covered(receipts, seq) {
			continue
		}
		if found := s.given.find(seq); found != nil {
			receipts = append(receipts, found)
			continue
		}
		lost++
	}
	return receipts, lost
}

// covered looks at the last receipt first: that is where a neighbour is.
func covered(receipts []*ledger.Receipt, seq int64) bool {
	for i := len(receipts) - 1; i >= 0; i-- {
		if r := receipts[i]; r.First <= seq && seq <= r.Last() {
			return true
		}
	}
	return false
}
