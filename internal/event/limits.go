package event

import "time"

// Longest values of the envelope's fields, in bytes of the decoded string.
// They bound a row, and so a row group; they are part of the interface, not of
// the configuration.
const (
	maxName = 100     // action, resource.type
	maxID   = 255     // the ids and actor.email
	maxText = 4 << 10 // reason, user_agent
)

// maxErrors bounds what one refused event may cost us.
const maxErrors = 100

// future is how far a timestamp may lie ahead of our clock: enough for a sender
// that confused its time zone, too little to open partitions at will.
const future = 24 * time.Hour

// Limits bound one event. Get them from [DefaultLimits] and change what differs.
type Limits struct {
	// EventBytes is the longest event as it was sent, in bytes. Default: 64 KiB.
	EventBytes int

	// DetailsBytes is the longest details document as it was sent, in bytes.
	// Default: 48 KiB.
	DetailsBytes int

	// Depth is how deeply an event may nest; the event's own braces are level 1
	// and those of details level 2. Default: 64.
	Depth int

	// Floor is the earliest timestamp that is accepted. The zero time stands for
	// the earliest that can be stored, in the year 1677.
	Floor time.Time
}

// DefaultLimits returns the limits of the documented interface, with no floor
// for timestamps.
func DefaultLimits() Limits {
	return Limits{EventBytes: 64 << 10, DetailsBytes: 48 << 10, Depth: 64}
}

// FieldError says what is wrong with one field of an event.
type FieldError struct {
	Field    string // path such as "actor.id"; empty: the event as a whole
	Reason   string // for a human who has to fix the sender
	TooLarge bool   // the event as a whole is over Limits.EventBytes
}

// ValidClass reports whether name may be the name of a retention class. Class
// names are parts of object keys, so they match [a-z][a-z0-9-]{0,31}.
func ValidClass(name string) bool {
	if len(name) == 0 || len(name) > 32 || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for i := 1; i < len(name); i++ {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
