package cloudwatch

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audit-archiver/archiver/internal/event"
)

func TestMessage(t *testing.T) {
	full := row(7, 0)
	full.TimestampNS += 1_234
	full.ReceivedAtMS += 50
	full.ActorEmail, full.ResourceID, full.Outcome, full.Reason = event.Str("a@example.com"), event.Str("s-9"), "failure", event.Str("bad \"password\"\n<&>\u2028")
	full.Details = event.Str("{ \"n\": 1.50,\t\"big\":12345678901234567890, \"\\u00e9\":[] }")
	full.RequestID, full.IP, full.UserAgent, full.OrganizationID = event.Str(""), event.Str("::1"), event.Str("\x01ü"), event.Str("org-1")
	for _, tt := range []struct {
		name string
		row  event.Row
		want string
	}{
		{"least", row(7, 0), `{"id":"00000000-0000-0000-0000-000000000007","timestamp":"2026-11-23T12:00:00Z","action":"user.login",` +
			`"actor":{"id":"u1","type":"user"},"resource":{"type":"session"},"outcome":"success",` +
			`"received_at":"2026-11-23T12:00:00.000Z","producer":"api","stream":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","seq":7,"retention":"standard"}`},
		{"full", full, `{"id":"00000000-0000-0000-0000-000000000007","timestamp":"2026-11-23T12:00:00.000001234Z","action":"user.login",` +
			`"actor":{"id":"u1","type":"user","email":"a@example.com"},"resource":{"type":"session","id":"s-9"},"outcome":"failure",` +
			`"reason":"bad \"password\"\n<&>` + "\u2028" + `","details":{ "n": 1.50,` + "\t" + `"big":12345678901234567890, "\u00e9":[] },` +
			`"request_id":"","ip":"::1","user_agent":"\u0001ü","organization_id":"org-1",` +
			`"received_at":"2026-11-23T12:00:00.050Z","producer":"api","stream":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","seq":7,"retention":"standard"}`},
	} {
		got := message(&tt.row)
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s is no JSON: %s", tt.name, got)
		}
	}
}

// The part of a message that is the event is in the wire form: decoded again it is the
// same event, for the vectors and for 2,900 real ones.
func TestMessageIsTheWireForm(t *testing.T) {
	var events []string
	for _, name := range glob(t, "../../../testenv/vectors/event/*.json") {
		var vector struct{ Input string }
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &vector); err != nil || vector.Input == "" {
			t.Fatalf("%s: %v", name, err)
		}
		events = append(events, vector.Input)
	}
	f, err := os.Open("../../../testenv/data/cloudtrail/events.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		events = append(events, lines.Text())
	}
	if len(events) < 2_900 {
		t.Fatalf("only %d events: %v", len(events), lines.Err())
	}
	for _, text := range events {
		e, problems := event.Decode([]byte(text), noon(), event.DefaultLimits())
		if len(problems) > 0 {
			t.Fatalf("%v: %s", problems, text)
		}
		if e.ID == "" {
			e.ID = stream.String()
		}
		r := event.Row{Event: e, Stream: stream}
		wire, _, found := strings.Cut(message(&r), `,"received_at":"1970-`)
		if !found {
			t.Fatalf("no received_at: %s", message(&r))
		}
		again, problems := event.Decode([]byte(wire+"}"), noon(), event.DefaultLimits())
		again.Fingerprint, e.Fingerprint = 0, 0 // no column
		if len(problems) > 0 || again != e {
			t.Fatalf("%v\n got %+v\nwant %+v", problems, again, e)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	return names
}
