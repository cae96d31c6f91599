package event

import (
	"math"
	"time"
)

// Bounds of what int64 nanoseconds since 1970 can hold, in whole seconds.
const (
	minSeconds = math.MinInt64/1_000_000_000 + 1
	maxSeconds = math.MaxInt64/1_000_000_000 - 1
)

// dayString returns the date of the day that is so many days after 1970-01-01.
func dayString(days int64) string {
	y, m, d := time.Unix(days*86_400, 0).UTC().Date()
	b := [10]byte{
		'0' + byte(y/1000), '0' + byte(y/100%10), '0' + byte(y/10%10), '0' + byte(y%10), '-',
		'0' + byte(m/10), '0' + byte(m%10), '-',
		'0' + byte(d/10), '0' + byte(d%10),
	}
	return string(b[:])
}

// parseTime reads an RFC 3339 timestamp. It is stricter than time.Parse, which
// also takes a comma as the decimal point and drops digits after the ninth. The
// returned reason is empty when s is good.
func parseTime(s string) (seconds, nanos int64, reason string) {
	const want = `must be an RFC 3339 time such as "2026-01-31T10:11:12.345Z"`
	p := timeParser{rest: s}
	year := p.digits(4)
	p.oneOf("-")
	month := p.digits(2)
	p.oneOf("-")
	day := p.digits(2)
	p.oneOf("Tt")
	hour := p.digits(2)
	p.oneOf(":")
	minute := p.digits(2)
	p.oneOf(":")
	second := p.digits(2)
	nanos, tooFine := p.fraction()
	offset := p.zone()
	switch {
	case p.bad || p.rest != "":
		return 0, 0, want
	case tooFine:
		return 0, 0, "has more than 9 fraction digits"
	case second == 60:
		return 0, 0, "is a leap second, which cannot be stored: send :59 or the next second"
	case hour > 23 || minute > 59 || second > 60:
		return 0, 0, "is not a time of day"
	}
	days, ok := daysTo(year, month, day)
	if !ok {
		return 0, 0, "is not a date of the calendar"
	}
	return days*86_400 + hour*3600 + minute*60 + second - offset, nanos, ""
}

// daysTo returns the days from 1970-01-01 to a date from the year 0 on; ok is false when
// the calendar does not have it. time.Date would take any date, and several times as long.
func daysTo(year, month, day int64) (days int64, ok bool) {
	if month < 1 || month > 12 {
		return 0, false
	}
	length := 30 + (month+month/8)%2
	if month == 2 {
		length = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			length = 29
		}
	}
	if day < 1 || day > length {
		return 0, false
	}
	// Years that begin in March end with the day that not all of them have, and from
	// there on five months have 153 days.
	fromMarch := month - 3
	if month < 3 {
		year, fromMarch = year-1, month+9
	}
	leaps := floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400)
	const epoch = 719_468 // days from 0000-03-01 to 1970-01-01
	return 365*year + leaps + (153*fromMarch+2)/5 + day - 1 - epoch, true
}

// timeParser takes parts of a timestamp off the front of rest.
type timeParser struct {
	rest string
	bad  bool
}

func (p *timeParser) digits(n int) int64 {
	if len(p.rest) < n {
		p.bad = true
		return 0
	}
	var v int64
	for i := range n {
		c := p.rest[i]
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		v = v*10 + int64(c-'0')
	}
	p.rest = p.rest[n:]
	return v
}

// oneOf takes one byte, which must be among set.
func (p *timeParser) oneOf(set string) byte {
	if p.rest != "" {
		for i := range len(set) {
			if p.rest[0] == set[i] {
				p.rest = p.rest[1:]
				return set[i]
			}
		}
	}
	p.bad = true
	return 0
}

// fraction takes an optional fraction of a second. tooFine: it has more digits
// than nanoseconds can hold.
func (p *timeParser) fraction() (nanos int64, tooFine bool) {
	if p.bad || p.rest == "" || p.rest[0] != '.' {
		return 0, false
	}
	n := 1
	for n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' {
		if n <= 9 {
			nanos = nanos*10 + int64(p.rest[n]-'0')
		}
		n++
	}
	p.rest = p.rest[n:]
	p.bad = n == 1
	for i := n; i <= 9; i++ {
		nanos *= 10
	}
	return nanos, n > 10
}

// zone takes the offset and returns it in seconds east of UTC.
func (p *timeParser) zone() int64 {
	sign := p.oneOf("Zz+-")
	if p.bad || sign == 'Z' || sign == 'z' {
		return 0
	}
	hours := p.digits(2)
	p.oneOf(":")
	minutes := p.digits(2)
	if hours > 23 || minutes > 59 {
		p.bad = true
	}
	if sign == '-' {
		return -(hours*3600 + minutes*60)
	}
	return hours*3600 + minutes*60
}
