package main

import (
	"runtime/debug"
	"testing"

	"github.com/audit-archiver/archiver/internal/config"
)

// TestHeap: the runtime's limit follows what is kept alive.
func TestHeap(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	var c config.Config
	c.WAL.RetryIDs, c.WAL.QueueEvents = 4<<20, 20_000
	h := newHeap(c)
	idle := debug.SetMemoryLimit(-1)
	if window := int64(26 * (c.WAL.RetryIDs + c.WAL.QueueEvents)); idle < window+64<<20 {
		t.Errorf("%d bytes, of which the window for retries takes %d", idle, window)
	}
	more := func() int64 { return debug.SetMemoryLimit(-1) - idle }
	h.archiving(1_000_000)
	if got := more(); got != 32_000_000 {
		t.Errorf("a batch of a million rows: %d more", got)
	}
	h.hold(64 << 20)
	h.archiving(0)
	h.hold(-1 << 20)
	if got := more(); got != 63<<20 {
		t.Errorf("SQL holds 63 MiB: %d more", got)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	h.hold(-63 << 20)
	if got := more(); got != 63<<20 {
		t.Errorf("with GOMEMLIMIT: %d more, but the limit is not ours to change", got)
	}
}
