// Package duckdb is the embedded engine: DuckDB in this process, over verified local files.
//
// Each query gets an in-memory database of its own that is told which files it
// may open, locked, read back and thrown away afterwards. What runs in it was
// checked and translated by package dialect, and what was checked is compared
// with what will run. The price is some milliseconds per query.
//
// A query is bounded in time, memory, temporary space and rows. DuckDB itself
// makes no promise about hostile SQL: the settings here are the second wall
// behind the dialect's allow-list.
//
// This is the only package that needs cgo. Without it, [Open] returns
// athena.ErrNoEngine.
package duckdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/catalog"
)

// Cache makes committed files readable on this machine, checked against their manifest.
type Cache interface {
	// Pin returns a local path per file, laid out …/retention=<class>/dt=<day>/<name>.
	// The paths stay until release is called, once. An error has nothing to release.
	Pin(ctx context.Context, files []athena.File) (paths []string, release func(), err error)
}

// Options are the engine's parts and bounds.
type Options struct {
	Source athena.Source // required
	Cache  Cache         // required unless every file is hot

	// Catalog answers SHOW and DESCRIBE. Default: one that does not know where the
	// files are.
	Catalog *catalog.Catalog

	// Dir holds temporary files of big sorts and joins. It must exist.
	Dir string

	MemoryBytes int64         // per query; default 512 MiB
	TempBytes   int64         // per query; default 4 GiB
	Threads     int           // per query; default 2
	Timeout     time.Duration // from the start of a query to the end of reading it; default 5 min
	Running     int           // queries at a time; default 2
	Waiting     int           // more that may wait; others get athena.ErrBusy; default 16

	Now func() time.Time // required: what now() means
	Log *slog.Logger     // required
}

func (o *Options) complete() error {
	var problems []error
	if o.Source == nil {
		problems = append(problems, errors.New("source: must be set"))
	}
	if o.Dir == "" {
		problems = append(problems, errors.New("dir: must be set"))
	}
	if o.Now == nil || o.Log == nil {
		problems = append(problems, errors.New("now and log: must be set"))
	}
	if o.Catalog == nil {
		o.Catalog = new(catalog.Catalog)
	}
	setDefault(&o.MemoryBytes, 512<<20)
	setDefault(&o.TempBytes, 4<<30)
	setDefault(&o.Threads, 2)
	setDefault(&o.Timeout, 5*time.Minute)
	setDefault(&o.Running, 2)
	setDefault(&o.Waiting, 16)
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("open sql engine: %w", err)
	}
	return nil
}

func setDefault[T int | int64 | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}
