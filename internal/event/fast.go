package event

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

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
	names []string // of the objects around i; kept for its memory
}

// namesMost bounds the names of one object that are compared with each other.
const namesMost = 32

// fields of the envelope and its objects, as bits of those that were there.
const (
	hasID = 1 << iota
	hasTimestamp
	hasAction
	hasActor
	hasResource
	hasOutcome
	hasReason
	hasDetails
	hasRequestID
	hasIP
	hasUserAgent
	hasOrganizationID
	hasInnerID
	hasInnerType
	hasInnerEmail
)

// decode fills in d.ev, or gives up.
func (f *fast) decode(d *Decoder) bool {
	var seen uint32
	ok := f.object(func(name string) bool { return f.member(d, name, &seen) })
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

func (f *fast) member(d *Decoder, name string, seen *uint32) bool {
	e := d.ev
	switch name {
	case "id":
		var t Text
		if !f.once(seen, hasID) || !f.optional(36, &t) {
			return false
		}
		if !t.Valid {
			return true
		}
		var ok bool
		e.ID, ok = uuidText(t.S)
		return ok
	case "timestamp":
		return f.once(seen, hasTimestamp) && f.timestamp(d)
	case "action":
		return f.once(seen, hasAction) && f.required(maxName, &e.Action)
	case "actor":
		return f.once(seen, hasActor) && f.actor(e)
	case "resource":
		return f.once(seen, hasResource) && f.resource(e)
	case "outcome":
		return f.once(seen, hasOutcome) && f.required(maxName, &e.Outcome) && (e.Outcome == "success" || e.Outcome == "failure")
	case "reason":
		return f.once(seen, hasReason) && f.optional(maxText, &e.Reason)
	case "details":
		return f.once(seen, hasDetails) && f.details(d)
	case "request_id":
		return f.once(seen, hasRequestID) && f.optional(maxID, &e.RequestID)
	case "ip":
		return f.once(seen, hasIP) && f.optional(maxID, &e.IP) && (!e.IP.Valid || validIP(e.IP.S) == "")
	case "user_agent":
		return f.once(seen, hasUserAgent) && f.optional(maxText, &e.UserAgent)
	case "organization_id":
		return f.once(seen, hasOrganizationID) && f.optional(maxID, &e.OrganizationID)
	}
	return false
}

func (f *fast) actor(e *Event) bool {
	var seen uint32
	return f.object(func(name string) bool {
		switch name {
		case "id":
			return f.once(&seen, hasInnerID) && f.required(maxID, &e.ActorID)
		case "type":
			return f.once(&seen, hasInnerType) && f.required(maxName, &e.ActorType) &&
				(e.ActorType == "user" || e.ActorType == "system" || e.ActorType == "api_key")
		case "email":
			return f.once(&seen, hasInnerEmail) && f.optional(maxID, &e.ActorEmail)
		}
		return false
	})
}

func (f *fast) resource(e *Event) bool {
	var seen uint32
	return f.object(func(name string) bool {
		switch name {
		case "type":
			return f.once(&seen, hasInnerType) && f.required(maxName, &e.ResourceType)
		case "id":
			return f.once(&seen, hasInnerID) && f.optional(maxID, &e.ResourceID)
		}
		return false
	})
}

func (f *fast) once(seen *uint32, field uint32) bool {
	again := *seen&field != 0
	*seen |= field
	return !again
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

// object reads an object of known members.
func (f *fast) object(member func(name string) bool) bool {
	if !f.next('{') {
		return false
	}
	for first := true; ; first = false {
		if first && f.next('}') {
			return true
		}
		f.space()
		name, ok := f.text()
		if !ok || !f.next(':') || !member(name) {
			return false
		}
		if !f.next(',') {
			return f.next('}')
		}
	}
}

// value reads any value that nests at most levels deep.
func (f *fast) value(levels int) bool {
	f.space()
	if f.i == len(f.s) {
		return false
	}
	switch f.s[f.i] {
	case '{':
		return levels > 0 && f.members(levels-1)
	case '[':
		return levels > 0 && f.elements(levels-1)
	case '"':
		return f.anyText()
	case 't':
		return f.literal("true")
	case 'f':
		return f.literal("false")
	case 'n':
		return f.literal("null")
	}
	return f.number()
}

func (f *fast) members(levels int) bool {
	outer := len(f.names)
	defer func() { f.names = f.names[:outer] }()
	f.i++
	if f.next('}') {
		return true
	}
	for {
		f.space()
		name, ok := f.text()
		if !ok || len(f.names)-outer == namesMost || slices.Contains(f.names[outer:], name) {
			return false
		}
		f.names = append(f.names, name)
		if !f.next(':') || !f.value(levels) {
			return false
		}
		if !f.next(',') {
			return f.next('}')
		}
	}
}

func (f *fast) elements(levels int) bool {
	f.i++
	if f.next(']') {
		return true
	}
	for {
		if !f.value(levels) {
			return false
		}
		if !f.next(',') {
			return f.next(']')
		}
	}
}

// space skips white space.
func (f *fast) space() {
	for f.i < len(f.s) {
		switch f.s[f.i] {
		case ' ', '\t', '\n', '\r':
			f.i++
		default:
			return
		}
	}
}

// next reads c, after white space, if it is there.
func (f *fast) next(c byte) bool {
	f.space()
	if f.i == len(f.s) || f.s[f.i] != c {
		return false
	}
	f.i++
	return true
}

func (f *fast) literal(word string) bool {
	if !strings.HasPrefix(f.s[f.i:], word) {
		return false
	}
	f.i += len(word)
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

// text reads a string without escapes and returns what it stands for.
func (f *fast) text() (string, bool) {
	if f.i == len(f.s) || f.s[f.i] != '"' {
		return "", false
	}
	start := f.i + 1
	end, high := plain(f.s, start)
	if end == len(f.s) || f.s[end] != '"' {
		return "", false
	}
	f.i = end + 1
	s := f.s[start:end]
	return s, !high || utf8.ValidString(s)
}

// anyText reads a string that may have escapes of one character. \u is left to the
// strict decoder: it may stand for half a character, or for U+0000.
func (f *fast) anyText() bool {
	start := f.i + 1
	at, some := start, false
	for {
		end, high := plain(f.s, at)
		some = some || high
		if end == len(f.s) {
			return false
		}
		switch f.s[end] {
		case '"':
			f.i = end + 1
			return !some || utf8.ValidString(f.s[start:end])
		case '\\':
			if end+1 == len(f.s) || !strings.ContainsRune(`"\/bfnrt`, rune(f.s[end+1])) {
				return false
			}
			at = end + 2
		default:
			return false // a control character
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns where the first quote, backslash or control character from i on is,
// len(s) if there is none, and whether there may be bytes above 0x7F before it: eight
// bytes at a time (Bit Twiddling Hacks, "Determine if a word has a byte less than n").
func plain(s string, i int) (end int, high bool) {
	for ; i+8 <= len(s); i += 8 {
		x := load(s, i)
		quote, back := x^('"'*ones), x^('\\'*ones)
		stop := ((quote-ones)&^quote | (back-ones)&^back | (x-0x20*ones)&^x) & highs
		if stop == 0 {
			high = high || x&highs != 0
			continue
		}
		n := bits.TrailingZeros64(stop) / 8
		return i + n, high || x&highs&(1<<(8*n)-1) != 0
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c == '"' || c == '\\' || c < 0x20 {
			return i, high
		}
		high = high || c >= 0x80
	}
	return i, high
}

func load(s string, i int) uint64 {
	var b [8]byte
	copy(b[:], s[i:i+8])
	return binary.LittleEndian.Uint64(b[:])
}

// number reads a number as RFC 8259 has it.
func (f *fast) number() bool {
	if f.i < len(f.s) && f.s[f.i] == '-' {
		f.i++
	}
	switch {
	case f.i < len(f.s) && f.s[f.i] == '0':
		f.i++
	case f.digits() == 0:
		return false
	}
	if f.i < len(f.s) && f.s[f.i] == '.' {
		f.i++
		if f.digits() == 0 {
			return false
		}
	}
	if f.i < len(f.s) && (f.s[f.i] == 'e' || f.s[f.i] == 'E') {
		f.i++
		if f.i < len(f.s) && (f.s[f.i] == '+' || f.s[f.i] == '-') {
			f.i++
		}
		return f.digits() > 0
	}
	return true
}

func (f *fast) digits() (n int) {
	for ; f.i < len(f.s) && f.s[f.i] >= '0' && f.s[f.i] <= '9'; f.i++ {
		n++
	}
	return n
}
