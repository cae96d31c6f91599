package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/audit-archiver/archiver/clients/go/internal/spool"
	"github.com/audit-archiver/archiver/clients/go/internal/wire"
)

// language begins the names of the spool's sub-folders: each SDK adopts its own.
const language = "go"

// Auditor is what code that makes events needs. [*Client] is one, and so is the
// recorder of package audittest.
type Auditor interface {
	// Record returns nil once the event is on the sidecar's disk.
	Record(ctx context.Context, e Event, opts ...RecordOption) error
	// Enqueue returns nil once the event is in a file that outlives the process.
	Enqueue(ctx context.Context, e Event) error
}

// Client sends events to one sidecar. It is safe for concurrent use. A process
// needs one; each has a spool of its own.
type Client struct {
	o     Options      // immutable
	wire  *wire.Client // guards itself
	spool *spool.Spool // guards itself
	stats stats        // guards itself

	running  context.Context // ends when the workers have to
	stop     context.CancelFunc
	workers  sync.WaitGroup
	hurry    chan struct{} // tells the sender that somebody waits
	flushing atomic.Int64  // how many wait

	closed   atomic.Bool
	closing  sync.Once
	closeErr error
}

// New opens the spool and starts what delivers it and what processes that have
// ended left behind. Close the client to stop that.
func New(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("audit: options: %w", err)
	}
	w, err := wire.New(o.URL, o.Token, o.RequestTimeout, o.Transport)
	if err != nil {
		return nil, fmt.Errorf("audit: options: %w", err)
	}
	c := &Client{o: o, wire: w, hurry: make(chan struct{}, 1)}
	c.spool, err = spool.Create(spool.Options{
		Dir:      o.SpoolDir,
		Language: language,
		ID:       NewID,
		MaxBytes: o.SpoolMaxBytes,
		Always:   o.SpoolSync == SyncAlways,
		Interval: o.SpoolSyncInterval,
		OnError:  func(err error) { c.trouble("sync the spool", err) },
	})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	c.running, c.stop = context.WithCancel(context.Background())
	c.workers.Go(func() { c.spool.Run(c.running) })
	c.workers.Go(func() { c.send(c.running) })
	c.workers.Go(func() { c.adopt(c.running) })
	return c, nil
}

// Enqueue returns nil once the event is written to the spool; see [SyncMode] for
// what a power failure may cost. When the spool is full it waits for room for
// EnqueueTimeout, or until ctx ends. With room, an ended ctx is no obstacle.
//
// It fails with ErrRejected, ErrSpoolFull, ErrClosed, or, if the disk does,
// ErrUnavailable.
func (c *Client) Enqueue(ctx context.Context, e Event) error {
	p, err := prepare(ctx, "enqueue", e, time.Now())
	if err != nil {
		return err
	}
	if err := c.append(ctx, "enqueue", &p); err != nil {
		return err
	}
	return nil
}

func (c *Client) append(ctx context.Context, op string, p *prepared) *Error {
	err := c.spool.Append(ctx, p.line, c.o.EnqueueTimeout)
	if err == nil {
		c.stats.add(func(s *Stats) { s.Enqueued++ })
		return nil
	}
	e := &Error{Kind: ErrUnavailable, Op: op, Event: &p.event, Err: err}
	var unknown *spool.UnknownError
	switch {
	case errors.Is(err, spool.ErrClosed):
		e.Kind, e.Err = ErrClosed, nil
	case errors.Is(err, spool.ErrFull):
		e.Kind = ErrSpoolFull
	case errors.As(err, &unknown):
		e.OutcomeUnknown = true
	}
	return e
}

// Flush returns nil once everything that this client enqueued before is
// delivered or dead-lettered. It makes the sender try at once, except where the
// sidecar has said when to come again. When ctx ends first it fails with
// ErrUnavailable; nothing is lost then, the events stay in the spool.
func (c *Client) Flush(ctx context.Context) error {
	if err := c.flush(ctx, "flush"); err != nil {
		return err
	}
	return nil
}

func (c *Client) flush(ctx context.Context, op string) *Error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.running, func() { cancel(ErrClosed) })()
	c.flushing.Add(1)
	defer c.flushing.Add(-1)
	select {
	case c.hurry <- struct{}{}:
	default:
	}
	err := c.spool.AwaitSettled(ctx, c.spool.Appended())
	if err == nil {
		return nil
	}
	e := &Error{Kind: ErrUnavailable, Op: op}
	if errors.Is(err, ErrClosed) {
		e.Kind = ErrClosed
	}
	s := c.Stats()
	e.Err = fmt.Errorf("%d events stay in %s: %w", s.SpoolEvents, c.spool.Dir(), errors.Join(s.LastError, err))
	return e
}

// Close stops taking events, flushes until ctx ends, and gives the spool back.
// What is left is delivered by the next client that uses the same SpoolDir; then
// Close fails with ErrUnavailable. Further calls wait for the first, and return
// what it returned.
func (c *Client) Close(ctx context.Context) error {
	c.closing.Do(func() { c.closeErr = c.close(ctx) })
	return c.closeErr
}

func (c *Client) close(ctx context.Context) error {
	c.closed.Store(true)
	c.spool.Stop()
	flushed := c.flush(ctx, "close")
	c.stop()
	c.workers.Wait()
	err := c.spool.Close()
	c.wire.CloseIdle()
	switch {
	case flushed != nil:
		flushed.Err = errors.Join(flushed.Err, err)
		return flushed
	case err != nil:
		return &Error{Kind: ErrUnavailable, Op: "close", Err: err}
	}
	return nil
}

// trouble records and logs what no call can return; nil is none.
func (c *Client) trouble(attempt string, err error) {
	if err == nil {
		return
	}
	c.stats.add(func(s *Stats) { s.LastError = err })
	c.o.Logger.Warn("audit client in trouble", "attempt", attempt, "error", err)
}
