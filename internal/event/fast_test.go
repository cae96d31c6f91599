package event

import (
	"fmt"
	"strings"
	"testing"
)

// bothDecoders decodes raw with the fast decoder alone and with the strict one
// alone. What the fast one accepts, the strict one must accept as the same event. What
// the fast one has read before must make no difference.
func bothDecoders(t *testing.T, raw string) (accepted bool) {
	t.Helper()
	fresh := NewDecoder(DefaultLimits())
	got, accepted := fastAlone(t, fresh, raw)
	trained := NewDecoder(DefaultLimits())
	if _, ok := fastAlone(t, trained, allMembers); !ok {
		t.Fatal("an event with all members is not read the fast way")
	}
	for about, d := range map[string]*Decoder{"itself": fresh, "an event with all members": trained} {
		if again, ok := fastAlone(t, d, raw); ok != accepted || ok && again != got {
			t.Fatalf("after %s: %v %+v, before: %v %+v\n%q", about, ok, again, accepted, got, raw)
		}
	}
	if !accepted {
		return false
	}
	want := full()
	d := NewDecoder(DefaultLimits())
	d.now, d.ev = testNow, &want
	d.strict(raw)
	if len(d.errs) > 0 {
		t.Fatalf("the fast decoder accepts what the strict one refuses: %v\n%q", d.errs, raw)
	}
	if got != want {
		t.Fatalf("\n fast   %+v\nstrict %+v\n%q", got, want, raw)
	}
	return true
}

// allMembers has every member, in another order than anybody else's.
const allMembers = `{"organization_id":"o","id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","user_agent":"u","ip":"::1","request_id":"r","details":{},"reason":"r",` +
	`"outcome":"failure","resource":{"id":"r","type":"t"},"actor":{"email":"e","type":"user","id":"a"},"action":"a","timestamp":"2026-11-23T12:00:00Z"}`

func fastAlone(t *testing.T, d *Decoder, raw string) (e Event, accepted bool) {
	t.Helper()
	e = full() // of an event before it
	d.now, d.ev, d.errs = testNow, &e, nil
	accepted = len(raw) <= d.lim.EventBytes && d.quick(raw)
	if accepted && len(d.errs) > 0 {
		t.Fatalf("the fast decoder accepts, and complains %v\n%q", d.errs, raw)
	}
	return e, accepted
}

// FuzzFast holds the fast decoder against the strict one.
func FuzzFast(f *testing.F) {
	for _, raw := range fastSeeds() {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) { bothDecoders(t, raw) })
}

