package promise

import (
	"fmt"
	"iter"
)

// Row is an event as it was found.
type Row struct {
	Seq         int64
	ID, Details string
}

// Check is the oracle over all rows that there are, in order of seq. It returns how
// many there are: distinct events, each of which somebody sent.
func (b *Book) Check(rows iter.Seq2[Row, error]) (stored int64, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := check{book: b, found: make([]int64, len(b.requests))}
	for row, err := range rows {
		if err == nil {
			err = c.row(row)
		}
		if err != nil {
			return c.next, err
		}
	}
	if err := c.whole(); err != nil {
		return c.next, err
	}
	for number, r := range b.requests {
		if r.first != unanswered && c.found[number] == 0 {
			return c.next, fmt.Errorf("event %s, acknowledged as seq %d, is not among the %d that are there",
				place{number, 0}.id(r.salt), r.first, c.next)
		}
	}
	return c.next, nil
}

// check is a walk over the rows.
type check struct {
	book  *Book
	next  int64   // seq of the next row
	found []int64 // by request: one more than the seq of its first event; 0: it is not there
	last  place   // the last row's
	left  int     // events of that request that have to come
}

func (c *check) row(row Row) error {
	if row.Seq != c.next {
		return fmt.Errorf("row %d has seq %d: a gap or a repetition", c.next, row.Seq)
	}
	p, r, err := c.book.find(row.ID)
	if err != nil {
		return fmt.Errorf("seq %d: %w", row.Seq, err)
	}
	switch {
	case c.left > 0 && p == place{c.last.request, c.last.event + 1}:
		c.left--
	case c.left > 0 && p.request == c.last.request && p.event > c.last.event:
		return c.whole()
	case c.found[p.request] != 0:
		return fmt.Errorf("event %s is there twice, at last as seq %d", row.ID, row.Seq)
	case c.left > 0:
		return c.whole()
	case p.event != 0:
		return fmt.Errorf("request %d begins with event %d of it, seq %d", p.request, p.event, row.Seq)
	default:
		c.found[p.request], c.left = row.Seq+1, int(r.events)-1
	}
	if want := r.first + int64(p.event); r.first != unanswered && row.Seq != want {
		return fmt.Errorf("event %s has seq %d, acknowledged was %d", row.ID, row.Seq, want)
	}
	if want := p.details(r); row.Details != want {
		return fmt.Errorf("event %s has details %.200s, sent was %.200s", row.ID, row.Details, want)
	}
	c.last, c.next = p, c.next+1
	return nil
}

// whole complains when the last request is not.
func (c *check) whole() error {
	if c.left == 0 {
		return nil
	}
	return fmt.Errorf("of request %d, %d events are missing from seq %d on: a request is stored whole or not at all", c.last.request, c.left, c.next)
}
