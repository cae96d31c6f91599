package ingest

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// lateConn keeps deadlines as they are asked for, and hardly ever tells the connection
// below. net/http sets eight for each request: for its header, its body, its answer, the
// pause behind it. Each costs a look at the clock and a timer, together a twentieth of the
// work for an event that comes alone. Below there is always one that is not later: when
// it is over and the one that counts is not, another one is set and the wait goes on.
type lateConn struct {
	net.Conn
	read, write lateDeadline
}

// lateLook is how soon the deadline below is over, at most: before the one for a header,
// so that this need not be told.
const lateLook = 5 * time.Second

func newLateConn(c net.Conn) *lateConn {
	return &lateConn{Conn: c, read: lateDeadline{set: c.SetReadDeadline}, write: lateDeadline{set: c.SetWriteDeadline}}
}

func (c *lateConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !c.read.early() {
			return n, err
		}
	}
}

func (c *lateConn) Write(p []byte) (written int, err error) {
	for {
		n, err := c.Conn.Write(p[written:])
		written += n
		if !errors.Is(err, os.ErrDeadlineExceeded) || !c.write.early() {
			return written, err
		}
	}
}

func (c *lateConn) SetReadDeadline(t time.Time) error  { return c.read.ask(t) }
func (c *lateConn) SetWriteDeadline(t time.Time) error { return c.write.ask(t) }

func (c *lateConn) SetDeadline(t time.Time) error {
	return errors.Join(c.read.ask(t), c.write.ask(t))
}

// lateDeadline is one that was asked for, and what the connection below was told. A zero
// time is none.
type lateDeadline struct {
	set func(time.Time) error

	mu    sync.Mutex // also held while the connection is told: the last to ask is the last to tell
	asked time.Time
	told  time.Time // not after asked
}

func (d *lateDeadline) ask(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = t
	if t.IsZero() || !d.told.IsZero() && !t.Before(d.told) {
		return nil
	}
	d.told = t
	return d.set(t)
}

// early reports whether what is over is not the deadline that was asked for, and tells the
// connection the next one then.
func (d *lateDeadline) early() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if !d.asked.IsZero() && !now.Before(d.asked) {
		return false
	}
	d.told = now.Add(lateLook)
	if !d.asked.IsZero() && d.asked.Before(d.told) {
		d.told = d.asked
	}
	return d.set(d.told) == nil
}
