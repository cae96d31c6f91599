package ingest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// bad is a request that must be refused, and how.
type bad struct {
	name   string
	body   string
	header string // "Name: value" lines; without Content-Type it is application/json
	status int
	kind   string
	index  int    // of the first error; noErrors: none is listed
	field  string // of the first error
	reason string // part of the first reason, or of the detail
}

const noErrors = -1

func (b *bad) headers() http.Header {
	h := make(http.Header)
	if !strings.Contains(b.header, "Content-Type:") {
		h.Set("Content-Type", "application/json")
	}
	for line := range strings.Lines(b.header) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if value = strings.TrimSpace(value); value != "" {
			h.Add(name, value)
		}
	}
	return h
}

// badRequests are bombs, bad encodings, framing, names, types and sizes at the
// HTTP level. Timestamps and lengths per field are in package event.
func badRequests(t testing.TB) []bad {
	const nd, js = "Content-Type: application/x-ndjson", "Content-Type: application/json"
	const gzipped, zstded = "Content-Encoding: gzip", "Content-Encoding: zstd"
	invalid := func(name, body, field, reason string) bad {
		return bad{name, body, "", 400, kindInvalidEvent, 0, field, reason}
	}
	big := strings.Repeat("x", 70<<10)
	return []bad{
		{"65 days", manyDays(65), nd, 400, kindInvalidEvent, 64, "timestamp", "64 that a request may have"},
		// bombs
		{"gzip bomb", gzipBomb(64 << 20), gzipped, 413, kindTooLarge, noErrors, "", "16777216 bytes"},
		{"gzip in gzip", gz(gz(minimal)), gzipped, 400, kindInvalidEvent, 0, "", "not valid JSON"},
		{"gzip twice", gz(gz(minimal)), "Content-Encoding: gzip, gzip", 415, kindUnsupported, noErrors, "", "one Content-Encoding"},
		{"gzip twice in two lines", gz(gz(minimal)), gzipped + "\n" + gzipped, 415, kindUnsupported, noErrors, "", "one Content-Encoding"},
		{"gzip cut", gz(minimal)[:20], gzipped, 400, kindInvalidRequest, noErrors, "", "unexpected EOF"},
		{"gzip cut in the trailer", gz(minimal)[:len(gz(minimal))-1], gzipped, 400, kindInvalidRequest, noErrors, "", "unexpected EOF"},
		{"gzip empty", "", gzipped, 400, kindInvalidRequest, noErrors, "", "unexpected EOF"},
		{"gzip checksum", flip(gz(minimal), -6), gzipped, 400, kindInvalidRequest, noErrors, "", "checksum"},
		{"gzip with trailing bytes", gz(minimal) + "x", gzipped, 400, kindInvalidRequest, noErrors, "", "after the end"},
		{"gzip with a second member", gz(minimal) + gz(minimal), gzipped, 400, kindInvalidRequest, noErrors, "", "after the end"},
		{"gzip that is plain", minimal, gzipped, 400, kindInvalidRequest, noErrors, "", "gzip body"},
		{"plain that is gzip", gz(minimal), "", 400, kindInvalidEvent, 0, "", "not valid JSON"},
		{"gzip body too long", strings.Repeat("x", 17<<20), gzipped, 413, kindTooLarge, noErrors, "", ""},
		{"zstd bomb", zst(t, strings.Repeat(" ", 64<<20)), zstded, 413, kindTooLarge, noErrors, "", "16777216 bytes"},
		{"zstd window bomb", zstdWindow(t, 64<<20), zstded, 413, kindTooLarge, noErrors, "", ""},
		{"zstd cut", zst(t, minimal)[:20], zstded, 400, kindInvalidRequest, noErrors, "", "unexpected EOF"},
		{"zstd empty", "", zstded, 400, kindInvalidRequest, noErrors, "", "unexpected EOF"},
		{"zstd with trailing bytes", zst(t, minimal) + "x", zstded, 400, kindInvalidRequest, noErrors, "", "zstd body"},
		{"zstd checksum", flip(zst(t, minimal), -2), zstded, 400, kindInvalidRequest, noErrors, "", "zstd body"},
		{"brotli", minimal, "Content-Encoding: br", 415, kindUnsupported, noErrors, "", ""},

		// Types
		{"no type", minimal, "Content-Type:", 415, kindUnsupported, noErrors, "", "application/json"},
		{"form", minimal, "Content-Type: application/x-www-form-urlencoded", 415, kindUnsupported, noErrors, "", ""},
		{"text", minimal, "Content-Type: text/plain", 415, kindUnsupported, noErrors, "", ""},
		{"two types", minimal, js + "\n" + js, 415, kindUnsupported, noErrors, "", ""},
		{"broken type", minimal, "Content-Type: application/json; charset", 415, kindUnsupported, noErrors, "", ""},
		{"latin-1", minimal, "Content-Type: application/json; charset=iso-8859-1", 415, kindUnsupported, noErrors, "", "UTF-8"},

		// shapes
		{"empty", "", "", 400, kindInvalidRequest, noErrors, "", "no events"},
		{"white space", " \r\n\t ", "", 400, kindInvalidRequest, noErrors, "", "no events"},
		{"empty array", "[ ]", "", 400, kindInvalidRequest, noErrors, "", "no events"},
		{"blank lines", "\n\r\n \n", nd, 400, kindInvalidRequest, noErrors, "", "no events"},
		{"no NDJSON", "", nd, 400, kindInvalidRequest, noErrors, "", "no events"},
		invalid("empty object", "{}", "action", "is required"),
		invalid("null", "null", "", "not null"),
		invalid("number", "1", "", "not a number"),
		invalid("string", `"a,b]"`, "", "not a string"),
		invalid("BOM", "\xef\xbb\xbf"+minimal, "", "byte order mark"),
		invalid("UTF-16", "{\x00}\x00", "", "not valid JSON"),
		invalid("trailing garbage", minimal+" x", "", "not valid JSON"),
		invalid("two objects", minimal+"\n"+minimal, "", "more than one"),
		invalid("trailing NUL", minimal+"\x00", "", "not valid JSON"),
		invalid("cut", minimal[:40], "actor.type", "unexpected end"),
		invalid("comment", "/**/"+minimal, "", "not valid JSON"),
		invalid("single quotes", "{'action':'a'}", "", "not valid JSON"),
		{"array not closed", "[" + minimal, "", 400, kindInvalidRequest, 1, "", "neither ',' nor ']'"},
		{"array of one opener", "[", "", 400, kindInvalidRequest, 0, "", "the body ends there"},
		{"trailing comma", "[" + minimal + ",]", "", 400, kindInvalidRequest, 1, "", "no event"},
		{"leading comma", "[," + minimal + "]", "", 400, kindInvalidRequest, 0, "", "no event"},
		{"missing comma", "[" + minimal + minimal + "]", "", 400, kindInvalidRequest, 1, "", "neither"},
		{"after the array", "[" + minimal + "]]", "", 400, kindInvalidRequest, 1, "", "after the end"},
		{"two arrays", "[" + minimal + "][" + minimal + "]", "", 400, kindInvalidRequest, 1, "", "after the end"},
		{"array in an array", "[" + minimal + ",[" + minimal + "]]", "", 400, kindInvalidEvent, 1, "", "not an array"},
		{"null in an array", "[" + minimal + ", null ]", "", 400, kindInvalidEvent, 1, "", "not null"},
		{"string in an array", "[" + minimal + `,"a,]\"",` + minimal + "]", "", 400, kindInvalidEvent, 1, "", "not a string"},
		{"cut in an array", "[" + minimal + `,{"action":"]`, "", 400, kindInvalidEvent, 1, "action", "unexpected end"},
		{"wrong bracket in an array", "[" + minimal + `,{"ip":null],` + minimal + "]", "", 400, kindInvalidEvent, 1, "", "not valid JSON"},
		{"one bad of three", "[" + minimal + "," + minimal + "," + with(`"x":1`) + "]", "", 400, kindInvalidEvent, 2, "x", "unknown field"},
		{"bad line", minimal + "\r\n\r\n" + with(`"x":1`) + "\n" + minimal, nd, 400, kindInvalidEvent, 1, "x", "unknown field"},
		{"array in NDJSON", minimal + "\n[" + minimal + "]", nd, 400, kindInvalidEvent, 1, "", "not an array"},
		{"pretty-printed NDJSON", strings.ReplaceAll(minimal, ",", ",\n"), nd, 400, kindInvalidEvent, 0, "", ""},
		{"two objects in a line", minimal + minimal + "\n", nd, 400, kindInvalidEvent, 0, "", "more than one"},
		{"BOM in NDJSON", minimal + "\n\xef\xbb\xbf" + minimal, nd, 400, kindInvalidEvent, 1, "", "byte order mark"},
		{"duplicate id", "[" + withID(1) + "," + minimal + "," + withID(1) + "]", "", 400, kindInvalidEvent, 2, "id", "event 0"},
		{"duplicate id in other case", strings.ToUpper(withID(0)[:45]) + withID(0)[45:], "", 400, kindInvalidEvent, 0, "ID", `did you mean "id"`},
		{"duplicate id in NDJSON", withID(1) + "\n" + withID(2) + "\n" + withID(2), nd, 400, kindInvalidEvent, 2, "id", "event 1"},

		// depth and size
		invalid("depth 65", with(`"details":`+nested(64)), "details", "nested too deeply"),
		invalid("depth 9999", with(`"details":{"a":`+strings.Repeat("[", 9_990)+strings.Repeat("]", 9_990)+"}"), "details", "nested too deeply"),
		invalid("depth 30000", with(`"details":{"a":`+strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000)+"}"), "details", "nested too deeply"),
		{"depth without end", strings.Repeat("[", 60_000), "", 400, kindInvalidEvent, 0, "", "not an array"},
		{"deep and long", strings.Repeat(`[{"a":`, 2<<20), "", 413, kindTooLarge, 0, "", "at most 65536"},
		{"event over the limit", with(`"details":{"a":"` + big + `"}`), "", 413, kindTooLarge, 0, "", "at most 65536"},
		{"event of 1 MiB in an array", "[" + minimal + "," + with(`"details":{"a":"`+strings.Repeat(big, 15)+`"}`) + "]", "", 413, kindTooLarge, 1, "", "at most 65536"},
		{"too long and bad", "[{}," + with(`"details":{"a":"`+big+`"}`) + "]", "", 400, kindInvalidEvent, 0, "action", "is required"},
		{"body over the limit", strings.Repeat(minimal+"\n", (16<<20)/len(minimal)+1), nd, 413, kindTooLarge, noErrors, "", "16777216 bytes"},
		{"too many events", strings.Repeat(minimal+"\n", 10_001), nd, 413, kindTooLarge, noErrors, "", "10000 events"},
		{"too many events in an array", "[" + strings.Repeat(minimal+",", 10_000) + minimal + "]", "", 413, kindTooLarge, noErrors, "", "10000 events"},
		{"10,000 events and a comma", "[" + strings.Repeat(minimal+",", 10_000) + "]", "", 400, kindInvalidRequest, 10_000, "", "no event"},
		{"too many empty elements", "[" + strings.Repeat("{},", 3_000_000) + "{}]", "", 400, kindInvalidEvent, 0, "action", ""},
		invalid("details over the limit", with(`"details":{"a":"`+big[:48<<10]+`"}`), "details", "at most 49152"),
		invalid("key of 10 KB", with(`"`+big[:10_000]+`":1`), big[:64]+"…", "unknown field"),
		invalid("many unknown keys", manyKeys(2_000), "k0", "unknown field"),

		// names
		invalid("unknown field", with(`"severity":3`), "severity", "unknown field"),
		invalid("producer in the body", with(`"producer":"root"`), "producer", "unknown field"),
		invalid("retention in the body", with(`"retention":"none"`), "retention", "unknown field"),
		invalid("prototype", with(`"__proto__":{}`), "__proto__", "unknown field"),
		invalid("case variant", with(`"ACTOR":{}`), "ACTOR", `did you mean "actor"`),
		invalid("duplicate field", with(`"outcome":"failure"`), "outcome", "duplicate field"),
		invalid("duplicate escaped field", with(`"\u006futcome":"failure"`), "outcome", "duplicate field"),
		invalid("duplicate in details", with(`"details":{"a":{"b":1,"b":2}}`), "details.a.b", "duplicate field"),

		// text
		invalid("invalid UTF-8", with("\"reason\":\"\xff\""), "reason", "invalid UTF-8"),
		invalid("overlong UTF-8", with("\"reason\":\"\xc0\xaf\""), "reason", "invalid UTF-8"),
		invalid("lone surrogate", with(`"reason":"\ud800"`), "reason", "not valid JSON"),
		invalid("NUL", with(`"reason":"\u0000"`), "reason", "U+0000"),
		invalid("NUL in details", with(`"details":{"a\u0000":1}`), "details", "U+0000"),
		invalid("raw newline", with("\"reason\":\"\n\""), "reason", "not valid JSON"),

		// numbers and times
		invalid("NaN", with(`"details":{"a":NaN}`), "details.a", "not valid JSON"),
		invalid("number as id", with(`"id":7`), "id", "must be a string"),
		invalid("leap second", with(`"timestamp":"2016-12-31T23:59:60Z"`), "timestamp", "leap second"),
		invalid("far future", with(`"timestamp":"2036-12-31T23:59:59Z"`), "timestamp", "future"),
		invalid("year 9999", with(`"timestamp":"9999-12-31T23:59:59Z"`), "timestamp", "1678 to 2261"),
		invalid("seconds", with(`"timestamp":1795435200`), "timestamp", "must be a string"),
		invalid("ip with a zone", with(`"ip":"fe80::1%eth0"`), "ip", "zone"),
		// what it says comes back escaped, never as it is
		invalid("terminal control", with(`"\u001b[31m\r\n":1`), "\x1b[31m\r\n", "unknown field"),
	}
}

