//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/sandbox"
)

// pool keeps one worker ready, so that a query does not wait for a process to start.
// A worker serves one query: what its author did to it ends with it.
type pool struct {
	o     *Options
	ready chan started
	stop  context.CancelFunc
	ended chan struct{}

	mu     sync.Mutex
	report *sandbox.Report // of the last worker; nil before the first
}

type started struct {
	w   *worker
	err error
}

func newPool(o *Options) *pool {
	ctx, stop := context.WithCancel(context.Background())
	p := &pool{o: o, ready: make(chan started), stop: stop, ended: make(chan struct{})}
	go p.run(ctx)
	return p
}

// run ends with ctx. It owns the worker that waits.
func (p *pool) run(ctx context.Context) {
	defer close(p.ended)
	for {
		w, err := startWorker(ctx, p.o)
		if err == nil {
			p.note(w.report)
		}
		select {
		case p.ready <- started{w, err}:
		case <-ctx.Done():
			if err == nil {
				w.close()
			}
			return
		}
	}
}

// note remembers a report and logs the first one that is not what it should be.
func (p *pool) note(r sandbox.Report) {
	p.mu.Lock()
	first := p.report == nil
	p.report = &r
	p.mu.Unlock()
	if first && !r.Isolated() {
		p.o.Log.Warn("SQL cannot be isolated from this machine", "missing", r.Missing, "refused", !p.o.BestEffort)
	}
}

// lastReport is nil until a worker was started.
func (p *pool) lastReport() *sandbox.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report
}

// take gives a worker away.
func (p *pool) take(ctx context.Context) (*worker, error) {
	for again := false; ; again = true {
		select {
		case s := <-p.ready:
			switch {
			case s.err != nil && !again:
				continue // it may have failed long ago
			case s.err != nil:
				return nil, fmt.Errorf("start query worker: %w", s.err)
			case !p.o.BestEffort && !s.w.report.Isolated():
				s.w.close()
				return nil, fmt.Errorf("%w: %s; archiver doctor says more, and query.isolation: best-effort lets it go", athena.ErrNotIsolated, s.w.report)
			}
			// It may have waited for days, and the system may have ended it.
			stop := context.AfterFunc(ctx, func() { s.w.kill(context.Cause(ctx)) })
			_, err := s.w.ask(kindPing, "")
			stop()
			if err != nil {
				s.w.close()
				p.o.Log.WarnContext(ctx, "a query worker ended while it waited", "error", err)
				continue
			}
			return s.w, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a query worker: %w", context.Cause(ctx))
		case <-p.ended:
			return nil, errors.New("the engine is closed")
		}
	}
}

// close ends the worker that waits.
func (p *pool) close() {
	p.stop()
	<-p.ended
}
