// Package load sends generated events to a server from many clients and measures what it costs.
//
// The promise: every system gets the same events in the same order per client, from pre-made bytes; an event counts
// when its answer has arrived; after the load a system that can say what it holds must hold what was
// acknowledged. The price: the load generator runs on the same machine, so rates are those of a machine shared by
// both. Its CPU time is reported; CPU time of the server is what repeats.
package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/audit-archiver/archiver/bench/proc"
	"github.com/audit-archiver/archiver/internal/event"
	"github.com/audit-archiver/archiver/testenv/gen"
)

// Seed of the generator: every run sends the same events, except for ids and times.
const Seed = 42

// poolEvents is how many different events there are. They come again with other ids and times.
const poolEvents = 96_000

// Shape is one way of sending.
type Shape struct {
	Name    string
	Clients int
	Events  int // of one request
}

// Single is one event per request from many clients; Batch is large requests from few.
func Single() Shape { return Shape{"single", 64, 1} }
func Batch() Shape  { return Shape{"batch", 8, 500} }

// Server is a system that runs.
type Server interface {
	// Connect opens a client's own connection. requests are what it will send, again and again.
	Connect(ctx context.Context, client int, requests [][]event.Event) (Sender, error)
	// Usage is of the server's processes only.
	Usage() (proc.Usage, error)
	// Settle is called after the load and waits until nothing is left to do. Its time and its CPU time count.
	Settle(ctx context.Context) error
	// Held is called after that with the number of events that were acknowledged. It fails if the system does not hold
	// exactly these, and says what they take. To ask costs a system more or less, and does not count.
	Held(ctx context.Context, acknowledged int64) (Kept, error)
	Stop() error
}

// Sender is one client.
type Sender interface {
	// Send sends request i, renewed, and waits for the answer. It returns a *Refused when the server said no for now,
	// and other errors when there is no going on.
	Send(i int) error
	Close()
}

// Refused says that the server asked to come back after a time, which the client does.
type Refused struct{ After time.Duration }

func (r *Refused) Error() string { return fmt.Sprintf("refused for %s", r.After) }

// Kept is what the events take in the end, in bytes; zero when there is no such thing or it is not known.
type Kept struct {
	Stored int64 // where they stay: the bucket, table and indexes, the stream
	Log    int64 // written to the log before the answers
}

// Options of a run.
type Options struct {
	Warmup, Seconds time.Duration
	Samples         int // looks at memory and files over Seconds
}

// Measurement is the outcome of one load. Latencies are of requests.
type Measurement struct {
	System, Shape string
	Round         int
	Seconds       float64
	Events        int64   // acknowledged within Seconds
	Refused       int64   // requests, within Seconds
	P50, P99, Max float64 // milliseconds
	CPU           float64 // seconds of the server per million events, while under load
	CPUSettled    float64 // the same until everything was done, over everything that was sent
	SettleSeconds float64 // how long that took after the load
	Sustained     float64 // events/s over everything that was sent, until everything was done
	ClientCPU     float64 // seconds of the load generator per million events
	PeakMB        float64
	StoredBytes   float64 // per event
	LogBytes      float64 // per event
	Samples       []Sample
}

// Sample is a look at a server under load.
type Sample struct {
	Seconds    float64 // since the measured time began
	ResidentMB float64
	Files      int
}

// Rate is in events per second.
func (m Measurement) Rate() float64 { return float64(m.Events) / m.Seconds }

func (m Measurement) String() string {
	return fmt.Sprintf("%8.0f events/s  p50 %.2f  p99 %.2f  max %.0f ms  CPU %.1f (settled %.1f after %.1f s)  client %.1f s/M  %.0f MB  %.1f B stored  %d refused",
		m.Rate(), m.P50, m.P99, m.Max, m.CPU, m.CPUSettled, m.SettleSeconds, m.ClientCPU, m.PeakMB, m.StoredBytes, m.Refused)
}

// pool deals the events out: to each client its requests.
func pool(sh Shape) [][][]event.Event {
	g := gen.New(Seed, time.Now().Add(-time.Hour), 50_000)
	all := make([][][]event.Event, sh.Clients)
	for c := range all {
		all[c] = make([][]event.Event, poolEvents/sh.Clients/sh.Events)
		for i := range all[c] {
			for range sh.Events {
				all[c][i] = append(all[c][i], g.Event())
			}
		}
	}
	return all
}

// worker is one client.
type worker struct {
	sender   Sender
	requests int
	took     []time.Duration
	sent     int64 // requests acknowledged, ever
	measured int64 // of those, in the measured time
	refused  int64 // in the measured time
}

