//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/athena/dialect"
	"github.com/audit-archiver/archiver/internal/athena/needle"
)

// Engine answers queries with DuckDB. It is safe for concurrent use.
type Engine struct {
	o       Options
	needle  *needle.Finder
	picked  string // folder of the rows that needle finds
	workers *pool
	admit   chan struct{} // running and waiting queries
	running chan struct{} // running queries
}

// Open starts an engine. The caller closes it after the last Result.
func Open(o Options) (*Engine, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	picked, err := os.MkdirTemp(o.Dir, "picked-")
	if err != nil {
		return nil, fmt.Errorf("open sql engine: %w", err)
	}
	o.Roots = append(o.Roots, picked)
	e := &Engine{
		o:       o,
		needle:  needle.New(picked, o.Threads, o.Hold),
		picked:  picked,
		admit:   make(chan struct{}, o.Running+o.Waiting),
		running: make(chan struct{}, o.Running),
	}
	warm, err := e.rehearsal()
	if err != nil { // the disk is full, perhaps: this process may have other things to do, such as to make room
		o.Log.Warn("query workers do not warm up: small queries take longer", "error", err)
	}
	e.workers = newPool(&e.o, warm, startWorker)
	return e, nil
}

// rehearsal writes what workers warm up with.
func (e *Engine) rehearsal() (jobFile, error) {
	write := warmUp
	if e.o.warmUp != nil {
		write = e.o.warmUp
	}
	path, err := write(context.Background(), e.picked)
	if err != nil {
		return jobFile{}, err
	}
	return e.locate(path)
}

// Isolation says what keeps queries from being isolated. It is nil where nothing does,
// and before that is known.
func (e *Engine) Isolation() error {
	if r := e.workers.lastReport(); r != nil && !r.Isolated() {
		return errors.New(r.String())
	}
	return nil
}

// Probe says what keeps queries from being isolated on this machine, by starting
// a worker in a folder below dir. athena.ErrNotIsolated is the one answer that is
// none about its own failure.
func Probe(ctx context.Context, dir string) error {
	o := Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Source: noSource{}, Now: time.Now}
	if err := o.complete(); err != nil {
		return err
	}
	w, err := startWorker(ctx, &o, jobFile{})
	if err != nil {
		return fmt.Errorf("start query worker: %w", err)
	}
	defer w.close()
	if !w.report.Isolated() {
		return fmt.Errorf("%w: %s", athena.ErrNotIsolated, w.report)
	}
	return nil
}

// noSource has no files.
type noSource struct{}

func (noSource) Files(context.Context, athena.Bounds) (*athena.FileSet, error) {
	return &athena.FileSet{}, nil
}

// Close releases the engine.
func (e *Engine) Close() error {
	e.workers.close()
	return os.RemoveAll(e.picked)
}

// Query checks, translates and runs q. The whole query, the reading of its
// result included, ends with the engine's timeout.
func (e *Engine) Query(ctx context.Context, q athena.Query) (result athena.Result, err error) {
	end := &cleanup{}
	defer func() {
		if cause := recover(); cause != nil {
			end.run()
			result, err = nil, e.panicked(ctx, q, cause)
		}
	}()
	st, shown, err := e.read(ctx, q)
	if err != nil || shown != nil {
		return shown, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.o.Timeout, athena.ErrTimeout)
	leave, err := e.enter(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	end.add(cancel)
	end.add(leave)
	r, err := e.query(ctx, q, st, end)
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

func (e *Engine) query(ctx context.Context, q athena.Query, st dialect.Statement, end *cleanup) (athena.Result, error) {
	sql, err := dialect.Prepare(st.Query)
	if err != nil {
		return nil, err
	}
	w, err := e.workers.take(ctx)
	if err != nil {
		return nil, err
	}
	end.add(w.close)
	w.watch(ctx)
	planOnly := st.Sub == dialect.ExplainQuery && !st.Explain.Analyze
	j := &job{Limit: q.Limit(), Soon: e.o.soon}
	var meta athena.Meta
	plan, text, err := parser{w}.translate(sql, q.Params, e.o.Now(), func(plan *dialect.Plan) (err error) {
		meta, err = e.files(ctx, plan, j, planOnly, end)
		return err
	})
	if err != nil {
		return nil, err
	}
	j.SQL, j.Names, j.Types, j.InOrder = text, plan.Names, plan.Types, plan.InOrder
	j.Short = plan.Short || plan.InOrder && len(j.Scans) == 1 && len(j.Scans[0].Files) == 0 // but the rows that were picked
	if st.Sub == dialect.ExplainQuery {
		return explain(w, j, plan, st.Explain, meta, end)
	}
	r, err := start(ctx, w, j, meta, e.o.ResultBytes, end)
	if err != nil {
		return nil, err
	}
	return r, nil
}
