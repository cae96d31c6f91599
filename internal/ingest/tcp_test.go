package ingest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come; it is never waited out.
const patience = 20 * time.Second

// quick are time-outs short enough to wait for.
func quick() Timeouts {
	return Timeouts{Header: 500 * time.Millisecond, Read: 2 * time.Second, Write: patience, Idle: 500 * time.Millisecond}
}

// raw sends bytes as they are and returns the statuses of all answers until the
// server closes the connection. closeWrite: the client says that it is done.
func (w *world) raw(closeWrite bool, parts ...string) (statuses []int) {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, p := range parts {
			if _, err := io.WriteString(conn, p); err != nil {
				return // the server had enough
			}
		}
		if tcp, ok := conn.(*net.TCPConn); ok && closeWrite {
			_ = tcp.CloseWrite()
		}
	}()
	defer func() { <-sent }()
	r := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(r, nil)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.t.Fatalf("the server kept the connection open after %v", statuses)
		}
		if err != nil {
			return statuses
		}
		statuses = append(statuses, resp.StatusCode)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

func request(headers ...string) string {
	return "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		strings.Join(append(headers, "\r\n"), "\r\n")
}

func length(n int) string { return fmt.Sprintf("Content-Length: %d", n) }

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

func TestBadFraming(t *testing.T) {
	const chunked = "Transfer-Encoding: chunked"
	good := request("Connection: close", length(len(minimal))) + minimal
	for _, tt := range []struct {
		name       string
		closeWrite bool
		parts      []string
		want       string // statuses
		stored     int
	}{
		{"length too long, sender waits", false, []string{request(length(len(minimal)+1)) + minimal}, "[408]", 0},
		{"length too long, sender closes", true, []string{request(length(len(minimal)+1)) + minimal}, "[400]", 0},
		{"length beyond the limit", false, []string{request(length(1 << 40))}, "[413]", 0},
		{"length too short", true, []string{request(length(len(minimal)-1)) + minimal}, "[400]", 0},
		{"length negative", false, []string{request("Content-Length: -1") + minimal}, "[400]", 0},
		{"length with a sign", false, []string{request("Content-Length: +5") + minimal}, "[400]", 0},
		{"length in hex", false, []string{request("Content-Length: 0x10") + minimal}, "[400]", 0},
		{"length too large to count", false, []string{request("Content-Length: 99999999999999999999") + minimal}, "[400]", 0},
		{"two lengths", false, []string{request(length(5), length(6)) + minimal}, "[400]", 0},
		{"length missing", true, []string{request() + minimal}, "[400 400]", 0},
		{"unknown transfer coding", false, []string{request("Transfer-Encoding: gzip, chunked") + chunk(minimal)}, "[501]", 0},
		{"bad chunk size", false, []string{request(chunked) + "zz\r\n" + minimal}, "[400]", 0},
		{"chunk longer than said", false, []string{request(chunked) + "1\r\n" + minimal}, "[400]", 0},
		{"chunks without end, sender waits", false, []string{request(chunked) + chunk(minimal)}, "[408]", 0},
		{"chunks without end, sender closes", true, []string{request(chunked) + chunk(minimal)}, "[400]", 0},
		{"chunks for ever", false, []string{request(chunked), strings.Repeat(chunk(strings.Repeat(" ", 1<<20)), 20)}, "[413]", 0},
		// net/http goes by the chunks and takes what follows for a request of its
		// own, with its own authorization: nothing passes under the first one's.
		{"smuggling by both framings", true,
			[]string{request(length(6), chunked) + "0\r\n\r\n" + request("Connection: close", length(len(minimal))) + "[" + minimal[:10]}, "[400 400]", 0},
		{"smuggling by a spaced header", false, []string{request("Transfer-Encoding : chunked") + chunk(minimal)}, "[400]", 0},
		{"header too long", false, []string{request("X-Long: "+strings.Repeat("x", 64<<10)) + minimal}, "[431]", 0},
		{"header without end", false, []string{"POST /v1/events HTTP/1.1\r\n", strings.Repeat("X-Endless: x\r\n", 10_000)}, "[431]", 0},
		{"1000 headers", false, []string{request(strings.Repeat("X-Some-Header: some value of it\r\n", 999)+"X-Last: 1") + minimal}, "[431]", 0},
		{"folded header", false, []string{request("X-Folded: a\r\n b", length(len(minimal))) + minimal}, "[200]", 1},
		{"NUL in a header", false, []string{request("X-Nul: a\x00b") + minimal}, "[400]", 0},
		{"no host", false, []string{"POST /v1/events HTTP/1.1\r\n\r\n"}, "[400]", 0},
		{"HTTP/1.0", false, []string{strings.Replace(request(length(len(minimal))), "1.1", "1.0", 1) + minimal}, "[200]", 1},
		{"HTTP/1.0 with chunks", true, []string{strings.Replace(request(chunked), "1.1", "1.0", 1) + chunk(minimal) + "0\r\n\r\n"}, "[400]", 0},
		{"HTTP/0.9", true, []string{"POST /v1/events\r\n\r\n"}, "[400]", 0},
		{"HTTP/2 preface", true, []string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, "[404]", 0},
		{"TLS hello", true, []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"}, "[400]", 0},
		{"pipelined, the second bad", false,
			[]string{request(length(len(minimal))) + minimal + request("Connection: close", length(2)) + "{}"}, "[200 400]", 1},
		{"expect continue and no body", false, []string{request("Expect: 100-continue", length(len(minimal)))}, "[100 408]", 0},
		{"expect continue, wrong type", false, []string{strings.Replace(request("Expect: 100-continue", length(5)), "json", "xml", 1)}, "[415]", 0},
		{"good", false, []string{good}, "[200]", 1},
		{"good in single bytes", false, strings.Split(good, ""), "[200]", 1},
		{"good in chunks", false, []string{request(chunked, "Connection: close") + chunk(minimal[:9]) + chunk(minimal[9:]) + "0\r\nX-Trailer: 1\r\n\r\n"}, "[200]", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // most of them wait for a time-out
			w := newWorld(t, quick(), nil)
			if got := fmt.Sprint(w.raw(tt.closeWrite, tt.parts...)); got != tt.want {
				t.Errorf("answers %s, want %s", got, tt.want)
			}
			w.healthy(tt.stored)
		})
	}
}

