package main

import (
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/event"
)

// TestSameWork: the libraries are compared on one job, so each must find in an event what ours finds. Details may be
// spelled differently by the one that writes them anew.
func TestSameWork(t *testing.T) {
	inputs, err := inputs("../../testenv/data/cloudtrail/events.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	list, err := decoders()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, in := range inputs {
		for _, raw := range in.events {
			var want event.Event
			for i, d := range list {
				got, err := d.decode(raw, now)
				if err != nil {
					t.Fatalf("%s: %v: %s", d.name, err, raw)
				}
				if i == 0 {
					want = got
				}
				if d.name == "minio/simdjson-go" {
					got.Details = want.Details
				}
				got.Fingerprint = want.Fingerprint
				if got != want {
					t.Fatalf("%s:\n got %+v\nwant %+v", d.name, got, want)
				}
			}
		}
	}
}

// TestOursPassesAllProbes: the strictness that the documentation claims.
func TestOursPassesAllProbes(t *testing.T) {
	list, err := decoders()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list[:2] {
		for _, p := range probes() {
			if ok, by := p.passes(d, time.Now()); !ok {
				t.Errorf("%s: %s: %.200s", d.name, p.name, by)
			}
		}
	}
}
