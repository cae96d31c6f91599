//go:build linux

package faults

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate stands between a server and the bucket. Shut, it takes connections and
// closes them at once, and those that were open too.
type gate struct {
	addr, to string
	ln       net.Listener
	loop     sync.WaitGroup

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]bool
}

func openGate(t testing.TB, to string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: ln.Addr().String(), to: to, ln: ln, conns: make(map[net.Conn]bool)}
	g.loop.Go(g.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		g.set(true)
		g.loop.Wait()
	})
	return g
}

// set shuts the gate or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for c := range g.conns {
			_ = c.Close()
		}
		clear(g.conns)
	}
}

func (g *gate) accept() {
	for {
		in, err := g.ln.Accept()
		if err != nil {
			return // the test is over
		}
		g.loop.Go(func() { g.join(in) })
	}
}

// join copies between a client and the bucket until one of them ends.
func (g *gate) join(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer out.Close()
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return
	}
	g.conns[in], g.conns[out] = true, true
	g.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(in, out)
		_ = in.Close()
	})
	_, _ = io.Copy(out, in)
	_ = out.Close()
	back.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, in)
	delete(g.conns, out)
}
