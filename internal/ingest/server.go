package ingest

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Timeouts bound how long a connection may keep us waiting. Get them from
// [DefaultTimeouts].
type Timeouts struct {
	Header time.Duration // until the header is complete. Default: 10 s.
	Read   time.Duration // until the body is complete, header included. Default: 60 s.

	// Write is until the answer is sent, from the end of the header; so it
	// includes Read, [Limits.AppendWait], [Limits.ReceiptWait] and [Limits.ArchiveWait]. A route with long
	// answers extends it with [http.ResponseController.SetWriteDeadline]. Default: 120 s.
	Write time.Duration

	Idle time.Duration // between requests. Default: 120 s.
}

// DefaultTimeouts returns time-outs that fit [DefaultLimits].
func DefaultTimeouts() Timeouts {
	return Timeouts{Header: 10 * time.Second, Read: 60 * time.Second, Write: 120 * time.Second, Idle: 120 * time.Second}
}

// Fit returns time-outs that leave a request the time that l gives it.
func (t Timeouts) Fit(l Limits) Timeouts {
	const answer = 10 * time.Second
	t.Write = max(t.Write, t.Read+l.AppendWait+l.ReceiptWait+l.ArchiveWait+answer)
	return t
}

// headerBytes is the longest header, to which net/http adds 4 KiB.
const headerBytes = 16 << 10

// NewServer returns a server for h that a slow or hostile client cannot hold
// up. It speaks HTTP/1.1 only: senders keep connections open and send batches,
// so HTTP/2 would add an attack surface and nothing else.
func NewServer(h http.Handler, t Timeouts, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: t.Header,
		ReadTimeout:       t.Read,
		WriteTimeout:      t.Write,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong
	}
}

// LimitListener returns a listener that has at most n connections open at once;
// the others wait in the kernel's queue until one ends.
func LimitListener(l net.Listener, n int) net.Listener {
	return &limitListener{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

type limitListener struct {
	net.Listener
	slots     chan struct{}
	closeOnce sync.Once
	closed    chan struct{}
}

func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitConn{Conn: newLateConn(c), release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close also wakes an Accept that waits for a free slot.
func (l *limitListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitConn struct {
	net.Conn
	release func()
}

func (c *limitConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
