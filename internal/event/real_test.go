package event

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
)

// realNow is shortly after the recorded events happened.
var realNow = time.Date(2023, 7, 11, 0, 0, 0, 0, time.UTC)

// realEvents returns the recorded events, one JSON object each.
func realEvents(tb testing.TB) [][]byte {
	tb.Helper()
	f, err := os.Open("../../testenv/data/cloudtrail/events.ndjson.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var lines [][]byte
	for s := bufio.NewScanner(z); s.Scan(); {
		lines = append(lines, bytes.Clone(s.Bytes()))
	}
	if len(lines) != 2900 {
		tb.Fatalf("%d recorded events, want 2900", len(lines))
	}
	return lines
}

// wire is an event as the standard library reads it: a second opinion.
type wire struct {
	ID             *string
	Timestamp      *time.Time
	Action         *string
	Actor          struct{ ID, Type, Email *string }
	Resource       struct{ Type, ID *string }
	Outcome        *string
	Reason         *string
	Details        json.RawMessage
	RequestID      *string `json:"request_id"`
	IP             *string
	UserAgent      *string `json:"user_agent"`
	OrganizationID *string `json:"organization_id"`
}

func text(p *string) Text {
	if p == nil {
		return Text{}
	}
	return Str(*p)
}

func (w *wire) event() Event {
	e := Event{
		ID: *w.ID, Action: *w.Action, ActorID: *w.Actor.ID, ActorType: *w.Actor.Type, ActorEmail: text(w.Actor.Email),
		ResourceType: *w.Resource.Type, ResourceID: text(w.Resource.ID), Outcome: *w.Outcome, Reason: text(w.Reason),
		RequestID: text(w.RequestID), IP: text(w.IP), UserAgent: text(w.UserAgent), OrganizationID: text(w.OrganizationID),
		TimestampNS: w.Timestamp.UnixNano(),
	}
	if w.Details != nil {
		e.Details = Str(string(w.Details))
	}
	return e
}

func TestRealEvents(t *testing.T) {
	d := NewDecoder(DefaultLimits())
	leaves := make(map[[32]byte]bool)
	for i, raw := range realEvents(t) {
		got, errs := d.Decode(raw, realNow)
		if len(errs) > 0 {
			t.Fatalf("event %d: %v", i, errs)
		}
		var w wire
		if err := json.Unmarshal(raw, &w); err != nil {
			t.Fatal(err)
		}
		want := w.event()
		want.Fingerprint = got.Fingerprint // no column
		if got != want {
			t.Fatalf("event %d:\n got %+v\nwant %+v", i, got, want)
		}
		got.Producer, got.Retention, got.ReceivedAtMS = "test", "standard", realNow.UnixMilli()
		back, err := DecodeBinary(AppendBinary(nil, &got))
		if err != nil || back != got {
			t.Fatalf("event %d: %v\n got %+v\nwant %+v", i, err, back, got)
		}
		leaves[LeafHash(&Row{Event: got, Stream: uuid.Max, Seq: int64(i)})] = true
	}
	if len(leaves) != 2900 {
		t.Errorf("%d different leaves, want 2900", len(leaves))
	}
}

func BenchmarkBinary(b *testing.B) {
	e, _ := Decode(realEvents(b)[100], realNow, DefaultLimits())
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendBinary(dst[:0], &e)
		if _, err := DecodeBinary(dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeafHash(b *testing.B) {
	e, _ := Decode(realEvents(b)[100], realNow, DefaultLimits())
	r := &Row{Event: e}
	b.ReportAllocs()
	for b.Loop() {
		LeafHash(r)
	}
}
