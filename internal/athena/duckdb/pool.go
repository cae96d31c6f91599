//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
	"github.com/audit-archiver/archiver/internal/sandbox"
)

const (
	// spareWorkers is how many workers are ready once there was a query; one before. With a
	// second one, a query that follows at once does not wait for a start.
	spareWorkers = 2

	// startAfter is how long the start of a spare worker waits for a query to end. It
	// takes a processor for some 40 ms, which most queries have better use for.
	startAfter = 250 * time.Millisecond
)

// pool keeps workers ready, so that a query does not wait for a process to start.
// A worker serves one query: what its author did to it ends with it.
type pool struct {
	o     *Options
	warm  jobFile
	start startFunc
	look  chan struct{} // holds one when something has changed that due tells from
	stop  context.CancelFunc
	ended chan struct{}
	ends  sync.WaitGroup // what is left of workers that were given away
	cold  bool           // the last worker that was to warm up could not; run's own

	mu     sync.Mutex
	report *sandbox.Report // of the last worker; nil before the first
	taken  time.Time       // when the last worker was given away; zero: none was
	busy   int             // workers that were given away and are not closed
	failed bool            // the last start did
	closed bool            // nothing is kept any more

	// Of these two one is empty. Who adds to the one matches it with the other at once, so
	// that due never takes a query that has its worker for one that waits.
	idle    []*worker      // ready; at most spareWorkers
	waiters []chan started // queries without a worker, first come first; each has room for one
}

type started struct {
	w   *worker
	err error
}

// startFunc is [startWorker]. Tests have others.
type startFunc func(ctx context.Context, o *Options, warm jobFile) (*worker, error)

func newPool(o *Options, warm jobFile, start startFunc) *pool {
	ctx, stop := context.WithCancel(context.Background())
	p := &pool{o: o, warm: warm, start: start, look: make(chan struct{}, 1), stop: stop, ended: make(chan struct{})}
	go p.run(ctx)
	return p
}

// run starts workers and ends with ctx.
func (p *pool) run(ctx context.Context) {
	defer close(p.ended)
	for p.wait(ctx) {
		w, err := p.begin(ctx)
		if err != nil && ctx.Err() != nil {
			break // who waits learns it from ended
		}
		p.note(w, err)
		p.hand(started{w, err})
	}
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, w := range idle {
		w.close()
	}
}

// begin starts a worker: one that cannot warm up, since its file is gone perhaps, without
// that. A query may have begun to wait for it.
func (p *pool) begin(ctx context.Context) (*worker, error) {
	warm := p.rehearsal()
	w, err := p.start(ctx, p.o, warm)
	switch {
	case warm.Name == "":
		return w, err
	case err == nil:
		p.cold = false
		return w, nil
	case ctx.Err() != nil:
		return nil, err
	}
	if !p.cold {
		p.o.Log.Warn("a query worker could not warm up: small queries take longer", "error", err)
	}
	p.cold = true
	return p.start(ctx, p.o, jobFile{})
}

// wait returns when a worker is to be started, and false at the end of ctx.
func (p *pool) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		due := p.due(time.Now())
		if due <= 0 {
			return true
		}
		timer := time.NewTimer(due)
		select {
		case <-timer.C:
		case <-p.look:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return false
}

// rehearsal is what the next worker warms up with: nothing, if a query waits for it.
func (p *pool) rehearsal() jobFile {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiters) > 0 {
		return jobFile{}
	}
	return p.warm
}

// never is longer than any wait.
const never = time.Duration(math.MaxInt64)

// due says in how long the next worker is to be started, if nothing changes before.
func (p *pool) due(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := spareWorkers
	if p.taken.IsZero() {
		want = 1
	}
	switch {
	case len(p.waiters) > 0:
		return 0
	case p.failed || len(p.idle) >= want: // a query will ask again
		return never
	case p.busy == 0:
		return 0
	}
	return startAfter - now.Sub(p.taken)
}

// change changes what due tells from.
func (p *pool) change(f func()) {
	p.mu.Lock()
	f()
	p.mu.Unlock()
	select {
	case p.look <- struct{}{}:
	default:
	}
}