// work sends until stop. What is answered while measuring counts.
func (w *worker) work(stop <-chan struct{}, measuring *atomic.Bool) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		begin := time.Now()
		err := w.sender.Send(n % w.requests)
		var refused *Refused
		switch {
		case errors.As(err, &refused):
			if measuring.Load() {
				w.refused++
			}
			select {
			case <-stop:
			case <-time.After(refused.After):
			}
		case err != nil:
			return err
		default:
			w.sent++
			if measuring.Load() {
				w.measured++
				w.took = append(w.took, time.Since(begin))
			}
		}
	}
}

// Run connects the clients, loads the server, and waits until it has settled.
func Run(ctx context.Context, o Options, srv Server, sh Shape) (Measurement, error) {
	requests := pool(sh)
	workers := make([]*worker, sh.Clients)
	for c := range workers {
		s, err := srv.Connect(ctx, c, requests[c])
		if err != nil {
			return Measurement{}, fmt.Errorf("client %d: %w", c, err)
		}
		defer s.Close()
		workers[c] = &worker{sender: s, requests: len(requests[c])}
		requests[c] = nil
	}
	begin, err := srv.Usage()
	if err != nil {
		return Measurement{}, err
	}
	began := time.Now()
	m, err := drive(ctx, o, srv, workers, sh)
	if err != nil {
		return m, err
	}
	var all int64
	for _, w := range workers {
		all += w.sent * int64(sh.Events)
	}
	loaded := time.Now()
	if err := srv.Settle(ctx); err != nil {
		return m, err
	}
	m.SettleSeconds = time.Since(loaded).Seconds()
	m.Sustained = float64(all) / time.Since(began).Seconds()
	end, err := srv.Usage()
	if err != nil {
		return m, err
	}
	kept, err := srv.Held(ctx, all)
	m.CPUSettled = perMillion(end.CPU-begin.CPU, all)
	m.PeakMB = float64(end.Peak) / 1e6
	m.StoredBytes = float64(kept.Stored) / float64(max(all, 1))
	m.LogBytes = float64(kept.Log) / float64(max(all, 1))
	return m, err
}

// drive runs the clients: a warm-up, then the measured time.
func drive(ctx context.Context, o Options, srv Server, workers []*worker, sh Shape) (Measurement, error) {
	var (
		wg        sync.WaitGroup
		measuring atomic.Bool
		stop      = make(chan struct{})
		errs      = make([]error, len(workers))
	)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for c, w := range workers {
		wg.Go(func() {
			if errs[c] = w.work(stop, &measuring); errs[c] != nil {
				cancel() // without all of its clients it is another measurement
			}
		})
	}
	Pause(ctx, o.Warmup)
	before, err := srv.Usage()
	own := proc.OwnCPU()
	start := time.Now()
	measuring.Store(true)
	samples, err3 := watch(ctx, o, srv, start)
	measuring.Store(false)
	elapsed := time.Since(start)
	own = proc.OwnCPU() - own
	after, err2 := srv.Usage()
	close(stop)
	wg.Wait()
	if err := errors.Join(append(errs, err, err2, err3, ctx.Err())...); err != nil {
		return Measurement{}, err
	}
	m := summarize(workers, sh, elapsed)
	m.CPU = perMillion(after.CPU-before.CPU, m.Events)
	m.ClientCPU = perMillion(own, m.Events)
	m.Samples = samples
	return m, nil
}

// watch waits for the measured time, and looks at the server in between.
func watch(ctx context.Context, o Options, srv Server, start time.Time) (samples []Sample, _ error) {
	for i := range o.Samples {
		Pause(ctx, time.Until(start.Add(o.Seconds*time.Duration(i+1)/time.Duration(o.Samples+1))))
		u, err := srv.Usage()
		if err != nil {
			return nil, err
		}
		samples = append(samples, Sample{time.Since(start).Seconds(), float64(u.Resident) / 1e6, u.Files})
	}
	Pause(ctx, time.Until(start.Add(o.Seconds)))
	return samples, nil
}

func perMillion(cpu time.Duration, events int64) float64 {
	return cpu.Seconds() / float64(max(events, 1)) * 1e6
}

func summarize(workers []*worker, sh Shape, elapsed time.Duration) Measurement {
	m := Measurement{Shape: sh.Name, Seconds: elapsed.Seconds()}
	var took []time.Duration
	for _, w := range workers {
		m.Events += w.measured * int64(sh.Events)
		m.Refused += w.refused
		took = append(took, w.took...)
	}
	if len(took) == 0 {
		return m
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	m.P50, m.P99, m.Max = ms(took[len(took)/2]), ms(took[len(took)*99/100]), ms(took[len(took)-1])
	return m
}

// Pause waits, but not longer than ctx.
func Pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
