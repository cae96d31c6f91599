package audit

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// Validate says what is wrong with an event, as far as that can be said without
// the sidecar: it refuses nothing that a sidecar with the default limits takes.
// What it leaves to the sidecar are the bounds of timestamp and names that are
// in details twice. It returns nil for a good event.
func (e *Event) Validate() []FieldError {
	details, err := encodeDetails(e.Details)
	if err != nil {
		return append(e.validate(nil), *err)
	}
	return e.validate(details)
}

// validate is Validate with details encoded already.
func (e *Event) validate(details []byte) []FieldError {
	var c complaints
	if e.ID != "" && !isUUID(e.ID) {
		c.add("id", `must be a UUID such as "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"`)
	}
	if reason := checkTime(e.Timestamp); reason != "" {
		c.add("timestamp", reason)
	}
	c.required("action", e.Action, maxAction)
	c.required("actor.id", e.Actor.ID, maxActorID)
	c.choice("actor.type", e.Actor.Type, TypeUser, TypeSystem, TypeAPIKey)
	c.text("actor.email", e.Actor.Email, maxActorEmail)
	c.required("resource.type", e.Resource.Type, maxResourceType)
	c.text("resource.id", e.Resource.ID, maxResourceID)
	c.choice("outcome", e.Outcome, OutcomeSuccess, OutcomeFailure)
	c.text("reason", e.Reason, maxReason)
	c.details(details)
	c.text("request_id", e.RequestID, maxRequestID)
	if addr, err := netip.ParseAddr(e.IP); e.IP != "" && (err != nil || addr.Zone() != "") {
		c.add("ip", "must be an IPv4 or IPv6 address without a zone")
	}
	c.text("user_agent", e.UserAgent, maxUserAgent)
	c.text("organization_id", e.OrganizationID, maxOrganizationID)
	return c
}

type complaints []FieldError

func (c *complaints) add(field, reason string) { *c = append(*c, FieldError{field, reason}) }

func (c *complaints) text(field, s string, bytesMax int) {
	switch {
	case len(s) > bytesMax:
		c.add(field, tooLong(len(s), bytesMax))
	case strings.IndexByte(s, 0) >= 0:
		c.add(field, "contains U+0000")
	case !utf8.ValidString(s):
		c.add(field, "is not valid UTF-8")
	}
}

func tooLong(n, most int) string {
	return fmt.Sprintf("has %d bytes; at most %d are accepted", n, most)
}

func (c *complaints) required(field, s string, bytesMax int) {
	if s == "" {
		c.add(field, "is required")
		return
	}
	c.text(field, s, bytesMax)
}

func (c *complaints) choice(field, s string, values ...string) {
	if s == "" {
		c.add(field, "is required")
		return
	}
	for _, v := range values {
		if s == v {
			return
		}
	}
	c.add(field, "must be one of "+strings.Join(values, ", "))
}

// details checks a JSON text; nil stands for none.
func (c *complaints) details(v []byte) {
	switch {
	case v == nil:
	case v[0] != '{':
		c.add("details", "must be an object")
	case len(v) > maxDetails:
		c.add("details", tooLong(len(v), maxDetails))
	case depthOf(v) > maxDepth-1: // the event's own braces are level 1
		c.add("details", fmt.Sprintf("is nested too deeply; an event may have %d levels", maxDepth))
	case hasNUL(v):
		c.add("details", `contains U+0000 (\u0000)`)
	case !utf8.Valid(v):
		c.add("details", "is not valid UTF-8")
	}
}

// depthOf returns how deeply a valid JSON text nests.
func depthOf(v []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(v) && v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
		}
	}
	return deepest
}

// hasNUL reports whether a valid JSON text has the escape \u0000. After an odd
// number of backslashes it is one; after an even number it is plain text.
func hasNUL(v []byte) bool {
	nul := []byte(`\u0000`)
	for from := 0; ; {
		i := bytes.Index(v[from:], nul)
		if i < 0 {
			return false
		}
		at := from + i
		before := len(v[:at]) - len(bytes.TrimRight(v[:at], `\`))
		if before%2 == 0 {
			return true
		}
		from = at + len(nul)
	}
}

// checkTime returns what is wrong with an RFC 3339 time. time.Parse takes most
// of what is not one: the shape is checked first.
func checkTime(s string) string {
	const want = `must be an RFC 3339 time such as "2026-01-31T10:11:12.345Z"`
	if s == "" {
		return "" // made by the client
	}
	const shape = "0000-00-00T00:00:00"
	if len(s) <= len(shape) {
		return want
	}
	for i := range len(shape) {
		if digit := s[i] >= '0' && s[i] <= '9'; digit != (shape[i] == '0') ||
			!digit && s[i] != shape[i] && (shape[i] != 'T' || s[i] != 't') {
			return want
		}
	}
	zone := s[len(shape):]
	if fraction, ok := strings.CutPrefix(zone, "."); ok {
		zone = strings.TrimLeft(fraction, "0123456789")
		switch digits := len(fraction) - len(zone); {
		case digits == 0:
			return want
		case digits > 9:
			return "has more than 9 fraction digits"
		}
	}
	if s[17:19] == "60" {
		return "is a leap second, which cannot be stored: send :59 or the next second"
	}
	// Date and clock, then the offset, whose hours go to 23 and minutes to 59 as
	// those of a clock do.
	if _, err := time.Parse("2006-01-02T15:04:05", strings.ToUpper(s[:len(shape)])); err != nil {
		return "is not a date and time of the calendar"
	}
	if zone == "Z" || zone == "z" {
		return ""
	}
	if len(zone) != 6 || zone[0] != '+' && zone[0] != '-' {
		return want
	}
	if _, err := time.Parse("15:04", zone[1:]); err != nil {
		return want
	}
	return ""
}
