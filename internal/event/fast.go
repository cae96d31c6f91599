package event

import "strings"

// fast reads what nearly every event is: known fields, once each, in strings
// without escapes. It accepts only what the strict decoder accepts, with the same
// result; everything else it leaves to that one, which finds the words too. So it
// may give up at any doubt, and never has to be right about why.
//
// It is there because strict decoding was half of the cost of taking an event:
// docs/decisions/0014 has the figures. FuzzFast holds the two against each other.
type fast struct {
	s     string // the event; what is accepted is parts of it
	i     int
	names []string        // of the objects around i; kept for its memory
	after [members]member // what followed each member when it was last seen
}

// namesMost bounds the names of one object that are compared with each other.
const namesMost = 32

// member is a field of the envelope or of an object in it.
type member uint8

const (
	unknownMember  member = iota
	beforeEnvelope        // what comes before the first member of an object
	memberID
	memberTimestamp
	memberAction
	memberActor
	memberResource
	memberOutcome
	memberReason
	memberDetails
	memberRequestID
	memberIP
	memberUserAgent
	memberOrganizationID
	beforeActor
	actorID
	actorType
	actorEmail
	beforeResource
	resourceType
	resourceID
	members
)

// written is how a member's name nearly always stands in an event. The members of an
// object stand together, behind what comes before them, which has no name.
var written = [members]string{
	memberID: `"id":`, memberTimestamp: `"timestamp":`, memberAction: `"action":`, memberActor: `"actor":`,
	memberResource: `"resource":`, memberOutcome: `"outcome":`, memberReason: `"reason":`, memberDetails: `"details":`,
	memberRequestID: `"request_id":`, memberIP: `"ip":`, memberUserAgent: `"user_agent":`, memberOrganizationID: `"organization_id":`,
	actorID: `"id":`, actorType: `"type":`, actorEmail: `"email":`,
	resourceType: `"type":`, resourceID: `"id":`,
}

// memberOf returns the member with that name of the object that begins with before.
func memberOf(before member, name string) member {
	for m := before + 1; m < members && written[m] != ""; m++ {
		if w := written[m]; w[1:len(w)-2] == name {
			return m
		}
	}
	return unknownMember
}

// decode fills in d.ev, or gives up.
func (f *fast) decode(d *Decoder) bool {
	ok := f.object(beforeEnvelope, func(m member) bool { return f.member(d, m) })
	if f.space(); !ok || f.i != len(f.s) {
		return false
	}
	e := d.ev
	if e.Action == "" || e.ActorID == "" || e.ActorType == "" || e.ResourceType == "" || e.Outcome == "" {
		return false
	}
	if d.seen&seenTimestamp == 0 {
		return d.setTime(d.now.Unix(), int64(d.now.Nanosecond())) && len(d.errs) == 0
	}
	return true
}

func (f *fast) member(d *Decoder, m member) bool {
	e := d.ev
	switch m {
	case memberID:
		return f.id(e)
	case memberTimestamp:
		return f.timestamp(d)
	case memberAction:
		return f.required(maxName, &e.Action)
	case memberActor:
		return f.object(beforeActor, func(m member) bool { return f.actor(e, m) })
	case memberResource:
		return f.object(beforeResource, func(m member) bool { return f.resource(e, m) })
	case memberOutcome:
		return f.required(maxName, &e.Outcome) && (e.Outcome == "success" || e.Outcome == "failure")
	case memberReason:
		return f.optional(maxText, &e.Reason)
	case memberDetails:
		return f.details(d)
	case memberRequestID:
		return f.optional(maxID, &e.RequestID)
	case memberIP:
		return f.optional(maxID, &e.IP) && (!e.IP.Valid || validIP(e.IP.S) == "")
	case memberUserAgent:
		return f.optional(maxText, &e.UserAgent)
	case memberOrganizationID:
		return f.optional(maxID, &e.OrganizationID)
	}
	return false
}

func (f *fast) actor(e *Event, m member) bool {
	switch m {
	case actorID:
		return f.required(maxID, &e.ActorID)
	case actorType:
		return f.required(maxName, &e.ActorType) && (e.ActorType == "user" || e.ActorType == "system" || e.ActorType == "api_key")
	case actorEmail:
		return f.optional(maxID, &e.ActorEmail)
	}
	return false
}

func (f *fast) resource(e *Event, m member) bool {
	switch m {
	case resourceType:
		return f.required(maxName, &e.ResourceType)
	case resourceID:
		return f.optional(maxID, &e.ResourceID)
	}
	return false
}

func (f *fast) id(e *Event) bool {
	var t Text
	if !f.optional(36, &t) {
		return false
	}
	if !t.Valid {
		return true
	}
	var ok bool
	e.ID, ok = uuidText(t.S)
	return ok
}

func (f *fast) timestamp(d *Decoder) bool {
	var t Text
	if !f.optional(maxID, &t) || !t.Valid {
		return false // null is rare
	}
	seconds, nanos, reason := parseTime(t.S)
	d.seen |= seenTimestamp
	return reason == "" && d.setTime(seconds, nanos) && len(d.errs) == 0
}

func (f *fast) details(d *Decoder) bool {
	f.space()
	if f.i == len(f.s) || f.s[f.i] != '{' {
		return f.literal("null")
	}
	start := f.i
	if !f.value(d.lim.Depth-1) || f.i-start > d.lim.DetailsBytes {
		return false
	}
	d.ev.Details = Str(f.s[start:f.i])
	return true
}

// required reads a string that is not empty.
func (f *fast) required(most int, dst *string) bool {
	f.space()
	s, ok := f.text()
	*dst = s
	return ok && s != "" && len(s) <= most
}

// optional reads a string or null.
func (f *fast) optional(most int, dst *Text) bool {
	f.space()
	if f.i < len(f.s) && f.s[f.i] == 'n' {
		return f.literal("null")
	}
	s, ok := f.text()
	*dst = Str(s)
	return ok && len(s) <= most
}

// object reads an object of known members, each once at most.
func (f *fast) object(before member, read func(member) bool) bool {
	if !f.next('{') {
		return false
	}
	if f.next('}') {
		return true
	}
	var seen uint32
	for last := before; ; {
		m := f.name(before, last)
		if m == unknownMember || seen>>m&1 != 0 || !read(m) {
			return false
		}
		seen |= 1 << m
		last = m
		if !f.next(',') {
			return f.next('}')
		}
	}
}

// name reads a member's name and the colon. A sender writes its events in one order, so
// it looks first for the name that followed the last one in the event before: to compare
// is much less work than to read.
func (f *fast) name(before, last member) member {
	f.space()
	guess := f.after[last]
	if w := written[guess]; w != "" && strings.HasPrefix(f.s[f.i:], w) {
		f.i += len(w)
		return guess
	}
	s, ok := f.text()
	if !ok || !f.next(':') {
		return unknownMember
	}
	m := memberOf(before, s)
	f.after[last] = m
	return m
}
