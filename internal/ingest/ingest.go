// Package ingest takes audit events over HTTP and hands them to the buffer.
//
// The promise: 200 is sent only after [Appender.Append] returned, and then for
// all events of the request; any other status that does not say "unknown" means
// that none of them was stored. The price: one request waits for one group
// commit. What is refused is refused as a whole, with a problem document that
// names index and field of everything that is wrong. A client that asks for more
// (ack=archived) has its 200 only when its events are in the bucket.
//
// Memory is bounded by [Limits]: what does not fit is answered with 503, never
// queued.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/event"
)

// Appender stores events.
//
// Append returns once all events are on disk, and says where each is. One that its
// producer sent before is not stored again: it is where it was stored then. It may
// be called concurrently. Whatever it returns, it keeps neither the events nor a part
// of their text: the memory of both is used again. A *[ConflictError] says that nothing
// was stored; after any other error it is up to [Options.Refusal] to say what became of
// the events.
type Appender interface {
	Append(ctx context.Context, events []event.Event) (Stored, error)
}

// Stored says where the events of one Append are.
type Stored struct {
	Stream uuid.UUID // takes what is new
	Seqs   []int64   // of each event
	// Earlier has the streams, by index, of events that were stored before Stream
	// began; nil when there are none. They are archived.
	Earlier map[int]uuid.UUID
}

// last is the greatest seq in Stream; ok is false when there is none.
func (s *Stored) last() (seq int64, ok bool) {
	for i, at := range s.Seqs {
		if _, earlier := s.Earlier[i]; !earlier && (!ok || at > seq) {
			seq, ok = at, true
		}
	}
	return seq, ok
}

// ConflictError says which events have an id that another event of their producer
// has, with other content.
type ConflictError struct {
	Index []int   // of the events in the request
	Seq   []int64 // of the events that have their ids
	// Earlier has the streams, by index in Seq, of those that were stored before the
	// present stream began; nil when there are none.
	Earlier map[int]uuid.UUID
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%d events have the id of another event", len(e.Index))
}

// Refusal is what an error of the [Appender] means to the sender.
type Refusal int

// The zero value is what is true of any error.
const (
	// Unknown: the events may or may not be stored; a retry with the same ids is right.
	Unknown Refusal = iota
	// Full: nothing was stored; there will be room later.
	Full
	// NotReady: nothing was stored; this server takes no events yet, or no more.
	NotReady
	// NotWritable: this server stores nothing more until it was restarted or
	// repaired. Whether these events were stored is unknown.
	NotWritable
	// TooLarge: nothing was stored, and so much never will be at once.
	TooLarge
)

// Limits bound what senders may cost. Get them from [DefaultLimits].
type Limits struct {
	Event event.Limits

	// RequestBytes is the longest body after decompression. Default: 16 MiB.
	RequestBytes int

	// RequestEvents is the most events in one request. Default: 10,000.
	RequestEvents int

	// RequestDays is the most different UTC days of timestamps in one request: it
	// is stored as a whole, and each day becomes a file. Default: 64.
	RequestDays int

	// InFlightBytes is the most bytes of bodies in memory at once, over all
	// requests. Decoding takes about as much again. Default: 256 MiB.
	InFlightBytes int64

	// AppendWait is how long a request waits for the disk. Default: 20 s.
	AppendWait time.Duration

	// ReceiptWait is how long a request that asks for receipts waits for them after
	// that. Default: 5 s.
	ReceiptWait time.Duration

	// ArchiveWait is how long a request that asks for it waits for the bucket after
	// that. Default: 30 s.
	ArchiveWait time.Duration
}

// DefaultLimits returns the limits that openapi.json tells of.
func DefaultLimits() Limits {
	return Limits{
		Event:         event.DefaultLimits(),
		RequestBytes:  16 << 20,
		RequestEvents: 10_000,
		RequestDays:   64,
		InFlightBytes: 256 << 20,
		AppendWait:    20 * time.Second,
		ReceiptWait:   5 * time.Second,
		ArchiveWait:   30 * time.Second,
	}
}

