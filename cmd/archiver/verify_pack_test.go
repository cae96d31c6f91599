package main

import (
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/ledger"
	"github.com/audit-archiver/archiver/internal/pack"
	"github.com/audit-archiver/archiver/internal/pack/export"
)

// TestAskedFor: an auditor sees what a pack is about, whatever is in the condition.
func TestAskedFor(t *testing.T) {
	day := func(d int) int64 { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC).UnixNano() }
	ever, never := export.Earliest.UnixNano(), export.Latest.UnixNano()
	for want, s := range map[string]pack.Statement{
		"all events":                           {FromNS: ever, ToNS: never},
		"all events from 2026-01-01T00:00:00Z": {FromNS: day(1), ToNS: never},
		`events from 2026-01-01T00:00:00Z to before 2026-01-02T00:00:00Z where "a = 1\n\x1b[2J"`: {FromNS: day(1), ToNS: day(2), Where: "a = 1\n\x1b[2J"},
	} {
		if got := askedFor(&s); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := gapsOf(&pack.Statement{Streams: []pack.StreamPart{{Gaps: []ledger.Range{{}, {}}}, {}}}); got != ", 2 gaps (acknowledged and lost, as signed notes say)" {
		t.Errorf("gaps: %s", got)
	}
	if got := gapsOf(&pack.Statement{}); got != "" {
		t.Errorf("no gaps: %s", got)
	}
}
