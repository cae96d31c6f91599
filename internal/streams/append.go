package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/receipt"
)

// Appended says where the events of an Append are.
type Appended struct {
	Stream  uuid.UUID         // takes what is new
	Seqs    []int64           // of each event
	Earlier map[int]uuid.UUID // by index: the streams of events that were taken by an earlier one; nil when there are none
}

// Append is that of the current stream's log; see buffer.Buffer.Append.
func (l *Line) Append(ctx context.Context, events []event.Event) (Appended, error) {
	return l.append(func(b *buffer.Buffer) ([]int64, error) { return b.Append(ctx, events) })
}

// AppendTicket is Append for a request that wants receipts; see
// buffer.Buffer.AppendTicket.
func (l *Line) AppendTicket(ctx context.Context, events []event.Event, ticket *receipt.Ticket) (Appended, error) {
	return l.append(func(b *buffer.Buffer) ([]int64, error) { return b.AppendTicket(ctx, events, ticket) })
}

func (l *Line) append(to func(*buffer.Buffer) ([]int64, error)) (Appended, error) {
	s := l.Current()
	if err := l.mayTake(s); err != nil {
		return Appended{}, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	if err := s.gate.enter(); err != nil {
		return Appended{}, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	seqs, err := to(s.Buffer)
	s.gate.leave()
	var taken *buffer.ConflictError
	if errors.As(err, &taken) {
		seqs, earlier := s.origins(taken.Seq)
		return Appended{}, &ConflictError{&buffer.ConflictError{Index: taken.Index, Seq: seqs}, earlier}
	}
	if err != nil {
		return Appended{}, err
	}
	out := Appended{Stream: s.Open.Stream}
	out.Seqs, out.Earlier = s.origins(seqs)
	return out, nil
}

// ConflictError is that of the log, with the streams, by index in Seq, of those events
// that an earlier stream has.
type ConflictError struct {
	*buffer.ConflictError
	Earlier map[int]uuid.UUID
}

func (e *ConflictError) Unwrap() error { return e.ConflictError }

// origins replaces the seqs of events that an earlier stream took by those that they
// have there, and says which streams these are. It leaves seqs alone: whoever makes
// receipts reads them too.
func (s *Stream) origins(seqs []int64) (_ []int64, earlier map[int]uuid.UUID) {
	for i, seq := range seqs {
		if seq >= 0 {
			continue
		}
		if earlier == nil {
			seqs, earlier = slices.Clone(seqs), make(map[int]uuid.UUID)
		}
		earlier[i], seqs[i] = s.Buffer.Origin(seq)
	}
	return seqs, earlier
}

// Room is that of the current stream's log; see buffer.Buffer.Room. Why a stream takes nothing at all is for Append to say.
func (l *Line) Room(bytes int64) error {
	s := l.Current()
	if l.mayTake(s) != nil {
		return nil //nolint:nilerr // Append has that error
	}
	return s.Buffer.Room(bytes)
}

// MayTake says why no events are taken now; nil: they are.
func (l *Line) MayTake() error { return l.mayTake(l.Current()) }

func (l *Line) mayTake(s *Stream) error {
	if why := s.gate.reason(); why != nil { // first: of a stream that is stopped it says more
		return why
	}
	switch st := s.Archiver.Status(); {
	case st.Stopped:
		return fmt.Errorf("the stream is stopped: %w", st.Err)
	case !st.Started && !l.o.StartOffline:
		return errNotStarted
	case !l.o.Now().Before(s.Ends()):
		return errEnded
	}
	return nil
}
