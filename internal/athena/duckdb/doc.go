// Package duckdb is the embedded engine: DuckDB over verified local files, in a process of its own for each query.
//
// No code of DuckDB runs in the process of the engine, which may be the one that
// takes events: the text of a query is parsed, and the query run, by a worker, the
// same program started again, that has no credentials and no network, can read the
// job's files and write to one folder of its own, is bounded, and serves one query
// (package sandbox has the walls). What runs in it was checked and translated by
// package dialect, in the engine, and what was checked is compared with what will
// run; DuckDB's own settings are locked and read back. So what a hostile query has to
// pass is the dialect's allow-list, DuckDB's settings, and the kernel, in this order,
// and what it gets then is the answer to itself. A worker that is ready waits for each
// query, so that the price is a few milliseconds.
//
// A query is bounded in time, memory, temporary space, rows and bytes of its answer.
// Where it passes one, its worker is killed.
//
// This is the only package that needs cgo. Without it, [Open] returns
// athena.ErrNoEngine.
package duckdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/catalog"
)

// Cache makes committed files readable on this machine, checked against their manifest.
type Cache interface {
	// Pin returns a local path per file, laid out …/retention=<class>/dt=<day>/<name>.
	// The path of a file that has outlived its lock and is gone is "". The paths stay
	// until release is called, once. An error has nothing to release.
	Pin(ctx context.Context, files []athena.File) (paths []string, release func(), err error)
}

// Options are the engine's parts and bounds.
type Options struct {
	Source athena.Source // required
	Cache  Cache         // required unless every file is hot

	// Catalog answers SHOW and DESCRIBE. Default: one that does not know where the
	// files are.
	Catalog *catalog.Catalog

	// Roots are the folders below which all files lie that queries may read, hot ones
	// and those of the cache. They must exist. Where this is root, workers run as
	// nobody, so everything below must be readable for others; the folders themselves
	// are closed for all but that user.
	Roots []string

	// Dir holds temporary files of big sorts and joins. It must exist.
	Dir string

	// BestEffort answers queries also where they cannot be isolated completely: for
	// SQL and files that the operator trusts. Otherwise they are athena.ErrNotIsolated.
	BestEffort bool

	MemoryBytes int64         // per query; default 512 MiB
	TempBytes   int64         // per query; default 4 GiB
	ResultBytes int64         // of one answer; default 4 GiB
	Threads     int           // per query; default 2
	Timeout     time.Duration // from the start of a query to the end of reading it; default 5 min
	Running     int           // queries at a time; default 2
	Waiting     int           // more that may wait; others get athena.ErrBusy; default 16

	// Hold, when set, is told how many bytes more the engine keeps in this process for
	// questions to come, or (below 0) how many fewer. Safe for concurrent use.
	Hold func(bytes int64)

	Now func() time.Time // required: what now() means
	Log *slog.Logger     // required

	// Tests have their own ones.
	workerArgs []string
	soon       time.Duration
	warmUp     func(ctx context.Context, dir string) (path string, err error)
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
	setDefault(&o.ResultBytes, 4<<30)
	setDefault(&o.Threads, 2)
	setDefault(&o.Timeout, 5*time.Minute)
	setDefault(&o.soon, 250*time.Millisecond)
	setDefault(&o.Running, 2)
	setDefault(&o.Waiting, 16)
	if o.workerArgs == nil {
		o.workerArgs = []string{WorkerCommand}
	}
	o.Roots = slices.Clone(o.Roots)
	for i, root := range o.Roots {
		var err error
		if o.Roots[i], err = filepath.Abs(root); err != nil {
			problems = append(problems, err)
		}
	}
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
