// Package chaos is a proxy in front of an S3 server that does to requests what networks, load balancers and stores do
// to them on a bad day: connections that break when the store has the request and nobody the answer, answers that
// never come or come byte by byte, storms of errors, bits that flip.
//
// It reads every request to its end, so a test knows exactly what reached the store: what an [Action] forwards is
// stored, what it does not forward was never there.
package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy forwards requests to a store, unless a rule says otherwise. It is safe for concurrent use.
type Proxy struct {
	// Addr is host and port to connect to.
	Addr string

	store     string // host and port
	transport *http.Transport
	over      context.Context // ends what is held
	held      sync.WaitGroup  // requests under way, also those that nobody waits for

	mu    sync.Mutex
	rules []*Rule
	seen  []Seen
}

// Seen is a request that came through.
type Seen struct {
	Method, Path string
	Header       http.Header
	At           time.Time
	Struck       bool
}

// Match says whether a rule is about a request. It is called for one request at a time.
type Match func(*http.Request) bool

// Action does something to one request, in place of forwarding it.
type Action func(*Exchange)

// Rule is an action for the next requests that match.
type Rule struct {
	match Match
	do    Action
	left  int // negative: without end
	under int // at work
	done  chan struct{}
}

// Done is closed when the rule has struck as often as it was to, and each of its requests is dealt with.
func (r *Rule) Done() <-chan struct{} { return r.done }

// Start runs a proxy in front of store, a host and port, for the time of a test.
func Start(t testing.TB, store string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(context.Background())
	p := &Proxy{Addr: ln.Addr().String(), store: store, over: over,
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}}
	server := &http.Server{Handler: http.HandlerFunc(p.serve)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		p.mu.Lock()
		cancel() // whoever comes now finds it over, so nobody is added to those we wait for
		p.mu.Unlock()
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("chaos: %v", err)
		}
		p.held.Wait()
		p.transport.CloseIdleConnections()
	})
	return p
}

// Next makes the next times requests that match suffer do. Rules are asked in the order in which they were made.
func (p *Proxy) Next(times int, match Match, do Action) *Rule {
	r := &Rule{match: match, do: do, left: times, done: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, r)
	return r
}

// Until makes all requests that match suffer do, until heal is called.
func (p *Proxy) Until(match Match, do Action) (heal func()) {
	r := p.Next(-1, match, do)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.rules = slices.DeleteFunc(p.rules, func(other *Rule) bool { return other == r })
	}
}

// Requests returns all that came through so far.
func (p *Proxy) Requests() []Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// Any matches all requests.
func Any(*http.Request) bool { return true }

// Puts matches uploads of keys that have a part.
func Puts(part string) Match {
	return func(r *http.Request) bool { return r.Method == http.MethodPut && strings.Contains(r.URL.Path, part) }
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if !p.enter() {
		panic(http.ErrAbortHandler)
	}
	defer p.held.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client broke off by itself
	}
	x := &Exchange{Request: r, Body: body, proxy: p, w: w}
	rule := p.take(r)
	if rule == nil {
		Pass(x)
		return
	}
	defer p.finish(rule)
	rule.do(x)
}

func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over.Err() != nil {
		return false
	}
	p.held.Add(1)
	return true
}

// take finds the rule for a request.
func (p *Proxy) take(r *http.Request) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.IndexFunc(p.rules, func(rule *Rule) bool { return rule.match(r) })
	p.seen = append(p.seen, Seen{r.Method, r.URL.Path, r.Header.Clone(), time.Now(), at >= 0})
	if at < 0 {
		return nil
	}
	rule := p.rules[at]
	rule.under++
	if rule.left--; rule.left == 0 {
		p.rules = slices.Delete(p.rules, at, at+1)
	}
	return rule
}

func (p *Proxy) finish(r *Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.under--; r.under == 0 && r.left == 0 {
		close(r.done)
	}
}

// Exchange is one request and what becomes of it.
type Exchange struct {
	Request *http.Request
	Body    []byte

	proxy *Proxy
	w     http.ResponseWriter
}

// Answer is what the store said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Forward sends the request to the store and waits for the whole answer.
func (x *Exchange) Forward() (*Answer, error) {
	out := x.Request.Clone(x.proxy.over)
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", x.proxy.store, "" // Host stays: it is signed
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(x.Body)), int64(len(x.Body))
	if len(x.Body) == 0 {
		out.Body = http.NoBody
	}
	resp, err := x.proxy.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &Answer{resp.StatusCode, resp.Header, body}, nil
}

// Reply gives the client an answer.
func (x *Exchange) Reply(a *Answer) {
	for name, values := range a.Header {
		if name != "Connection" && name != "Transfer-Encoding" {
			x.w.Header()[name] = values
		}
	}
	x.w.WriteHeader(a.Status)
	_, _ = x.w.Write(a.Body) // a client that is gone is not our business
}

// seize takes the connection out of the hands of net/http.
func (x *Exchange) seize() (*net.TCPConn, error) {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("not a TCP connection: %T", conn)
	}
	return tcp, nil
}

// Cut resets the client's connection.
func (x *Exchange) Cut() {
	conn, err := x.seize()
	if err != nil {
		panic(http.ErrAbortHandler) // which closes it too
	}
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// hold waits until the client gives up; use is called with its connection first.
func (x *Exchange) hold(use func(*net.TCPConn)) {
	conn, err := x.seize()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	stop := context.AfterFunc(x.proxy.over, func() { _ = conn.Close() })
	defer stop()
	use(conn)
	_, _ = io.Copy(io.Discard, conn)
}
