package event

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
)

func TestLeafDecodes(t *testing.T) {
	rows := []Row{
		{},
		{Event: Event{ID: "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e", Action: "a", ActorID: "b", ActorType: "user", ActorEmail: Str(""),
			ResourceType: "r", ResourceID: Str("x"), Outcome: "failure", Reason: Str("é"), Details: Str(`{"a" : 1}`), RequestID: Str("q"),
			IP: Str("::1"), UserAgent: Str("ua"), OrganizationID: Str("o"), ReceivedAtMS: 7, Producer: "p", TimestampNS: -1, Retention: "standard"},
			Stream: uuid.MustParse("0193a1b2-0000-7000-8000-000000000001"), Seq: 1 << 40},
	}
	for _, want := range rows {
		leaf := AppendLeaf(nil, &want)
		got, err := DecodeLeaf(leaf)
		if err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		for n := range leaf {
			if _, err := DecodeLeaf(leaf[:n]); err == nil {
				t.Errorf("cut to %d of %d bytes it is taken", n, len(leaf))
			}
			// What is taken at all has one encoding.
			for bit := range 8 {
				other := bytes.Clone(leaf)
				other[n] ^= 1 << bit
				if got, err := DecodeLeaf(other); err == nil && !bytes.Equal(AppendLeaf(nil, &got), other) {
					t.Errorf("byte %d, bit %d: a second encoding of %+v", n, bit, got)
				}
			}
		}
		if _, err := DecodeLeaf(append(leaf, 0)); err == nil {
			t.Error("a byte too many is taken")
		}
	}
}
