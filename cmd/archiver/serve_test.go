package main

import (
	"fmt"
	"testing"

	"github.com/audit-archiver/archiver/internal/buffer"
	"github.com/audit-archiver/archiver/internal/ingest"
	"github.com/audit-archiver/archiver/internal/streams"
)

// TestRefusal: what no repetition mends does not ask for one.
func TestRefusal(t *testing.T) {
	for err, want := range map[error]ingest.Refusal{
		buffer.ErrFull:      ingest.Full,
		buffer.ErrStopped:   ingest.NotReady,
		streams.ErrNotReady: ingest.NotReady,
		buffer.ErrDamaged:   ingest.NotWritable,
		buffer.ErrRefused:   ingest.TooLarge,
		buffer.ErrCorrupt:   ingest.Unknown,
	} {
		if got := refusal(fmt.Errorf("append: %w", err)); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
	// Events wait for a successor whose log has no room for what is moved to it.
	both := fmt.Errorf("%w: the stream is stopped: %w", streams.ErrNotReady, buffer.ErrFull)
	if got := refusal(both); got != ingest.NotReady {
		t.Errorf("%v: got %d, want %d", both, got, ingest.NotReady)
	}
}
