package main

import (
	"os"
	"runtime/debug"
	"sync"

	"github.com/audit-archiver/archiver/internal/config"
)

// heap tells Go's runtime how much memory it may have before it collects garbage more
// often than it would by itself: what is kept alive now, and some more. Without it the
// window for retries, which is large and never garbage, would let garbage grow as large.
// With less than what is alive it would collect without pause. It is no bound: what is in
// use stays in use. GOMEMLIMIT in the environment is obeyed instead.
type heap struct {
	cfg config.Config

	mu   sync.Mutex
	rows int64 // of the batch that is archived
	held int64 // bytes, for SQL
}

// newHeap makes the limit hold from now on.
func newHeap(c config.Config) *heap {
	h := &heap{cfg: c}
	h.change(func() {})
	return h
}

// archiving is told how many rows the batch has that is archived.
func (h *heap) archiving(rows int64) { h.change(func() { h.rows = rows }) }

// hold is told how many bytes more SQL keeps in this process, or how many fewer.
func (h *heap) hold(bytes int64) { h.change(func() { h.held += bytes }) }

func (h *heap) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(h.limit())
	}
}

// limit is in bytes. The caller holds mu, or has h alone.
func (h *heap) limit() int64 {
	const (
		base   = 80 << 20 // requests, frames of the log, a Parquet writer and reader
		perID  = 26       // of the window for retries, which is one for a stream and those before it, and of a group that is stored
		perRow = 32       // of a batch while it is archived
	)
	return base + perID*int64(h.cfg.WAL.RetryIDs+h.cfg.WAL.QueueEvents) + perRow*h.rows + h.held
}
