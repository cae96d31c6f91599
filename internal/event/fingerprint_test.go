package event

import (
	"testing"
	"time"
)

// What was sent decides, not when it arrived, nor what the archive made of it.
func TestFingerprint(t *testing.T) {
	const id = `"id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"`
	of := func(raw string, now time.Time) uint64 {
		t.Helper()
		e, errs := Decode([]byte(raw), now, DefaultLimits())
		if errs != nil {
			t.Fatal(raw, errs)
		}
		if e.Fingerprint == 0 {
			t.Errorf("%s: no fingerprint", raw)
		}
		return e.Fingerprint
	}
	first := of(with(id), testNow)
	for about, raw := range map[string]string{
		"again":               with(id),
		"null is absent":      with(id + `,"reason":null,"timestamp":null`),
		"white space":         " " + with("\n"+id),
		"order of the fields": minimal[:len(minimal)-1] + "," + id + "}",
		"upper-case id":       with(`"id":"01980C9E-6E1F-7C3A-9D55-0B7A1F1C2D3E"`),
	} {
		if of(raw, testNow.Add(time.Hour)) != first {
			t.Errorf("%s: another fingerprint", about)
		}
	}
	at := `,"timestamp":"2026-11-23T12:00:00Z"` // testNow, but sent
	seen := map[uint64]string{first: "the first one"}
	for _, raw := range []string{
		minimal, with(id + at), with(id + `,"reason":""`), with(id + `,"reason":"r"`), with(id + `,"details":{}`), with(id + `,"details":{ }`),
		with(id + `,"request_id":"r"`), with(id + `,"user_agent":"r"`), with(id + `,"organization_id":"r"`), with(id + `,"ip":"::1"`),
		with(id + `,"ip":"0::1"`),
	} {
		print := of(raw, testNow)
		if other, ok := seen[print]; ok {
			t.Errorf("%s has the fingerprint of %s", raw, other)
		}
		seen[print] = raw
	}
	if a, b := of(with(id+at), testNow), of(with(id+`,"timestamp":"2026-11-23T14:00:00.000+02:00"`), testNow); a != b {
		t.Error("the same instant in another zone is another event")
	}
}
