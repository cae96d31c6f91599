package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads one event as it was sent: exactly one JSON object, nothing
// around it. It returns every fault it can find; with any of them the event is
// not to be used. What was not sent is left empty, ID included, except the
// timestamp, which becomes now. ReceivedAtMS, Producer and Retention are the
// caller's; Fingerprint is that of the fields as sent. Callers with many events use a [Decoder].
func Decode(raw []byte, now time.Time, lim Limits) (Event, []FieldError) {
	return NewDecoder(lim).Decode(raw, now)
}

// Decoder decodes events one after the other, reusing its memory. It is not
// safe for concurrent use.
type Decoder struct {
	lim    Limits
	fast   fast
	hashed []byte // what the last fingerprint was taken of; kept for its memory

	// The event at hand.
	js   jsontext.Decoder
	buf  bytes.Buffer
	text string // all of it; the event's strings are parts of this one
	now  time.Time
	ev   *Event
	seen seen
	errs []FieldError
}

// seen is the set of required fields that had a value, good or bad.
type seen uint8

const (
	seenAction seen = 1 << iota
	seenActor
	seenActorID
	seenActorType
	seenResource
	seenResourceType
	seenOutcome
	seenTimestamp
)

// NewDecoder returns a Decoder that refuses what is over lim.
func NewDecoder(lim Limits) *Decoder { return &Decoder{lim: lim} }

// Decode is [Decode] with the Decoder's limits.
func (d *Decoder) Decode(raw []byte, now time.Time) (Event, []FieldError) {
	var e Event
	errs := d.DecodeTo(&e, string(raw), now)
	if len(errs) > 0 {
		return Event{}, errs
	}
	return e, nil
}

// DecodeTo is [Decoder.Decode] without copies: it fills in e, whose strings are parts
// of raw. With any fault e may hold a part of the event.
func (d *Decoder) DecodeTo(e *Event, raw string, now time.Time) []FieldError {
	if len(raw) > d.lim.EventBytes {
		return []FieldError{{
			Reason:   fmt.Sprintf("the event has %d bytes; at most %d are accepted", len(raw), d.lim.EventBytes),
			TooLarge: true,
		}}
	}
	d.now, d.ev, d.errs = now, e, nil
	if !d.quick(raw) {
		d.strict(raw)
	}
	errs := d.errs
	d.buf, d.text, d.ev, d.errs = bytes.Buffer{}, "", nil, nil // keep no event alive
	if len(errs) == 0 {
		e.Fingerprint, d.hashed = fingerprint(d.hashed, e, d.seen&seenTimestamp != 0)
	}
	return errs
}

// quick decodes what nearly every event is. What it cannot do says nothing about
// the event.
func (d *Decoder) quick(raw string) bool {
	*d.ev, d.seen = Event{}, 0
	d.fast.s, d.fast.i = raw, 0
	ok := d.fast.decode(d)
	clear(d.fast.names[:cap(d.fast.names)])
	d.fast.s = ""
	return ok
}

// strict decodes an event from the start, and finds everything that is wrong with it.
func (d *Decoder) strict(raw string) {
	*d.ev, d.seen, d.errs = Event{}, 0, nil
	d.buf = *bytes.NewBufferString(raw)
	d.js.Reset(&d.buf)
	d.text = raw
	if d.document() {
		d.missing()
	}
}

// document reads the whole text. Like all readers below it returns false when
// there is no going on: the rest of the text is not JSON, or too much is wrong.
func (d *Decoder) document() bool {
	if kind := d.js.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		d.complain("", "an event must be a JSON object, not "+kindName(kind))
		return false
	}
	if strings.HasPrefix(d.text, "\xef\xbb\xbf") {
		d.complain("", "starts with a byte order mark; send plain UTF-8")
		return false
	}
	if !d.members((*Decoder).member) {
		return false
	}
	switch _, err := d.js.ReadToken(); {
	case errors.Is(err, io.EOF):
		return true
	case err == nil:
		d.complain("", "there is more than one JSON value")
	default:
		d.syntax(err)
	}
	return false
}

// members reads an object, giving each of its names to member, which reads the
// value.
func (d *Decoder) members(member func(d *Decoder, name string) bool) bool {
	if _, err := d.js.ReadToken(); err != nil {
		return d.syntax(err)
	}
	for {
		switch d.js.PeekKind() {
		case jsontext.KindEndObject:
			_, err := d.js.ReadToken()
			return err == nil || d.syntax(err)
		case jsontext.KindString:
			name, ok := d.string()
			if !ok || !member(d, name) {
				return false
			}
		default:
			// Not a name: let the library find the words.
			_, err := d.js.ReadToken()
			if err == nil {
				err = jsontext.ErrNonStringName
			}
			return d.syntax(err)
		}
	}
}

// string reads a JSON string, which is known to be next.
func (d *Decoder) string() (string, bool) {
	v, err := d.js.ReadValue()
	if err != nil {
		return "", d.syntax(err)
	}
	if bytes.IndexByte(v, '\\') < 0 {
		end := int(d.js.InputOffset())
		return d.text[end-len(v)+1 : end-1], true
	}
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return "", d.syntax(err)
	}
	return string(s), true
}

