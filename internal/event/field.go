package event

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// value reads a string or null. null equals absent: it has a value only when
// valid. more is false when there is no going on.
func (d *Decoder) value(path string) (t Text, more bool) {
	switch kind := d.js.PeekKind(); kind {
	case jsontext.KindString:
		s, ok := d.string()
		return Text{S: s, Valid: ok}, ok
	case jsontext.KindNull, jsontext.KindInvalid:
		if err := d.js.SkipValue(); err != nil {
			return Text{}, d.syntax(err)
		}
		return Text{}, true
	default:
		return Text{}, d.wrongType(path, "a string", kind)
	}
}

// wrongType refuses the next value and reads past it.
func (d *Decoder) wrongType(path, want string, got jsontext.Kind) bool {
	if !d.complain(path, fmt.Sprintf("must be %s, not %s", want, kindName(got))) {
		return false
	}
	if err := d.js.SkipValue(); err != nil {
		return d.syntax(err)
	}
	return true
}

// fits checks a string that was sent.
func (d *Decoder) fits(path, s string, bytesMax int) bool {
	switch {
	case len(s) > bytesMax:
		return d.complain(path, fmt.Sprintf("has %d bytes; at most %d are accepted", len(s), bytesMax))
	case strings.IndexByte(s, 0) >= 0:
		return d.complain(path, "contains U+0000")
	}
	return true
}

func (d *Decoder) optional(path string, bytesMax int, dst *Text) bool {
	t, more := d.value(path)
	*dst = t
	return more && d.fits(path, t.S, bytesMax)
}

func (d *Decoder) required(path string, bit seen, bytesMax int, dst *string) bool {
	kind := d.js.PeekKind()
	t, more := d.value(path)
	if !more || kind == jsontext.KindNull {
		return more
	}
	d.seen |= bit
	if t.Valid && t.S == "" {
		return d.complain(path, "must not be empty")
	}
	*dst = t.S
	return d.fits(path, t.S, bytesMax)
}

// choice reads a required field that has few possible values.
func (d *Decoder) choice(path string, bit seen, dst *string, values ...string) bool {
	kind := d.js.PeekKind()
	t, more := d.value(path)
	if !more || kind == jsontext.KindNull {
		return more
	}
	d.seen |= bit
	if !t.Valid {
		return true // of the wrong type
	}
	i := slices.Index(values, t.S)
	if i < 0 {
		// A copy, so that the values of a call stay on its stack.
		return d.complain(path, fmt.Sprintf("must be one of %q, not %q", slices.Clone(values), short(t.S, 32)))
	}
	*dst = values[i]
	return true
}

// object reads a required object; inner are the required fields within it.
func (d *Decoder) object(path string, bit, inner seen, member func(*Decoder, string) bool) bool {
	switch kind := d.js.PeekKind(); kind {
	case jsontext.KindBeginObject:
		d.seen |= bit
		return d.members(member)
	case jsontext.KindNull, jsontext.KindInvalid:
		if err := d.js.SkipValue(); err != nil {
			return d.syntax(err)
		}
		return true
	default:
		d.seen |= bit | inner // one complaint is enough
		return d.wrongType(path, "an object", kind)
	}
}

func (d *Decoder) id() bool {
	t, more := d.value("id")
	if !more || !t.Valid {
		return more
	}
	id, ok := uuidText(t.S)
	if !ok {
		return d.complain("id", `must be a UUID such as "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"`)
	}
	d.ev.ID = id
	return true
}

// uuidText returns a UUID's text in lower case, as it is stored.
func uuidText(s string) (_ string, ok bool) {
	const hyphens = 1<<8 | 1<<13 | 1<<18 | 1<<23
	if len(s) != 36 {
		return "", false
	}
	if s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' && lowerHexes(load(s, 0)) && lowerHexes(load(s, 28)) &&
		lowerHexes(load4(s, 9)|load4(s, 14)<<32) && lowerHexes(load4(s, 19)|load4(s, 24)<<32) {
		return s, true // nearly always
	}
	var seen byte
	for i := range len(s) {
		if hyphens>>i&1 == 0 {
			seen |= hexDigits[s[i]]
		} else if s[i] != '-' {
			return "", false
		}
	}
	switch seen {
	case upperHex, lowerHex | upperHex:
		return strings.ToLower(s), true
	}
	return "", false
}

