package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestReconcile: streams that contradict each other, or the clock.
func TestReconcile(t *testing.T) {
	const later = 30 * 24 * time.Hour
	var third = uuid.MustParse("0193a1b2-0000-7000-8000-000000000003")
	// one is a stream with one commit, which may close it.
	one := func(id, previous uuid.UUID, at time.Time, closed bool, next uuid.UUID) Stream {
		m := Manifest{SealedAt: at, Notes: []Note{{Kind: NoteStart}}}
		if closed {
			m.Notes = []Note{{Kind: NoteRotate, Stream: next}}
		}
		return Stream{Open: Open{Stream: id, Previous: previous, OpenedAt: at}, Object: Accepted{VersionID: "o"},
			Head: Head{Stream: id, Through: at, Closed: closed}, Manifests: []Manifest{m}, Commits: []Accepted{{VersionID: "c"}}}
	}
	open, commit := "p/ledger/%s/open o", "p/ledger/%s/00000000000000000000.commit c"
	for name, tt := range map[string]struct {
		now     time.Duration // since the streams were opened
		streams []Stream
		want    []string
	}{
		"one":                                {later, []Stream{one(testStream, uuid.Nil, opened, false, uuid.Nil)}, nil},
		"closed":                             {later, []Stream{one(testStream, uuid.Nil, opened, true, uuid.Nil)}, nil},
		"a successor":                        {later, []Stream{one(testStream, uuid.Nil, opened, true, otherStream), one(otherStream, testStream, opened, false, uuid.Nil)}, nil},
		"a successor that is about to begin": {time.Hour, []Stream{one(testStream, uuid.Nil, opened, true, otherStream)}, nil},
		"a successor that never began": {later, []Stream{one(testStream, uuid.Nil, opened, true, otherStream)},
			[]string{"missing " + fmt.Sprintf(commit, testStream)}},
		"a successor of another": {later, []Stream{one(testStream, uuid.Nil, opened, true, otherStream), one(otherStream, third, opened, false, uuid.Nil),
			one(third, uuid.Nil, opened, false, uuid.Nil)}, []string{"fork " + fmt.Sprintf(commit, testStream)}},
		"continues nothing":                      {later, []Stream{one(testStream, otherStream, opened, false, uuid.Nil)}, []string{"missing " + fmt.Sprintf(open, testStream)}},
		"continues what has outlived its locks":  {20 * 366 * 24 * time.Hour, []Stream{one(testStream, otherStream, opened, false, uuid.Nil)}, nil},
		"continues what was opened after it":     {later, []Stream{one(testStream, otherStream, opened, false, uuid.Nil), one(otherStream, uuid.Nil, opened.Add(time.Second), false, uuid.Nil)}, []string{"fork " + fmt.Sprintf(open, testStream)}},
		"two that continue each other":           {later, []Stream{one(testStream, otherStream, opened, false, uuid.Nil), one(otherStream, testStream, opened, false, uuid.Nil)}, nil},
		"a writer whose clock is a bit ahead":    {-24 * time.Hour, []Stream{one(testStream, uuid.Nil, opened, false, uuid.Nil)}, nil},
		"complete through what has not come yet": {-48 * time.Hour, []Stream{one(testStream, uuid.Nil, opened, false, uuid.Nil)}, []string{"gap " + fmt.Sprintf(commit, testStream)}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range (&View{Archive: archiveDoc(), Streams: tt.streams}).Reconcile("p", opened.Add(tt.now)) {
				got = append(got, fmt.Sprintf("%s %s %s", f.Kind, f.Key, f.Version))
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestNoKindIsAnother: what a key signed as one kind of text is no other kind.
func TestNoKindIsAnother(t *testing.T) {
	root, stream := rootKey(t), streamKey(t, testStream)
	o := openDoc(t, testStream)
	h := newHead(t, testStream)
	archive, err := SignArchive(archiveDoc(), root)
	if err != nil {
		t.Fatal(err)
	}
	commit, next := mustNext(t, h, h.Empty(opened, "test", Note{Kind: NoteStart}))
	recovery, _ := mustSign(t, next, next.Empty(opened, "test", Note{Kind: NoteRecover}), root)
	c, err := ParseCommit(commit)
	if err != nil {
		t.Fatal(err)
	}
	attestBy := func(s Signer) []byte {
		b, err := SignAttestation(Attestation{Archive: testArchive, Kind: AttestVerify, At: opened}, struct{}{}, s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	signed := map[string][]byte{
		"archive": archive, "open": signedOpen(t, testStream), "commit": commit, "recovery": recovery, "checkpoint": c.Checkpoint,
		"shipment": mustSeal(t, shipmentDoc(), "frames\n", stream), "attestation": attestBy(root), "attestation of a stream": attestBy(stream),
	}
	lookup := func(name string) string {
		return map[string]string{root.Name(): root.VKey(), stream.Name(): stream.VKey()}[name]
	}
	readers := map[string]func(b []byte) error{
		"archive":  func(b []byte) error { _, err := ParseArchive(b, root.VKey()); return err },
		"open":     func(b []byte) error { _, err := ParseOpen(b, root.VKey()); return err },
		"commit":   func(b []byte) error { _, _, err := h.Verify(b); return err },
		"recovery": func(b []byte) error { _, _, err := next.Verify(b); return err },
		"shipment": func(b []byte) error { _, _, err := ParseShipment(b, &o); return err },
		"attestation": func(b []byte) error {
			_, err := ParseAttestation(b, lookup)
			return err
		},
	}
	for kind, b := range signed {
		for as, read := range readers {
			want := kind == as || kind == "attestation of a stream" && as == "attestation"
			if err := read(b); (err == nil) != want {
				t.Errorf("%s read as %s: %v", kind, as, err)
			}
		}
	}
}
