//go:build cgo

package duckdb

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// takes is how long a start takes.
const takes = 40 * time.Millisecond

// factory starts workers without processes, in the time of a synctest bubble.
type factory struct {
	began time.Time
	fail  func(warm bool) error // may be nil

	mu     sync.Mutex
	starts []begun
	open   int // workers that are not closed
}

// begun is a start: when, and whether the worker was to warm up.
type begun struct {
	at   time.Duration
	warm bool
}

func (f *factory) start(ctx context.Context, o *Options, warm jobFile) (*worker, error) {
	f.change(func() { f.starts = append(f.starts, begun{time.Since(f.began), warm.Name != ""}) })
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if f.fail != nil {
		if err := f.fail(warm.Name != ""); err != nil {
			return nil, err
		}
	}
	f.change(func() { f.open++ })
	gone := func() error { f.change(func() { f.open-- }); return nil }
	return &worker{o: o, cmd: &exec.Cmd{Process: new(os.Process)}, to: nowhere{}, gone: gone, over: atOnce}, nil
}

func (f *factory) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// nowhere is the standard input of nothing.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

// poolOver is a pool in the test's bubble. Its first worker is being started.
func poolOver(log *strings.Builder, fail func(warm bool) error) (*pool, *factory) {
	f := &factory{began: time.Now(), fail: fail}
	p := newPool(&Options{Log: slog.New(slog.NewTextHandler(log, nil))}, jobFile{Name: "warm"}, f.start)
	synctest.Wait()
	return p, f
}

// closed ends the pool and looks whether it leaves a worker behind.
func (f *factory) closed(t *testing.T, p *pool) {
	t.Helper()
	p.close()
	f.change(func() {
		if f.open != 0 {
			t.Errorf("%d workers are left", f.open)
		}
	})
}

func (f *factory) want(t *testing.T, want ...begun) {
	t.Helper()
	synctest.Wait()
	f.change(func() {
		if !slices.Equal(f.starts, want) {
			t.Errorf("starts %v, want %v", f.starts, want)
		}
	})
}

// mustNext is a query that gets a worker.
func mustNext(t *testing.T, p *pool) *worker {
	t.Helper()
	w, err := p.next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestNoStartBesideAQueryThatWaited: the query that had to wait for its worker is left
// alone with it, as any other one, and the next worker warms up.
func TestNoStartBesideAQueryThatWaited(t *testing.T) {
	first := begun{0, true}
	t.Run("it runs for long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, f := poolOver(new(strings.Builder), nil)
			w := mustNext(t, p)
			time.Sleep(startAfter - time.Nanosecond)
			f.want(t, first)
			time.Sleep(time.Nanosecond)
			f.want(t, first, begun{takes + startAfter, true})
			w.close()
			f.closed(t, p)
		})
	})
	t.Run("it ends soon", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, f := poolOver(new(strings.Builder), nil)
			w := mustNext(t, p)
			time.Sleep(3 * time.Millisecond)
			w.close()
			f.want(t, first, begun{takes + 3*time.Millisecond, true})
			f.closed(t, p)
		})
	})
	t.Run("another one waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, f := poolOver(new(strings.Builder), nil)
			second := make(chan *worker)
			go func() { second <- mustNext(t, p) }()
			synctest.Wait()
			go func() { second <- mustNext(t, p) }()
			a, b := <-second, <-second
			f.want(t, first, begun{takes, false})
			time.Sleep(startAfter)
			f.want(t, first, begun{takes, false}, begun{2*takes + startAfter, true})
			a.close()
			b.close()
			f.closed(t, p)
		})
	})
}

