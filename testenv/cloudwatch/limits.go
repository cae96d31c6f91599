package cloudwatch

import (
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits of PutLogEvents in the Amazon CloudWatch Logs API Reference, spelled out
// here once more: what is under test has its own.
const (
	MaxBytes  = 1_048_576
	Overhead  = 26
	MaxEvents = 10_000

	maxSpan  = 24 * time.Hour
	maxAge   = 14 * 24 * time.Hour
	maxAhead = 2 * time.Hour
)

// InputEvent is one event of a PutLogEvents.
type InputEvent struct {
	Timestamp int64  `json:"timestamp"` // Unix milliseconds
	Message   string `json:"message"`
}

func validGroup(name string) bool {
	return regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`).MatchString(name) && !strings.HasPrefix(name, "aws/")
}

func validStream(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= 512 && !strings.ContainsAny(name, ":*")
}

// check says why a request is refused as a whole. Nil: it is not.
func check(events []InputEvent, now time.Time, maxEvent int) *failure {
	switch {
	case len(events) == 0:
		return invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(events) > MaxEvents:
		return invalid("1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have length less than or equal to %d", MaxEvents)
	}
	total := 0
	var valid []int64 // times of the events that the 24 hours are about
	for i, e := range events {
		size := len(e.Message) + Overhead
		total += size
		switch {
		case e.Timestamp < 0 || e.Message == "":
			return invalid("1 validation error detected: Value at 'logEvents.%d.member'", i+1)
		case size > maxEvent:
			return invalid("Log event too large: %d bytes exceeds limit of %d", size, maxEvent)
		case i > 0 && e.Timestamp < events[i-1].Timestamp:
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		if at := time.UnixMilli(e.Timestamp); now.Sub(at) <= maxAge && at.Sub(now) <= maxAhead {
			valid = append(valid, e.Timestamp)
		}
	}
	if total > MaxBytes {
		return &failure{http.StatusBadRequest, "InvalidParameterException", "Upload too large"}
	}
	if n := len(valid); n > 0 && valid[n-1]-valid[0] > maxSpan.Milliseconds() {
		return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return nil
}

// window returns the events that are stored, events[first:last], and what the answer
// says about the others: the two ends are exclusive, the start is inclusive. Nil: none.
func window(events []InputEvent, now time.Time, retention time.Duration) (first, last int, rejected map[string]int) {
	rejected = make(map[string]int)
	last = len(events)
	for i, e := range events {
		at := time.UnixMilli(e.Timestamp)
		switch {
		case now.Sub(at) > maxAge:
			first = i + 1
			rejected["tooOldLogEventEndIndex"] = first
		case retention > 0 && now.Sub(at) > retention:
			first = i + 1
			rejected["expiredLogEventEndIndex"] = first
		case at.Sub(now) > maxAhead:
			last = i
			rejected["tooNewLogEventStartIndex"] = last
			return first, last, rejected
		}
	}
	if len(rejected) == 0 {
		return first, last, nil
	}
	return first, last, rejected
}
