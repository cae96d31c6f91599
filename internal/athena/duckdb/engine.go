//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/internal/athena/needle"
)

// Engine answers queries with DuckDB. It is safe for concurrent use.
type Engine struct {
	o       Options
	parser  *parser
	needle  *needle.Finder
	admit   chan struct{} // running and waiting queries
	running chan struct{} // running queries
}

// Open starts an engine. The caller closes it after the last Result.
func Open(o Options) (*Engine, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	p, err := newParser()
	if err != nil {
		return nil, fmt.Errorf("open sql engine: %w", err)
	}
	return &Engine{
		o: o, parser: p, needle: needle.New(o.Dir, o.Threads),
		admit:   make(chan struct{}, o.Running+o.Waiting),
		running: make(chan struct{}, o.Running),
	}, nil
}

// Close releases the engine.
func (e *Engine) Close() error { return e.parser.close() }

// Query checks, translates and runs q. The whole query, the reading of its
// result included, ends with the engine's timeout.
func (e *Engine) Query(ctx context.Context, q athena.Query) (athena.Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.o.Timeout, athena.ErrTimeout)
	leave, err := e.enter(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	end := &cleanup{}
	end.add(cancel)
	end.add(leave)
	r, err := e.query(ctx, q, end)
	if err != nil {
		err = outcome(ctx, err) // before end cancels ctx
		end.run()
		return nil, err
	}
	return r, nil
}

// enter takes a place among the running queries, waiting for one if need be.
func (e *Engine) enter(ctx context.Context) (leave func(), err error) {
	select {
	case e.admit <- struct{}{}:
	default:
		return nil, fmt.Errorf("%w: %d are running or waiting", athena.ErrBusy, cap(e.admit))
	}
	select {
	case e.running <- struct{}{}:
		return func() { <-e.running; <-e.admit }, nil
	case <-ctx.Done():
		<-e.admit
		return nil, fmt.Errorf("wait for other queries: %w", context.Cause(ctx))
	}
}

func (e *Engine) query(ctx context.Context, q athena.Query, end *cleanup) (athena.Result, error) {
	sql, err := dialect.Prepare(q.SQL)
	if err != nil {
		return nil, err
	}
	plan, text, err := e.parser.translate(ctx, sql, q.Params, e.o.Now())
	if err != nil {
		return nil, err
	}
	j := job{
		SQL: text, Names: plan.Names, Types: plan.Types, Limit: q.Limit(),
		MemoryBytes: e.o.MemoryBytes, TempBytes: e.o.TempBytes, Threads: e.o.Threads, Dir: e.o.Dir,
	}
	meta, err := e.files(ctx, plan, &j, end)
	if err != nil {
		return nil, err
	}
	if q.Explain {
		return explain(ctx, j, plan, meta, end)
	}
	r, err := start(ctx, j, meta, end)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// files finds out what the plan's scans read and makes it readable here.
func (e *Engine) files(ctx context.Context, plan *dialect.Plan, j *job, end *cleanup) (athena.Meta, error) {
	hint := athena.Everything()
	for i, s := range plan.Scans {
		if i == 0 {
			hint = s.Bounds
		}
		hint = hint.Union(s.Bounds)
	}
	set, err := e.o.Source.Files(ctx, hint)
	if err != nil {
		return athena.Meta{}, fmt.Errorf("find files: %w", err)
	}
	if set.Release != nil {
		end.add(set.Release)
	}
	meta := athena.Meta{
		CompleteThrough: set.CompleteThrough, Laggards: set.Laggards,
		Stats: athena.Stats{FilesTotal: len(set.Files)},
	}
	wanted, paths := make([]bool, len(set.Files)), make([]string, len(set.Files))
	for _, s := range plan.Scans {
		for i := range set.Files {
			wanted[i] = wanted[i] || s.Bounds.Match(&set.Files[i])
		}
	}
	if err := e.pin(ctx, set.Files, wanted, paths, end); err != nil {
		return athena.Meta{}, err
	}
	for i := range set.Files {
		if wanted[i] {
			meta.Stats.FilesRead++
			meta.Stats.BytesPicked += set.Files[i].Size
		}
	}
	for _, s := range plan.Scans {
		scan, err := e.scan(ctx, s, set.Files, paths, &meta.Stats, end)
		if err != nil {
			return athena.Meta{}, err
		}
		j.Scans = append(j.Scans, scan)
	}
	return meta, nil
}

// scan says what the engine reads for one mention of the table: files, or the rows that were picked out of them.
func (e *Engine) scan(ctx context.Context, s dialect.Scan, files []athena.File, paths []string, stats *athena.Stats, end *cleanup) (jobScan, error) {
	scan := jobScan{Name: s.Name, MinMS: s.Bounds.MinMS, MaxMS: s.Bounds.MaxMS}
	var committed []athena.File
	var local []string
	for i := range files {
		switch {
		case !s.Bounds.Match(&files[i]):
		case files[i].Path != "":
			scan.Paths = append(scan.Paths, paths[i])
		default:
			committed, local = append(committed, files[i]), append(local, paths[i])
		}
	}
	picked, err := e.needle.Select(ctx, committed, local, s.Bounds)
	if err != nil {
		return scan, err
	}
	if picked == nil {
		scan.Paths = append(scan.Paths, local...)
		return scan, nil
	}
	end.add(func() {
		if err := picked.Close(); err != nil {
			e.o.Log.WarnContext(ctx, "picked rows stay on the disk", "reason", err)
		}
	})
	scan.Picked = picked.Path
	stats.RowGroupsTotal += picked.Groups
	stats.RowGroupsRead += picked.GroupsRead
	stats.BytesRead += picked.BytesRead
	return scan, nil
}

// pin fills paths for the wanted files.
func (e *Engine) pin(ctx context.Context, files []athena.File, wanted []bool, paths []string, end *cleanup) error {
	var committed []athena.File
	var places []int
	for i, f := range files {
		switch {
		case !wanted[i]:
		case f.Path != "":
			paths[i] = f.Path
		default:
			committed, places = append(committed, f), append(places, i)
		}
	}
	if len(committed) == 0 {
		return nil
	}
	if e.o.Cache == nil {
		return errors.New("read committed files: the engine has no cache")
	}
	local, release, err := e.o.Cache.Pin(ctx, committed)
	if err != nil {
		return fmt.Errorf("fetch files: %w", err)
	}
	end.add(release)
	for i, p := range local {
		paths[places[i]] = p
	}
	return nil
}

// cleanup runs what was added, last first, once.
type cleanup struct {
	once  sync.Once
	funcs []func()
}

func (c *cleanup) add(f func()) { c.funcs = append(c.funcs, f) }

func (c *cleanup) run() {
	c.once.Do(func() {
		for _, f := range slices.Backward(c.funcs) {
			f()
		}
	})
}
