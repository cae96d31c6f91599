package event

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// full has a different value in every column.
func full() Event {
	return Event{
		ID: "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", Action: "action", ActorID: "actor", ActorType: "user",
		ActorEmail: Str("email"), ResourceType: "type", ResourceID: Str("resource"), Outcome: "success",
		Reason: Str("reason"), Details: Str(`{"a":1}`), RequestID: Str("request"), IP: Str("10.0.0.1"),
		UserAgent: Str("agent"), OrganizationID: Str("org"), ReceivedAtMS: math.MaxInt64, Producer: "producer",
		TimestampNS: math.MinInt64, Retention: "standard", Fingerprint: math.MaxUint64,
	}
}

// changed returns variants of e, each of which differs in one column: NULL,
// empty, longer and shorter are all different.
func changed(e Event) []Event {
	var out []Event
	for i := range reflect.TypeFor[Event]().NumField() {
		set := func(f func(v reflect.Value)) {
			other := e
			f(reflect.ValueOf(&other).Elem().Field(i))
			out = append(out, other)
		}
		switch reflect.TypeFor[Event]().Field(i).Type {
		case reflect.TypeFor[string]():
			set(func(v reflect.Value) { v.SetString("") })
			set(func(v reflect.Value) { v.SetString(v.String() + "x") })
		case reflect.TypeFor[Text]():
			set(func(v reflect.Value) { v.Set(reflect.ValueOf(Text{})) })
			set(func(v reflect.Value) { v.Set(reflect.ValueOf(Str(""))) })
			set(func(v reflect.Value) { v.Set(reflect.ValueOf(Str("\x00\x00\x00\x00"))) })
		case reflect.TypeFor[uint64]():
			// The fingerprint is no column: TestBinaryRoundTrip has it in full.
		default:
			set(func(v reflect.Value) { v.SetInt(v.Int() ^ 1) })
		}
	}
	return out
}

func TestBinaryRoundTrip(t *testing.T) {
	seen := make(map[string]bool)
	other := full()
	other.Fingerprint = 1
	for _, e := range append(changed(full()), Event{}, full(), other) {
		b := AppendBinary([]byte("prefix"), &e)
		got, err := DecodeBinary(b[len("prefix"):])
		if err != nil || got != e {
			t.Errorf("%v\n got %+v\nwant %+v", err, got, e)
		}
		if seen[string(b)] {
			t.Errorf("two events have the encoding of %+v", e)
		}
		seen[string(b)] = true
		class, ns, err := PartitionOfBinary(b[len("prefix"):])
		if err != nil || string(class) != e.Retention || ns != e.TimestampNS {
			t.Errorf("partition of %+v: %q, %d, %v", e, class, ns, err)
		}
	}
}

func TestDecodeBinaryRefuses(t *testing.T) {
	e := full()
	good := AppendBinary(nil, &e)
	for n := range good {
		if _, err := DecodeBinary(good[:n]); err == nil {
			t.Errorf("accepted the first %d of %d bytes", n, len(good))
		}
		if _, _, err := PartitionOfBinary(good[:n]); err == nil && n < len(good)-8 { // the fingerprint
			t.Errorf("accepted the first %d of %d bytes for a partition", n, len(good))
		}
	}
	if _, err := DecodeBinary(append(bytes.Clone(good), 0)); err == nil || !strings.Contains(err.Error(), "1 bytes after") {
		t.Errorf("one byte more: %v", err)
	}
	version := bytes.Clone(good)
	version[0] = 2
	if _, err := DecodeBinary(version); err == nil || !strings.Contains(err.Error(), "version 2 is unknown") {
		t.Errorf("version: %v", err)
	}
	version[0] = 0
	if got, err := DecodeBinary(version); err != nil || got != e {
		t.Errorf("version 0: %+v, %v", got, err)
	}
	// The presence byte of actor_email follows four strings.
	at := 1 + 4*4 + len(e.ID+e.Action+e.ActorID+e.ActorType)
	presence := bytes.Clone(good)
	if presence[at]++; presence[at] != 2 {
		t.Fatalf("byte %d is not the presence byte", at)
	}
	if _, err := DecodeBinary(presence); err == nil || !strings.Contains(err.Error(), "actor_email: presence") {
		t.Errorf("presence: %v", err)
	}
	length := bytes.Clone(good)
	binary.BigEndian.PutUint32(length[1:], math.MaxUint32)
	if _, err := DecodeBinary(length); err == nil || !strings.Contains(err.Error(), "id: ") {
		t.Errorf("length: %v", err)
	}
}

// slowLeaf encodes a row in the most obvious way, from docs/format/event.md.
func slowLeaf(r *Row) []byte {
	leaf := []byte("aevleaf\x01")
	for _, column := range []any{
		r.ID, r.Action, r.ActorID, r.ActorType, r.ActorEmail, r.ResourceType, r.ResourceID, r.Outcome, r.Reason,
		r.Details, r.RequestID, r.IP, r.UserAgent, r.OrganizationID, r.ReceivedAtMS, r.Producer, r.TimestampNS,
		r.Stream, r.Seq, r.Retention,
	} {
		var b bytes.Buffer
		switch c := column.(type) {
		case string:
			_ = binary.Write(&b, binary.BigEndian, uint32(len(c)))
			b.WriteString(c)
		case Text:
			_ = binary.Write(&b, binary.BigEndian, c.Valid)
			if c.Valid {
				_ = binary.Write(&b, binary.BigEndian, uint32(len(c.S)))
				b.WriteString(c.S)
			}
		case int64, uuid.UUID:
			_ = binary.Write(&b, binary.BigEndian, c)
		}
		leaf = append(leaf, b.Bytes()...)
	}
	return leaf
}

func TestLeafIsInjective(t *testing.T) {
	row := Row{Event: full(), Stream: uuid.Max, Seq: 1}
	seen := make(map[string]bool)
	rows := []Row{row, {Event: full(), Stream: uuid.Nil, Seq: 1}, {Event: full(), Stream: uuid.Max, Seq: -1}, {}}
	for _, e := range changed(full()) {
		rows = append(rows, Row{Event: e, Stream: uuid.Max, Seq: 1})
	}
	// Bytes that move from one column to its neighbour.
	for i := 1; i < 6; i++ {
		e := full()
		e.ActorID, e.ActorType = "abcdef"[:i], "abcdef"[i:]
		rows = append(rows, Row{Event: e, Stream: uuid.Max, Seq: 1})
	}
	for _, r := range rows {
		leaf := AppendLeaf(nil, &r)
		if !bytes.Equal(leaf, slowLeaf(&r)) {
			t.Errorf("leaf of %+v:\n got %x\nwant %x", r, leaf, slowLeaf(&r))
		}
		if seen[string(leaf)] {
			t.Errorf("two rows have the leaf of %+v", r)
		}
		seen[string(leaf)] = true
	}
}

func TestValidClass(t *testing.T) {
	for name, want := range map[string]bool{
		"standard": true, "a": true, "a-9": true, strings.Repeat("a", 32): true,
		"": false, strings.Repeat("a", 33): false, "9a": false, "-a": false, "A": false, "a_b": false, "a/b": false,
		"a.b": false, "a b": false, "é": false, "a\x00": false, "..": false,
	} {
		if got := ValidClass(name); got != want {
			t.Errorf("ValidClass(%q) = %v, want %v", name, got, want)
		}
	}
}
