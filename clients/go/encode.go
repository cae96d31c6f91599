package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/audit-archiver/archiver/clients/go/internal/spool"
)

// Complete returns e as [Client.Record] would send it: with an id and a time if
// it has none, and with what ctx carries. The error, an [*Error] of kind
// ErrRejected, says what is wrong with the result.
func Complete(ctx context.Context, e Event) (Event, error) {
	p, err := prepare(ctx, "complete", e, time.Now())
	return p.event, err
}

// prepared is an event that is complete, checked and encoded.
type prepared struct {
	event Event
	line  []byte // of the spool: checksum, JSON, line feed
}

// body returns the JSON and its line feed, as they are posted.
func (p *prepared) body() []byte { return p.line[spool.Prefix:] }

// prepare does once, before the first try, all that must not differ between two.
func prepare(ctx context.Context, op string, e Event, now time.Time) (prepared, error) {
	if e.ID == "" {
		e.ID = newID(now)
	}
	if e.Timestamp == "" {
		e.Timestamp = now.UTC().Format(time.RFC3339Nano)
	}
	rejected := func(fields ...FieldError) (prepared, error) {
		return prepared{event: e}, &Error{Kind: ErrRejected, Op: op, Event: &e, Fields: fields}
	}
	rc, ok := FromContext(ctx)
	if ok {
		rc.fill(ctx, &e)
	}
	details, fault := encodeDetails(e.Details)
	if fault != nil {
		return rejected(append(e.validate(nil), *fault)...)
	}
	if ok && rc.Traceparent != "" {
		details = e.trace(rc.Traceparent, details)
	}
	if fields := e.validate(details); len(fields) > 0 {
		return rejected(fields...)
	}
	line, err := encodeLine(e, details)
	if err != nil {
		return rejected(FieldError{Reason: "cannot be encoded: " + err.Error()})
	}
	if n := len(line) - spool.Prefix - 1; n > maxEvent {
		return rejected(FieldError{Reason: tooLong(n, maxEvent)})
	}
	return prepared{event: e, line: line}, nil
}

// encodeLine returns e as a line of the spool. details, which are encoded
// already, become its last member: they would be encoded again otherwise.
func encodeLine(e Event, details []byte) ([]byte, error) {
	e.Details = nil
	var b bytes.Buffer
	b.Grow(512 + len(details))
	b.Write(make([]byte, spool.Prefix))
	if err := encoder(&b).Encode(&e); err != nil {
		return nil, err
	}
	if details != nil {
		b.Truncate(b.Len() - len("}\n"))
		b.WriteString(`,"details":`)
		b.Write(details)
		b.WriteString("}\n")
	}
	spool.Frame(b.Bytes())
	return b.Bytes(), nil
}

// fill gives e what it does not have of its own.
func (rc *RequestContext) fill(ctx context.Context, e *Event) {
	for _, f := range []struct {
		field *string
		value string
	}{
		{&e.RequestID, rc.RequestID},
		{&e.IP, rc.IP},
		{&e.UserAgent, rc.UserAgent},
		{&e.OrganizationID, rc.OrganizationID},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	if e.Actor == (Actor{}) {
		e.Actor = rc.actorOf(ctx)
	}
}

// trace adds the traceparent to details, unless there is one, or no room: what
// comes from outside must not make an event too large. It returns the new JSON.
func (e *Event) trace(traceparent string, details []byte) []byte {
	if details != nil && (details[0] != '{' || hasMember(details, "traceparent")) {
		return details
	}
	value, err := json.Marshal(traceparent)
	if err != nil {
		return details // a string always encodes
	}
	joined := append([]byte(`{"traceparent":`), value...)
	if len(details) > len(`{}`) {
		joined = append(joined, ',')
		joined = append(joined, details[1:]...)
	} else {
		joined = append(joined, '}')
	}
	if len(joined) > maxDetails {
		return details
	}
	if m, ok := e.Details.(map[string]any); ok && m != nil {
		m = maps.Clone(m) // the caller's own stays as it is
		m["traceparent"] = traceparent
		e.Details = m
	} else {
		e.Details = json.RawMessage(joined)
	}
	return joined
}

// hasMember reports whether a JSON object has a member of that name.
func hasMember(object []byte, name string) bool {
	if !bytes.Contains(object, []byte(name)) && !bytes.Contains(object, []byte(`\u`)) {
		return false // the usual case, decided without decoding
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return false
	}
	_, ok := members[name]
	return ok
}

// encodeDetails returns the JSON of details, or nil if there are none.
func encodeDetails(details any) ([]byte, *FieldError) {
	if details == nil {
		return nil, nil
	}
	var b bytes.Buffer
	if err := encoder(&b).Encode(details); err != nil {
		return nil, &FieldError{Field: "details", Reason: fmt.Sprintf("cannot be encoded as JSON: %v", err)}
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	if string(text) == "null" {
		return nil, nil
	}
	return text, nil
}

// encoder returns one that leaves <, > and & as they are: nothing here is HTML.
func encoder(b *bytes.Buffer) *json.Encoder {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	return enc
}
