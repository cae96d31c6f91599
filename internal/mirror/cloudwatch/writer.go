package cloudwatch

import (
	"context"
	"fmt"
	"strings"

	"github.com/audit-archiver/archiver/internal/mirror"
)

// Bounds of what an answer may make us do.
const (
	// refusedInRow is how many events that are within the documented limits may be
	// refused one after another. More are not to blame themselves: the log group takes
	// nothing, and going on would leave all of them out.
	refusedInRow = 10

	// namedIDs is how many rejected events a line of the log names; the report has all.
	namedIDs = 10
)

// writer sends the rows of one commit.
type writer struct {
	t       *Target
	p       *progress
	batch   batch
	scratch []byte
	tally   map[Reason]*tally
}

// tally is what one line of the log says about rejected events.
type tally struct {
	count       int
	first, last int64 // seq
	ids         []string
}

// rows sends the rows behind the position. Everything that a request answered for is
// saved before the next one, except for the last one's, which is left to the caller.
func (w *writer) rows(ctx context.Context, c *mirror.Commit) error {
	from := w.p.saved.Row
	left := c.Count - from
	for _, gone := range c.Gone {
		left -= max(0, gone.To-max(gone.From, from))
	}
	for r, err := range c.From(ctx, from) {
		if err != nil {
			return fmt.Errorf("row %d: %w", r.Number, err)
		}
		if left--; left < 0 {
			break
		}
		if err := w.add(ctx, &r); err != nil {
			return err
		}
	}
	if left != 0 {
		return fmt.Errorf("yields other than its %d rows", c.Count)
	}
	return w.send(ctx, w.batch.entries)
}

func (w *writer) add(ctx context.Context, r *mirror.Numbered) error {
	e := entry{number: r.Number, id: strings.Clone(r.ID), seq: r.Seq, ms: r.TimestampMS()}
	if e.reason = outside(e.ms, w.t.o.Now()); e.reason == "" {
		w.scratch = appendMessage(w.scratch[:0], &r.Row)
		e.message = string(w.scratch)
		if e.size() > maxBytes {
			e.reject(TooLarge)
		}
	}
	if !w.batch.fits(&e) {
		if err := w.send(ctx, w.batch.entries); err != nil {
			return err
		}
		if err := w.t.settle(w.p); err != nil {
			return err
		}
		w.batch = batch{entries: w.batch.entries[:0]}
	}
	w.batch.add(e)
	return nil
}

// send sends entries as one request and moves the position behind them, in memory.
//
// If we die before the answer is in the cursor, the next process sends them again.
func (w *writer) send(ctx context.Context, entries []entry) error {
	at := pending(entries)
	if len(at) == 0 {
		w.advance(entries, 0)
		return nil
	}
	err := w.t.put(ctx, w.p.next.LogStream, entries, at)
	if isRefused(err) {
		return w.refused(ctx, entries, at, err)
	}
	if err != nil {
		return fmt.Errorf("put %d events, seq %d to %d: %w", len(at), entries[at[0]].seq, entries[at[len(at)-1]].seq, err)
	}
	w.p.next.RefusedInRow = 0
	w.advance(entries, len(pending(entries)))
	return nil
}

// refused handles a request that the service does not take as a whole although it
// is within the documented limits. The event that is to blame is found by halving.
func (w *writer) refused(ctx context.Context, entries []entry, at []int, cause error) error {
	if len(at) > 1 {
		middle := at[len(at)/2]
		if err := w.send(ctx, entries[:middle]); err != nil {
			return err
		}
		// Saved in between, so that what is repeated is never more than one request.
		if err := w.t.settle(w.p); err != nil {
			return err
		}
		return w.send(ctx, entries[middle:])
	}
	e := &entries[at[0]]
	switch next := &w.p.next; {
	case e.size() > formerMaxEvent:
		e.reject(TooLarge)
	case next.Sent > 0 && next.RefusedInRow < refusedInRow:
		e.reject(Refused)
		next.RefusedInRow++
	default:
		return fmt.Errorf("put event %s, seq %d: %w", e.id, e.seq, cause)
	}
	w.advance(entries, 0)
	return nil
}

// advance records in memory that entries are dealt with, of which so many were taken.
func (w *writer) advance(entries []entry, taken int) {
	if len(entries) > 0 { // none: all the rows that were left are gone
		w.p.next.Row = entries[len(entries)-1].number + 1
	}
	w.p.next.Sent += int64(taken)
	w.t.metrics.events.Add(float64(taken))
	for i := range entries {
		e := &entries[i]
		if e.reason == "" {
			continue
		}
		w.p.reject(e, w.t.o.Now())
		w.t.metrics.rejected.WithLabelValues(string(e.reason)).Inc()
		sum := w.tally[e.reason]
		if sum == nil {
			sum = &tally{first: e.seq}
			w.tally[e.reason] = sum
		}
		sum.count++
		sum.last = e.seq
		if len(sum.ids) < namedIDs {
			sum.ids = append(sum.ids, e.id)
		}
	}
}

// report writes one line per reason to the log.
func (w *writer) report(ctx context.Context) {
	for _, why := range reasons() {
		sum := w.tally[why]
		if sum == nil {
			continue
		}
		w.t.o.Log.WarnContext(ctx, "events stay out of CloudWatch Logs", "reason", string(why), "count", sum.count,
			"stream", w.p.stream, "first_seq", sum.first, "last_seq", sum.last, "ids", sum.ids,
			"report", w.p.reportName(w.p.next.Report.File))
	}
}
