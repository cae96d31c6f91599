package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

// probe is one way to show one thing to a reader of the request and another to a reader of the archive.
type probe struct {
	name string
	raws []string // all must be refused, or
	keep []string // all must be taken, with exactly these details
}

const (
	before = `{"id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","action":"a","actor":{"id":"b","type":"user"},"resource":{"type":"c"},"outcome":"success"`
	minute = before + "}"
)

func with(member string) string { return before + "," + member + "}" }

func nested(levels int) string {
	return `{"a":` + strings.Repeat("[", levels-2) + strings.Repeat("]", levels-2) + "}"
}

func probes() []probe {
	return []probe{
		{name: "a field twice", raws: []string{with(`"action":"b"`), with(`"reason":"x","reason":"y"`)}},
		{name: "a name twice in details", raws: []string{with(`"details":{"a":1,"a":2}`), with(`"details":{"a":[{"b":1,"b":1}]}`), with(`"details":{"a":1,"\u0061":2}`)}},
		{name: "Reason for reason", raws: []string{with(`"Reason":"x"`), with(`"IP":"::1"`), with(`"reaſon":"x"`)}},
		{name: "unknown field", raws: []string{with(`"note":1`), strings.Replace(minute, `"type":"user"`, `"type":"user","note":1`, 1)}},
		{name: "invalid UTF-8", raws: []string{with("\"reason\":\"\xff\""), with("\"reason\":\"\xed\xa0\x80\"")}},
		{name: "invalid UTF-8 in details", raws: []string{with("\"details\":{\"a\":\"\xff\"}"), with("\"details\":{\"\xc3\":1}")}},
		{name: "half a surrogate pair", raws: []string{with(`"reason":"\ud83d"`), with(`"details":{"a":"\udd12"}`)}},
		{name: `\u0000`, raws: []string{with(`"reason":"\u0000"`), with(`"details":{"a":"\u0000"}`)}},
		{name: "control characters", raws: []string{with("\"reason\":\"a\x01\""), with("\"details\":{\"a\":\"\t\"}")}},
		{name: "65 levels", raws: []string{with(`"details":` + nested(65))}},
		{name: "20,000 levels", raws: []string{with(`"details":` + nested(20_000))}},
		{name: "numbers that are none", raws: []string{with(`"details":{"a":01}`), with(`"details":{"a":1.}`), with(`"details":{"a":+1}`), with(`"details":{"a":NaN}`)}},
		{name: "two values", raws: []string{minute + minute, minute + "x", minute + "]"}},
		{name: "details as sent: numbers", keep: []string{`{"a":123456789012345678901234567890}`, `{"a":1.50,"b":1e400,"c":-0}`}},
		{name: "details as sent: spaces, escapes", keep: []string{`{ "a" : "\u00e4\/" }`}},
	}
}

// passes says whether a decoder does what the probe asks, and when not, by what.
func (p *probe) passes(d decoder, now time.Time) (ok bool, by string) {
	decode := func(raw string) (e event.Event, err error) {
		defer func() { // a decoder that panics has refused, but not well
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return d.decode([]byte(raw), now)
	}
	for _, raw := range p.raws {
		if _, err := decode(raw); err == nil {
			return false, raw
		}
	}
	for _, details := range p.keep {
		e, err := decode(with(`"details":` + details))
		if err != nil || e.Details.S != details {
			return false, details
		}
	}
	return true, ""
}
