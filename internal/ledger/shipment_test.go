package ledger

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func shipmentDoc() Shipment {
	return Shipment{Archive: testArchive, Stream: testStream, First: 40, Last: 49, Batch: 3, BatchFirst: 30, ShippedAt: opened}
}

// movedRuns makes n of the longest ranges that there are.
func movedRuns(n int) []MovedRun {
	return slices.Repeat([]MovedRun{{otherStream, Range{maxInt - 2, maxInt - 1}, Range{maxInt - 2, maxInt - 1}}}, n)
}

// TestShipmentHeadHasRoom: the most that may have been moved fits.
func TestShipmentHeadHasRoom(t *testing.T) {
	o := openDoc(t, testStream)
	s := shipmentDoc()
	s.First, s.Last, s.Moved = maxInt-2, maxInt-1, movedRuns(MaxShipmentMoved)
	head := mustSeal(t, s, "frames", streamKey(t, testStream))
	got, length, err := ParseShipment(append(slices.Clip(head), "frames"...), &o)
	if err != nil || length != int64(len(head)) || !reflect.DeepEqual(got.Moved, s.Moved) {
		t.Errorf("%d bytes of at most %d, %v", len(head), MaxShipmentHead, err)
	}
}

func mustSeal(t testing.TB, s Shipment, frames string, by Signer) []byte {
	t.Helper()
	head, err := SealShipment(s, []byte(frames), by)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func TestShipment(t *testing.T) {
	o := openDoc(t, testStream)
	head := mustSeal(t, shipmentDoc(), "frames\n\n", streamKey(t, testStream))
	got, length, err := ParseShipment(append(slices.Clip(head), "frames\n\n"...), &o)
	if err != nil || length != int64(len(head)) {
		t.Fatalf("length %d of %d, %v", length, len(head), err)
	}
	want := shipmentDoc()
	want.Version, want.Size, want.SHA256 = formatVersion, 8, sha256.Sum256([]byte("frames\n\n"))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	key := ShipmentKey("p", &got, Hash{0xab, 0xcd})
	name, ok := ParseShipmentName(strings.TrimPrefix(key, WALPrefix("p", testStream)))
	if !ok || name.First != 40 || name.Last != 49 || !name.Names(Hash{0xab, 0xcd}) || name.Names(Hash{0xab, 0xce}) {
		t.Errorf("%s: %+v, %v", key, name, ok)
	}
}

// TestShipmentIsRefused: nothing but the stream's key makes a shipment, and no byte
// of its head can be another.
func TestShipmentIsRefused(t *testing.T) {
	o := openDoc(t, testStream)
	head := mustSeal(t, shipmentDoc(), "frames", streamKey(t, testStream))
	for name, by := range map[string]Key{
		"key of another stream": streamKey(t, otherStream), "root key": rootKey(t),
		"forger of the same name": seedKey(t, StreamName(testArchive, testStream), "forger"),
	} {
		if _, _, err := ParseShipment(mustSeal(t, shipmentDoc(), "frames", by), &o); err == nil {
			t.Errorf("accepted: %s", name)
		}
	}
	foreign := shipmentDoc()
	foreign.Stream = otherStream
	if _, _, err := ParseShipment(mustSeal(t, foreign, "frames", streamKey(t, testStream)), &o); err == nil {
		t.Error("accepted: the name of another stream")
	}
	for i := range head {
		bad := bytes.Clone(head)
		if bad[i] ^= 1; i == len(head)-1 {
			continue // its length is another then, and the frames begin elsewhere
		}
		if _, _, err := ParseShipment(bad, &o); err == nil {
			t.Fatalf("accepted with byte %d flipped", i)
		}
	}
	for name, change := range map[string]func(*Shipment){
		"ends before it begins": func(s *Shipment) { s.Last = 38 }, "negative": func(s *Shipment) { s.First, s.Last = -1, 3 },
		"nothing in nothing": func(s *Shipment) { s.First, s.Last, s.BatchFirst = 0, -1, 0 },
		"batch after it":     func(s *Shipment) { s.BatchFirst = 41 },
		"moved from itself":  func(s *Shipment) { s.Moved = []MovedRun{{testStream, Range{3, 4}, Range{40, 41}}} },
		"moved elsewhere":    func(s *Shipment) { s.Moved = []MovedRun{{otherStream, Range{3, 4}, Range{49, 50}}} },
		"moved and longer":   func(s *Shipment) { s.Moved = []MovedRun{{otherStream, Range{3, 5}, Range{40, 41}}} },
		"moved from before":  func(s *Shipment) { s.Moved = []MovedRun{{otherStream, Range{-1, 0}, Range{40, 41}}} },
		"moved nothing":      func(s *Shipment) { s.Moved = []MovedRun{} },
		"moved too much":     func(s *Shipment) { s.Moved = movedRuns(MaxShipmentMoved + 1) },
	} {
		s := shipmentDoc()
		change(&s)
		if _, err := SealShipment(s, []byte("frames"), streamKey(t, testStream)); err == nil {
			t.Errorf("made: %s", name)
		}
	}
	if _, err := SealShipment(shipmentDoc(), nil, streamKey(t, testStream)); err == nil {
		t.Error("made: an empty one")
	}
}

func TestShipmentNames(t *testing.T) {
	const a, b, sum = "00000000000000000040", "00000000000000000049", "0123456789abcdef"
	for name, want := range map[string]bool{
		a + "-" + b + "-" + sum + ".frames": true, a + "-00000000000000000039-" + sum + ".frames": true,
		a + "-00000000000000000038-" + sum + ".frames": false, a + "-" + b + ".frames": false,
		"40-49-" + sum + ".frames": false, a + "-" + b + "-" + sum: false, a + "-" + b + "-" + sum + ".frames/x": false,
		a + "-" + b + "-0123.frames": false, "+0000000000000000040-" + b + "-" + sum + ".frames": false, "": false,
	} {
		if _, ok := ParseShipmentName(name); ok != want {
			t.Errorf("%q: %v, want %v", name, ok, want)
		}
	}
}
