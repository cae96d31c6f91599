package event

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
)

// FuzzDecode demands that what is accepted is an event that the standard
// library reads in the same way, within the limits, with details cut out of the
// input unchanged, and that it survives both encodings without loss.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(minimal))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, errs := Decode(raw, testNow, DefaultLimits())
		if len(errs) > 0 {
			for _, err := range errs {
				if err.Reason == "" || len(errs) > maxErrors || !utf8.ValidString(err.Field+err.Reason) {
					t.Fatalf("%d errors, among them %+v", len(errs), err)
				}
			}
			return
		}
		var w wire
		if err := json.Unmarshal(raw, &w); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		sent := e
		if w.ID == nil {
			w.ID = &sent.ID
		}
		if w.Timestamp == nil {
			w.Timestamp = &testNow
		}
		if string(w.Details) == "null" {
			w.Details = nil
		}
		sent.ID = *w.ID // may be in upper case
		sent.Fingerprint = 0
		if !strings.EqualFold(sent.ID, e.ID) || sent != w.event() {
			t.Fatalf("\n got %+v\nwant %+v", sent, w.event())
		}
		if e.Details.Valid && (!strings.Contains(string(raw), e.Details.S) || len(e.Details.S) > 48<<10) {
			t.Fatalf("details %q are not part of the input", e.Details.S)
		}
		for _, s := range []string{e.ID, e.Action, e.ActorID, e.ActorEmail.S, e.ResourceType, e.ResourceID.S,
			e.Reason.S, e.Details.S, e.RequestID.S, e.IP.S, e.UserAgent.S, e.OrganizationID.S} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Fatalf("accepted %q", s)
			}
		}
		back, err := DecodeBinary(AppendBinary(nil, &e))
		if err != nil || back != e {
			t.Fatalf("%v\n got %+v\nwant %+v", err, back, e)
		}
		r := &Row{Event: e, Stream: uuid.Max, Seq: 1}
		if string(AppendLeaf(nil, r)) != string(slowLeaf(r)) {
			t.Fatalf("leaf of %+v", r)
		}
	})
}

// FuzzDecodeBinary demands that every accepted record is the only encoding of
// its event, and that its partition can be told without decoding it.
func FuzzDecodeBinary(f *testing.F) {
	e := full()
	f.Add(AppendBinary(nil, &e))
	f.Add(AppendBinary(nil, &Event{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeBinary(b)
		class, ns, err2 := PartitionOfBinary(b)
		if err != nil {
			return
		}
		if err2 != nil || string(class) != e.Retention || ns != e.TimestampNS {
			t.Fatalf("partition of %x: %q, %d, %v", b, class, ns, err2)
		}
		again := AppendBinary(nil, &e)
		again[0] = b[0] // version 0 has the same form
		if string(again) != string(b) {
			t.Fatalf("%x and %x decode to the same event", b, again)
		}
	})
}
