package dialect

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Times of day: CAST(x AS time) and time '08:00:00'. They are compared, grouped and
// ordered; an answer has them as text.

// typeClock begins the types of times of day; the digits behind the second follow.
const typeClock = "time("

func clockType(digits int) string { return typeClock + itoa(digits) + ")" }

func isClock(t string) bool { return strings.HasPrefix(t, typeClock) }

// asInstant is n, a date or a timestamp of type typ, as DuckDB's TIMESTAMP in UTC.
func asInstant(n node, typ string) node {
	if s, ok := stampOf(typ); ok && s.zone == "" {
		return n
	}
	return castTo(n, "TIMESTAMP")
}

var clockText = regexp.MustCompile(`^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,3}))?)?$`)

// parseClock gives the text that DuckDB casts to a time of day.
func parseClock(s string) (text string, digits int, ok bool) {
	m := clockText.FindStringSubmatch(s)
	if m == nil {
		return "", 0, false
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits, or nothing
	}
	if n[0] > 23 || n[1] > 59 || n[2] > 59 {
		return "", 0, false
	}
	return fmt.Sprintf("%02d:%02d:%02d.%s", n[0], n[1], n[2], (m[4] + "000")[:3]), len(m[4]), true
}

// clockLiteral translates time '…', whose cast is n and whose text is c.
func (t *translator) clockLiteral(n, c node, s string) (string, error) {
	text, digits, ok := parseClock(s)
	if !ok {
		return "", t.refuse(c, "time '"+s+"'", "write time '08:00:00', with at most three fraction digits and no zone")
	}
	n["child"] = varcharConst(text)
	return clockType(digits), nil
}

// convertClock is a cast from or to a time of day.
func (t *translator) convertClock(n, c node, from, to string) error {
	stamp, isStamp := stampOf(from)
	switch {
	case isClock(from) && isClock(to):
		return nil
	case isStamp:
		if stamp.digits > 3 {
			break
		}
		at, typ, err := t.local(c, from)
		n["child"] = asInstant(at, typ)
		return err
	case from == typeVarchar:
		fromVarchar(n, c, "text_to_clock")
		return nil
	case to == typeVarchar:
		_, digits, _ := strings.Cut(from, typeClock)
		become(n, function(internal+"clock_text", c, castTo(varcharConst(digits[:1]), "BIGINT")))
		return nil
	}
	return t.refuse(n, "CAST of "+from+" to "+to, "cast from a timestamp, or to varchar")
}

func textToClock(s string) (any, error) {
	text, _, ok := parseClock(s)
	switch {
	case !ok && strings.Contains(s, ":"):
		return nil, Unsupported("CAST of '" + s + "' to time")
	case !ok:
		return nil, cannotCast(s, "time")
	}
	return text, nil
}
