package devs3

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// gatewaySocket is the address of the gateway, seen from its working directory: so
// it is as short as the system wants it, however long the path of that is.
const gatewaySocket = "../gateway.sock"

// stopGrace is how long requests in flight may still take when the server stops.
const stopGrace = 2 * time.Second

// proxy stands between the clients and the gateway, and copies bytes.
//
// embedgw opens its own listeners and, to stop, waits ten seconds for every
// connection that a client holds open without using it, as HTTP clients do. So the
// listener is ours, and so is the decision when a connection has to go.
type proxy struct {
	ln net.Listener

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed: no more are accepted
	wg    sync.WaitGroup
}

func newProxy(ln net.Listener) *proxy {
	return &proxy{ln: ln, conns: map[net.Conn]struct{}{}}
}

// serve accepts connections until the listener is closed.
func (p *proxy) serve() {
	for {
		conn, err := p.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, most likely. The client sees a delay.
			<-time.After(acceptPause)
			continue
		}
		p.wg.Go(func() { p.handle(conn) })
	}
}

// acceptPause keeps a failing Accept from spinning.
const acceptPause = 50 * time.Millisecond

func (p *proxy) handle(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	gateway, err := net.Dial("unix", gatewaySocket)
	if err != nil {
		return // the client sees a closed connection, and tries again
	}
	if !p.keep(gateway) {
		return
	}
	defer p.drop(gateway)
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(gateway, client)
		_ = gateway.(*net.UnixConn).CloseWrite() // the request is over, its answer is not
	})
	_, _ = io.Copy(client, gateway)
	_ = client.Close() // ends the copy in the other direction
	up.Wait()
}

func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		_ = conn.Close()
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *proxy) drop(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

// close ends every connection: at once when no request is under way, otherwise
// after its answer, for which there is stopGrace.
func (p *proxy) close() {
	_ = p.ln.Close()
	p.mu.Lock()
	for conn := range p.conns {
		if client, ok := conn.(*net.TCPConn); ok {
			// Nothing more is read from the client, which the gateway sees as the
			// end: it finishes what it has, and closes.
			_ = client.SetReadDeadline(time.Unix(1, 0))
		}
	}
	p.mu.Unlock()
	cut := time.AfterFunc(stopGrace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for conn := range p.conns {
			_ = conn.Close()
		}
		p.conns = nil
	})
	p.wg.Wait()
	cut.Stop()
}
