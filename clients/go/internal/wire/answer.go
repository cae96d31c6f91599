package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Verdict is what an answer means, as the table "Delivery" of clients/README.md
// says.
type Verdict int

const (
	// Stored: all events are on the sidecar's disk.
	Stored Verdict = iota
	// Refused: the events in Answer.Refused can never be stored. Without any,
	// something in the request cannot, and halving it finds what.
	Refused
	// Keep: the request is refused for a reason that is not the events'.
	Keep
	// Retry: nobody is to blame, or nobody knows.
	Retry
)

// Answer is what became of the events of one request.
type Answer struct {
	Verdict    Verdict
	Status     int           // HTTP status; 0: there was none
	Refused    []Refusal     // by index, ascending
	Conflict   bool          // the refusal is about ids that are taken
	RetryAfter time.Duration // at least so long; 0: not said
	Unknown    bool          // the events may have been stored
	Err        error         // why they were not, or not for sure; nil when stored
}

// Refusal is what is wrong with one event.
type Refusal struct {
	Index  int
	Fields []FieldError
}

// FieldError is one thing that is wrong with an event.
type FieldError struct {
	Field  string
	Reason string
}

// maxRetryAfter bounds how long an answer can make us wait.
const maxRetryAfter = time.Minute

// problem is RFC 9457 with the sidecar's list of errors, which is taken apart
// one by one: a strange entry must not hide the others.
type problem struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Detail string          `json:"detail"`
	Errors json.RawMessage `json:"errors"`
}

// Judge says what an answer to n events means.
func Judge(status int, header http.Header, body []byte, n int, now time.Time) Answer {
	a := Answer{Status: status, RetryAfter: retryAfter(header.Get("Retry-After"), now)}
	if status == http.StatusOK {
		if a.Err = stored(body, n); a.Err != nil {
			a.Verdict, a.Unknown = Retry, true
		}
		return a
	}
	var p problem
	if json.Unmarshal(body, &p) != nil {
		p = problem{} // a proxy's page, or nothing
	}
	a.Err = p.err(status)
	refused := p.refusals(n)
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		a.Verdict, a.Refused = Refused, refused
	case http.StatusConflict:
		a.Verdict = Keep
		if len(refused) > 0 {
			a.Verdict, a.Refused, a.Conflict = Refused, refused, true
		}
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		a.Verdict = Retry
	default:
		a.Verdict = Retry
		if status >= 400 && status < 500 {
			a.Verdict = Keep
		}
		a.Unknown = a.Verdict == Retry && !p.nothingStored()
	}
	return a
}

// stored checks that a success speaks of as many events as were sent: anything
// else comes from somebody who is not the sidecar.
func stored(body []byte, n int) error {
	var ok struct {
		Events []struct {
			ID string `json:"id"`
		} `json:"events"`
	}
	if err := json.Unmarshal(body, &ok); err != nil {
		return fmt.Errorf("status 200, but the answer is not the sidecar's: %w", err)
	}
	if len(ok.Events) != n {
		return fmt.Errorf("status 200, but the answer names %d events of %d", len(ok.Events), n)
	}
	return nil
}

// refusals gathers the errors by event, and leaves out those of no event.
func (p *problem) refusals(n int) []Refusal {
	var entries []json.RawMessage
	if json.Unmarshal(p.Errors, &entries) != nil {
		return nil
	}
	byIndex := make(map[int][]FieldError)
	for _, entry := range entries {
		var e struct {
			Index  *int   `json:"index"`
			Field  string `json:"field"`
			Reason string `json:"reason"`
		}
		if json.Unmarshal(entry, &e) == nil && e.Index != nil && *e.Index >= 0 && *e.Index < n {
			byIndex[*e.Index] = append(byIndex[*e.Index], FieldError{e.Field, e.Reason})
		}
	}
	var list []Refusal
	for i := range n {
		if fields := byIndex[i]; fields != nil {
			list = append(list, Refusal{i, fields})
		}
	}
	return list
}

// nothingStored reports whether the sidecar says for sure that it kept nothing.
func (p *problem) nothingStored() bool {
	switch strings.TrimPrefix(p.Type, "urn:archiver:problem:") {
	case "busy", "full", "not-ready":
		return true
	}
	return false
}

func (p *problem) err(status int) error {
	text := fmt.Sprintf("status %d", status)
	if p.Title != "" {
		text += ": " + p.Title
	}
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	return errors.New(text)
}

// retryAfter reads seconds or an HTTP date (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
