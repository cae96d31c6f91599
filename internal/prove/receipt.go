package prove

import (
	"context"
	"fmt"

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
}

// wanted is one event of a receipt on its way.
type wanted struct {
	outcome *Outcome
	leaf    ledger.Hash
	found   bool
}

// Receipt looks up every event of a receipt that was checked. Each file is read once.
// The outcomes are in order of seq. An error is the context's.
func (f *Finder) Receipt(ctx context.Context, r *ledger.Received) ([]Outcome, error) {
	outcomes := make([]Outcome, len(r.Leaves))
	type source struct {
		manifest *ledger.Manifest
		file     *ledger.File
		seqs     map[int64]*wanted
	}
	var order []*source
	byFile := map[*ledger.File]*source{}
	for i := range outcomes {
		o := &outcomes[i]
		o.Event, o.State, o.Commit = Event{r.Certificate.Stream, r.First + int64(i)}, Archived, -1
		at := o.Event
		p, absent := f.locate(at)
		if absent != nil && absent.State == Missing {
			if to, ok := f.moved(at); ok {
				o.Moved = &to
				p, absent = f.locate(to)
			}
		}
		if absent != nil {
			o.State, o.Commit, o.Detail = absent.State, absent.Commit, absent.Detail
			continue
		}
		o.Commit = p.manifest.Index
		w := &wanted{outcome: o, leaf: r.Leaves[i]}
		seq := at.Seq
		if o.Moved != nil {
			seq = o.Moved.Seq
		}
		for _, file := range p.files {
			key := &p.manifest.Files[file]
			if byFile[key] == nil {
				byFile[key] = &source{p.manifest, key, map[int64]*wanted{}}
				order = append(order, byFile[key])
			}
			byFile[key].seqs[seq] = w
		}
		absent = notInFiles(at, p.manifest)
		o.State, o.Detail = absent.State, absent.Detail // until it is found
	}
	for _, s := range order {
		err := f.scan(ctx, s.file, func(row *event.Row, leaf ledger.Hash) {
			if w := s.seqs[row.Seq]; w != nil {
				w.see(row, leaf, r)
			}
		})
		if err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for _, w := range s.seqs {
			if err != nil && !w.found {
				a := f.unopened(w.outcome.Event, s.manifest, s.file, err)
				w.outcome.State, w.outcome.Detail = a.State, a.Detail
			}
		}
	}
	return outcomes, nil
}

// see compares a row with what was acknowledged. One that another stream took over
// has the name and the time that it got there.
func (w *wanted) see(row *event.Row, leaf ledger.Hash, r *ledger.Received) {
	w.found = true
	if w.outcome.Moved != nil {
		before := *row
		before.Stream, before.Seq, before.ReceivedAtMS = w.outcome.Event.Stream, w.outcome.Event.Seq, r.ReceivedAt.UnixMilli()
		leaf = event.LeafHash(&before)
	}
	if leaf == w.leaf {
		w.outcome.State, w.outcome.Detail = Archived, ""
		return
	}
	w.outcome.State, w.outcome.Detail = Altered, fmt.Sprintf("commit %d has other content under this seq (id %s)", w.outcome.Commit, row.ID)
}