// Options say how to serve. Fields without a default are required.
type Options struct {
	Appender Appender

	// Receipts is the Appender of requests that ask for receipts. Default: there are
	// none, and the answers say so.
	Receipts ReceiptAppender

	// Room says why Appender has no room for a request of about so many bytes: it is not
	// decoded then. To Refusal such an error must be Full or NotReady, since nothing was
	// handed to Appender. It may be called concurrently. Default: there is always room.
	Room func(bytes int64) error

	// Refusal classifies errors of Appender and Room. Default: all are Unknown.
	Refusal func(error) Refusal

	// Archived returns once the event with that seq of a stream, and all before it,
	// are in the bucket; an error says that they are not there yet. It may be called
	// concurrently. Required.
	Archived func(ctx context.Context, stream uuid.UUID, seq int64) error

	// Prove answers GET /v1/events/{id}/proof. Default: there is no such path.
	Prove Prover

	// Clients are those who may talk to us. Empty: everybody on this machine may
	// do everything, under the name "local"; only for loopback listeners.
	Clients []Client

	// DefaultClass is the retention class of clients that have none.
	DefaultClass string

	// Limits. Default: those of DefaultLimits.
	Limits Limits

	// Checks must all pass for /readyz to answer 200.
	Checks []Check

	// Routes are served beside our own.
	Routes []Route

	// Registry takes our metrics and is what /metrics shows.
	Registry *prometheus.Registry

	Log *slog.Logger

	Now   func() time.Time          // Default: time.Now.
	NewID func() (uuid.UUID, error) // Default: uuid.NewV7.
}

// local is the producer of events when no clients are configured.
const local = "local"

// NewHandler returns the HTTP interface: POST /v1/events, GET /livez, /readyz,
// /metrics and /openapi.json, and o.Routes. It fails when o makes no sense and
// when the metrics are registered already.
func NewHandler(o Options) (http.Handler, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Room == nil {
		o.Room = func(int64) error { return nil }
	}
	if o.Refusal == nil {
		o.Refusal = func(error) Refusal { return Unknown }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewV7
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	auth, err := newAuth(o.Clients, o.DefaultClass)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	m, err := newMetrics(o.Registry)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	return newMux(&o, auth, m)
}

func (o *Options) validate() error {
	var problems []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	complain(o.Appender == nil, "appender: is required")
	complain(o.Archived == nil, "archived: is required")
	complain(o.Registry == nil, "registry: is required")
	complain(o.Log == nil, "log: is required")
	complain(!event.ValidClass(o.DefaultClass), "default class: %q is not a class name", o.DefaultClass)
	l := &o.Limits
	complain(l.Event.EventBytes < 1, "event bytes: %d is below 1", l.Event.EventBytes)
	complain(l.Event.DetailsBytes < 2, "details bytes: %d is below 2", l.Event.DetailsBytes)
	complain(l.Event.Depth < 2, "depth: %d is below 2", l.Event.Depth)
	complain(l.RequestBytes < l.Event.EventBytes, "request bytes: %d is below event bytes", l.RequestBytes)
	complain(l.RequestEvents < 1, "request events: %d is below 1", l.RequestEvents)
	complain(l.RequestDays < 1, "request days: %d is below 1", l.RequestDays)
	complain(l.InFlightBytes < 2*int64(l.RequestBytes), "bytes in flight: %d is below two requests", l.InFlightBytes)
	complain(l.AppendWait <= 0, "append wait: %v is not positive", l.AppendWait)
	complain(l.ReceiptWait <= 0, "receipt wait: %v is not positive", l.ReceiptWait)
	complain(l.ArchiveWait <= 0, "archive wait: %v is not positive", l.ArchiveWait)
	return errors.Join(problems...)
}
