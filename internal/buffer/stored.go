package buffer

import (
	"context"

	"github.com/audit-archiver/archiver/internal/event"
)

// Stored is one AppendTicket whose events are on disk.
type Stored struct {
	Ticket any           // as it was given
	Events []event.Event // those with a seq from Fresh on have their ReceivedAtMS
	Seqs   []int64       // of each event
	Fresh  int64         // lower seqs are of events that were stored before
	Bytes  int64         // of the events, encoded
}

// AppendTicket is Append for somebody who also wants to know which events one sync
// made durable together: Options.Stored gets the ticket, unless the answer is an
// error. The events belong to the buffer from now on and must not be changed.
func (b *Buffer) AppendTicket(ctx context.Context, events []event.Event, ticket any) (seqs []int64, err error) {
	return b.append(ctx, events, ticket)
}

// tell hands the requests of a group that have tickets to Options.Stored. It comes
// after the answers, so nobody waits for it.
func (b *Buffer) tell(g *group) {
	var stored []Stored
	for _, r := range g.requests {
		if r.ticket != nil && r.refused == nil {
			stored = append(stored, Stored{r.ticket, r.events, r.seqs, r.fresh, r.size})
		}
	}
	if len(stored) > 0 {
		b.o.Stored(stored)
	}
}

// stamp sets received_at of the events of a request that were stored now.
func (r *request) stamp(events []event.Event) {
	for i := range events {
		if r.seqs[i] >= r.fresh {
			events[i].ReceivedAtMS = r.at
		}
	}
}
