package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func testRepair() RepairBody {
	return RepairBody{Objects: []RepairedObject{{Key: "events/x", VersionID: "v2", SHA256: sha256.Sum256(nil), Over: []string{"v1"}}}}
}

func TestAttestation(t *testing.T) {
	root, stream := rootKey(t), streamKey(t, testStream)
	keys := map[string]string{root.Name(): root.VKey(), stream.Name(): stream.VKey()}
	lookup := func(name string) string { return keys[name] }
	a := Attestation{Archive: testArchive, Kind: AttestRepair, At: time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)}
	for _, key := range []Key{root, stream} {
		signed, err := SignAttestation(a, testRepair(), key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseAttestation(signed, lookup)
		if err != nil {
			t.Fatal(err)
		}
		body, err := got.Repair()
		if err != nil || got.Signer != key.Name() || !got.At.Equal(a.At.Truncate(time.Second)) || body.Objects[0].Over[0] != "v1" {
			t.Errorf("got %+v, body %+v, %v", got, body, err)
		}
		for i := range signed {
			bad := bytes.Clone(signed)
			bad[i] ^= 1
			if _, err := ParseAttestation(bad, lookup); err == nil {
				t.Fatalf("taken with byte %d changed", i)
			}
		}
		name, _ := strings.CutPrefix(AttestKey(prefix, AttestRepair, signed), prefix+"/")
		if kind, ok := ParseAttestName(name); !ok || kind != AttestRepair {
			t.Errorf("name %q: kind %q, %v", name, kind, ok)
		}
	}
}

func TestAttestationRefused(t *testing.T) {
	stranger := seedKey(t, StreamName(testArchive, otherStream), "stranger")
	other := seedKey(t, RootName(otherStream), "another archive")
	root := rootKey(t)
	lookup := func(name string) string {
		if name == root.Name() {
			return root.VKey()
		}
		return ""
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, tt := range []struct {
		name string
		a    Attestation
		body any
		key  Key
	}{
		{"a stream that is not certified", Attestation{Archive: testArchive, Kind: AttestVerify, At: at}, struct{}{}, stranger},
		{"a key of another archive", Attestation{Archive: testArchive, Kind: AttestVerify, At: at}, struct{}{}, other},
		{"no time", Attestation{Archive: testArchive, Kind: AttestVerify}, struct{}{}, root},
		{"no kind", Attestation{Archive: testArchive, At: at}, struct{}{}, root},
		{"a body that is no object", Attestation{Archive: testArchive, Kind: AttestVerify, At: at}, 7, root},
		{"a repair of nothing that has a name", Attestation{Archive: testArchive, Kind: AttestRepair, At: at},
			RepairBody{Objects: []RepairedObject{{}}}, root},
		{"a repair with unknown members", Attestation{Archive: testArchive, Kind: AttestRepair, At: at},
			json.RawMessage(`{"objects":[],"more":1}`), root},
		{"too large", Attestation{Archive: testArchive, Kind: AttestVerify, At: at},
			map[string]string{"x": strings.Repeat("x", MaxAttestBytes)}, root},
	} {
		t.Run(tt.name, func(t *testing.T) {
			signed, err := SignAttestation(tt.a, tt.body, tt.key)
			if err == nil {
				_, err = ParseAttestation(signed, lookup)
			}
			if err == nil {
				t.Error("accepted")
			}
		})
	}
	for _, bad := range []string{"", "attest/", "attest/verify/0123456789abcdef", "attest/verify/0123456789ABCDEF.note",
		"attest/verify/x/0123456789abcdef.note", "attest/Verify/0123456789abcdef.note", "ledger/verify/0123456789abcdef.note"} {
		if _, ok := ParseAttestName(bad); ok {
			t.Errorf("name %q: accepted", bad)
		}
	}
}
