package main

import (
	"os"
	"runtime/debug"

	"github.com/audit-archiver/archiver/internal/config"
)

// softMemory is how much memory Go's runtime may have before it collects garbage more
// often than it would by itself, in bytes, while a batch with so many rows is archived:
// what that and the window for retries keep alive, and what depends on neither. It is no
// bound: what is in use stays in use.
func softMemory(c config.Config, rows int64) int64 {
	const (
		base   = 80 << 20 // requests, frames of the log, a Parquet writer and reader
		perID  = 26       // of the window for retries
		perRow = 32       // of a batch while it is archived
	)
	return base + perID*int64(c.WAL.RetryIDs) + perRow*rows
}

// limitMemory makes softMemory hold for this process from now on. Without it the window
// for retries, which is large and never garbage, would let garbage grow as large.
// GOMEMLIMIT in the environment is obeyed instead.
func limitMemory(c config.Config, rows int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory(c, rows))
	}
}
