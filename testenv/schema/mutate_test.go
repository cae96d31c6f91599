package schema_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
)

// mutator makes events, good and bad, from a seed. A member is kept as its JSON
// text, so that names may be there twice and values may be no JSON at all.
type mutator struct{ rng *rand.Rand }

type member struct{ name, value string }

func pick[T any](m *mutator, from []T) T { return from[m.rng.IntN(len(from))] }

func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic("bug: a string does not encode: " + err.Error())
	}
	return string(raw)
}

var ids = []string{
	"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", "01980C9E-6E1F-7C3A-9D55-0B7A1F1C2D3E", "00000000-0000-0000-0000-000000000000",
	"01980c9e6e1f7c3a9d550b7a1f1c2d3e", "{01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e}", "urn:uuid:01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e",
	"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3g", "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e\n", "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3é", "",
}

var times = []string{
	"2026-11-23T10:11:12Z", "2026-11-23t10:11:12.345z", "2026-11-23T10:11:12.123456789+02:00", "2024-02-29T23:59:59-23:59",
	"2026-11-24T12:00:00Z", "2026-11-24T12:00:00.000000001Z", "2027-11-23T10:11:12Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
	"1677-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00", "2023-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z",
	"2026-11-31T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T23:59:60Z", "2026-11-23T10:60:00Z", "2026-11-23T10:11:12",
	"2026-11-23 10:11:12Z", "2026-11-23T10:11:12,5Z", "2026-11-23T10:11:12.Z", "2026-11-23T10:11:12.1234567890Z",
	"2026-11-23T10:11Z", "2026-11-23T10:11:12+2:00", "2026-11-23T10:11:12+24:00", "2026-11-23T10:11:12+00:60", "20261123T101112Z",
	"2026-1-3T10:11:12Z", "+2026-11-23T10:11:12Z", "2026-11-23T10:11:12Z ", "٢٠٢٦-11-23T10:11:12Z", "", "now",
}

var addresses = []string{
	"203.0.113.7", "0.0.0.0", "255.255.255.255", "2001:db8::7", "::", "::ffff:10.0.0.1", "2001:DB8::A", "64:ff9b::192.0.2.33",
	"fe80::1%eth0", "10.0.0.1:80", "[2001:db8::1]", "010.0.0.1", "10.0.0", "10.0.0.256", "1.2.3.4.5", "10.0.0.1/8", "::1::", "12345::", "",
	" 10.0.0.1", "localhost",
}

var numbers = []string{"0", "-1", "7", "1.50", "1e400", "9007199254740993", "true", "false", "null", "[]", "[1,[]]", "{}", `{"a":1}`}

var broken = []string{
	"NaN", "01", "'x'", `"\ud800"`, "\"\xff\"", "\"\xed\xa0\x80\"", "\"\t\"", `{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, "", `"`, "[", "\"\x00\"",
}

// text is a JSON string of a length near one of the limits, or something odd.
func (m *mutator) text() string {
	unit := pick(m, []string{"x", "x", "é", "€", "🔒"})
	n := pick(m, []int{0, 1, 3, 99, 100, 101, 254, 255, 256, 4095, 4096, 4097})
	s := strings.Repeat(unit, n/pick(m, []int{1, len(unit)}))
	switch m.rng.IntN(8) {
	case 0:
		s = "\u0000" + s
	case 1:
		s = pick(m, []string{"\u2028", "\x7f", "\ufeff", "<>&", "\r\n\t", `\u0000`, "'; --"})
	}
	return quote(s)
}

func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
}

func (m *mutator) details() string {
	switch m.rng.IntN(6) {
	case 0:
		return nested(pick(m, []int{1, 2, 62, 63, 64, 65, 200}))
	case 1:
		return `{"a":"` + strings.Repeat("x", pick(m, []int{10, 48<<10 - 8, 48<<10 - 7, 64 << 10})) + `"}`
	case 2:
		return `{"a":[` + strings.Repeat("[],", 100) + `{}]}`
	case 3:
		return `{"a":` + pick(m, broken) + `}`
	case 4:
		return "{" + m.text() + ":" + m.text() + "}"
	default:
		return `{"a":` + pick(m, numbers) + `, "":1,"A":null}`
	}
}