// lowerHexes reports whether each of eight bytes is a digit or one of a to f.
func lowerHexes(x uint64) bool {
	digit, letter := x^('0'*ones), x^(('a'-1)*ones) // 0 to 9; 1 to 6
	none := (digit + (0x80-10)*ones) & highs        // those that are no digit
	some := (letter + 0x7f*ones) &^ (letter + (0x80-7)*ones) & highs
	return x&highs == 0 && none&^some == 0
}

// hexDigits says what each byte is.
var hexDigits = func() (kinds [256]byte) {
	for c := range kinds {
		kinds[c] = noHex
	}
	for i := range 10 {
		kinds['0'+i] = lowerHex
	}
	for i := range 6 {
		kinds['a'+i], kinds['A'+i] = lowerHex, upperHex
	}
	return kinds
}()

const (
	lowerHex = 1 << iota
	upperHex
	noHex
)

func (d *Decoder) timestamp() bool {
	t, more := d.value("timestamp")
	if !more || !t.Valid {
		return more
	}
	d.seen |= seenTimestamp
	seconds, nanos, reason := parseTime(t.S)
	if reason != "" {
		return d.complain("timestamp", reason)
	}
	return d.setTime(seconds, nanos)
}

// setTime stores an instant if it lies within the bounds. It compares whole
// instants before it multiplies: the years 1 and 9999 do not fit 64 bits.
func (d *Decoder) setTime(seconds, nanos int64) bool {
	if seconds < minSeconds || seconds > maxSeconds {
		return d.complain("timestamp", "is outside of the years 1678 to 2261")
	}
	latest := d.now.Add(future)
	if seconds > latest.Unix() || seconds == latest.Unix() && nanos > int64(latest.Nanosecond()) {
		return d.complain("timestamp", "is more than 24 hours in the future")
	}
	if floor := d.lim.Floor; !floor.IsZero() && (seconds < floor.Unix() ||
		seconds == floor.Unix() && nanos < int64(floor.Nanosecond())) {
		return d.complain("timestamp", fmt.Sprintf("is before %s, where this archive begins",
			floor.UTC().Format("2006-01-02T15:04:05Z")))
	}
	d.ev.TimestampNS = seconds*1_000_000_000 + nanos
	return true
}

func (d *Decoder) ip() bool {
	t, more := d.value("ip")
	if !more || !t.Valid {
		return more
	}
	if reason := validIP(t.S); reason != "" {
		return d.complain("ip", reason)
	}
	d.ev.IP = t
	return true
}

// validIP says what is wrong with an address, or "".
func validIP(s string) string {
	addr, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return "must be an IPv4 or IPv6 address"
	case addr.Zone() != "":
		return "must not have a zone"
	}
	return ""
}

func (d *Decoder) details() bool {
	switch kind := d.js.PeekKind(); kind {
	case jsontext.KindBeginObject, jsontext.KindNull, jsontext.KindInvalid:
	default:
		return d.wrongType("details", "an object", kind)
	}
	v, err := d.js.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	switch {
	case v.Kind() == jsontext.KindNull:
		return true
	case len(v) > d.lim.DetailsBytes:
		return d.complain("details", fmt.Sprintf("has %d bytes; at most %d are accepted", len(v), d.lim.DetailsBytes))
	case deeper(v, d.lim.Depth-1):
		return d.tooDeep("details")
	case hasNUL(v):
		return d.complain("details", `contains U+0000 (\u0000)`)
	}
	end := int(d.js.InputOffset())
	d.ev.Details = Str(d.text[end-len(v) : end])
	return true
}

func (d *Decoder) tooDeep(path string) bool {
	return d.complain(path, fmt.Sprintf("is nested too deeply; an event may have %d levels", d.lim.Depth))
}

// deeper reports whether v nests more than levels deep. If v is not valid JSON,
// the answer is about the braces and brackets that it has.
func deeper(v []byte, levels int) bool {
	if bytes.Count(v, []byte{'{'})+bytes.Count(v, []byte{'['}) <= levels {
		return false // the usual case, decided without a look at the structure
	}
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '{', '[':
			if depth++; depth > levels {
				return true
			}
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
	return false
}

// hasNUL reports whether v, a valid JSON value, has the escape \u0000 in a
// string or name. An unescaped U+0000 is not valid JSON.
func hasNUL(v []byte) bool {
	nul := []byte(`\u0000`)
	for from := 0; ; {
		i := bytes.Index(v[from:], nul)
		if i < 0 {
			return false
		}
		at := from + i
		backslashes := 1
		for at-backslashes >= 0 && v[at-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 1 {
			return true // an even number would be escaped backslashes before plain text
		}
		from = at + len(nul)
	}
}
