package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/audit-archiver/archiver/testenv/gen"
)

// seed makes every run send the same events, except for their ids' last digits and the hour.
const seed = 42

// poolEvents is how many different events there are. They come again with other ids.
const poolEvents = 96_000

// shape is one way of sending.
type shape struct {
	name    string
	clients int
	events  int // of one request
}

func shapes() []shape {
	return []shape{{"64 x 1", 64, 1}, {"8 x 500", 8, 500}}
}

// server is a system that runs.
type server interface {
	// connect opens a client's own connection. requests are what it will send,
	// again and again; send sends number i of them and waits for the answer.
	connect(ctx context.Context, client int, requests [][]record) (sender, error)
	// usage is of the server's processes only.
	usage() (usage, error)
	// settle is called after the load with the number of events that were
	// acknowledged. It checks what it can and waits until nothing is left to do.
	settle(ctx context.Context, acknowledged int64) error
	stop() error
}

type sender interface {
	// send returns errRefused when the server said no, and other errors when there
	// is no going on. uses says how often the request was sent before.
	send(i int, uses int) error
	close()
}

var errRefused = errors.New("refused")

// record is one event in its wire form and as columns of the usual table.
type record struct {
	json    []byte
	columns [][]byte // nil: NULL
}

// idTail is how many hexadecimal digits at the end of an id are replaced, so that no id comes twice.
const idTail = 6

// idAt is where an event's id begins in its JSON.
const idAt = len(`{"id":"`)

// tail writes the digits that make an id unique: which use of the pool it is.
func tail(dst []byte, uses int) {
	const digits = "0123456789abcdef"
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[uses&15]
		uses >>= 4
	}
}

// makePool deals the events out: to each client its requests.
func makePool(sh shape) [][][]record {
	g := gen.New(seed, time.Now().Add(-time.Hour), 50_000)
	requests := poolEvents / sh.clients / sh.events
	pool := make([][][]record, sh.clients)
	for c := range pool {
		pool[c] = make([][]record, requests)
		for i := range pool[c] {
			for range sh.events {
				e := g.Event()
				text := func(s string, valid bool) []byte {
					if !valid {
						return nil
					}
					return []byte(s)
				}
				pool[c][i] = append(pool[c][i], record{
					json: gen.AppendJSON(nil, &e),
					columns: [][]byte{
						[]byte(e.ID), []byte(time.Unix(0, e.TimestampNS).UTC().Format(time.RFC3339Nano)), []byte(e.Action),
						[]byte(e.ActorID), []byte(e.ActorType), text(e.ActorEmail.S, e.ActorEmail.Valid), []byte(e.ResourceType),
						text(e.ResourceID.S, e.ResourceID.Valid), []byte(e.Outcome), text(e.Reason.S, e.Reason.Valid),
						text(e.Details.S, e.Details.Valid), text(e.RequestID.S, e.RequestID.Valid), text(e.IP.S, e.IP.Valid),
						text(e.UserAgent.S, e.UserAgent.Valid), text(e.OrganizationID.S, e.OrganizationID.Valid),
					},
				})
			}
		}
	}
	return pool
}

// usage is what processes took from the machine.
type usage struct {
	cpu  time.Duration // user and system, so far
	peak int64         // bytes of memory
}

// measurement is the outcome of one load. Latencies are of requests.
type measurement struct {
	System, Shape  string
	Round          int
	Seconds        float64
	Events, Errors int64   // within Seconds
	P50, P99, Max  float64 // milliseconds
	CPU            float64 // seconds of the server per million events, while under load
	CPUSettled     float64 // the same until everything was done, over everything that was sent
	SettleSeconds  float64 // how long that took after the load
	ClientCPU      float64 // seconds of the load generator per million events
	PeakMB         float64
}

func (m measurement) rate() float64 { return float64(m.Events) / m.Seconds }

func (m measurement) String() string {
	return fmt.Sprintf("%8.0f events/s  p50 %.2f  p99 %.2f  max %.0f ms  CPU %.1f (settled %.1f after %.1f s)  client %.1f s/M  %.0f MB  %d errors",
		m.rate(), m.P50, m.P99, m.Max, m.CPU, m.CPUSettled, m.SettleSeconds, m.ClientCPU, m.PeakMB, m.Errors)
}

// worker is one client.
type worker struct {
	sender   sender
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
		err := w.sender.send(n%w.requests, n/w.requests)
		switch {
		case errors.Is(err, errRefused):
			if measuring.Load() {
				w.refused++
			}
			select { // what a client does when told to come back
			case <-stop:
			case <-time.After(10 * time.Millisecond):
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

func load(ctx context.Context, o options, srv server, sh shape) (m measurement, err error) {
	pool := makePool(sh)
	workers := make([]*worker, sh.clients)
	for c := range workers {
		s, err := srv.connect(ctx, c, pool[c])
		if err != nil {
			return m, fmt.Errorf("client %d: %w", c, err)
		}
		defer s.close()
		workers[c] = &worker{sender: s, requests: len(pool[c])}
	}
	begin, err := srv.usage()
	if err != nil {
		return m, err
	}
	var (
		wg        sync.WaitGroup
		measuring atomic.Bool
		stop      = make(chan struct{})
		errs      = make([]error, len(workers))
	)
	for c, w := range workers {
		wg.Go(func() { errs[c] = w.work(stop, &measuring) })
	}
	pause(ctx, o.warmup)
	before, err := srv.usage()
	own := ownCPU()
	start := time.Now()
	measuring.Store(true)
	pause(ctx, o.seconds)
	measuring.Store(false)
	elapsed := time.Since(start)
	own = ownCPU() - own
	after, err2 := srv.usage()
	close(stop)
	wg.Wait()
	if err := errors.Join(append(errs, err, err2, ctx.Err())...); err != nil {
		return m, err
	}
	m = summarize(workers, sh, elapsed)
	var all int64
	for _, w := range workers {
		all += w.sent * int64(sh.events)
	}
	loaded := time.Now()
	if err := srv.settle(ctx, all); err != nil {
		return m, err
	}
	end, err := srv.usage()
	m.SettleSeconds = time.Since(loaded).Seconds()
	m.CPU = perMillion(after.cpu-before.cpu, m.Events)
	m.CPUSettled = perMillion(end.cpu-begin.cpu, all)
	m.ClientCPU = perMillion(own, m.Events)
	m.PeakMB = float64(end.peak) / 1e6
	return m, err
}

func perMillion(cpu time.Duration, events int64) float64 {
	return cpu.Seconds() / float64(max(events, 1)) * 1e6
}

func summarize(workers []*worker, sh shape, elapsed time.Duration) measurement {
	m := measurement{Seconds: elapsed.Seconds()}
	var took []time.Duration
	for _, w := range workers {
		m.Events += w.measured * int64(sh.events)
		m.Errors += w.refused
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

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("getrusage of ourselves: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