// note remembers how a start went, and logs the first of failures in a row, which may have
// no query to tell it, and the first report that is not what it should be.
func (p *pool) note(w *worker, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && !p.failed {
		p.o.Log.Warn("a query worker did not start", "error", err)
	}
	if p.failed = err != nil; p.failed {
		return
	}
	if p.report == nil && !w.report.Isolated() {
		p.o.Log.Warn("SQL cannot be isolated from this machine", "missing", w.report.Missing, "refused", !p.o.BestEffort)
	}
	p.report = &w.report
}

// lastReport is nil until a worker was started.
func (p *pool) lastReport() *sandbox.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report
}

// take gives a worker away.
func (p *pool) take(ctx context.Context) (*worker, error) {
	for {
		if ctx.Err() != nil { // else it would end one worker after the other
			return nil, fmt.Errorf("wait for a query worker: %w", context.Cause(ctx))
		}
		w, err := p.next(ctx)
		switch {
		case err != nil:
			return nil, err
		case !p.o.BestEffort && !w.report.Isolated():
			w.close()
			return nil, fmt.Errorf("%w: %s; archiver doctor says more, and query.isolation: best-effort lets it go", athena.ErrNotIsolated, w.report)
		}
		// It may have waited for days, and the system may have ended it.
		stop := context.AfterFunc(ctx, func() { w.kill(context.Cause(ctx)) })
		_, err = w.ask(kindPing, "")
		stop()
		if err == nil {
			return w, nil
		}
		w.close()
		p.o.Log.WarnContext(ctx, "a query worker ended while it waited", "error", err)
	}
}

// next takes a worker that is ready, or waits for one.
func (p *pool) next(ctx context.Context) (*worker, error) {
	place := make(chan started, 1)
	p.change(func() {
		p.waiters = append(p.waiters, place)
		if len(p.idle) > 0 { // so nobody else waits
			w := p.idle[0]
			p.idle = slices.Delete(p.idle, 0, 1)
			p.give(started{w, nil})
		}
	})
	select {
	case s := <-place:
		if s.err != nil {
			return nil, fmt.Errorf("start query worker: %w", s.err)
		}
		return s.w, nil
	case <-ctx.Done():
		p.leave(place)
		return nil, fmt.Errorf("wait for a query worker: %w", context.Cause(ctx))
	case <-p.ended:
		p.leave(place)
		return nil, errors.New("the engine is closed")
	}
}

// leave gives up a place. What it was given at the same moment goes to the next one.
func (p *pool) leave(place chan started) {
	waits := false
	p.change(func() {
		i := slices.Index(p.waiters, place)
		if waits = i >= 0; waits {
			p.waiters = slices.Delete(p.waiters, i, i+1)
		}
	})
	if waits {
		return
	}
	if s := <-place; s.err == nil { // a failure was one for this place only
		s.w.over = atOnce
		p.hand(s)
		p.change(func() { p.busy-- }) // after it: else a start could come between
	}
}

// hand gives what came of a start to the query that has waited longest, or keeps it ready.
func (p *pool) hand(s started) {
	surplus := false
	p.change(func() {
		switch {
		case len(p.waiters) > 0:
			p.give(s)
		case s.err != nil: // nobody waited for it: the next query has a start of its own
		case p.closed || len(p.idle) == spareWorkers:
			surplus = true
		default:
			p.idle = append(p.idle, s.w)
		}
	})
	if surplus {
		s.w.close()
	}
}

// give gives s to the first who waits, and notes that it works from here on: not when its
// query comes to look, since due may be asked before. When the worker is closed its query
// need not wait until the system has taken back all of its memory. The caller holds mu.
func (p *pool) give(s started) {
	if s.err == nil {
		p.busy, p.taken = p.busy+1, time.Now()
		s.w.over = func(rest func()) {
			p.ends.Go(rest)
			p.change(func() { p.busy-- })
		}
	}
	p.waiters[0] <- s
	p.waiters = slices.Delete(p.waiters, 0, 1)
}

// close ends the workers that wait.
func (p *pool) close() {
	p.stop()
	<-p.ended
	p.ends.Wait()
}
