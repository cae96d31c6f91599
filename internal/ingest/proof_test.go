package ingest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const someID = "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"

func TestProofs(t *testing.T) {
	var asked ProofQuery
	var fail error
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Clients = testClients()
		o.Prove = func(_ context.Context, q ProofQuery) ([]byte, error) {
			asked = q
			return []byte("proof\n"), fail
		}
	})
	d := describe(t, openAPI)
	get := func(path string, status int) *answer {
		t.Helper()
		a := w.do("GET", path, bearer(queryToken), nil)
		err := d.Describes("GET", proofPath, a.StatusCode, a.Header, a.body)
		if a.StatusCode != status || err != nil {
			t.Errorf("%s: status %d, want %d: %v: %s", path, a.StatusCode, status, err, a.body)
		}
		return a
	}
	id := uuid.MustParse(someID)
	if a := get("/v1/events/"+someID+"/proof", 200); string(a.body) != "proof\n" || asked != (ProofQuery{ID: id, Seq: -1}) {
		t.Errorf("%q, asked for %+v", a.body, asked)
	}
	get("/v1/events/"+strings.ToUpper(someID)+"/proof?producer=a%20b&stream="+someID+"&seq=7&dt=2026-11-23", 200)
	if asked != (ProofQuery{id, "a b", id, 7, "2026-11-23"}) {
		t.Errorf("asked for %+v", asked)
	}
	for _, bad := range []string{"x/proof", "%7Bid%7D/proof", someID + "/proof?seq=-1", someID + "/proof?seq=x", someID + "/proof?dt=2026-13-01", someID + "/proof?stream=7",
		someID + "/proof?producer=", someID + "/proof?producer=a&producer=b", someID + "/proof?what=1", someID + "/proof?%zz"} {
		get("/v1/events/"+bad, 400)
	}
	for refusal, status := range map[ProofRefusal]int{NoEvent: 404, NotArchived: 409, Ambiguous: 409, Expired: 410, Unavailable: 503} {
		fail = &ProofError{Refusal: refusal, Detail: "because"}
		if a := get("/v1/events/"+someID+"/proof", status); !strings.Contains(string(a.body), "because") {
			t.Errorf("%s", a.body)
		}
	}
	fail = errors.New("the secret of the disk")
	if a := get("/v1/events/"+someID+"/proof", 500); strings.Contains(string(a.body), "secret") {
		t.Errorf("%s", a.body)
	}
	for _, none := range []string{"/v1/events//proof", "/v1/events/a/b/proof", "/v1/events/proof", "/v1/events/" + someID, "/v1/events/" + someID + "/proof/"} {
		if a := w.do("GET", none, bearer(queryToken), nil); a.StatusCode != 404 {
			t.Errorf("%s: status %d", none, a.StatusCode)
		}
	}
	if a := w.do("GET", "/v1/events/"+someID+"/proof", bearer(ingestToken), nil); a.StatusCode != 403 {
		t.Errorf("without the scope: status %d", a.StatusCode)
	}
	if a := w.do("POST", "/v1/events/"+someID+"/proof", bearer(queryToken), nil); a.StatusCode != 405 {
		t.Errorf("POST: status %d", a.StatusCode)
	}
}

// TestProofsAreBounded: who comes while the slots are taken is told so at once.
func TestProofsAreBounded(t *testing.T) {
	at, hold := make(chan struct{}, proofsMost), make(chan struct{})
	w := newWorld(t, DefaultTimeouts(), func(o *Options) {
		o.Prove = func(context.Context, ProofQuery) ([]byte, error) {
			at <- struct{}{}
			<-hold
			return []byte("proof\n"), nil
		}
	})
	done := make(chan int, proofsMost)
	for range proofsMost {
		go func() { done <- w.do("GET", "/v1/events/"+someID+"/proof", nil, nil).StatusCode }()
		<-at
	}
	if a := w.do("GET", "/v1/events/"+someID+"/proof", nil, nil); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("status %d", a.StatusCode)
	}
	close(hold)
	for range proofsMost {
		if status := <-done; status != 200 {
			t.Errorf("status %d", status)
		}
	}
}
