package main

import (
	"os"
	"runtime/debug"

	"github.com/audit-archiver/archiver/internal/config"
)

// softMemory is how much memory Go's runtime may have before it collects garbage more
// often than it would by itself, in bytes: what archiving a full batch keeps alive, and
// as much again of what does not depend on the configuration. It is no bound: what is
// in use stays in use.
func softMemory(c config.Config) int64 {
	const (
		base   = 52 << 20 // requests, frames of the log, a Parquet writer and reader
		perID  = 28       // of the window for retries
		perRow = 32       // of a batch while it is archived
	)
	return base + perID*int64(c.WAL.RetryIDs) + perRow*int64(c.Seal.Rows)
}

// limitMemory makes softMemory hold for this process. Without it the window for
// retries, which is large and never garbage, would let garbage grow as large.
// GOMEMLIMIT in the environment is obeyed instead.
func limitMemory(c config.Config) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory(c))
	}
}