// value is one for the named field: more often than not of its own kind.
func (m *mutator) value(name string) string {
	switch m.rng.IntN(12) {
	case 0:
		return pick(m, broken)
	case 1:
		return pick(m, numbers)
	case 2:
		return "null"
	}
	switch name {
	case "id":
		return quote(pick(m, ids))
	case "timestamp":
		return quote(pick(m, times))
	case "ip":
		return quote(pick(m, addresses))
	case "actor.type":
		return quote(pick(m, []string{"user", "system", "api_key", "User", "", "root", "user "}))
	case "outcome":
		return quote(pick(m, []string{"success", "failure", "Success", "", "unknown"}))
	case "details":
		return m.details()
	case "actor":
		return m.object("actor.", "id", "type", "email")
	case "resource":
		return m.object("resource.", "type", "id")
	default:
		return m.text()
	}
}

// good is a value that every validator takes.
func good(name string) string {
	switch name {
	case "id":
		return quote(ids[0])
	case "timestamp":
		return quote(times[0])
	case "ip":
		return quote(addresses[0])
	case "actor.type":
		return `"user"`
	case "outcome":
		return `"failure"`
	case "details":
		return `{"mfa":false}`
	case "actor":
		return `{"id":"u","type":"user","email":"a@example.com"}`
	case "resource":
		return `{"type":"session","id":"s-9"}`
	default:
		return `"text"`
	}
}

// object has good members, but for one or two at most.
func (m *mutator) object(parent string, names ...string) string {
	var members []member
	for _, name := range names {
		members = append(members, member{name, good(parent + name)})
	}
	for range m.rng.IntN(3) {
		members = m.mutate(parent, members)
	}
	var b bytes.Buffer
	for i, one := range members {
		b.WriteString(pick(m, []string{"", "", "", " ", "\n\t"}))
		b.WriteString(quote(one.name) + ":" + one.value)
		if i < len(members)-1 {
			b.WriteByte(',')
		}
	}
	return "{" + b.String() + "}"
}

// mutate changes one thing about an object.
func (m *mutator) mutate(parent string, members []member) []member {
	if len(members) == 0 {
		return members
	}
	i := m.rng.IntN(len(members))
	switch m.rng.IntN(10) {
	case 0, 1: // absent
		return append(members[:i], members[i+1:]...)
	case 2: // there twice
		return append(members, members[i])
	case 3: // another spelling, or no field of ours
		name := pick(m, []string{"", "x", "seq", "producer", "retention", "ACTION", "actionſ", strings.ToUpper(members[i].name)})
		return append(members, member{name, pick(m, numbers)})
	case 4: // another order
		j := m.rng.IntN(len(members))
		members[i], members[j] = members[j], members[i]
	default:
		members[i].value = m.value(parent + members[i].name)
	}
	return members
}

// next is the text of one event.
func (m *mutator) next() []byte {
	raw := []byte(m.object("", "id", "timestamp", "action", "actor", "resource", "outcome", "reason", "details",
		"request_id", "ip", "user_agent", "organization_id"))
	switch i := m.rng.IntN(len(raw)); m.rng.IntN(40) {
	case 0:
		raw[i] ^= 1 << m.rng.IntN(8)
	case 1:
		raw = raw[:i]
	case 2:
		raw = append(raw, pick(m, []string{" ", "\n", "x", "{}", minimal})...)
	case 3:
		raw = append([]byte(pick(m, []string{"\xef\xbb\xbf", " ", "[", "\x00"})), raw...)
	case 4:
		raw = append(raw, bytes.Repeat([]byte{' '}, pick(m, []int{1 << 10, 64<<10 - len(raw)&0xfff, 64 << 10}))...)
	case 5:
		raw = []byte(pick(m, append(numbers, minimal)))
	}
	return raw
}
