package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/audit-archiver/archiver/clients/go/internal/wire"
)

// Record returns nil once the sidecar has the event on its disk. It tries until
// RecordTimeout or the end of ctx, then fails with ErrUnavailable, or does what
// the policy says. It fails at once with ErrRejected, ErrConflict or ErrClosed,
// and with ErrUnavailable when the sidecar refuses the request for a reason that
// waiting does not mend, such as a wrong token.
func (c *Client) Record(ctx context.Context, e Event, opts ...RecordOption) error {
	call := recordCall{policy: policyOf(c.o.Policies, e.Action)}
	for _, opt := range opts {
		opt(&call)
	}
	p, err := prepare(ctx, "record", e, time.Now())
	if err != nil {
		return err
	}
	if c.closed.Load() {
		return &Error{Kind: ErrClosed, Op: "record", Event: &p.event}
	}
	failed := c.recordNow(ctx, &p)
	if failed != nil && failed.Is(ErrUnavailable) && call.policy == FailOpenSpooled {
		spooled := c.append(ctx, "record", &p)
		if spooled == nil {
			return nil
		}
		spooled.Status = failed.Status
		spooled.OutcomeUnknown = spooled.OutcomeUnknown || failed.OutcomeUnknown
		spooled.Err = errors.Join(failed.Err, spooled.Err)
		failed = spooled
	}
	if failed != nil {
		return failed
	}
	return nil
}

// recordNow posts the event until there is an answer that settles it.
func (c *Client) recordNow(ctx context.Context, p *prepared) *Error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.RecordTimeout,
		fmt.Errorf("the record_timeout of %v is over", c.o.RecordTimeout))
	defer cancel()
	e := &Error{Kind: ErrUnavailable, Op: "record", Event: &p.event}
	for attempt := 0; ; attempt++ {
		if ctx.Err() != nil {
			if cause := context.Cause(ctx); !errors.Is(e.Err, cause) {
				e.Err = errors.Join(e.Err, cause)
			}
			return e
		}
		if attempt > 0 {
			c.stats.add(func(s *Stats) { s.Retries++ })
		}
		before := e.Err
		a := c.wire.Post(ctx, p.body(), 1)
		e.Status, e.Err = a.Status, a.Err
		if ctx.Err() != nil && a.Err != nil { // cut off: what ended the attempt before it says why
			e.Err = errors.Join(before, a.Err)
		}
		e.OutcomeUnknown = e.OutcomeUnknown || a.Unknown
		switch a.Verdict {
		case wire.Stored:
			c.stats.add(func(s *Stats) { s.Recorded++ })
			return nil
		case wire.Refused:
			e.Kind, e.OutcomeUnknown = ErrRejected, false
			if a.Conflict {
				e.Kind = ErrConflict
			}
			for _, r := range a.Refused {
				e.Fields = append(e.Fields, fieldErrors(r.Fields)...)
			}
			return e
		case wire.Keep:
			return e
		}
		deadline, _ := ctx.Deadline()
		if a.RetryAfter > 0 && time.Until(deadline) < a.RetryAfter {
			e.Err = fmt.Errorf("%w; it asks to wait for %v, which is beyond the deadline", e.Err, a.RetryAfter)
			return e
		}
		pause(ctx, max(backOff(attempt), a.RetryAfter), nil)
	}
}

func fieldErrors(list []wire.FieldError) []FieldError {
	var out []FieldError
	for _, f := range list {
		out = append(out, FieldError{f.Field, f.Reason})
	}
	return out
}