func TestSlowHeaderHasItsOwnTimeout(t *testing.T) {
	w := newWorld(t, Timeouts{Header: 100 * time.Millisecond, Read: time.Hour, Write: time.Hour, Idle: time.Hour}, nil)
	for _, sent := range []string{"", "P", "POST /v1/ev", "POST /v1/events HTTP/1.1\r\nHost: loc"} {
		// raw fails when the connection stays open. net/http says 400 or nothing.
		if got := fmt.Sprint(w.raw(false, sent)); got != "[]" && got != "[400]" {
			t.Errorf("answers %s to %q", got, sent)
		}
	}
	w.healthy(0)
}

func TestConnectionsAreCapped(t *testing.T) {
	w := newWorld(t, quick(), nil)
	// Twice as many silent connections as are served at once. Each of them is
	// thrown out after the header's time-out, so that the next gets its turn.
	var silent []net.Conn
	for range 32 {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	w.healthy(0)
	for _, c := range silent {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a silent connection was kept")
		}
	}
}

func TestLimitListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := LimitListener(inner, 1)
	accepted := make(chan error)
	conns := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err == nil {
				conns <- c
			}
			accepted <- err
			if err != nil {
				return
			}
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	select {
	case <-accepted:
		t.Fatal("accepted a second connection while the first is open")
	default:
	}
	first := <-conns
	for range 2 { // closing twice must not free two slots
		_ = first.Close()
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
}
