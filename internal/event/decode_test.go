package event

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const minimal = `{"action":"a","actor":{"id":"u","type":"user"},"resource":{"type":"r"},"outcome":"success"}`

// with returns the minimal event with one more member in front.
func with(member string) string { return "{" + member + "," + minimal[1:] }

// without returns the minimal event in which old is replaced by new.
func without(old, new string) string { return strings.Replace(minimal, old, new, 1) }

func TestDecodeFull(t *testing.T) {
	raw := ` {"id":"01980C9E-6E1F-7c3a-9d55-0b7a1f1c2d3e","timestamp":"2026-11-23T12:11:12.345678901+02:00","action":"user.login",
	 "actor":{"id":"user-123","type":"user","email":"a\u0040example.com"},
	 "resource":{"type":"session","id":""},"outcome":"failure","reason":"b\u00e4d \"password\" 🔒",
	 "details": {"mfa" : false, "n":1e400, "big":9007199254740993, "\\u0000":"\\\\u0000"} ,"request_id":null,"ip":"2001:db8::7",
	 "user_agent":"","organization_id":"org-1"}
`
	got, errs := Decode([]byte(raw), testNow, DefaultLimits())
	if errs != nil {
		t.Fatal(errs)
	}
	want := Event{
		ID: "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", Action: "user.login",
		ActorID: "user-123", ActorType: "user", ActorEmail: Str("a@example.com"),
		ResourceType: "session", ResourceID: Str(""), Outcome: "failure", Reason: Str(`bäd "password" 🔒`),
		Details: Str(`{"mfa" : false, "n":1e400, "big":9007199254740993, "\\u0000":"\\\\u0000"}`),
		IP:      Str("2001:db8::7"), UserAgent: Str(""), OrganizationID: Str("org-1"),
		TimestampNS: time.Date(2026, 11, 23, 10, 11, 12, 345678901, time.UTC).UnixNano(),
		Fingerprint: got.Fingerprint, // TestFingerprint
	}
	if got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestDecodeFillsOnlyTheTimestamp(t *testing.T) {
	got, errs := Decode([]byte(minimal), testNow, DefaultLimits())
	if errs != nil {
		t.Fatal(errs)
	}
	want := Event{
		Action: "a", ActorID: "u", ActorType: "user", ResourceType: "r", Outcome: "success",
		TimestampNS: testNow.UnixNano(), Fingerprint: got.Fingerprint,
	}
	if got != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	for _, member := range []string{`"id":null`, `"timestamp":null`, `"details":null`, `"ip":null`} {
		if null, errs := Decode([]byte(with(member)), testNow, DefaultLimits()); errs != nil || null != want {
			t.Errorf("%s: %v: null does not equal absent", member, errs)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	nested := func(levels int) string {
		return with(`"details":` + strings.Repeat(`{"a":`, levels-2) + "{}" + strings.Repeat("}", levels-2))
	}
	for _, tt := range []struct {
		name, raw string
		want      []string // field: part of the reason
	}{
		{"empty", ``, []string{": unexpected end"}},
		{"null", `null`, []string{": must be a JSON object, not null"}},
		{"array", `[]`, []string{": must be a JSON object, not an array"}},
		{"string", `"x"`, []string{": must be a JSON object, not a string"}},
		{"number", `1`, []string{": must be a JSON object, not a number"}},
		{"BOM", "\xef\xbb\xbf" + minimal, []string{": byte order mark"}},
		{"empty object", `{}`, []string{"action: is required", "actor: is required", "resource: is required", "outcome: is required"}},
		{"nothing inside", `{"action":"a","actor":{},"resource":{"id":null},"outcome":null}`,
			[]string{"actor.id: is required", "actor.type: is required", "resource.type: is required", "outcome: is required"}},
		{"all at once", `{"id":7,"action":"","actor":[],"resource":{"type":true,"x":1},"outcome":"maybe","ip":"nowhere"}`,
			[]string{"id: must be a string, not a number", "action: must not be empty", "actor: must be an object, not an array",
				"resource.type: must be a string, not a boolean", "resource.x: unknown field", "outcome: must be one of", "ip: must be an IPv4"}},
		{"two values", minimal + minimal, []string{": more than one JSON value"}},
		{"trailing garbage", minimal + "x", []string{": not valid JSON: invalid character 'x'"}},
		{"cut", minimal[:len(minimal)-1], []string{": unexpected end"}},
		{"cut in a string", `{"action":"a`, []string{"action: unexpected end"}},
		{"name is no string", `{1:2}`, []string{": not valid JSON"}},
		{"comma before the end", `{"action":"a",}`, []string{": not valid JSON"}},

		{"unknown", with(`"user":{"a":1}`), []string{"user: unknown field"}},
		{"unknown in actor", without(`"id"`, `"name":1,"id"`), []string{"actor.name: unknown field"}},
		{"empty name", with(`"":1`), []string{": unknown field"}},
		{"case variant", with(`"ACTION":"b"`), []string{`ACTION: did you mean "action"?`}},
		{"case variant in actor", without(`"id"`, `"Id"`), []string{`actor.Id: did you mean "id"?`, "actor.id: is required"}},
		{"folded case variant", with(`"re` + "ſ" + `ource":{}`), []string{`re` + "ſ" + `ource: did you mean "resource"?`}},
		{"long name", with(`"` + long(10<<10) + `":1`), []string{long(64) + "…: unknown field"}},
		{"duplicate", with(`"action":"b"`), []string{"action: duplicate field"}},
		{"duplicate spelled otherwise", with(`"\u0061ction":"b"`), []string{"action: duplicate field"}},
		{"duplicate in actor", without(`"id"`, `"id":"v","id"`), []string{"actor.id: duplicate field"}},
		{"duplicate in details", with(`"details":{"a":[0,{"b":1,"b":1}]}`), []string{"details.a.1.b: duplicate field"}},
		{"duplicate in an unknown field", with(`"x":{"b":1,"b":1}`), []string{"x: unknown field", "x.b: duplicate field"}},

		{"invalid UTF-8", with("\"reason\":\"\xff\""), []string{"reason: invalid UTF-8"}},
		{"overlong UTF-8", with("\"reason\":\"\xc0\x80\""), []string{"reason: invalid UTF-8"}},
		{"UTF-8 surrogate", with("\"reason\":\"\xed\xa0\x80\""), []string{"reason: invalid UTF-8"}},
		{"invalid UTF-8 in details", with("\"details\":{\"a\":\"\xff\"}"), []string{"details.a: invalid UTF-8"}},
		{"lone surrogate", with(`"reason":"\ud800"`), []string{"reason: not valid JSON"}},
		{"lone surrogate in details", with(`"details":{"\udc00":1}`), []string{"details: not valid JSON"}},
		{"raw NUL", with("\"reason\":\"\x00\""), []string{"reason: not valid JSON"}},
		{"NUL", with(`"reason":"a\u0000b"`), []string{"reason: contains U+0000"}},
		{"NUL in a required field", without(`"u"`, `"\u0000"`), []string{"actor.id: contains U+0000"}},
		{"NUL in details", with(`"details":{"a":["\u0000"]}`), []string{"details: contains U+0000"}},
		{"NUL in a name of details", with(`"details":{"\\\u0000":1}`), []string{"details: contains U+0000"}},
		{"raw tab", with("\"reason\":\"\t\""), []string{"reason: not valid JSON"}},

		{"NaN", with(`"details":{"a":NaN}`), []string{"details.a: not valid JSON"}},
		{"Infinity", with(`"details":{"a":-Infinity}`), []string{"details.a: not valid JSON"}},
		{"leading zero", with(`"details":{"a":01}`), []string{"details: not valid JSON"}},
		{"details as an array", with(`"details":[1]`), []string{"details: must be an object, not an array"}},
		{"details as a string", with(`"details":"{}"`), []string{"details: must be an object, not a string"}},
		{"details too deep", nested(65), []string{"details: nested too deeply"}},
		{"details much too deep", with(`"details":{"a":` + strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999) + "}"), []string{"details"}},
		{"details too long", with(`"details":{"a":"` + long(48<<10-7) + `"}`), []string{"details: has 49153 bytes; at most 49152"}},
		{"event too long", with(`"details":{"a":"` + long(64<<10) + `"}`), []string{": at most 65536 are accepted"}},

		{"action too long", without(`"a"`, `"`+long(101)+`"`), []string{"action: has 101 bytes; at most 100"}},
		{"length is in bytes", without(`"a"`, `"`+strings.Repeat("é", 51)+`"`), []string{"action: has 102 bytes"}},
		{"actor.id too long", without(`"u"`, `"`+long(256)+`"`), []string{"actor.id: has 256 bytes"}},
		{"actor.email too long", without(`"id"`, `"email":"`+long(256)+`","id"`), []string{"actor.email: has 256 bytes"}},
		{"resource.type too long", without(`"r"`, `"`+long(101)+`"`), []string{"resource.type: has 101 bytes"}},
		{"resource.id too long", without(`"type":"r"`, `"type":"r","id":"`+long(256)+`"`), []string{"resource.id: has 256"}},
		{"request_id too long", with(`"request_id":"` + long(256) + `"`), []string{"request_id: has 256"}},
		{"organization_id too long", with(`"organization_id":"` + long(256) + `"`), []string{"organization_id: has 256"}},
		{"reason too long", with(`"reason":"` + long(4097) + `"`), []string{"reason: has 4097"}},
		{"user_agent too long", with(`"user_agent":"` + long(4097) + `"`), []string{"user_agent: has 4097"}},

		{"actor.type unknown", without(`"user"`, `"User"`), []string{`actor.type: must be one of ["user" "system" "api_key"], not "User"`}},
		{"outcome empty", without(`"success"`, `""`), []string{"outcome: must be one of"}},
		{"id short", with(`"id":"01980c9e6e1f7c3a9d550b7a1f1c2d3e"`), []string{"id: must be a UUID"}},
		{"id as URN", with(`"id":"urn:uuid:01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"`), []string{"id: must be a UUID"}},
		{"id not hex", with(`"id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3g"`), []string{"id: must be a UUID"}},
		{"id with braces", with(`"id":"{1980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3}"`), []string{"id: must be a UUID"}},
		{"id empty", with(`"id":""`), []string{"id: must be a UUID"}},
		{"ip with a zone", with(`"ip":"fe80::1%eth0"`), []string{"ip: must not have a zone"}},
		{"ip with a port", with(`"ip":"10.0.0.1:80"`), []string{"ip: must be an IPv4 or IPv6 address"}},
		{"ip with leading zeros", with(`"ip":"010.0.0.1"`), []string{"ip: must be an IPv4 or IPv6 address"}},
		{"ip empty", with(`"ip":""`), []string{"ip: must be an IPv4 or IPv6 address"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, errs := Decode([]byte(tt.raw), testNow, DefaultLimits())
			if got != (Event{}) {
				t.Errorf("returned an event with its faults: %+v", got)
			}
			if len(errs) != len(tt.want) {
				t.Fatalf("got %v, want %q", errs, tt.want)
			}
			for i, want := range tt.want {
				field, reason, _ := strings.Cut(want, ": ")
				if errs[i].Field != field || !strings.Contains(errs[i].Reason, reason) {
					t.Errorf("got %v, want %q", errs[i], want)
				}
			}
		})
	}
}

func TestDecodeAtTheLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	pad := 64<<10 - len(minimal)
	for name, raw := range map[string]string{
		"depth":     with(`"details":` + strings.Repeat(`{"a":`, 62) + "{}" + strings.Repeat("}", 62)),
		"brackets":  with(`"details":{"a":"` + strings.Repeat(`[{\"`, 100) + `","b":[[],[]]}`),
		"flat":      with(`"details":{"a":[` + strings.Repeat(`[],`, 100) + `{}]}`),
		"details":   with(`"details":{"a":"` + long(48<<10-8) + `"}`),
		"event":     minimal + strings.Repeat(" ", pad),
		"action":    without(`"a"`, `"`+long(100)+`"`),
		"actor.id":  without(`"u"`, `"`+long(255)+`"`),
		"reason":    with(`"reason":"` + long(4096) + `"`),
		"escaped":   with(`"reason":"` + strings.Repeat(`\u0041`, 4096) + `"`),
		"unicode":   with("\"reason\":\"\u2028\u202e\x7f\U0001f512\ufffd\ufeff\""),
		"ansi":      with(`"reason":"\u001b[31m\r\n=cmd()<script>"`),
		"ipv4in6":   with(`"ip":"::ffff:10.0.0.1"`),
		"max UUID":  with(`"id":"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"`),
		"drift":     with(`"details":{"":1,"dt":2,"_seq":[],"select":{},"a.b\"":null,"A":1,"a":1}`),
		"many keys": with(`"details":{` + keys(4000) + `}`),
	} {
		if _, errs := Decode([]byte(raw), testNow, DefaultLimits()); errs != nil {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":%d,`, i, i%10)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func TestDecodeStopsAtManyErrors(t *testing.T) {
	_, errs := Decode([]byte("{"+keys(4000)+"}"), testNow, DefaultLimits())
	if len(errs) != maxErrors {
		t.Errorf("%d errors, want %d", len(errs), maxErrors)
	}
}

func TestDecoderForgets(t *testing.T) {
	d := NewDecoder(DefaultLimits())
	full := with(`"reason":"secret","ip":"10.0.0.1","details":{"a":1}`)
	want, _ := Decode([]byte(minimal), testNow, DefaultLimits())
	for _, before := range []string{full, `{"reason":"secret","actor":{"id":"x"`, full + full, "[", with(`"x":1`), strings.Repeat(" ", 1<<17)} {
		d.Decode([]byte(before), testNow)
		if got, errs := d.Decode([]byte(minimal), testNow); errs != nil || got != want {
			t.Errorf("after %.40s: %+v %v", before, got, errs)
		}
		if _, errs := d.Decode([]byte("{}"), testNow); len(errs) != 4 {
			t.Errorf("after a good event, {} has the faults %v", errs)
		}
	}
}

func TestDecodeLeavesItsInputAlone(t *testing.T) {
	raw := []byte(with(`"reason":"a\u0041\ud83d\udd12","details":{"a":[1,{}]}`))
	before := slices.Clone(raw)
	got, errs := Decode(raw, testNow, DefaultLimits())
	if errs != nil || !slices.Equal(raw, before) {
		t.Fatalf("%v: the input was changed", errs)
	}
	for i := range raw {
		raw[i] = '#' // a caller may reuse its memory
	}
	if got.Reason.S != "aA🔒" || got.Details.S != `{"a":[1,{}]}` {
		t.Errorf("the event aliases its input: %+v", got)
	}
}
