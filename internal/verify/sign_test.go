package verify

import (
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/audit-archiver/archiver/internal/ledger"
)

func TestAttest(t *testing.T) {
	w, a, _ := victim(t)
	w.mem.Hide(a.path(0))
	r := w.verify()
	printed := []byte("the report as it was printed\n")
	key, err := Attest(t.Context(), w.store, prefix, r, printed, a.key, w.now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Attest(t.Context(), w.store, prefix, r, printed, a.key, w.now) // its answer was lost, say
	if err != nil || again != key {
		t.Errorf("again: %s, %v, want %s", again, err, key)
	}
	body, err := w.store.Get(t.Context(), key, "")
	if err != nil {
		t.Fatal(err)
	}
	raw := must(io.ReadAll(body))
	signed, err := ledger.ParseAttestation(raw, func(name string) string {
		if name == a.key.Name() {
			return a.key.VKey()
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	var said Attested
	if err := json.Unmarshal(signed.Body, &said); err != nil {
		t.Fatal(err)
	}
	if said.Result != Violation || said.Findings[Hidden] != 1 || said.Report != sumOf(printed) || len(said.Streams) != 2 || signed.Kind != ledger.AttestVerify {
		t.Errorf("%+v", said)
	}
	info, err := w.store.Head(t.Context(), key, "")
	if err != nil || info.RetainUntil.Before(w.now.AddDate(0, 0, 3)) {
		t.Errorf("locked until %s, %v", info.RetainUntil, err)
	}
	if after := w.verify(); len(after.Findings) != 1 {
		t.Errorf("with the attestation: %+v", after.Findings)
	}
	forged := w.mem.PutForged(key, []byte("x"))
	marker := w.mem.Hide(key)
	r = w.verify()
	var got []string
	for _, f := range r.Findings {
		got = append(got, string(f.Kind)+" "+f.Version)
	}
	if all := strings.Join(got, ", "); !strings.Contains(all, "replaced "+forged) || !strings.Contains(all, "hidden "+marker) {
		t.Errorf("over an attestation: %s", all)
	}
	if _, err := Attest(t.Context(), w.store, prefix, &Report{Archive: w.archive.ID}, printed, a.key, w.now); err == nil {
		t.Error("attested what nobody could read")
	}
}