func fastSeeds() []string {
	details := func(s string) string { return with(`"details":` + s) }
	return []string{
		minimal, " " + minimal + "\n", minimal + "x", minimal + minimal, "\ufeff" + minimal, "[" + minimal + "]", "null", `""`, "",
		with(`"id":"01980C9E-6E1F-7c3a-9d55-0b7a1f1c2d3e"`), with(`"id":null`), with(`"id":""`), with(`"id":7`), with(`"id":"x","id":"x"`),
		with(`"timestamp":"2026-11-23T12:11:12.345678901+02:00"`), with(`"timestamp":null`), with(`"timestamp":"2026-11-25T12:00:00Z"`),
		with(`"timestamp":"2016-12-31T23:59:60Z"`), with(`"timestamp":"9999-12-31T23:59:59Z"`),
		with(`"action":"b"`), with(`"Action":"b"`), with(`"act\u0069on":"b"`), with(`"reason":"b\u00e4d"`), with(`"reason":"\ud83d"`),
		with(`"reason":"bäd 🔒"`), with("\"reason\":\"\xff\""), with("\"reason\":\"1234567\xe2\x82\""), with("\"reason\":\"a\tb\""), with("\"reason\":\"\x00\""),
		with(`"reason":"` + strings.Repeat("r", 4096) + `"`), with(`"reason":"` + strings.Repeat("r", 4097) + `"`),
		with(`"request_id":"` + strings.Repeat("é", 127) + `"`), with(`"request_id":"` + strings.Repeat("é", 128) + `"`),
		with(`"ip":"::1"`), with(`"ip":"fe80::1%eth0"`), with(`"ip":"1.2.3"`), with(`"ip":""`), with(`"ip":null`), with(`"user_agent":""`),
		with(`"organization_id":[]`), with(`"unknown":1`), with(`"reason":"a"`) + " ", strings.Replace(minimal, ",", ",,", 1),
		strings.Replace(minimal, `"success"`, `"maybe"`, 1), strings.Replace(minimal, `"user"`, `"robot"`, 1), strings.Replace(minimal, `{"id"`, `{"id":"v","id"`, 1),
		strings.Replace(minimal, `"a"`, `""`, 1), strings.Replace(minimal, `"type":"user"`, `"type":"user","email":null`, 1),
		details(`{}`), details(`null`), details(`[]`), details(`"x"`), details(`nullx`), details(` { } `), details("\t{\"a\"\n:\r1 }"),
		details(`{"a":1,"a":2}`), details(`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`), details(`{"é":1,"é":2}`), details(`{"\u0061":1,"a":2}`),
		details(`{"a":-0.5e+10,"b":1E-400,"c":0,"d":-0,"e":123456789012345678901234567890}`), details(`{"a":01}`), details(`{"a":1.}`), details(`{"a":.5}`),
		details(`{"a":+1}`), details(`{"a":1e}`), details(`{"a":--1}`), details(`{"a":NaN}`), details(`{"a":tru}`), details(`{"a":true,"b":false,"c":null}`),
		details(`{"a":"\"\\\/\b\f\n\r\t"}`), details(`{"a":"\x"}`), details(`{"a":"\u0000"}`), details(`{"a":"\\u0000"}`), details(`{"a":"\`), details(`{"a":"\"}`),
		details(`{"a":[1,2,]}`), details(`{"a":1,}`), details(`{,}`), details(`{"a"}`), details(`{"a":}`), details(`{1:2}`), details(`[`), details(`{"a":[}]`),
		details(strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63)), details(strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)),
		details(`{"a":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + "}"), details(`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + "}"),
		details(`{"a":"` + strings.Repeat("x", 48<<10) + `"}`), details(manyNames(namesMost)), details(manyNames(namesMost + 1)), details(`{"a":"` + "\x1f" + `"}`),
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"n%d":%d`, i, i)
	}
	return "{" + b.String()[1:] + "}"
}

// TestFastIsUsed: what is there to be fast reads what comes in, or it would be in vain.
func TestFastIsUsed(t *testing.T) {
	fast := 0
	events := realEvents(t)
	for _, raw := range events {
		if bothDecoders(t, string(raw)) {
			fast++
		}
	}
	if fast*100 < 95*len(events) {
		t.Errorf("%d of %d real events went the fast way", fast, len(events))
	}
	t.Logf("%d of %d", fast, len(events))
	for _, raw := range []string{minimal, with(`"details":{"a":[1,{"b":"\n"}]},"reason":"é","ip":"::1"`), with(`"details":` + manyNames(namesMost))} {
		if !bothDecoders(t, raw) {
			t.Errorf("not the fast way: %s", raw)
		}
	}
}

// TestFastOnEveryChange changes each byte of an event to each of some others, and
// cuts it everywhere.
func TestFastOnEveryChange(t *testing.T) {
	raw := with(`"id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","timestamp":"2026-11-23T12:00:00Z","reason":"b\n","details":{"a":[1,-2.5e3,true,null,"x\"é"],"b":{"c":{}}},"ip":"10.0.0.1"`)
	for i := range len(raw) {
		bothDecoders(t, raw[:i])
		bothDecoders(t, raw[i:])
		for _, c := range []byte("\x00\x1f \t\"\\{}[]:,.-+eE0189aAnu\x7f\x80\xc3\xff") {
			bothDecoders(t, raw[:i]+string([]byte{c})+raw[i+1:])
			bothDecoders(t, raw[:i]+string([]byte{c})+raw[i:])
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	events := realEvents(b)
	text := make([]string, len(events))
	size := 0
	for i, raw := range events {
		text[i] = string(raw)
		size += len(raw)
	}
	run := func(name string, decode func(d *Decoder, raw string) bool) {
		b.Run(name, func(b *testing.B) {
			d := NewDecoder(DefaultLimits())
			b.ReportAllocs()
			b.SetBytes(int64(size / len(events)))
			for i := 0; b.Loop(); i++ {
				if !decode(d, text[i%len(text)]) {
					b.Fatal("refused")
				}
			}
		})
	}
	run("fast", func(d *Decoder, raw string) bool {
		return d.DecodeTo(new(Event), raw, realNow) == nil
	})
	run("strict", func(d *Decoder, raw string) bool {
		d.now, d.ev = realNow, new(Event)
		d.strict(raw)
		return d.errs == nil
	})
}
