package cloudwatch

import (
	"math"
	"time"
)

// Limits of PutLogEvents, from its page in the Amazon CloudWatch Logs API Reference.
const (
	maxBytes  = 1 << 20             // of a request: the UTF-8 bytes of its messages and overhead for each
	overhead  = 26                  // bytes that one event counts besides its message
	maxEvents = 10_000              // in a request
	maxSpan   = 24 * time.Hour      // from the first to the last event of a request
	maxAge    = 14 * 24 * time.Hour // older events are refused
	maxAhead  = 2 * time.Hour       // events further in the future are refused
)

// formerMaxEvent was the most that one event may count, overhead included, until
// April 2025 (now it is that of a request). Services that imitate CloudWatch Logs
// may still have it.
const formerMaxEvent = 256 << 10

// Reason says why CloudWatch Logs does not have an event.
type Reason string

// The reasons. All but Expired and Refused are found before the event is sent; TooOld
// and TooNew also by the service, when its clock differs from ours.
const (
	TooOld   Reason = "too_old"   // happened more than 14 days ago
	TooNew   Reason = "too_new"   // is more than 2 hours ahead
	Expired  Reason = "expired"   // is older than the retention of the log group
	TooLarge Reason = "too_large" // does not fit into a request
	Refused  Reason = "refused"   // the service does not take this one, and does not say why
)

func reasons() []Reason { return []Reason{TooOld, TooNew, Expired, TooLarge, Refused} }

// entry is one row of a batch.
type entry struct {
	number  int64 // in the commit
	id      string
	seq     int64
	ms      int64  // the event's time, Unix milliseconds
	message string // empty: not sent, for the reason
	reason  Reason // empty: to be sent, or taken
}

func (e *entry) size() int { return len(e.message) + overhead }

// reject drops the message of an event that is not taken.
func (e *entry) reject(why Reason) { e.message, e.reason = "", why }

// outside says why the service would reject an event of that time: the same
// comparisons, by our clock. Empty: it would not.
func outside(ms int64, now time.Time) Reason {
	switch {
	case ms < now.Add(-maxAge).UnixMilli():
		return TooOld
	case ms > now.Add(maxAhead).UnixMilli():
		return TooNew
	}
	return ""
}

// batch is a run of rows of a commit: the events of one request, and between them those
// that are not sent. Only rows that the bucket no longer has are missing between them.
type batch struct {
	entries     []entry
	events      int // entries to be sent
	bytes       int // that they count
	first, last int64
}

// fits says whether e may join the request. Rows come in the order of time within
// a file; where the next file begins earlier, the next request begins.
func (b *batch) fits(e *entry) bool {
	switch {
	case len(b.entries) == maxEvents: // bounds the ones that are not sent as well
		return false
	case e.reason != "" || b.events == 0:
		return true
	}
	return b.bytes+e.size() <= maxBytes && e.ms >= b.last && e.ms-b.first <= maxSpan.Milliseconds()
}

func (b *batch) add(e entry) {
	b.entries = append(b.entries, e)
	if e.reason != "" {
		return
	}
	if b.events == 0 {
		b.first = e.ms
	}
	b.last = e.ms
	b.events++
	b.bytes += e.size()
}

// pending returns the indexes of the entries that are to be sent.
func pending(entries []entry) []int {
	var at []int
	for i := range entries {
		if entries[i].reason == "" {
			at = append(at, i)
		}
	}
	return at
}

// verdict applies what an answer says about the events that were sent, whose indexes
// in entries are at. Absent members are nil. The two ends are exclusive and the start is
// inclusive, as in RejectedLogEventsInfo of the API Reference.
func verdict(entries []entry, at []int, tooOldEnd, expiredEnd, tooNewStart *int32) {
	end := func(p *int32) int { return int(orElse(p, 0)) }
	for i, k := range at {
		switch {
		case i < end(tooOldEnd):
			entries[k].reject(TooOld)
		case i < end(expiredEnd):
			entries[k].reject(Expired)
		case i >= int(orElse(tooNewStart, math.MaxInt32)):
			entries[k].reject(TooNew)
		}
	}
}

func orElse(p *int32, absent int32) int32 {
	if p == nil {
		return absent
	}
	return *p
}
