// Package event says what an audit event is: its fields, limits, decoding, validation and hash.
//
// Everything here is a pure function of its arguments: no clock, no randomness, no I/O.
package event

import (
	"github.com/google/uuid"
)

// Text is a nullable string. NULL and the empty string are different facts and
// stay different through the WAL, Parquet and SQL.
type Text struct {
	S     string
	Valid bool // false: NULL, and S is ""
}

// Str returns a Text that holds s, also when s is empty.
func Str(s string) Text { return Text{S: s, Valid: true} }

// Event is one audited action as it is stored: the columns of the table in
// schema order, without stream and seq, which the WAL gives it.
type Event struct {
	ID             string // UUID, 36 characters, lower case
	Action         string
	ActorID        string
	ActorType      string // user | system | api_key
	ActorEmail     Text
	ResourceType   string
	ResourceID     Text
	Outcome        string // success | failure
	Reason         Text
	Details        Text // a JSON object, its bytes exactly as received
	RequestID      Text
	IP             Text // an IPv4 or IPv6 address, as sent
	UserAgent      Text
	OrganizationID Text
	ReceivedAtMS   int64  // Unix milliseconds; set by the buffer, never goes back
	Producer       string // authenticated identity of the sender, never from the body
	TimestampNS    int64  // Unix nanoseconds: the exact instant of the action
	Retention      string // retention class, never from the body

	// Fingerprint stands for the fields as they were sent; it tells a repeated event
	// from another one with the same id. The WAL keeps it; it is no column, and rows
	// that are read back have none.
	Fingerprint uint64
}

// Row is an Event at its place in a stream: one row of the table.
type Row struct {
	Event
	Stream uuid.UUID
	Seq    int64 // from 0, contiguous per stream
}

// TimestampMS is the table's timestamp column: floor(TimestampNS / 10^6).
func (e *Event) TimestampMS() int64 { return floorDiv(e.TimestampNS, 1_000_000) }

// Day returns the event's partition: the UTC date of its timestamp, yyyy-MM-dd.
func (e *Event) Day() string { return dayString(DayNumber(e.TimestampNS)) }

// DayNumber numbers the UTC days of Unix nanoseconds from 1970-01-01, which is 0, on;
// earlier ones are negative.
func DayNumber(ns int64) int64 { return floorDiv(ns, 86_400_000_000_000) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
