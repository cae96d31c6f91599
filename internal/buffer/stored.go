package buffer

import (
	"context"
	"slices"

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

// stored lists the requests of a group that have tickets, for Options.Stored. It is
// made before the answers: then the seqs are the caller's.
func (g *group) stored() (all []Stored) {
	for _, r := range g.requests {
		if r.ticket != nil && r.refused == nil {
			r.stamp(r.events)
			all = append(all, Stored{r.ticket, r.events, slices.Clone(r.seqs), r.fresh, r.size})
		}
	}
	return all
}

// stamp sets received_at of the events of a request that were stored now.
func (r *request) stamp(events []event.Event) {
	for i := range events {
		if r.seqs[i] >= r.fresh {
			events[i].ReceivedAtMS = r.at
		}
	}
}
