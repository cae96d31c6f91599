//go:build !cgo

package duckdb

import (
	"context"
	"fmt"

	"github.com/audit-archiver/archiver/internal/athena"
)

// Engine answers no queries in a build without cgo.
type Engine struct{}

// Open returns athena.ErrNoEngine: DuckDB needs cgo.
func Open(Options) (*Engine, error) {
	return nil, fmt.Errorf("%w: it was built with CGO_ENABLED=0; use the amazon or trino engine, or a build with cgo", athena.ErrNoEngine)
}

// WorkerCommand is the argument with which the program becomes a worker.
const WorkerCommand = "query-worker"

// Worker cannot work.
func Worker() int { return 1 }

// Probe returns athena.ErrNoEngine.
func Probe(context.Context, string) error { return athena.ErrNoEngine }

// Isolation has nothing to isolate.
func (*Engine) Isolation() error { return nil }

// Query returns athena.ErrNoEngine.
func (*Engine) Query(context.Context, athena.Query) (athena.Result, error) {
	return nil, athena.ErrNoEngine
}

// Close does nothing.
func (*Engine) Close() error { return nil }
