package prove

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/internal/ledger"
)

// Outcome is what became of one event of a receipt.
type Outcome struct {
	Event  Event
	State  State
	Commit int64  // index of the commit that covers it; -1 when there is none
	Moved  *Event // its name in the stream that took it over; nil: it kept its own
	Detail string // for people; "" when it is archived
	Found  *Found // when it is archived
}

// Receipt looks up every event of a receipt that was checked. Each file is read once.
// The outcomes are in order of seq. An error is the context's.
//
// An event may be under another name than the one that was acknowledged: when two
// copies of a server had given the same seqs to different events, one of them gave
// its events new ones, in another stream, and says so in signed notes.
func (f *Finder) Receipt(ctx context.Context, r *ledger.Received) ([]Outcome, error) {
	moves := f.moves(r.Certificate.Stream)
	var names []Event // where an event may be
	var of []int      // which one
	for i := range r.Leaves {
		for _, name := range (Event{r.Certificate.Stream, r.First + int64(i)}).names(moves) {
			names, of = append(names, name), append(of, i)
		}
	}
	found, absent, err := f.FindAll(ctx, names)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(r.Leaves))
	for n, name := range names {
		i := of[n]
		e := Event{r.Certificate.Stream, r.First + int64(i)}
		o := f.doubt(judge(e, name, r.Leaves[i], found[n], absent[n]), r)
		if outcomes[i].State == "" || rank(o.State) < rank(outcomes[i].State) {
			outcomes[i] = o
		}
	}
	return outcomes, nil
}

// rank orders what is known of one event under several names: that it is there
// counts most, and what could not be looked at may be there.
func rank(s State) int {
	for i, state := range []State{Archived, Unknown, Expired, NotCommitted, Altered, Missing} {
		if s == state {
			return i
		}
	}
	panic("bug: no state: " + string(s))
}

// judge says what it means that there is this, or nothing, under one name of an event.
func judge(e, name Event, want ledger.Hash, found *Found, absent *Absence) Outcome {
	o := Outcome{Event: e, Commit: -1}
	if name != e {
		o.Moved = &name
	}
	if absent != nil {
		o.State, o.Commit, o.Detail = absent.State, absent.Commit, absent.Detail
		return o
	}
	o.State, o.Commit = Altered, found.Commit
	row := found.Row
	row.Stream, row.Seq = e.Stream, e.Seq // its name before it was moved; all else is as it was
	if event.LeafHash(&row) == want {
		o.State, o.Found = Archived, found
		return o
	}
	o.Detail = fmt.Sprintf("commit %d has other content under this seq (id %s)", found.Commit, found.Row.ID)
	return o
}

// incomplete goes before what is known of an event while not all streams are.
const incomplete = "the ledger could not be read completely, and the event may have been moved; where it was acknowledged: "

// doubt withdraws what an outcome says too much: a stream that is not there may have
// had its time, and an event that is not where it was acknowledged may be in a stream
// that could not be read.
func (f *Finder) doubt(o Outcome, r *ledger.Received) Outcome {
	switch {
	case o.State != Missing && o.State != Altered:
	case !f.Complete:
		o.State, o.Detail = Unknown, incomplete+o.Detail
	case o.State == Missing && f.stream(o.Event.Stream) == nil && f.Now().After(r.Certificate.RetainUntil):
		o.State, o.Detail = Expired, "the stream is gone; its locks ended at "+r.Certificate.RetainUntil.Format(time.RFC3339)
	}
	return o
}

// move is a note that seqs of one stream have become seqs of another.
type move struct {
	from   ledger.Range
	stream uuid.UUID
	to     int64 // what the first one has become
}

// names are those that an event may have: its own, and what it has become by moves.
func (e Event) names(moves []move) []Event {
	names := []Event{e}
	for _, m := range moves {
		if m.from.First <= e.Seq && e.Seq <= m.from.Last {
			names = append(names, Event{m.stream, m.to + e.Seq - m.from.First})
		}
	}
	return names
}

// moves lists what was taken over from a stream.
func (f *Finder) moves(from uuid.UUID) (all []move) {
	for i := range f.View.Streams {
		s := &f.View.Streams[i]
		for j := range s.Manifests {
			for _, n := range s.Manifests[j].Notes {
				if n.Kind == ledger.NoteMoved && n.Stream == from {
					all = append(all, move{*n.Range, s.Open.Stream, n.To.First})
				}
			}
		}
	}
	return all
}
