package chaos

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Pass forwards the request and its answer. It is what happens without a rule.
func Pass(x *Exchange) {
	answer, err := x.Forward()
	if err != nil {
		x.Cut()
		return
	}
	x.Reply(answer)
}

// CutAfterBody resets the connection as soon as the request is complete. The store gets it, and works on it while the
// client may come again.
func CutAfterBody(x *Exchange) {
	x.proxy.held.Go(func() { _, _ = x.Forward() })
	x.Cut()
}

// CutBeforeAnswer resets the connection when the store has answered.
func CutBeforeAnswer(x *Exchange) {
	_, _ = x.Forward()
	x.Cut()
}

// Lose resets the connection, and the store never hears of the request.
func Lose(x *Exchange) { x.Cut() }

// BlackHole takes the request and says nothing any more. The store never hears of it. It ends when the client gives up.
func BlackHole(x *Exchange) { x.hold(func(*net.TCPConn) {}) }

// Trickle forwards the request and lets the answer out one byte at a time. It ends with the last byte or when the
// client gives up.
func Trickle(every time.Duration) Action {
	return func(x *Exchange) {
		answer, err := x.Forward()
		if err != nil {
			x.Cut()
			return
		}
		raw := answer.wire()
		x.hold(func(conn *net.TCPConn) {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for i := range raw {
				select {
				case <-tick.C:
				case <-x.proxy.over.Done():
					return
				}
				if _, err := conn.Write(raw[i : i+1]); err != nil {
					return
				}
			}
			_ = conn.CloseWrite()
		})
	}
}

// wire is the answer as HTTP/1.1 has it.
func (a *Answer) wire() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.Status, http.StatusText(a.Status))
	h := a.Header.Clone()
	h.Del("Transfer-Encoding")
	h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	h.Set("Connection", "close")
	_ = h.Write(&b) // a bytes.Buffer takes everything
	b.WriteString("\r\n")
	b.Write(a.Body)
	return b.Bytes()
}

// Refuse answers with an error of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). The store
// never hears of the request.
func Refuse(status int, code string) Action {
	return func(x *Exchange) {
		a := &Answer{Status: status, Header: http.Header{"Content-Type": {"application/xml"}, "X-Amz-Request-Id": {"CHAOS"}}}
		if x.Request.Method != http.MethodHead {
			a.Body = fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>chaos</Message><RequestId>CHAOS</RequestId></Error>`, code)
		}
		x.Reply(a)
	}
}

// Late waits before it forwards.
func Late(d time.Duration) Action {
	return func(x *Exchange) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			Pass(x)
		case <-x.Request.Context().Done():
		case <-x.proxy.over.Done():
		}
	}
}

// Flip inverts one bit in the middle of the body, as a bad cable or a bad memory does.
func Flip(x *Exchange) {
	if len(x.Body) > 0 {
		x.Body[len(x.Body)/2] ^= 0x10
	}
	Pass(x)
}

// Edit changes the request before it is forwarded.
func Edit(change func(*http.Request)) Action {
	return func(x *Exchange) {
		change(x.Request)
		Pass(x)
	}
}

// EditAnswer changes what the store said.
func EditAnswer(change func(*Answer)) Action {
	return func(x *Exchange) {
		answer, err := x.Forward()
		if err != nil {
			x.Cut()
			return
		}
		change(answer)
		x.Reply(answer)
	}
}
