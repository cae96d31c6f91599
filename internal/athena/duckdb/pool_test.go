//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/audit-archiver/archiver/internal/athena"
)

// TestWhenWorkersStart: queries come first, and who waits for a worker does not wait longer.
func TestWhenWorkersStart(t *testing.T) {
	now := time.Now()
	ready := func(n int) []*worker { return make([]*worker, n) }
	one := make([]chan started, 1)
	for name, tt := range map[string]struct {
		change func(*pool)
		want   time.Duration
	}{
		"at the beginning":                   {func(*pool) {}, 0},
		"one is ready":                       {func(p *pool) { p.idle = ready(1) }, never},
		"a query runs":                       {func(p *pool) { p.busy, p.taken = 1, now }, startAfter},
		"a query runs for a while":           {func(p *pool) { p.busy, p.taken = 1, now.Add(-startAfter+time.Millisecond) }, time.Millisecond},
		"a query runs for long":              {func(p *pool) { p.busy, p.taken = 1, now.Add(-startAfter) }, 0},
		"a query has ended":                  {func(p *pool) { p.taken, p.idle = now, ready(1) }, 0},
		"a query has ended, two are ready":   {func(p *pool) { p.taken, p.idle = now, ready(2) }, never},
		"another one waits":                  {func(p *pool) { p.busy, p.taken, p.waiters = 1, now, one }, 0},
		"a query runs, one is ready":         {func(p *pool) { p.busy, p.taken, p.idle = 1, now, ready(1) }, startAfter},
		"the last start failed":              {func(p *pool) { p.failed = true }, never},
		"the last start failed, one waits":   {func(p *pool) { p.failed, p.waiters = true, one }, 0},
		"the last start failed, a query ran": {func(p *pool) { p.failed, p.taken = true, now }, never},
	} {
		p := new(pool)
		tt.change(p)
		if got := p.due(now); got != tt.want {
			t.Errorf("%s: a worker starts in %v, want %v", name, got, tt.want)
		}
	}
}

// readyNow is how many workers wait for a query.
func (p *pool) readyNow() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// TestAQueryMayFollowAtOnce: after a query two workers get ready, without anybody asking.
func TestAQueryMayFollowAtOnce(t *testing.T) {
	e := engineOver(t, encode(t, sample()), nil)
	for range 3 {
		if _, rows, err := answer(t, e, "SELECT count(*) FROM audit_logs"); err != nil || rows[0] != "[7]" {
			t.Fatal(rows, err)
		}
	}
	untilReady(t, e)
	if n := e.workers.readyNow(); n != spareWorkers {
		t.Errorf("%d workers are ready, want %d", n, spareWorkers)
	}
}

// TestWhoHasGoneTakesNoWorker: a query that was cancelled leaves the ready workers to others.
func TestWhoHasGoneTakesNoWorker(t *testing.T) {
	e := engineOver(t, nil, nil)
	untilReady(t, e)
	ready := e.workers.readyNow()
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the client is gone")
	cancel(gone)
	for range 3 {
		if _, err := e.workers.take(ctx); !errors.Is(err, gone) {
			t.Errorf("%v, want %v", err, gone)
		}
	}
	if now := e.workers.readyNow(); now != ready {
		t.Errorf("%d workers are ready, %d were", now, ready)
	}
}

// TestAFullDiskIsNoReasonNotToStart: what is for speed alone may fail.
func TestAFullDiskIsNoReasonNotToStart(t *testing.T) {
	e := engineOver(t, encode(t, sample()), func(o *Options) {
		o.warmUp = func(context.Context, string) (string, error) { return "", syscall.ENOSPC }
		o.Log = slog.New(slog.DiscardHandler)
	})
	if _, rows, err := answer(t, e, "SELECT count(*) FROM audit_logs"); err != nil || rows[0] != "[7]" {
		t.Error(rows, err)
	}
}

// TestTheFileToWarmUpWithMayGo: no query fails for it, however they come.
func TestTheFileToWarmUpWithMayGo(t *testing.T) {
	var written string
	e := engineOver(t, encode(t, sample()), func(o *Options) {
		o.warmUp = func(ctx context.Context, dir string) (path string, err error) {
			written, err = warmUp(ctx, dir)
			return written, err
		}
		o.Log = slog.New(slog.DiscardHandler)
	})
	if err := os.Remove(written); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, rows, err := answer(t, e, "SELECT count(*) FROM audit_logs"); err != nil || rows[0] != "[7]" {
			t.Error(rows, err)
		}
	}
}

// TestRehearsalLeavesNothing: a worker that has warmed up has an empty database.
func TestRehearsalLeavesNothing(t *testing.T) {
	e := engineOver(t, nil, nil)
	untilReady(t, e) // one that a query waits for does not warm up
	w, err := e.workers.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end := &cleanup{}
	end.add(w.close)
	const all = "SELECT (SELECT count(*) FROM duckdb_tables() WHERE table_name <> '" + answerTable + "') + (SELECT count(*) FROM duckdb_views() WHERE NOT internal) + (SELECT count(*) FROM duckdb_functions() WHERE starts_with(function_name, '__audit'))"
	r, err := start(t.Context(), w, &job{SQL: all, Names: []string{"n"}, Types: []string{"bigint"}, Limit: 1}, athena.Meta{}, 1<<20, end)
	if err != nil {
		end.run()
		t.Fatal(err)
	}
	defer r.Close()
	row, err := r.Next(t.Context())
	if err != nil || row[0] != int64(0) {
		t.Errorf("%v things are left, %v", row, err)
	}
}