// member reads the value of one field of the event.
func (d *Decoder) member(name string) bool {
	e := d.ev
	switch name {
	case "id":
		return d.id()
	case "timestamp":
		return d.timestamp()
	case "action":
		return d.required("action", seenAction, maxName, &e.Action)
	case "actor":
		return d.object("actor", seenActor, seenActorID|seenActorType, (*Decoder).actorMember)
	case "resource":
		return d.object("resource", seenResource, seenResourceType, (*Decoder).resourceMember)
	case "outcome":
		return d.choice("outcome", seenOutcome, &e.Outcome, "success", "failure")
	case "reason":
		return d.optional("reason", maxText, &e.Reason)
	case "details":
		return d.details()
	case "request_id":
		return d.optional("request_id", maxID, &e.RequestID)
	case "ip":
		return d.ip()
	case "user_agent":
		return d.optional("user_agent", maxText, &e.UserAgent)
	case "organization_id":
		return d.optional("organization_id", maxID, &e.OrganizationID)
	}
	return d.unknown("", name, "id", "timestamp", "action", "actor", "resource", "outcome", "reason",
		"details", "request_id", "ip", "user_agent", "organization_id")
}

func (d *Decoder) actorMember(name string) bool {
	e := d.ev
	switch name {
	case "id":
		return d.required("actor.id", seenActorID, maxID, &e.ActorID)
	case "type":
		return d.choice("actor.type", seenActorType, &e.ActorType, "user", "system", "api_key")
	case "email":
		return d.optional("actor.email", maxID, &e.ActorEmail)
	}
	return d.unknown("actor.", name, "id", "type", "email")
}

func (d *Decoder) resourceMember(name string) bool {
	e := d.ev
	switch name {
	case "type":
		return d.required("resource.type", seenResourceType, maxName, &e.ResourceType)
	case "id":
		return d.optional("resource.id", maxID, &e.ResourceID)
	}
	return d.unknown("resource.", name, "type", "id")
}

// unknown refuses a field that is none of known, and reads past its value.
func (d *Decoder) unknown(parent, name string, known ...string) bool {
	reason := "unknown field"
	for _, k := range known {
		if strings.EqualFold(k, name) {
			reason = fmt.Sprintf("unknown field; did you mean %q? names are case-sensitive", k)
		}
	}
	if !d.complain(parent+short(name, 64), reason) {
		return false
	}
	if err := d.js.SkipValue(); err != nil {
		return d.syntax(err)
	}
	return true
}

// missing complains about required fields that were absent or null. A bad one
// has been complained about already.
func (d *Decoder) missing() {
	for _, f := range [...]struct {
		path        string
		bit, parent seen
	}{
		{"action", seenAction, 0},
		{"actor", seenActor, 0},
		{"actor.id", seenActorID, seenActor},
		{"actor.type", seenActorType, seenActor},
		{"resource", seenResource, 0},
		{"resource.type", seenResourceType, seenResource},
		{"outcome", seenOutcome, 0},
	} {
		if d.seen&f.bit == 0 && d.seen&f.parent == f.parent {
			d.complain(f.path, "is required")
		}
	}
	if d.seen&seenTimestamp == 0 {
		d.setTime(d.now.Unix(), int64(d.now.Nanosecond()))
	}
}

// complain records a fault. It returns false when there are too many to go on.
func (d *Decoder) complain(field, reason string) bool {
	d.errs = append(d.errs, FieldError{Field: field, Reason: reason})
	return len(d.errs) < maxErrors
}

// syntax records the fault that ends the reading and returns false.
func (d *Decoder) syntax(err error) bool {
	var at *jsontext.SyntacticError
	if !errors.As(err, &at) {
		d.complain("", "not valid JSON: unexpected end")
		return false
	}
	if deeper([]byte(d.text), d.lim.Depth) {
		// Deeper than the library goes, perhaps; the path would be as long.
		d.tooDeep(short(strings.SplitN(string(at.JSONPointer)+"/", "/", 3)[1], 64))
		return false
	}
	var path strings.Builder
	for token := range at.JSONPointer.Tokens() {
		if path.Len() > 255 {
			path.WriteString("…")
			break
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(short(token, 64))
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		d.complain(path.String(), "duplicate field")
	case errors.Is(err, io.ErrUnexpectedEOF):
		d.complain(path.String(), fmt.Sprintf("not valid JSON: unexpected end after byte %d", len(d.text)))
	default:
		d.complain(path.String(), fmt.Sprintf("not valid JSON: %v at byte %d", at.Err, at.ByteOffset))
	}
	return false
}

// short cuts what a sender chose, for use in a message.
func short(s string, bytesMax int) string {
	if len(s) <= bytesMax {
		return s
	}
	for bytesMax > 0 && !utf8.RuneStart(s[bytesMax]) {
		bytesMax--
	}
	return s[:bytesMax] + "…"
}

func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindBeginObject:
		return "an object"
	default:
		return "something else"
	}
}
