package gen

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

const sample = 100_000

func start() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

// golden is the hash of the first thousand events. Figures are comparable with each other only while it stays: who
// changes it measures everything again.
const golden = "e8ff79fae35812f0844d263fce2f1db694540ca3aa64cfabea9b62d373d38b1f"

func TestSameSeedSameEvents(t *testing.T) {
	sum := func(seed uint64) string {
		h := sha256.New()
		g := New(seed, start(), 50_000)
		var line []byte
		for range 1000 {
			e := g.Event()
			line = AppendJSON(line[:0], &e)
			h.Write(line)
		}
		return hex.EncodeToString(h.Sum(nil))
	}
	if got := sum(42); got != golden {
		t.Errorf("seed 42 gives %s, want %s", got, golden)
	}
	if sum(42) == sum(43) {
		t.Error("another seed gives the same events")
	}
}

// TestWireForm: what is sent is what is stored, and the server takes all of it.
func TestWireForm(t *testing.T) {
	g := New(1, start(), 50_000)
	d := event.NewDecoder(event.DefaultLimits())
	now := start().Add(time.Hour)
	for range sample {
		want := g.Event()
		line := AppendJSON(nil, &want)
		got, errs := d.Decode(line, now)
		if errs != nil {
			t.Fatalf("%s: %v", line, errs)
		}
		want.Fingerprint = got.Fingerprint
		got.ReceivedAtMS, got.Producer, got.Retention = want.ReceivedAtMS, want.Producer, want.Retention
		if got != want {
			t.Fatalf("\n got %+v\nwant %+v", got, want)
		}
	}
}

// TestDistributions holds the package comment to its word.
func TestDistributions(t *testing.T) {
	g := New(7, start(), 50_000)
	count := make(map[string]int)
	unique := make(map[string]bool)
	var bytes int
	last := start().UnixNano()
	for range sample {
		e := g.Event()
		if e.TimestampNS <= last {
			t.Fatal("time does not rise")
		}
		last = e.TimestampNS
		bytes += len(AppendJSON(nil, &e))
		unique[e.ID], unique[e.RequestID.S] = true, true
		for _, is := range []struct {
			name string
			so   bool
		}{
			{"view a document", e.Action == "document.view"}, {"delete a user", e.Action == "user.delete"},
			{"user", e.ActorType == "user"}, {"api_key", e.ActorType == "api_key"}, {"system", e.ActorType == "system"},
			{"first actor", e.ActorID == "usr_2em8044mze87p"}, {"failure", e.Outcome == "failure"}, {"no address", !e.IP.Valid},
		} {
			if is.so {
				count[is.name]++
			}
		}
	}
	if len(unique) != 2*sample {
		t.Errorf("%d ids and request ids, want %d different ones", len(unique), 2*sample)
	}
	within := func(what string, got, low, high float64) {
		if got < low || got > high {
			t.Errorf("%s: %.4f, want %.4f to %.4f", what, got, low, high)
		}
	}
	within("bytes of an event", float64(bytes)/sample, 540, 560)
	for name, p := range map[string][2]float64{
		"view a document": {0.19, 0.21}, "delete a user": {0.0115, 0.0137}, "user": {0.88, 0.92}, "api_key": {0.08, 0.11},
		"system": {0.005, 0.015}, "failure": {0.037, 0.043}, "no address": {0.005, 0.015}, "first actor": {0.0135, 0.0163},
	} {
		within(name, float64(count[name])/sample, p[0], p[1])
	}
}
