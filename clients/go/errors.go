package audit

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of an [*Error], for errors.Is. There are no others.
var (
	// ErrRejected: the event can never be stored. Mend it.
	ErrRejected = errors.New("audit: event rejected")
	// ErrConflict: another event with this id, but other content, is stored.
	ErrConflict = errors.New("audit: another event has this id")
	// ErrUnavailable: not stored, or not known to be, until the deadline. Try
	// again with the same id: [Error.Event] has it.
	ErrUnavailable = errors.New("audit: not stored")
	// ErrSpoolFull: the spool was full for the whole time that there was to wait.
	ErrSpoolFull = errors.New("audit: spool full")
	// ErrClosed: the client is closed.
	ErrClosed = errors.New("audit: client closed")
)

// FieldError is one thing that is wrong with an event.
type FieldError struct {
	Field  string `json:"field"`  // path such as "actor.id"; empty: the event as a whole
	Reason string `json:"reason"` // for a human who has to fix the sender
}

// Error is what every method of a [Client] fails with.
type Error struct {
	// Kind is ErrRejected, ErrConflict, ErrUnavailable, ErrSpoolFull or ErrClosed.
	Kind error

	// Op is what was attempted: record, enqueue, flush or close.
	Op string

	// Event is the event as it would have been sent, with its id and timestamp;
	// nil for flush and close, which leave events in the spool.
	Event *Event

	// Fields says what is wrong, with ErrRejected.
	Fields []FieldError

	// Status is the last HTTP status; 0 if there was no answer.
	Status int

	// OutcomeUnknown reports that the event may be stored all the same.
	OutcomeUnknown bool

	// Err is the last cause. May be nil.
	Err error
}

// Error returns what was attempted, on which event, and why it failed.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	b.WriteString(": ")
	b.WriteString(e.Op)
	if e.Event != nil {
		fmt.Fprintf(&b, " %q (id %s)", e.Event.Action, e.Event.ID)
	}
	sep := ": "
	for _, f := range e.Fields {
		b.WriteString(sep)
		if f.Field != "" {
			b.WriteString(f.Field + " ")
		}
		b.WriteString(f.Reason)
		sep = ", "
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.OutcomeUnknown {
		b.WriteString(" (it may be stored all the same)")
	}
	return b.String()
}

// Is makes errors.Is(err, ErrRejected), and so on, tell the kind.
func (e *Error) Is(target error) bool { return target == e.Kind }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