// TestALateWorkerIsNotLost: a query that goes in the moment in which it is given a worker
// leaves it to the next one, or to nobody when the pool has ended.
func TestALateWorkerIsNotLost(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(*pool)
		kept   int // ready afterwards
		given  int
		open   int
	}{
		"nobody waits":       {func(*pool) {}, 1, 0, 1},
		"another one waits":  {func(p *pool) { p.waiters = append(p.waiters, make(chan started, 1)) }, 0, 1, 1},
		"enough are ready":   {func(p *pool) { p.idle = make([]*worker, spareWorkers) }, spareWorkers, 0, 0},
		"the pool has ended": {func(p *pool) { p.closed = true }, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(factory)
				w, err := f.start(t.Context(), new(Options), jobFile{})
				if err != nil {
					t.Fatal(err)
				}
				p, place := &pool{look: make(chan struct{}, 1)}, make(chan started, 1)
				p.waiters = []chan started{place}
				p.hand(started{w, nil})
				if p.busy != 1 || len(p.waiters) != 0 {
					t.Fatalf("%d workers are busy, %d queries wait", p.busy, len(p.waiters))
				}
				tt.before(p)
				p.leave(place)
				p.ends.Wait()
				if len(p.idle) != tt.kept || p.busy != tt.given || f.open != tt.open {
					t.Errorf("%d are ready, %d are busy, %d are open; want %d, %d, %d", len(p.idle), p.busy, f.open, tt.kept, tt.given, tt.open)
				}
			})
		})
	}
}

// TestGoingAndComingAtOnce: queries that are cancelled in the very moment in which workers get
// ready, and a pool that ends then, lose no worker and keep nobody waiting.
func TestGoingAndComingAtOnce(t *testing.T) {
	for range 100 { // the order within the moment is the scheduler's
		synctest.Test(t, func(t *testing.T) {
			p, f := poolOver(new(strings.Builder), nil)
			ctx, cancel := context.WithTimeout(t.Context(), takes)
			defer cancel()
			var queries sync.WaitGroup
			for i := range 6 {
				of := ctx
				if i%2 == 1 {
					of = t.Context()
				}
				queries.Go(func() {
					if w, err := p.next(of); err == nil {
						w.close()
					} else if of.Err() == nil {
						t.Error(err)
					}
				})
			}
			queries.Wait()
			if len(p.waiters) != 0 || p.busy != 0 {
				t.Errorf("%d queries wait, %d workers are busy", len(p.waiters), p.busy)
			}
			last := make(chan *worker)
			go func() {
				time.Sleep(takes)
				w, _ := p.next(t.Context()) // one, or the pool's end
				last <- w
			}()
			time.Sleep(takes)
			p.close()
			if w := <-last; w != nil {
				w.close()
			}
			f.closed(t, p)
		})
	}
}

// rest waits until the pool has no more to do.
func rest() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// TestWhoCannotWarmUpStartsCold: the file that workers warm up with is for speed alone. It is
// told once that it is of no use, until it is again.
func TestWhoCannotWarmUpStartsCold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		failing, broken := errors.New("no such file"), true
		p, f := poolOver(&log, func(warm bool) error {
			if warm && broken {
				return failing
			}
			return nil
		})
		mustNext(t, p).close() // it waited for the rehearsal
		synctest.Wait()
		mustNext(t, p).close()
		rest()
		if n := strings.Count(log.String(), "could not warm up"); n != 1 || strings.Count(log.String(), "no such file") != 1 {
			t.Errorf("it is told %d times:\n%s", n, &log)
		}
		broken = false
		mustNext(t, p).close()
		rest()
		broken = true
		mustNext(t, p).close()
		rest()
		if n := strings.Count(log.String(), "could not warm up"); n != 2 {
			t.Errorf("it is told %d times:\n%s", n, &log)
		}
		f.closed(t, p)
	})
}

// TestFailedStartsAreTold: once, also where no query waits; and the end of the pool is none.
func TestFailedStartsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		failing := errors.New("no memory")
		p, f := poolOver(&log, func(bool) error { return failing })
		rest()
		const told = "a query worker did not start"
		if n := strings.Count(log.String(), told); n != 1 {
			t.Errorf("it is told %d times:\n%s", n, &log)
		}
		for range 3 {
			if _, err := p.next(t.Context()); !errors.Is(err, failing) {
				t.Errorf("%v, want %v", err, failing)
			}
		}
		f.closed(t, p)
		if n := strings.Count(log.String(), told); n != 1 {
			t.Errorf("it is told %d times:\n%s", n, &log)
		}
		log.Reset()
		p, f = poolOver(&log, nil)
		f.closed(t, p)
		if log.Len() > 0 {
			t.Errorf("the end is told as a failure:\n%s", &log)
		}
	})
}
