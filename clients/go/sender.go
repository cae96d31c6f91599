package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/clients/go/internal/spool"
	"github.com/audit-archiver/archiver/clients/go/internal/wire"
)

// send delivers this client's spool until ctx ends.
func (c *Client) send(ctx context.Context) {
	d := &delivery{c: c, r: c.spool.Reader(), hurry: c.hurry}
	defer d.r.Close()
	for failures := 0; ; {
		select {
		case <-c.spool.Notify(1, 1):
		case <-ctx.Done():
			return
		}
		c.linger(ctx)
		if ctx.Err() != nil {
			return
		}
		if _, err := d.next(ctx); err != nil && ctx.Err() == nil {
			c.trouble("read the spool", err)
			pause(ctx, backOff(failures), nil)
			failures++
			continue
		}
		failures = 0
	}
}

// linger waits for a batch to fill, unless somebody waits for its delivery.
func (c *Client) linger(ctx context.Context) {
	if c.o.Linger == 0 || c.flushing.Load() > 0 {
		return
	}
	t := time.NewTimer(c.o.Linger)
	defer t.Stop()
	select {
	case <-c.spool.Notify(int64(c.o.BatchEvents), int64(c.o.BatchBytes)):
	case <-t.C:
	case <-c.hurry:
	case <-ctx.Done():
	}
}

// delivery brings the lines of one folder to the sidecar, in order, one request
// at a time.
type delivery struct {
	c     *Client
	r     *spool.Reader
	hurry <-chan struct{} // ends a back-off; nil: nothing does
}

// next delivers what one read of the folder gives. It returns false when there
// was nothing, and an error when the folder cannot be read or ctx has ended.
func (d *delivery) next(ctx context.Context) (bool, error) {
	lines, err := d.r.Next(d.c.o.BatchEvents, int64(d.c.o.BatchBytes))
	if err != nil {
		return false, err
	}
	found := len(lines) > 0
	for len(lines) > 0 {
		n := 1
		if lines[0].JSON == nil {
			d.bury(ctx, []spool.DeadLetter{{Reason: spool.ReasonDamaged, Line: lines[0].Raw}})
		} else {
			n = together(lines)
			d.place(ctx, lines[:n])
		}
		if err := ctx.Err(); err != nil {
			return true, err // not known to be done: the next client sends these again
		}
		d.c.trouble("move the cursor", d.r.Commit(lines[:n]))
		lines = lines[n:]
	}
	return found, nil
}

// maxDates is how many different dates of timestamps go into one request. The
// sidecar takes 64 UTC days; one date has parts of up to three of them,
// according to the offset.
const maxDates = 20

// together returns how many of the lines, the first of which is sound, make one
// request. What the sidecar would refuse only for its company goes into another:
// an id that is there already, as after a retried Enqueue, and one date too many.
func together(lines []spool.Line) int {
	ids := make(map[string]bool, len(lines))
	dates := make(map[string]bool)
	for i, l := range lines {
		if l.JSON == nil {
			return i
		}
		id, date := key(l.JSON)
		dates[date] = true
		if ids[id] || len(dates) > maxDates {
			return i
		}
		ids[id] = true
	}
	return len(lines)
}

// key returns the id and the date of an event. Ours begin with id and timestamp;
// what does not is decoded.
func key(event []byte) (id, date string) {
	const (
		head  = `{"id":"`
		tail  = `","timestamp":"`
		idEnd = len(head) + 36
		tsAt  = idEnd + len(tail)
		tsEnd = tsAt + len("2006-01-02")
	)
	if len(event) > tsEnd && string(event[:len(head)]) == head && string(event[idEnd:tsAt]) == tail {
		return strings.ToLower(string(event[len(head):idEnd])), string(event[tsAt:tsEnd])
	}
	var e struct{ ID, Timestamp string }
	if json.Unmarshal(event, &e) != nil {
		return "", "" // the sidecar's to refuse
	}
	return strings.ToLower(e.ID), e.Timestamp[:min(len(e.Timestamp), 10)]
}

// place returns once every line is stored or dead-lettered, or ctx has ended.
//
// What is true if we die on the way: the cursor is before the lines, so they are
// sent again, and the sidecar recognises those that it has. A dead letter may be
// in its file twice then.
func (d *delivery) place(ctx context.Context, lines []spool.Line) {
	for failures := 0; len(lines) > 0 && ctx.Err() == nil; {
		a := d.c.wire.Post(ctx, bodyOf(lines), len(lines))
		switch {
		case ctx.Err() != nil && a.Verdict != wire.Stored:
			return
		case a.Verdict == wire.Stored:
			d.c.stats.add(func(s *Stats) {
				s.Delivered += int64(len(lines))
				s.LastDeliveredAt = time.Now()
			})
			return
		case a.Verdict == wire.Refused && len(a.Refused) == 0 && len(lines) > 1:
			half := len(lines) / 2
			d.place(ctx, lines[:half])
			lines, failures = lines[half:], 0
		case a.Verdict == wire.Refused:
			letters, rest := partition(lines, a)
			d.bury(ctx, letters)
			lines, failures = rest, 0
		default:
			d.failed(a.Err, failures)
			d.wait(ctx, failures, a.RetryAfter)
			failures++
		}
	}
}

// bodyOf makes NDJSON of the lines. It is not reused: the transport may still
// read a body when its request has been answered.
func bodyOf(lines []spool.Line) []byte {
	size := 0
	for _, l := range lines {
		size += len(l.JSON) + 1
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	for _, l := range lines {
		b.Write(l.JSON)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// partition parts the lines that an answer refuses from the others.
func partition(lines []spool.Line, a wire.Answer) (letters []spool.DeadLetter, rest []spool.Line) {
	refused := a.Refused
	if len(refused) == 0 { // a single line, to blame by itself
		refused = []wire.Refusal{{Fields: []wire.FieldError{{Reason: a.Err.Error()}}}}
	}
	reason := spool.ReasonRejected
	if a.Conflict {
		reason = spool.ReasonConflict
	}
	for i, l := range lines {
		if len(refused) == 0 || refused[0].Index != i {
			rest = append(rest, l)
			continue
		}
		letter := spool.DeadLetter{Reason: reason, Status: a.Status, Event: l.JSON}
		if !json.Valid(l.JSON) { // not from an SDK; it cannot be a member of JSON
			letter.Event, letter.Line = nil, l.Raw
		}
		for _, f := range refused[0].Fields {
			letter.Errors = append(letter.Errors, spool.FieldError(f))
		}
		letters = append(letters, letter)
		refused = refused[1:]
	}
	return letters, rest
}

// failed notes what went wrong, and logs the first of a series.
func (d *delivery) failed(err error, failures int) {
	d.c.stats.add(func(s *Stats) {
		s.Retries++
		s.LastError = err
	})
	if failures == 0 {
		d.c.o.Logger.Warn("audit events not delivered yet", "error", err)
	}
}

// wait backs off. Whoever flushes cuts it short, but not what the sidecar asked for.
func (d *delivery) wait(ctx context.Context, failures int, atLeast time.Duration) {
	if atLeast > 0 {
		pause(ctx, atLeast, nil)
	}
	if rest := backOff(failures) - atLeast; rest > 0 {
		pause(ctx, rest, d.hurry)
	}
}