func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%d`, i, i)
	}
	return "{" + b.String()[1:] + "}"
}

// flip changes one byte, counted from the end when at is negative.
func flip(s string, at int) string {
	b := []byte(s)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 0x55
	return string(b)
}

func gzipBomb(size int64) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.CopyN(z, zeros{}, size)
	_ = z.Close()
	return b.String()
}

// zstdWindow returns a stream that asks its reader for a window of so many bytes.
func zstdWindow(t testing.TB, window int) string {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write([]byte(minimal))
	_ = z.Flush() // before the size is known, so that the window is not cut to it
	_ = z.Close()
	return b.String()
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t, DefaultTimeouts(), nil)
	table := badRequests(t)
	if len(table) < 60 {
		t.Fatalf("%d requests, want at least 60", len(table))
	}
	for i, tt := range table {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			a := w.do("POST", "/v1/events", tt.headers(), []byte(tt.body))
			p := a.problem(t)
			if p.Status != tt.status || p.kind != tt.kind {
				t.Errorf("%d %s (%s %v), want %d %s", p.Status, p.kind, p.Detail, p.Errors, tt.status, tt.kind)
			}
			if bytes.ContainsAny(a.body[:len(a.body)-1], "\x1b\r\n") {
				t.Errorf("control characters in %q", a.body)
			}
			said := p.Detail
			if tt.index == noErrors {
				if len(p.Errors) > 0 {
					t.Errorf("errors are listed: %v", p.Errors)
				}
			} else {
				if len(p.Errors) == 0 || len(p.Errors) > maxListed {
					t.Fatalf("%d errors are listed", len(p.Errors))
				}
				first := p.Errors[0]
				if said = first.Reason; first.Index != tt.index || first.Field != tt.field {
					t.Errorf("event %d, field %q: %s; want event %d, field %q", first.Index, first.Field, first.Reason, tt.index, tt.field)
				}
			}
			if !strings.Contains(said, tt.reason) {
				t.Errorf("says %q, want %q", said, tt.reason)
			}
			w.healthy(i)
		})
	}
	w.t = t
}

// manyDays is one event on each of n days.
func manyDays(n int) string {
	var b strings.Builder
	for i := range n {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i)
		b.WriteString(strings.Replace(minimal, "{", `{"timestamp":"`+at.Format(time.RFC3339)+`",`, 1) + "\n")
	}
	return b.String()
}
