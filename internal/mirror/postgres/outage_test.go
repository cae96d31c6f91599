package postgres

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audit-archiver/archiver/internal/mirror"
	"github.com/audit-archiver/archiver/internal/mirror/mirrortest"
)

// proxy stands between a mirror and its server, and breaks at a given byte.
type proxy struct {
	listener net.Listener
	server   string // its Unix socket
	wg       sync.WaitGroup

	mu    sync.Mutex
	left  int64        // bytes of the client until it breaks; negative: never
	after bool         // break when the bytes were handed on, so that an answer is lost
	act   func() error // what happens then, before the connections are cut
	broke chan error   // its result
	conns map[net.Conn]bool
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server, left: -1, conns: map[net.Conn]bool{}}
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

// arm has it break n bytes from now on. The channel yields what act said.
func (p *proxy) arm(n int64, after bool, act func() error) <-chan error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.after, p.act, p.broke = n, after, act, make(chan error, 1)
	return p.broke
}

// cut ends every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	p.keep(client)
	p.keep(server)
	p.wg.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	buf := make([]byte, 4096)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		breaks, send := p.spend(n)
		if _, err := server.Write(buf[:send]); err != nil {
			return
		}
		if breaks {
			p.broke <- p.act()
			p.cut()
			return
		}
	}
}

// spend counts n bytes. When they reach the point of breaking, it says how many of
// them still go through.
func (p *proxy) spend(n int) (breaks bool, send int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.left < 0:
		return false, n
	case p.left >= int64(n):
		p.left -= int64(n)
		return false, n
	}
	send = int(p.left)
	if p.after {
		send = n
	}
	p.left = -1
	return true, send
}

// TestOutages: whatever is cut or killed, at any byte, in the end the table is the
// archive. OUTAGES=N tries more, SEED=N the same ones again.
func TestOutages(t *testing.T) {
	n, seed := 15, rand.Uint64()
	if s, err := strconv.Atoi(os.Getenv("OUTAGES")); err == nil {
		n = s
	}
	if s, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	s := w.Stream()
	p := newProxy(t, w.pg.SocketFile())
	dsn := fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", DefaultWriter, p.listener.Addr(), w.db)
	start := func() *mirror.Feed {
		registry := prometheus.NewRegistry()
		to := w.target(dsn, registry)
		to.rows = 40
		return w.feed(to, registry)
	}
	feed := start()
	for i := range n {
		for range 4 {
			s.Commit(mirrortest.Events(300, w.now())...)
		}
		s.Commit()
		outage := []func() error{
			func() error { return nil }, // only the connection is cut
			w.pg.Kill,                   // SIGKILL, all backends too
			func() error { return w.pg.Stop(syscall.SIGQUIT) }, // pg_ctl stop -m immediate
			func() error { return w.pg.Stop(syscall.SIGINT) },  // pg_ctl stop -m fast
			func() error { return nil },                        // the mirror goes as well
		}[i%5]
		broke := p.arm(rng.Int64N(300_000), rng.IntN(2) == 0, outage)
		if err := feed.Once(t.Context()); err == nil {
			t.Fatalf("outage %d: it worked", i)
		}
		if err := <-broke; err != nil {
			t.Fatal(err)
		}
		switch {
		case i%5 == 4:
			feed = start()
		case i%5 != 0:
			if err := feed.Once(t.Context()); err == nil {
				t.Fatalf("outage %d: it worked without a server", i)
			}
			if err := w.pg.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := feed.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.equal()
}

// TestCutAtEveryStep cuts the connection a few bytes later each time, until a whole
// round gets through: at every statement of a transaction and between them, with its
// answer lost or without it having been sent.
func TestCutAtEveryStep(t *testing.T) {
	w := newWorld(t)
	p := newProxy(t, w.pg.SocketFile())
	registry := prometheus.NewRegistry()
	to := w.target(fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", DefaultWriter, p.listener.Addr(), w.db), registry)
	to.rows = 2
	feed := w.feed(to, registry)
	s := w.Stream()
	nothing := func() error { return nil }
	cuts := 0
	for _, after := range []bool{false, true} {
		for n := int64(0); ; n += 41 {
			s.Commit(mirrortest.Events(3, w.now())...)
			broke := p.arm(n, after, nothing)
			err := feed.Once(t.Context())
			if err == nil {
				p.arm(-1, false, nothing)
				break
			}
			if err := <-broke; err != nil {
				t.Fatal(err)
			}
			if err := feed.Once(t.Context()); err != nil {
				t.Fatalf("after a cut at byte %d: %v", n, err)
			}
			cuts++
		}
	}
	if cuts < 40 {
		t.Errorf("only %d cuts", cuts)
	}
	t.Logf("%d cuts", cuts)
	w.equal()
}
